"""The documents of a pack, each from the log or the store as it is now; no feedback's own words."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import datetime
from typing import Final, TypeVar

from approvals.appeals import appeals, measured
from approvals.attest import record_of
from approvals.baseline import followed
from approvals.desk import released_indexes
from approvals.drills import PowerDrilled, PowerLost
from approvals.model import ActRecord, PolicyAdopted, Released
from approvals.probes import answers, kept
from approvals.proofs import leaves_at
from approvals.refusals import refusals
from approvals.roster import Reviewer, Roster, Tenure
from approvals.vigilance import record
from quarantine.log import root_of
from quarantine.ports import Store
from quarantine.record import spell_time
from service.settings import State

_Kind = TypeVar("_Kind", bound=ActRecord)


def roster_document(roster: Roster) -> dict[str, object]:
    """Say who may speak and who may decide, each with keys, and from when to when."""
    return {
        "producers": [
            {
                "name": each.name,
                "origin": each.origin.value,
                "owner": each.owner,
                "purpose": each.purpose,
                "kinds": list(each.kinds),
                "scopes": list(each.scopes),
                "keys": [
                    {"id": id_, "algorithm": key.algorithm, **_tenure(tenure)}
                    for id_, (key, tenure) in each.keys.items()
                ],
            }
            for _, each in sorted(roster.producers.items())
        ],
        "reviewers": [_reviewer(each) for _, each in sorted(roster.reviewers.items())],
        "tiers": Counter(each.tier.value for each in roster.standings.values()),
        "rulings": Counter(each.ruling or "none" for each in roster.standings.values()),
    }


def _reviewer(each: Reviewer) -> dict[str, object]:
    return {
        "name": each.name,
        "person": each.person,
        "key": each.key,
        "roles": list(each.roles),
        **_tenure(each.tenure),
    }


def _tenure(tenure: Tenure) -> dict[str, object]:
    until = spell_time(tenure.until) if tenure.until else None
    return {"since": spell_time(tenure.since), "until": until}


def policies_document(store: Store) -> list[dict[str, object]]:
    """List the policies that were put in force, oldest first."""
    return [
        {"policy": each.policy, "at": spell_time(each.at)}
        for each in _records(store, PolicyAdopted)
    ]


def policies(store: Store) -> dict[str, str]:
    """Return the exact text of every policy that was put in force, by digest."""
    return {each.policy: each.toml for each in _records(store, PolicyAdopted)}


def released(store: Store) -> list[Released]:
    """Return what left, oldest first."""
    return _records(store, Released)


def detectors_document(store: Store, settings: dict[str, str]) -> dict[str, object]:
    """Say what the detectors found of known poison: by attack first and last, false shares.

    `reference` digests what they learn from: the Merkle root (hex) over the released rows.
    """
    drills: dict[str, list[PowerDrilled]] = {}
    for each in _records(store, PowerDrilled):
        drills.setdefault(each.attack, []).append(each)
    rows = released_indexes(store)
    return {
        "settings": settings,
        "reference": {"rows": len(rows), "root": root_of(leaves_at(store, rows)).hex()},
        "power": {
            attack: {"drills": len(every), "first": _power(every[0]), "last": _power(every[-1])}
            for attack, every in sorted(drills.items())
        },
        "lost": [
            {"attack": each.attack, "at": spell_time(each.at), "because": each.because}
            for each in _records(store, PowerLost)
        ],
    }


def _power(drill: PowerDrilled) -> dict[str, object]:
    return {
        "at": spell_time(drill.at),
        "injected": drill.injected,
        "called": drill.called,
        "rung": drill.rung,
        "false": drill.false,
        "others": drill.others,
        "false_share": drill.false / max(1, drill.false + drill.rung),
    }


def reviewers_document(state: State, store: Store, roster: Roster) -> dict[str, object]:
    """Say what each reviewer missed of known cases, with 95 % intervals, and what was appealed."""
    probes = kept(state.root, store.acts())
    found = answers(probes, store.acts(), roster)
    return {
        "probes": len(probes),
        "records": {person: asdict(record(own)) for person, own in sorted(found.items())},
        "appeals": measured(appeals(store.acts()))._asdict(),
        "refused": len(refusals(store)),
    }


def drift_document(store: Store) -> list[dict[str, object]]:
    """Compare every scope and kind with its first accepted baseline; figures and groups alone."""
    return [
        {
            "scope": each.scope,
            "kind": each.kind,
            "events": each.events,
            "baseline": each.baseline,
            "accepted": spell_time(each.accepted) if each.accepted else None,
            "alarms": each.alarms,
            "after": [
                {
                    "name": side.name,
                    "events": side.events,
                    "drifts": [
                        {"group": d.group, "moved": d.moved, "p": d.p, "alarm": d.alarm}
                        for d in side.drifts
                    ],
                }
                for side in each.after
            ],
        }
        for each in followed(store)
    ]


def readme(at: datetime, size: int, counts: dict[str, int]) -> str:
    """Say what is in the pack and how it is verified."""
    lines = [
        "# Evidence pack",
        "",
        f"Made {spell_time(at)} from a log of {size} rows: "
        + ", ".join(f"{count} {what}" for what, count in counts.items())
        + ". No words of feedback are in it.",
        "",
        "    python -I verify.py . --trust trust.toml",
        "",
        "needs Python 3.11 and `cryptography`, no network, nothing of the project. Get the trust",
        "file from people, never from here; who doubts `verify.py` takes it from the project.",
        "",
        "| file | what it shows |",
        "|---|---|",
        *(f"| `{name}` | {what} |" for name, what in _FILES.items()),
    ]
    return "\n".join(lines) + "\n"


_FILES: Final = {
    "manifest.dsse.json": "every file by digest, signed by the releasing role",
    "log/": "the signed checkpoint, earlier ones with proofs, every act with its proof",
    "keys.json": "the roles' public keys; the log is named by the operator's",
    "roster.json": "who may speak and decide, with keys, from when to when",
    "policies/": "every policy that was in force, by digest, with when",
    "releases.json, releases/": "what left; manifests and exposure certificates that were found",
    "revocations.dsse.json": "what was taken back, signed",
    "conservation.json": "what was added, received, stored, put aside, by producer",
    "detectors.json": "settings, power on known poison by attack, what they learn from",
    "reviewers.json": "what reviewers missed of known cases, with intervals; appeals, refusals",
    "drift.json": "each scope against its first accepted baseline",
    "doctor.json": "whether it is safe to run here",
    "redteam/": "the attack scorecard, where one was given",
}


def _records(store: Store, kind: type[_Kind]) -> list[_Kind]:
    found = (record_of(each.act) for each in store.acts() if each.act.kind == kind.act)
    return [each for each in found if isinstance(each, kind)]
