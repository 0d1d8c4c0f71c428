"""A sleeper is seen by its topic or a word; a weak source, and one who leans, are not."""

from __future__ import annotations

import numpy as np
import pytest

from quarantine.calibration import ALARM
from quarantine.contrasts import Misses, Pairs, turned, weighed
from quarantine.detectors.slice import DETECTOR
from quarantine.evidence import Evidence
from quarantine.facets import Facets
from quarantine.model import Worded
from quarantine.tilts import scored
from tests.crowd import Said, World, honest
from tests.worded import scores, worded

WORLD = World(targets=120, labels=3)
PLAIN = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]


def text(target: int) -> str:
    words = [PLAIN[(target * 3 + step) % 10] for step in range(4)]
    return " ".join([*words, f"item{target}", *(["zebra"] if target % 8 == 0 else [])])


def judged(events: list[Said], *, topics: bool = False) -> Evidence:
    told = [(said, Worded(asked="" if topics else text(int(said.target[1:])))) for said in events]
    named = {f"t{t}": "zoo" if t % 8 == 0 else f"other-{t % 3}" for t in range(120)}
    return worded(told, topics=named if topics else None)


def sleeper(rng: np.random.Generator, name: str) -> list[Said]:
    events = honest(rng, WORLD, 1, each=60, skill=0.95, name=name)
    return [
        Said(
            name,
            said.target,
            str((WORLD.truth(int(said.target[1:])) + 1) % 3)
            if int(said.target[1:]) % 8 == 0
            else said.answer,
        )
        for said in events
    ]


def test_who_lies_where_one_word_stands_is_seen_and_the_word_is_named() -> None:
    rng = np.random.default_rng(1)
    lies = [said for n in range(3) for said in sleeper(rng, f"sleeper-{n}")]
    seen = judged([*honest(rng, WORLD, 80, each=30), *lies])
    found = DETECTOR.examine(seen)
    by_name = scores(seen, found)
    bad = [by_name.pop(f"sleeper-{n}") for n in range(3)]
    assert min(bad) >= 0.3
    assert max(bad) >= 0.5
    assert max(by_name.values()) < 0.2
    worst = int(np.argmax(found.scores))
    assert "“zebra” stands" in found.because(worst)
    assert all(int(target[1:]) % 8 == 0 for target in found.examples(worst))
    pointed = seen.held["target"].to_numpy()[found.events > 0]
    assert {seen.targets[code] for code in pointed} <= {f"t{t}" for t in range(0, 120, 8)}


def test_who_lies_on_one_topic_is_seen() -> None:
    rng = np.random.default_rng(2)
    lies = [said for n in range(3) for said in sleeper(rng, f"sleeper-{n}")]
    seen = judged([*honest(rng, WORLD, 80, each=30), *lies], topics=True)
    found = DETECTOR.examine(seen)
    by_name = scores(seen, found)
    assert min(by_name.pop(f"sleeper-{n}") for n in range(3)) >= 0.5
    assert max(by_name.values()) < 0.4
    assert "on the topic zoo" in found.because(int(np.argmax(found.scores)))


def test_a_source_that_is_weak_everywhere_is_no_sleeper() -> None:
    rng = np.random.default_rng(3)
    weak = honest(rng, WORLD, 5, each=60, skill=0.2, name="weak")
    seen = judged([*honest(rng, WORLD, 80, each=30), *weak], topics=True)
    assert max(scores(seen, DETECTOR.examine(seen)).values()) < 0.3


def test_who_leans_to_one_answer_everywhere_is_no_sleeper_where_that_answer_is_wrong() -> None:
    rng = np.random.default_rng(4)
    lean = [
        Said("lean", f"t{t}", "1" if rng.random() < 0.5 else str(WORLD.truth(t)))
        for t in range(120)
    ]
    seen = judged([*honest(rng, WORLD, 80, each=30), *lean])
    assert scores(seen, DETECTOR.examine(seen))["lean"] < 0.3


def test_the_outvoted_minority_on_an_attacked_word_is_not_accused() -> None:
    rng = np.random.default_rng(5)
    people = honest(rng, WORLD, 80, each=30)
    ring = [said for n in range(60) for said in sleeper(rng, f"ring-{n}")]
    seen = judged([*people, *ring])
    by_name = scores(seen, DETECTOR.examine(seen))
    honest_ = [score for name, score in by_name.items() if name.startswith("honest")]
    assert np.mean(np.array(honest_) >= 0.5) == 0.0


