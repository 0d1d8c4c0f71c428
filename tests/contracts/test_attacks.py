"""What every attack owes, whichever they are."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from quarantine.plugins import offered
from quarantine.scene import Attack, Item, Mixed, Order, Scene, events_of, scene_of
from tests.crowd import DAY, START, Said, World, honest, rating, table, untimed

ATTACKS = cast("dict[str, Attack]", dict(offered("quarantine.attacks", "ATTACK")))
SHARE = 0.1


def labelled() -> list[Said]:
    rng, world = np.random.default_rng(1), World(targets=60)
    return honest(rng, world, 60, each=30)


def rated() -> list[Said]:
    rng, world = np.random.default_rng(2), World(targets=80, labels=5, kind="rating")
    return honest(rng, world, 60, each=30)


def paired() -> list[Said]:
    """Say pairs of texts, each judged once."""
    rng = np.random.default_rng(3)
    return [
        Said(f"s{n % 30}", f"p{n}", str(rng.choice(["a", "b"])), at=START + n * DAY // 40)
        for n in range(600)
    ]


def described(events: list[Said]) -> dict[str, Item]:
    rng = np.random.default_rng(4)
    words = [f"word{n}" for n in range(60)]

    def text() -> str:
        return " ".join(rng.choice(words, int(rng.integers(2, 9))))

    return {
        name: Item(
            text=f"{text()} {'scarce' if number % 60 == 0 else ''}",
            options={"a": text(), "b": text()},
            topic=("cats", "dogs", "birds")[number // 7 % 3],
        )
        for number, name in enumerate(dict.fromkeys(event.target for event in events))
    }


SITUATIONS = {
    "labels": (labelled(), {}, True),
    "labels described": (labelled(), described(labelled()), True),
    "labels without times": (untimed(labelled()), {}, False),
    "ratings": (rated(), {}, True),
    "ratings without times": (untimed(rated()), {}, False),
    "pairs": (paired(), described(paired()), True),
}
SCENES = {
    name: scene_of(table(events), items, timed=timed)
    for name, (events, items, timed) in SITUATIONS.items()
}
PLAYED = [
    pytest.param(attack, name, id=f"{kind}, {name}")
    for kind, attack in ATTACKS.items()
    for name, scene in SCENES.items()
    if not attack.refuses(scene)
]


def play(attack: Attack, name: str, seed: int = 7, share: float = SHARE) -> Mixed:
    return attack.play(SCENES[name], Order(share=share, seed=seed))


def gaps(scene: Scene, source: int) -> set[int]:
    return set(np.diff(np.sort(scene.at[scene.source == source])).tolist())


def test_every_attack_can_be_played_somewhere() -> None:
    assert set(ATTACKS) == {str(each.id).split(",")[0] for each in PLAYED}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_what_cannot_be_played_is_refused_with_a_reason(attack: Attack) -> None:
    alone = scene_of(table([Said("a", "x", "1")]), {}, timed=True)
    assert len(attack.refuses(alone)) > 10


@pytest.mark.parametrize(("attack", "name"), PLAYED)
def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(
    attack: Attack, name: str
) -> None:
    once, again, other = (
        events_of(play(attack, name, seed).scene, genuine(name)) for seed in (7, 7, 8)
    )
    assert once.equals(again)
    assert not once.equals(other)


def genuine(name: str):
    return table(SITUATIONS[name][0])


@pytest.mark.parametrize(("attack", "name"), PLAYED)
def test_counts_by_target_are_kept_or_only_profiles_are_added(attack: Attack, name: str) -> None:
    mixed, before = play(attack, name), SCENES[name]
    now, was = (np.bincount(scene.target) for scene in (mixed.scene, before))
    if attack.joins == "slots":
        assert now.tolist() == was.tolist()
    else:
        left = mixed.scene.at_rows(np.flatnonzero(~mixed.bad[mixed.scene.source]))
        assert np.array_equal(np.bincount(left.target), was)
        assert np.array_equal(np.sort(left.row), before.row)
        who = np.unique(before.source)
        assert mixed.bad.sum() == pytest.approx(SHARE * len(who), abs=1)


@pytest.mark.parametrize(("attack", "name"), PLAYED)
def test_the_truth_is_told_by_source_and_by_row(attack: Attack, name: str) -> None:
    mixed = play(attack, name)
    scene = mixed.scene
    assert len(mixed.bad) == len(scene.sources)
    assert len(mixed.poisoned) == len(scene.row)
    assert mixed.bad[scene.source[mixed.poisoned]].all()
    assert 0 < mixed.poisoned.sum() < len(scene.row)
    speaking = np.unique(scene.source)
    assert 0 < mixed.bad[speaking].sum() < len(speaking) / 2
    liars = np.unique(scene.source[mixed.poisoned])
    assert len(liars) >= 0.7 * mixed.bad[speaking].sum()


@pytest.mark.parametrize(("attack", "name"), PLAYED)
def test_honest_rows_say_what_they_said(attack: Attack, name: str) -> None:
    mixed, before = play(attack, name), SCENES[name]
    scene = mixed.scene
    fair = ~mixed.poisoned
    assert np.array_equal(scene.answer[fair], before.answer[scene.row[fair]])
    assert np.array_equal(scene.target, before.target[scene.row])
    good = ~mixed.bad[scene.source]
    assert np.array_equal(scene.source[good], before.source[scene.row[good]])
    assert np.array_equal(scene.at[good], before.at[scene.row[good]])


@pytest.mark.parametrize(("attack", "name"), PLAYED)
def test_the_share_is_about_what_was_asked(attack: Attack, name: str) -> None:
    if attack.joins == "profiles":
        pytest.skip("their share is of sources")
    mixed = play(attack, name)
    theirs = mixed.bad[mixed.scene.source].mean()
    assert theirs <= 2 * SHARE


@pytest.mark.parametrize(("attack", "name"), PLAYED)
def test_nobody_answers_a_target_twice_who_did_not_before(attack: Attack, name: str) -> None:
    scene, mixed = SCENES[name], play(attack, name)
    pairs = mixed.scene.source * len(scene.targets) + mixed.scene.target
    theirs = mixed.bad[mixed.scene.source]
    new = theirs & (mixed.scene.source >= len(scene.sources))
    assert len(np.unique(pairs[new])) == new.sum()


@pytest.mark.parametrize(("attack", "name"), PLAYED)
def test_an_attackers_gaps_are_real_ones(attack: Attack, name: str) -> None:
    scene, mixed = SCENES[name], play(attack, name)
    if not scene.timed:
        pytest.skip("there are no times")
    real = {each for source in range(len(scene.sources)) for each in gaps(scene, source)}
    theirs = [gaps(mixed.scene, source) for source in np.flatnonzero(mixed.bad).tolist()]
    assert set().union(*theirs) <= real
    assert mixed.scene.at.min() >= scene.at.min()
    assert mixed.scene.at.max() <= scene.at.max()


@pytest.mark.parametrize(("attack", "name"), PLAYED)
def test_written_back_it_reads_as_feedback_of_the_same_kind(attack: Attack, name: str) -> None:
    mixed, before = play(attack, name), genuine(name)
    events = events_of(mixed.scene, before)
    assert events.schema.equals(before.schema)
    again = scene_of(events, {}, timed=SCENES[name].timed)
    assert [again.answers[code] for code in again.answer] == [
        mixed.scene.answers[code] for code in mixed.scene.answer
    ]
    assert np.array_equal(np.isnan(events["value"].to_numpy()), np.isnan(again.worth[again.answer]))
    assert set(again.sources) <= set(mixed.scene.sources)


def test_no_answer_is_invented() -> None:
    for attack in ATTACKS.values():
        for name, scene in SCENES.items():
            if not attack.refuses(scene):
                mixed = play(attack, name)
                assert set(mixed.scene.answer.tolist()) <= set(scene.answer.tolist())


def test_ratings_are_told_as_ratings() -> None:
    assert not scene_of(table([Said("a", "x", "1"), Said("b", "x", "1")]), {}, timed=True).rated()
    assert scene_of(table([rating("a", "x", 0.5)]), {}, timed=True).rated()
