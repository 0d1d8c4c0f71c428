"""A policy replayed over the past: what was thought then, not what is thought now."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from approvals.attest import act_of
from approvals.model import SourceRuled, SourceTiered, VerdictChanged
from approvals.rules import load
from approvals.simulation import Replayed, Span, simulate
from quarantine.model import Tier, Verdict
from tests.room import LOOSE, Room, crowded

DAY = timedelta(days=1)
STRICT = LOOSE.replace('leave_out = ["hold"]', 'leave_out = ["hold", "watch"]')
VETTED_ONLY = LOOSE.replace('tiers = ["*"]', 'tiers = ["vetted"]')


def replayed(room: Room, text: str) -> tuple[Replayed, Replayed]:
    """Return what became of the one request there was, and of one made now."""
    span = Span(since=room.at - DAY, at=room.later())
    past, now = simulate(room.store, room.policy, load(text), span=span)
    assert now.moment.name == "now"
    return past, now


def thinks(room: Room, source: str, before: Verdict, after: Verdict) -> None:
    """Let scoring change its mind, as it does: an act in the log, then the dossier."""
    record = VerdictChanged(
        at=room.later(), producer="app", source=source, before=before, after=after
    )
    room.store.record([act_of(record, room.operator)])
    room.score([source], verdict=after)


def test_who_was_clear_then_is_clear_in_the_past_though_held_now(tmp_path: Path) -> None:
    room = crowded(tmp_path)
    room.ask()
    thinks(room, "rater/0", Verdict.CLEAR, Verdict.HOLD)
    past, now = replayed(room, STRICT)
    assert (past.rows, past.rows_after) == (36, 36)
    assert (now.rows, now.rows_after) == (33, 33)


def test_who_was_watched_then_is_lost_to_a_policy_that_leaves_the_watched_out(
    tmp_path: Path,
) -> None:
    room = crowded(tmp_path)
    thinks(room, "rater/0", Verdict.CLEAR, Verdict.WATCH)
    room.ask()
    thinks(room, "rater/0", Verdict.WATCH, Verdict.CLEAR)
    past, now = replayed(room, STRICT)
    assert (past.rows_lost, past.sources_lost) == (3, ("app/rater/0",))
    assert (now.rows_lost, now.rows) == (0, 36)


def test_tiers_and_rulings_are_those_of_the_time(tmp_path: Path) -> None:
    room = crowded(tmp_path)
    room.ask()
    for source in (f"rater/{n}" for n in range(12)):
        tiered = SourceTiered(
            at=room.later(), producer="app", source=source, tier=Tier.VETTED, because="", by="ana"
        )
        room.store.record([act_of(tiered, room.signers["ana"])])
    ruled = SourceRuled(
        at=room.later(), producer="app", source="rater/1", ruling="hold", because="", by="ana"
    )
    room.store.record([act_of(ruled, room.signers["ana"])])
    past, now = replayed(room, VETTED_ONLY)
    assert (past.rows, past.rows_after) == (36, 0)
    assert (now.rows, now.rows_after) == (33, 33)