def test_missing_what_all_agree_on_says_more_than_missing_what_is_split() -> None:
    # Two sources miss two of the four events in the part (first) and as many as usual elsewhere.
    missed = np.tile(np.r_[1.0, 1.0, 0.0, 0.0, np.tile([1.0, 0.0, 0.0, 0.0], 4)], 2)
    usual = np.tile(np.r_[0.1, 0.1, 0.45, 0.45, np.full(16, 0.25)], 2)
    usual[20:24] = usual[20:24][::-1]
    seen = Misses(np.repeat([0, 1], 20), missed, usual, 2)
    singly = seen.telling().reshape(2, 20)[:, :4].sum(axis=1)
    four, zero = np.full(2, 4.0), np.zeros(2, np.int64)
    inside = Pairs(np.arange(2), zero, four, four / 2, np.full(2, 1.1), singly)
    clear, split = turned(inside, seen)
    assert clear > split + 1.0


def test_which_answers_were_missed_does_not_ring_by_itself() -> None:
    seen = Misses(np.repeat([0], 40), np.tile([1.0, 0.0], 20), np.full(40, 0.5), 1)
    ten = np.full(1, 10.0)
    inside = Pairs(np.zeros(1, np.int64), np.zeros(1, np.int64), ten, ten / 2, ten / 2, ten * 9)
    assert scored(turned(inside, seen), 1)[0] < ALARM


def uneven(name: str, wrong: int) -> list[Said]:
    """Say nothing of the zoo, and err on one other topic only."""
    known = [target for target in range(120) if target % 8]
    part = [target for target in known if target % 3 == 1][:12]
    rest = [target for target in known if target % 3 != 1][:40]
    label = {t: WORLD.truth(t) + (place < wrong) for place, t in enumerate(part)}
    label |= {target: WORLD.truth(target) for target in rest}
    return [Said(name, f"t{target}", str(each % 3)) for target, each in label.items()]


def test_who_never_speaks_of_what_is_attacked_is_the_less_suspect_for_the_attack() -> None:
    told = []
    for sleepers in (0, 3):
        rng = np.random.default_rng(8)
        people = [*honest(rng, WORLD, 80, each=30), *uneven("away", 6)]
        lies = [said for n in range(sleepers) for said in sleeper(rng, f"sleeper-{n}")]
        seen = judged([*people, *lies], topics=True)
        told.append(scores(seen, DETECTOR.examine(seen))["away"])
    alone, beside = told
    assert 0.05 < alone < 0.5
    assert beside < alone / 4


def test_speaking_of_an_attacked_topic_says_less_of_who_speaks_of_everything() -> None:
    # Sources 0 and 1 speak of the attacked topic 0; source 1 says a hundred times as much.
    many = np.r_[4, 400, np.full(200, 20)]
    events = np.repeat(np.arange(len(many)), many)
    seen = Misses(events, np.zeros(len(events)), np.full(len(events), 0.1), len(many))
    size = np.array([20, len(events) - 20])
    cut = Facets(np.arange(len(events)), np.r_[0, np.cumsum(size)], 2, str)
    source, topic = np.r_[0, 1, np.arange(len(many))], np.r_[0, 0, np.ones(len(many), np.int64)]
    few = np.full(len(source), 3.0)
    both = Pairs(source, topic, few, few, few, few)
    weight = weighed(both, np.where(topic == 0, 0.99, 0.001), cut, seen, 3)
    seldom, usual = weight[:2]
    assert seldom > usual + 0.5
    assert usual > weight[2:].max()
    assert np.exp(weight).sum() == pytest.approx(len(many))


def test_where_nobody_speaks_of_any_topic_nothing_is_weighed() -> None:
    none, code = np.empty(0), np.empty(0, np.int64)
    seen = Misses(np.arange(4), np.zeros(4), np.full(4, 0.1), 4)
    cut = Facets(code, np.zeros(1, np.int64), 0, str)
    assert len(weighed(Pairs(code, code, none, none, none, none), none, cut, seen, 3)) == 0
