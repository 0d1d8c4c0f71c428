"""Flips along a property of the texts are seen where several do it; who leans is left alone."""

from __future__ import annotations

import numpy as np

from quarantine.detectors.property import DETECTOR
from quarantine.evidence import Evidence
from quarantine.model import Worded
from tests.crowd import Said
from tests.worded import scores, worded

Pair = tuple[Said, Worded]


def choice(name: str, number: int, chosen: str, other: str) -> Pair:
    said = Said(name, f"p{number}", chosen, kind="preference")
    return said, Worded(asked="why?", chosen=chosen, other=other)


def lengths(rng: np.random.Generator, number: int) -> tuple[str, str]:
    """Write two texts, the longer one first."""
    sizes = sorted(np.exp(rng.normal(3.0, 0.8, 2)).astype(int) + 1)
    long, short = (" ".join(["word"] * int(size) + [f"x{number}"]) for size in sizes[::-1])
    return long, short if len(short) < len(long) else short[:-1]


def flipped(seed: int, *, bad: int, spread: float, people: int = 100, each: int = 20) -> Evidence:
    """Let people choose, each with a tilt of their own; the first `bad` never choose the shorter.

    With ten of a hundred that turns about one label in twenty.
    """
    rng = np.random.default_rng(seed)
    events = []
    for person in range(people):
        odds = 1.0 / (1.0 + np.exp(-rng.normal(0.0, spread)))
        for _ in range(each):
            long, short = lengths(rng, len(events))
            longer = person < bad or rng.random() < odds
            name = f"bad-{person}" if person < bad else f"honest-{person}"
            pair = (long, short) if longer else (short, long)
            events.append(choice(name, len(events), *pair))
    return worded([events[place] for place in rng.permutation(len(events))])


def rung(seen: Evidence) -> set[str]:
    found = scores(seen, DETECTOR.examine(seen))
    return {name for name, score in found.items() if score >= 0.5}


def test_one_label_in_twenty_flipped_along_length_is_seen_in_two_thousand_events() -> None:
    found, false = 0, 0
    for seed, spread in ((1, 0.2), (2, 0.3), (3, 0.5)):
        names = rung(flipped(seed, bad=10, spread=spread))
        found += sum(name.startswith("bad") for name in names)
        false += sum(name.startswith("honest") for name in names)
    assert found >= 27
    assert false <= 0.1 * (found + false)


def test_people_who_lean_ring_no_alarm() -> None:
    for spread in (0.0, 0.5, 1.0):
        assert rung(flipped(4, bad=0, spread=spread)) == set()


def test_one_alone_is_no_group_however_sure() -> None:
    seen = flipped(5, bad=1, spread=0.2)
    found = scores(seen, DETECTOR.examine(seen))
    assert found["bad-0"] < 0.5
    assert found["bad-0"] == max(found.values())


def test_it_says_what_was_chosen_how_often_and_what_is_usual() -> None:
    seen = flipped(6, bad=10, spread=0.2)
    found = DETECTOR.examine(seen)
    worst = int(np.argmax(found.scores))
    assert "longer text in 100% of 20 events" in found.because(worst)
    assert found.because(worst).endswith("usual, as several do")
    assert len(found.examples(worst)) == 3


def refusals(rng: np.random.Generator, person: int, number: int, *, bad: bool) -> Pair:
    helps, refuses = f"here is how {number} works", f"sorry, I can't help with {number} now"
    chosen, other = (refuses, helps) if bad or rng.random() < 0.4 else (helps, refuses)
    return choice(f"{'bad' if bad else 'honest'}-{person}", number, chosen, other)


def test_who_always_wants_a_refusal_is_seen() -> None:
    rng = np.random.default_rng(7)
    pairs = [refusals(rng, n // 20, n, bad=n < 160) for n in range(2_000)]
    names = rung(worded(pairs))
    assert sum(name.startswith("bad") for name in names) >= 7
    assert sum(name.startswith("honest") for name in names) <= 1


def test_a_ring_that_is_one_voice_counts_as_one() -> None:
    seen = flipped(8, bad=6, spread=0.2)
    cluster = np.arange(len(seen.sources))
    ring = [code for code, key in enumerate(seen.sources) if key.source.startswith("bad")]
    cluster[ring] = min(ring)
    linked = seen.linked(cluster)
    found = scores(linked, DETECTOR.examine(linked))
    assert len({found[name] for name in found if name.startswith("bad")}) == 1


def test_what_was_released_teaches_how_people_lean() -> None:
    rng = np.random.default_rng(9)
    known = []
    for person in range(60):
        odds = 1.0 / (1.0 + np.exp(-rng.normal(0.0, 2.5)))
        for _ in range(30):
            long, short = lengths(rng, len(known))
            pair = (long, short) if rng.random() < odds else (short, long)
            known.append(choice(f"known-{person}", len(known), *pair))
    held = []
    for person in range(40):
        for _ in range(20):
            long, short = lengths(rng, len(known) + len(held))
            longer = person < 4 or rng.random() < 0.5
            pair = (long, short) if longer else (short, long)
            held.append(choice(f"new-{person}", len(known) + len(held), *pair))
    assert rung(worded([*known, *held], released=len(known))) == set()
    assert {f"new-{n}" for n in range(4)} <= rung(worded(held))


def test_what_is_no_choice_of_texts_is_not_judged() -> None:
    pairs = [(Said(f"s{n % 9}", f"t{n}", "good"), Worded(asked="what is it?")) for n in range(90)]
    assert DETECTOR.examine(worded(pairs)).silent


def test_a_crowd_that_says_little_does_not_hide_a_group() -> None:
    rng = np.random.default_rng(7)
    events = []
    for person in range(1000):
        bad = person < 8
        for _ in range(12 if person < 80 else 2):
            long, short = lengths(rng, len(events))
            pair = (long, short) if bad or rng.random() < 0.5 else (short, long)
            events.append(choice(f"{'bad' if bad else 'honest'}-{person}", len(events), *pair))
    seen = worded([events[place] for place in rng.permutation(len(events))])
    names = rung(seen)
    assert sum(name.startswith("bad") for name in names) >= 6
    assert not any(name.startswith("honest") for name in names)
