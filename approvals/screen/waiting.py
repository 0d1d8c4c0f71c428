"""What waits for this reviewer today: sources that scoring doubts, then requests to vote on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from approvals import caseload, probes
from approvals.appeals import Appeal, open_appeals
from approvals.desk import outcomes, votes_on
from approvals.model import Request, State
from approvals.roster import Roster
from approvals.screen.model import Case
from approvals.screen.seat import Seat
from approvals.workflow import request_id
from quarantine.model import Dossier, Logged, SourceKey, Standing, Verdict

_DOUBTED: Final = frozenset({Verdict.HOLD, Verdict.WATCH})
_UNRULED: Final = Standing()


class Queue(NamedTuple):
    """The day's cases in order; how many sources wait behind them, and waited for too long."""

    cases: list[Case]
    later: int = 0
    lapsed: int = 0


def waiting(seat: Seat, scope: str = "", speakers: Collection[SourceKey] = ()) -> Queue:
    """Return what `seat` is to decide on today, sources first: what `caseload` chooses of all.

    Where a `scope` is named: only requests for it, and only sources among `speakers`.
    """
    roster, at = seat.roster(), seat.now()
    acts = list(seat.store.acts())
    doubted = {case.name: case for case in doubts(seat, scope, speakers)}
    policy = seat.policy()
    unseen = probes.waiting(seat.probes, acts, roster, seat.reviewer(roster).person)
    laid = [each.dossier for each in unseen if not scope or each.key in speakers]
    thought = [case.subject for case in doubted.values() if isinstance(case.subject, Dossier)]
    doubted |= {
        str(each.key): source_case(each.dossier, linked=max(1, len(each.company)))
        for each in unseen
        if not scope or each.key in speakers
    }
    load = caseload.queue(
        [
            *_in_line(acts, thought, roster, at),
            *caseload.of_probes(laid, at, policy.probing),
        ],
        policy.workload or caseload.USUAL,
        at,
        done=caseload.done_on(acts, at),
    )
    sources = [doubted[each.name] for each in load.shown]
    return Queue([*sources, *_requests(seat, roster, scope)], load.waiting, len(load.lapsed))


def doubts(seat: Seat, scope: str = "", speakers: Collection[SourceKey] = ()) -> list[Case]:
    """Return every source that scoring doubts and nobody ruled on, or somebody appeals for."""
    roster = seat.roster()
    dossiers = seat.store.dossiers()
    sizes = Counter(each.cluster for each in dossiers)
    appealed = {each.source: each for each in open_appeals(seat.store.acts())}
    return [
        source_case(each, standing, sizes[each.cluster], appealed.get(each.key))
        for each in dossiers
        if not scope or each.key in speakers
        for standing in [roster.standings.get(each.key, _UNRULED)]
        if each.key in appealed or (each.verdict in _DOUBTED and not standing.ruling)
    ]


def _in_line(
    acts: Sequence[Logged], dossiers: Sequence[Dossier], roster: Roster, at: datetime
) -> list[caseload.Waiting]:
    """Say since when each source waits, and who is spoken for."""
    line = caseload.of_sources(dossiers, roster, caseload.doubted_since(acts), at)
    known = {str(each.key) for each in dossiers}
    spoken = [each for each in open_appeals(acts) if str(each.source) in known]
    return caseload.of_appeals(line, spoken)


def source_case(
    dossier: Dossier,
    standing: Standing = _UNRULED,
    linked: int = 1,
    appeal: Appeal | None = None,
) -> Case:
    """Make the case of a source whose cluster has `linked` members, and which may be appealed."""
    detectors = sorted({finding.detector for finding in dossier.findings})
    name = str(dossier.key)
    cluster = dossier.cluster if linked > 1 else ""
    pattern = (dossier.verdict.value, cluster or f"of {dossier.producer}", *detectors)
    pattern += (name,) if appeal else ()
    because = " ".join(finding.because for finding in dossier.findings)
    told = [name, f"verdict:{dossier.verdict.value}", f"cluster:{dossier.cluster}"]
    told += [f"producer:{dossier.producer}", *(f"detector:{each}" for each in detectors), because]
    told += ["appeal"] if appeal else []
    return Case(
        name=name,
        subject=dossier,
        grounds=_grounds(dossier, standing),
        pattern=_digest(*pattern),
        words=" ".join(told).lower(),
        ruling=standing.ruling,
        appeal=f"{appeal.by} appeals: {appeal.because}" if appeal else "",
    )


def request_case(index: int, request: Request) -> Case:
    """Make the case of a request; no two are alike."""
    told = (request_id(request), "request", f"scope:{request.scope}", f"kind:{request.kind}")
    return Case(
        name=request_id(request),
        subject=request,
        grounds=request.digest,
        pattern=request.digest,
        words=" ".join((*told, request.purpose, f"by:{request.by}")).lower(),
        index=index,
    )


def grounds_now(seat: Seat, roster: Roster, case: Case) -> str:
    """Return the grounds of a case as things are now; empty when there is nothing to decide on."""
    if isinstance(case.subject, Request):
        return case.grounds  # its own digest, which the desk compares for itself
    key = case.subject.key
    probe = seat.probes.get(key)
    found = [probe.dossier] if probe else seat.store.dossiers([key])
    return _grounds(found[0], roster.standings.get(key, _UNRULED)) if found else ""


def _requests(seat: Seat, roster: Roster, scope: str) -> Iterable[Case]:
    policy, by, at = seat.policy(), seat.reviewer(roster), seat.now()
    for index, request, found in outcomes(seat.store, policy, roster, at):
        if scope not in {"", request.scope} or found.state is not State.PENDING:
            continue
        mine = {name for name, each in roster.reviewers.items() if each.person == by.person}
        if mine.isdisjoint(each.vote.by for each in votes_on(seat.store, request)):
            yield request_case(index, request)


def _grounds(dossier: Dossier, standing: Standing) -> str:
    """Digest what a ruling rests on; scores move with everybody else's events and are left out."""
    detectors = sorted({finding.detector for finding in dossier.findings})
    facts = (dossier.verdict.value, dossier.cluster, str(dossier.events), standing.ruling)
    return _digest(*facts, *detectors)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()
