"""Probes: cases with known answers that look like any other, shown once to each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pyarrow as pa
import pytest

from approvals.minting import Genuine, made
from approvals.probes import FILE, Probe, answers, kept, opened, plant, seal_of, waiting
from approvals.rulings import rule_source
from approvals.vigilance import record
from quarantine.evidence import evidence_from
from quarantine.plugins import offered
from quarantine.scene import Attack
from quarantine.scoring import score
from tests import crowd
from tests.room import Room, crowded, hand_of


@cache
def genuine() -> pa.Table:
    chance = np.random.default_rng(0)
    return crowd.table(
        crowd.Said(
            f"rater/{1000 + source}",
            f"t{target}",
            f"l{target % 3 if chance.random() < 0.8 else int(chance.integers(3))}",
            at=crowd.START + int(chance.integers(0, 20 * crowd.DAY)),
            producer="app",
        )
        for source in range(100)
        for target in chance.choice(50, 12, replace=False).tolist()
    )


@cache
def some() -> tuple[Probe, ...]:
    attacks = cast("dict[str, Attack]", offered("quarantine.attacks", "ATTACK"))
    chosen = {name: attacks[name] for name in ("spammer", "copying_ring", "majority_class")}
    salts = count()
    return tuple(
        made(Genuine(genuine(), chosen), seed=1, each=4, salt=lambda: f"{next(salts):032x}")
    )


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened_ = crowded(tmp_path)
    plant(opened_.store, tmp_path, some(), signer=opened_.operator, at=opened_.later())
    with opened_.store:
        yield opened_


def rule(room: Room, probe: Probe, by: str, *, is_right: bool) -> None:
    """Rule on a probe, as it was made or the other way."""
    wanted: Literal["hold", "clear"] = "hold" if probe.bad == is_right else "clear"
    probes = {probe.key}
    hand = hand_of(room, by)
    rule_source(room.store, probe.key, wanted, because="looked", probes=probes, **hand)


def test_probes_come_from_several_attacks_and_are_about_nobody() -> None:
    names = set(genuine()["source"].to_pylist())
    assert len({probe.attack for probe in some() if probe.bad}) >= 2
    assert {probe.dossier.source for probe in some()}.isdisjoint(names)
    assert all(probe.events for probe in some())
    assert len({probe.seal for probe in some()}) == len(some())


def test_a_probe_is_told_by_nothing_but_what_real_cases_have() -> None:
    """Names have the same shape, verdicts are doubted ones, and no word of its making is in it."""
    for probe in some():
        assert probe.dossier.source.startswith("rater/")
        assert probe.dossier.verdict in ("hold", "watch")
        spelled = probe.dossier.canonical().decode()
        assert not any(word in spelled for word in ("spammer", "copying", "majority", "attack"))


def test_probes_look_like_the_attackers_that_scoring_meets() -> None:
    """A rank test over what a dossier tells: probes against other attackers of the same classes.

    Those are scored in a scene of their own, and keep the names that scoring gave them.
    """
    attacks = cast("dict[str, Attack]", offered("quarantine.attacks", "ATTACK"))
    chosen = {name: attacks[name] for name in ("spammer", "copying_ring", "majority_class")}
    met = made(Genuine(genuine(), chosen), seed=2, each=20, salt=str)
    mine = [probe.dossier for probe in some() if probe.bad]
    theirs = [probe.dossier for probe in met if probe.bad]
    assert min(len(mine), len(theirs)) >= 4
    for told in (lambda d: d.score, lambda d: d.events, lambda d: len(d.findings)):
        pairs = [(told(a), told(b)) for a in mine for b in theirs]
        above = np.mean([(a > b) + 0.5 * (a == b) for a, b in pairs])
        assert 0.2 <= above <= 0.8


def test_the_log_commits_to_probes_and_tells_nothing_of_them(room: Room, tmp_path: Path) -> None:
    told = b"".join(logged.act.body for logged in room.store.acts())
    assert all(probe.dossier.source.encode() not in told for probe in some())
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    assert kept(tmp_path, room.store.acts()).keys() == {probe.key for probe in some()}


def test_a_probe_that_nobody_committed_to_is_none(room: Room, tmp_path: Path) -> None:
    forged = some()[0].model_copy(update={"bad": not some()[0].bad})
    (tmp_path / FILE).write_bytes(forged.canonical() + b"\n")
    assert kept(tmp_path, room.store.acts()) == {}


def test_a_ruling_on_a_probe_is_its_answer_and_is_asked_once(room: Room, tmp_path: Path) -> None:
    probes = kept(tmp_path, room.store.acts())
    one, two, *_ = some()
    rule(room, one, "ben", is_right=True)
    rule(room, two, "ben", is_right=False)
    rule(room, two, "ben", is_right=True)
    own = answers(probes, room.store.acts(), room.roster)["ben"]
    assert [each.is_right for each in own] == [True, False], "the first answer counts"
    left = waiting(probes, room.store.acts(), room.roster, "ben")
    assert {probe.seal for probe in left} == {probe.seal for probe in some()} - {
        one.seal,
        two.seal,
    }
    assert len(waiting(probes, room.store.acts(), room.roster, "cleo")) == len(some())


def test_an_always_approver_is_flagged_after_two(room: Room, tmp_path: Path) -> None:
    probes = kept(tmp_path, room.store.acts())
    for probe in [each for each in some() if each.bad][:2]:
        rule(room, probe, "ben", is_right=False)
    found = record(answers(probes, room.store.acts(), room.roster)["ben"])
    assert found.flagged_after == 2


def test_opened_answers_say_the_same_without_the_file(room: Room, tmp_path: Path) -> None:
    from approvals.attest import act_of

    probes = kept(tmp_path, room.store.acts())
    rule(room, some()[0], "ben", is_right=False)
    before = answers(probes, room.store.acts(), room.roster)
    told = opened(probes, room.store.acts(), room.roster, room.later())
    room.store.record([act_of(each, room.operator) for each in told])
    assert answers({}, room.store.acts(), room.roster) == before
    (one,) = told
    probe = some()[0]
    assert one.seal == seal_of(one.salt, probe.key, bad=one.bad, attack=one.attack)


def test_a_dossier_of_a_probe_is_one_that_scoring_would_write() -> None:
    real = score(evidence_from(genuine())).dossiers[0]
    names = set(real.model_dump())
    assert all(set(probe.dossier.model_dump()) == names for probe in some())
