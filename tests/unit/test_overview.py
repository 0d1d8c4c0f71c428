"""What one pass of scoring knows in figures: states, scopes, ages, risk, budgets, known answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from approvals.attest import act_of
from approvals.model import PolicyAdopted
from quarantine.model import Dossier, Verdict, from_micros
from service.scoring import Judged
from service.watch.following import OTHER
from service.watch.overview import Overview
from service.watch.words import Spread
from tests.crowd import Said, rating, table
from tests.room import Room, crowded, release


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = crowded(tmp_path)
    with opened.store:
        yield opened


def thought(source: str, score: float, verdict: Verdict, cluster: str) -> Dossier:
    return Dossier(
        producer="app", source=source, events=1, score=score, cluster=cluster, verdict=verdict
    )


def test_events_are_counted_by_where_they_are_and_by_known_scopes(room: Room) -> None:
    room.ask()
    events = [
        *(Said(f"r{n}", "t", "yes", at=n, scope="helpful") for n in range(5)),
        *(Said(f"x{n}", "t", "yes", at=10 + n, scope=f"made-up-{n}") for n in range(3)),
    ]
    overview = Overview(room.store, room.roster, lambda: room.at)
    overview.judged(Judged(table(events), [0, 1], {1, 4}, [], {}))
    assert overview.figures()["fq_quarantine_records"] == {
        ("held", "helpful"): 2,
        ("held", OTHER): 3,
        ("released", "helpful"): 1,
        ("revoked", "helpful"): 2,
    }


def test_ages_grow_while_nothing_is_scored(room: Room) -> None:
    start = 1_750_000_000
    overview = Overview(room.store, room.roster, lambda: room.at)
    room.at = from_micros((start + 100) * 1_000_000)
    frame = table(rating(f"r{n}", "t", 0.5, at=(start + 10 * n) * 1_000_000) for n in range(10))
    overview.judged(Judged(frame, [9], set(), [], {}))
    ages = overview.figures()["fq_quarantine_age_seconds"][()]
    assert isinstance(ages, Spread)
    assert ages.counts[:2] == [5, 4], "held for 20 to 60 s; held for longer; the released is not"
    assert ages.total == sum(100 - 10 * n for n in range(9))
    room.at += timedelta(hours=1)
    later = overview.figures()["fq_quarantine_age_seconds"][()]
    assert isinstance(later, Spread)
    assert later.total == ages.total + 9 * 3600
    assert sum(later.counts) == 9
    assert later.counts[:3] == [0, 0, 0]


def test_sources_are_counted_by_risk_and_never_named(room: Room) -> None:
    dossiers = [
        thought("a", 0.0, Verdict.CLEAR, "app/a"),
        thought("b", 0.95, Verdict.HOLD, "app/b"),
        thought("c", 1.0, Verdict.WATCH, "app/b"),
    ]
    overview = Overview(room.store, room.roster, lambda: room.at)
    overview.judged(Judged(table([Said("a", "t", "yes")]), [], set(), dossiers, {}))
    figures = overview.figures()
    assert figures["fq_source_risk"]["0.1",] == 1
    assert figures["fq_source_risk"]["1.0",] == 2
    assert len(figures["fq_source_risk"]) == 10
    assert figures["fq_sources_flagged"] == {(): 2}
    assert figures["fq_collusion_components"] == {(): 1}
    assert "fq_gold_accuracy" not in figures, "without known answers there is nothing to say"


def test_known_answers_are_counted_however_a_number_is_spelled(room: Room) -> None:
    events = [
        *(Said(f"r{n}", "t", "yes", at=n) for n in range(3)),
        Said("r3", "t", "no", at=3),
        Said("r4", "u", "4", at=4),
        Said("r5", "unknown", "no", at=5),
    ]
    overview = Overview(room.store, room.roster, lambda: room.at)
    overview.judged(Judged(table(events), [], set(), [], {"t": "yes", "u": "4.0"}))
    assert overview.figures()["fq_gold_accuracy"] == {(): 0.8}


def test_a_budget_is_used_by_what_left_and_by_voices_as_linked_today(room: Room) -> None:
    adopted = PolicyAdopted(at=room.at, policy=room.policy.digest, toml=room.policy.text)
    room.store.record([act_of(adopted, room.operator)])
    overview = Overview(room.store, room.roster, lambda: room.at)
    frame = room.store.frame()
    nothing = Judged(frame, [], set(), room.store.dossiers(), {})
    overview.judged(nothing)
    assert overview.figures()["fq_budget_used_ratio"] == {("source",): 0, ("cluster",): 0}
    request, _, _ = room.ask()
    release(room, request)
    linked = [
        thought(f"rater/{n}", 0.9, Verdict.WATCH, "app/rater/0" if n < 2 else f"app/rater/{n}")
        for n in range(12)
    ]
    overview.judged(Judged(frame, [], set(), linked, {}))
    budget = room.policy.budget
    assert overview.figures()["fq_budget_used_ratio"] == {
        ("source",): 3 / budget.source.lifetime,
        ("cluster",): 6 / budget.cluster.lifetime,
    }


def test_before_the_first_pass_and_while_another_scores_nothing_is_said(room: Room) -> None:
    overview = Overview(room.store, room.roster, lambda: room.at)
    assert overview.figures() == {}
    overview.judged(Judged(table([Said("a", "t", "yes")]), [], set(), [], {}))
    assert "fq_sources_flagged" in overview.figures()
    overview.forget()
    assert overview.figures() == {}
