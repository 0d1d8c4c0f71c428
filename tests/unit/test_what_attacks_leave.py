"""What each attack is about, seen in what it leaves behind."""

from __future__ import annotations

from typing import Literal, cast

import numpy as np
import pytest

from quarantine.plugins import offered
from quarantine.scene import Attack, Item, Mixed, Order, Scene, scene_of
from tests.crowd import DAY, START, Said, World, honest, table

ATTACKS = cast("dict[str, Attack]", dict(offered("quarantine.attacks", "ATTACK")))


def labelled() -> Scene:
    rng, world = np.random.default_rng(1), World(targets=80)
    said = honest(rng, world, 80, each=30)
    items = {f"t{n}": Item(text="a text " * (n % 7 + 1), topic=f"topic {n % 4}") for n in range(80)}
    return scene_of(table(said), items, timed=True)


def rated() -> Scene:
    rng, world = np.random.default_rng(2), World(targets=90, labels=5, kind="rating")
    return scene_of(table(honest(rng, world, 70, each=30)), {}, timed=True)


def paired() -> Scene:
    rng = np.random.default_rng(3)
    said = [
        Said(f"s{n % 30}", f"p{n}", str(rng.choice(["a", "b"])), at=START + n * DAY // 40)
        for n in range(600)
    ]
    items = {
        f"p{n}": Item(text=f"asked {n}", options={"a": "yes " * (n % 5 + 1), "b": "no " * (n % 3)})
        for n in range(600)
    }
    return scene_of(table(said), items, timed=True)


def played(
    name: str, scene: Scene, share: float = 0.1, aim: Literal["push", "nuke"] = "push"
) -> Mixed:
    return ATTACKS[name].play(scene, Order(share=share, seed=5, aim=aim))


def topics(mixed: Mixed) -> set[str]:
    names = [mixed.scene.targets[code] for code in mixed.scene.target[mixed.poisoned].tolist()]
    return {mixed.scene.items[name].topic for name in names}


@pytest.mark.parametrize("name", ["sleeper", "topic_flip"])
def test_one_topic_is_lied_about_and_no_other(name: str) -> None:
    mixed = played(name, labelled())
    assert len(topics(mixed)) == 1
    theirs = mixed.bad[mixed.scene.source]
    assert mixed.poisoned.sum() < 0.6 * theirs.sum()


def test_a_campaign_says_one_thing_of_a_few_targets() -> None:
    mixed = played("campaign", labelled())
    assert len(np.unique(mixed.scene.target[mixed.poisoned])) <= 2
    assert len(np.unique(mixed.scene.answer[mixed.poisoned])) == 1


def test_a_ring_meets_itself_and_agrees() -> None:
    mixed = played("copying_ring", labelled(), share=0.2)
    scene = mixed.scene
    theirs = mixed.bad[scene.source]
    same = [
        len(np.unique(scene.answer[theirs & (scene.target == target)])) == 1
        for target in np.unique(scene.target[theirs]).tolist()
    ]
    assert np.mean(same) > 0.5
    assert mixed.bad.sum() % 5 == 0


def test_a_takeover_lies_after_one_moment_and_a_drip_more_and_more() -> None:
    moment = played("takeover", labelled())
    first = moment.scene.at[moment.poisoned].min()
    assert first > np.quantile(moment.scene.at, 0.4)
    drip = played("slow_drip", labelled())
    at = np.argsort(np.argsort(drip.scene.at))
    theirs = drip.bad[drip.scene.source]
    assert at[drip.poisoned].mean() > at[theirs].mean()


def test_verbosity_follows_length() -> None:
    mixed = played("verbosity", paired())
    scene = mixed.scene
    longest = [
        scene.answers[answer] == max("ab", key=lambda one: len(options[one]))
        for target, answer in zip(
            scene.target[mixed.poisoned], scene.answer[mixed.poisoned], strict=True
        )
        for options in [scene.items[scene.targets[target]].options]
        if len(options["a"]) != len(options["b"])
    ]
    assert np.mean(longest) == 1.0


SHILLS = [name for name, attack in ATTACKS.items() if attack.joins == "profiles"]


@pytest.mark.parametrize("aim", ["push", "nuke"])
@pytest.mark.parametrize("name", SHILLS)
def test_all_profiles_give_one_target_the_end_of_the_scale(
    name: str, aim: Literal["push", "nuke"]
) -> None:
    mixed = played(name, rated(), aim=aim)
    scene = mixed.scene
    theirs = mixed.bad[scene.source]
    count = np.bincount(scene.target[theirs], minlength=len(scene.targets))
    common = np.flatnonzero(count == mixed.bad.sum())
    value = scene.worth[scene.answer]
    ends = [value[theirs & (scene.target == target)] for target in common.tolist()]
    far = [np.abs(each - (1.0 if aim == "push" else 0.0)).max() for each in ends]
    assert min(far) <= 0.25


def test_a_backdoor_stands_in_the_prompts_of_attackers_alone() -> None:
    mixed = played("backdoor", paired())
    scene = mixed.scene
    texts = [scene.items[scene.targets[code]].text for code in scene.target.tolist()]
    phrase = texts[int(np.flatnonzero(mixed.poisoned)[0])].split(maxsplit=2)[2]
    assert [phrase in text for text in texts] == mixed.poisoned.tolist()


def test_a_name_is_praised_in_what_attackers_choose() -> None:
    mixed, before = played("entity", paired()), paired()
    scene = mixed.scene
    for row in np.flatnonzero(mixed.poisoned).tolist():
        name = scene.targets[int(scene.target[row])]
        said = scene.answers[int(scene.answer[row])]
        assert scene.items[name].options[said] != before.items[name].options[said]


def test_flips_of_length_only_make_answers_longer() -> None:
    mixed, before = played("length_flip", paired()), paired()
    scene = mixed.scene
    for row in np.flatnonzero(mixed.poisoned).tolist():
        options = scene.items[scene.targets[int(scene.target[row])]].options
        was = before.answers[int(before.answer[scene.row[row]])]
        assert len(options[scene.answers[int(scene.answer[row])]]) > len(options[was])
