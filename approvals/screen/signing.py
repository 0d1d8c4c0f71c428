"""Staged decisions become signed acts: one signature each, through the desk as every command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from approvals.desk import cast, rule_source
from approvals.model import Decision, Request
from approvals.screen.model import Choice, Signed, Staged
from approvals.screen.seat import Seat
from approvals.screen.waiting import grounds_now
from quarantine.errors import RefusedError, StaleError
from quarantine.model import Standing


def sign(seat: Seat, staged: Iterable[Staged]) -> Iterator[Signed]:
    """Sign each decision and record it; what was refused is told, and the others go on.

    A request that changed meanwhile is stale to the desk; letting a source through is stale here
    when what it rests on changed: its verdict, findings, cluster, events, or another's ruling.
    Stopping one still stands then, unless another person ruled on it.
    """
    for each in staged:
        try:
            with seat.trying(_act(each), each.case.name):
                _sign(seat, each)
        except RefusedError as refused:
            yield Signed(each, refused)
        else:
            yield Signed(each)


def _sign(seat: Seat, staged: Staged) -> None:
    subject = staged.case.subject
    if isinstance(subject, Request):
        decision = Decision(staged.choice.value)
        terms = seat.terms()
        if terms["policy"].reading is not None:
            terms["read"] = staged.read
        cast(seat.store, subject, decision, because=staged.because, **terms)
        return
    roster = seat.roster()
    ruling = roster.standings.get(subject.key, Standing()).ruling
    if ruling != staged.case.ruling:
        raise StaleError(f"{subject.key} was ruled on by somebody else meanwhile: {ruling}")
    changed = grounds_now(seat, roster, staged.case) != staged.case.grounds
    if changed and staged.choice.lets_through:
        raise StaleError(f"what is known of {subject.key} changed meanwhile: look again")
    rule_source(
        seat.store,
        subject.key,
        "clear" if staged.choice is Choice.CLEAR else "hold",
        because=staged.because,
        probes=seat.probes,
        **seat.hand(),
    )


def _act(staged: Staged) -> str:
    """Return what the command for this is called."""
    return staged.choice.value if staged.case.is_request else f"sources {staged.choice.value}"


def told(signed: Signed) -> dict[str, str | None]:
    """Return what became of a decision, as `--json` answers it."""
    return {
        "case": signed.staged.case.name,
        "decision": signed.staged.choice.value,
        "because": signed.staged.because,
        "refused": None if signed.refused is None else str(signed.refused),
    }
