"""Writing the auditor's pack: all its files, then one signed manifest over them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Final, Literal

import rfc8785
from pydantic import Field

from approvals.attest import IN_TOTO, seal
from approvals.audit import sign_checkpoint
from approvals.checkpoint import Checkpoint
from approvals.directory import digests
from approvals.given import CERTIFICATE
from approvals.landing import landing
from approvals.manifest import MANIFEST, STATEMENT, LogHead, Subject
from approvals.ports import Signer
from approvals.roster import Roster
from quarantine.errors import UsageError
from quarantine.ports import Store
from quarantine.record import Moment, Record
from service.pack import parts, proving
from service.settings import State

PREDICATE: Final = "https://feedback-quarantine.dev/evidence-pack/v1"
SCORECARD: Final = "redteam"
_KEPT_HERE: Final = "releases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a pack is made of: a state directory with its store, who signs, the time, extra places.

    `releases` is searched for release directories, `scorecard` is a directory that `redteam` wrote;
    `keys` are the roles' public keys (PEM), `origin` the log's name, `doctor` and `status` the
    answers of those commands, `settings` the detectors'.
    """

    state: State
    store: Store
    roster: Roster
    signer: Signer
    at: datetime
    origin: str
    keys: Mapping[str, str]
    settings: Mapping[str, str]
    status: object
    doctor: object
    releases: Path | None = None
    scorecard: Path | None = None


class _Predicate(Record):
    created: Moment
    log: LogHead


class _Statement(Record):
    type: str = Field(alias="_type")
    subject: tuple[Subject, ...]
    predicate_type: str = Field(alias="predicateType")
    predicate: _Predicate


class Packed(Record):
    """A pack that was written: its log's size, its files, its releases, its manifest's digest."""

    size: int
    files: int
    acts: int
    releases: int
    manifests: int
    format: Literal["evidence-pack/v1"] = "evidence-pack/v1"


def pack(order: Order, out: Path) -> Packed:
    """Write the pack as the new directory `out`, all of it or nothing.

    The log is signed as it is now, and all that is told of it is up to that. Raises `UsageError`
    when `out` is there, `TamperedError` when the log does not go on from its witness.
    """
    if order.scorecard is not None and not (order.scorecard / "scorecard.json").is_file():
        raise UsageError(f"{order.scorecard} holds no scorecard.json: quarantine redteam --out")
    signed = sign_checkpoint(
        order.store, order.signer, origin=order.origin, witness=order.state.witness
    )
    with landing(out) as aside:
        acts = _write_log(order, signed, aside)
        manifests = _write_releases(order, aside)
        _write_documents(order, aside)
        left = parts.released(order.store)
        counts = {"acts": acts, "releases": len(left), "manifests of releases": manifests}
        text = parts.readme(order.at, signed.size, counts)
        (aside / "README.md").write_text(text, encoding="utf-8")
        verifier = resources.files("service.pack").joinpath("offline.py").read_bytes()
        (aside / "verify.py").write_bytes(verifier)
        files = digests(aside)
        (aside / MANIFEST).write_bytes(_manifest(order, signed, files))
    return Packed(
        size=signed.size, files=len(files), acts=acts, releases=len(left), manifests=manifests
    )


def _write_log(order: Order, signed: Checkpoint, aside: Path) -> int:
    folder = aside / "log"
    folder.mkdir()
    store, size = order.store, signed.size
    note = next(note for at, note in reversed(store.checkpoints()) if at == size)
    (folder / "checkpoint").write_bytes(note)
    every = list(proving.acts(store, size))
    lines = (json.dumps(each, separators=(",", ":")) + "\n" for each in every)
    (folder / "acts.jsonl").write_text("".join(lines), encoding="ascii")
    indexes = [index for each in every if isinstance(index := each["index"], int)]
    _json(folder / "nodes.json", proving.proof(store, indexes, size))
    powers = {role: pem for role, pem in order.keys.items() if role in ("releasing", "intake")}
    _json(folder / "earlier.json", list(proving.beginnings(store, size, powers)))
    return len(every)


def _write_documents(order: Order, aside: Path) -> None:
    store = order.store
    documents = {
        "keys.json": dict(order.keys),
        "roster.json": parts.roster_document(order.roster),
        "policies.json": parts.policies_document(store),
        "conservation.json": order.status,
        "detectors.json": parts.detectors_document(store, dict(order.settings)),
        "reviewers.json": parts.reviewers_document(order.state, store, order.roster),
        "drift.json": parts.drift_document(store),
        "doctor.json": order.doctor,
    }
    for name, document in documents.items():
        _json(aside / name, document)
    (aside / "policies").mkdir()
    for digest, text in parts.policies(store).items():
        (aside / "policies" / f"{digest}.toml").write_bytes(text.encode())
    shutil.copyfile(order.state.revocations, aside / "revocations.dsse.json")
    if order.scorecard is not None:
        (aside / SCORECARD).mkdir()
        for file in sorted(order.scorecard.glob("scorecard.*")):
            shutil.copyfile(file, aside / SCORECARD / file.name)


def _write_releases(order: Order, aside: Path) -> int:
    """List what left; copy the manifests and certificates that are found of it; count those."""
    left = parts.released(order.store)
    names = {each.manifest: each.name for each in left}
    found: set[str] = set()
    for place in _manifests(order):
        digest = digests(place.parent)[MANIFEST]
        if digest in names and digest not in found:
            found.add(digest)
            folder = aside / _KEPT_HERE / f"{len(found):04}"
            folder.mkdir(parents=True)
            for name in (MANIFEST, CERTIFICATE):
                shutil.copyfile(place.parent / name, folder / name)
    told = [{**each.model_dump(mode="json"), "here": each.manifest in found} for each in left]
    _json(aside / "releases.json", told)
    return len(found)


def _manifests(order: Order) -> list[Path]:
    """Return the manifests under the place that is searched, at most three folders deep."""
    place = order.releases
    if place is None:
        return []
    return sorted(file for depth in ("", "*/", "*/*/") for file in place.glob(f"{depth}{MANIFEST}"))


def _manifest(order: Order, signed: Checkpoint, files: Mapping[str, str]) -> bytes:
    log = LogHead(origin=signed.origin, size=signed.size, root=signed.root.hex())
    statement = _Statement.model_validate(
        {
            "_type": STATEMENT,
            "subject": [
                Subject.model_validate({"name": name, "digest": {"sha256": digest}})
                for name, digest in sorted(files.items())
            ],
            "predicateType": PREDICATE,
            "predicate": _Predicate(created=order.at, log=log),
        }
    )
    spelled = rfc8785.dumps(statement.model_dump(mode="json", by_alias=True))
    return seal(spelled, IN_TOTO, [order.signer])


def _json(file: Path, document: object) -> None:
    text = json.dumps(document, indent=1, ensure_ascii=True, sort_keys=True, default=str)
    file.write_text(text + "\n", encoding="ascii")
