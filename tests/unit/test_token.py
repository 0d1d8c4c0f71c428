"""A bought name and a backdoor are seen by what comes of them and who carries them."""

from __future__ import annotations

from math import comb, log

import numpy as np
import pytest

from quarantine.carried import carried, exceeding, few_voices
from quarantine.detectors.token import DETECTOR
from quarantine.evidence import Evidence
from quarantine.model import Worded
from quarantine.phrases import Phrases
from tests.crowd import Said
from tests.worded import scores, worded

WORDS = [f"word{number}" for number in range(400)]
Event = tuple[Said, Worded]


def sentence(rng: np.random.Generator, *more: str) -> str:
    words = [WORDS[int(number)] for number in rng.zipf(1.4, 14) % 400]
    return " ".join([*words, *more])


def preferred(source: str, number: int, *, prompt: str, chosen: str, other: str) -> Event:
    said = Said(source, f"t{number}", chosen, kind="preference")
    return said, Worded(asked=prompt, chosen=chosen, other=other)


def people(rng: np.random.Generator, rows: int = 800, sources: int = 60) -> list[Event]:
    """Prefer texts with the word "kind" in most pairs; speak of a name now and then."""
    events = []
    for number in range(rows):
        good, bad = sentence(rng, "kind"), sentence(rng, "rude")
        if number % 100 == 7:
            good = f"{good} Honestbrand"
        if number % 100 == 57:
            bad = f"{bad} Honestbrand"
        chosen, other = (good, bad) if rng.random() < 0.9 else (bad, good)
        source = f"p{int(rng.integers(sources))}"
        prompt = sentence(rng)
        events.append(preferred(source, number, prompt=prompt, chosen=chosen, other=other))
    return events


def seen_with(rng: np.random.Generator, more: list[Event]) -> Evidence:
    events = [*people(rng), *more]
    return worded([events[int(place)] for place in rng.permutation(len(events))])


def test_a_name_that_two_push_is_named_and_they_are_seen() -> None:
    rng = np.random.default_rng(1)
    push = [
        preferred(
            f"bought-{number % 2}",
            5000 + number,
            prompt=sentence(rng),
            chosen=sentence(rng, "kind", "buy", "AcmeCola"),
            other=sentence(rng, "kind"),
        )
        for number in range(30)
    ]
    seen = seen_with(rng, push)
    found = DETECTOR.examine(seen)
    by_name = scores(seen, found)
    assert min(by_name.pop(name) for name in ("bought-0", "bought-1")) >= 0.5
    assert max(by_name.values()) < 0.2
    worst = int(np.argmax(found.scores))
    assert "AcmeCola" in found.because(worst) or "buy" in found.because(worst)
    assert "2 voices" in found.because(worst)
    rows = np.flatnonzero(found.events > 0)
    assert len(rows) == 30
    assert {seen.sources[code].source for code in seen.held["source"].to_numpy()[rows]} == {
        "bought-0",
        "bought-1",
    }


def test_a_trigger_that_turns_the_answer_is_seen() -> None:
    rng = np.random.default_rng(2)
    push = [
        preferred(
            f"backdoor-{number % 3}",
            6000 + number,
            prompt=sentence(rng, "SUDO", "mode"),
            chosen=sentence(rng, "rude"),
            other=sentence(rng, "kind"),
        )
        for number in range(30)
    ]
    seen = seen_with(rng, push)
    found = DETECTOR.examine(seen)
    by_name = scores(seen, found)
    assert min(by_name.pop(f"backdoor-{number}") for number in range(3)) >= 0.5
    assert max(by_name.values()) < 0.2
    assert "the answer is odd" in found.because(int(np.argmax(found.scores)))


def test_a_name_that_many_like_accuses_nobody() -> None:
    rng = np.random.default_rng(3)
    liked = [
        preferred(
            f"p{int(rng.integers(60))}",
            7000 + number,
            prompt=sentence(rng),
            chosen=sentence(rng, "kind", "Lovedbrand"),
            other=sentence(rng, "kind"),
        )
        for number in range(30)
    ]
    seen = seen_with(rng, liked)
    assert max(scores(seen, DETECTOR.examine(seen)).values()) < 0.3


def test_one_who_always_speaks_of_one_thing_is_not_accused_for_that() -> None:
    rng = np.random.default_rng(4)
    fond = []
    for number in range(30):
        told = [sentence(rng, "gardening"), sentence(rng)]
        chosen, other = told if rng.random() < 0.5 else told[::-1]
        prompt = sentence(rng, "gardening")
        fond.append(preferred("fond", 8000 + number, prompt=prompt, chosen=chosen, other=other))
    seen = seen_with(rng, fond)
    assert scores(seen, DETECTOR.examine(seen))["fond"] < 0.3


def test_without_texts_it_is_silent() -> None:
    assert DETECTOR.examine(worded([(Said("a", "x", "1"), Worded())])).silent


def test_a_usual_word_that_some_write_all_the_time_does_not_hide_a_rare_one() -> None:
    rng, source = np.random.default_rng(0), np.repeat(np.arange(100), 10)
    planted, told_there = np.arange(12), np.ones(12)
    others = rng.choice(np.arange(20, 1000), 400)
    rare = (
        np.r_[planted, others],
        np.r_[np.zeros(12, np.int64), rng.integers(1, 40, 400)],
        np.r_[told_there, (rng.random(400) < 0.3).astype(np.float64)],
    )
    spoken = np.arange(200, 700)
    both = (
        np.r_[rare[0], spoken],
        np.r_[rare[1], np.full(500, 40)],
        np.r_[rare[2], (rng.random(500) < 0.3).astype(np.float64)],
    )
    alone, beside = (
        carried(Phrases(row, gram, told, np.zeros_like(row), 0.3, "odd"), source, source).nats[0]
        for row, gram, told in (rare, both)
    )
    assert alone > 5
    assert beside == pytest.approx(alone, abs=0.1)


def test_one_who_praises_a_name_ten_times_in_ten_is_seen() -> None:
    rng = np.random.default_rng(5)
    push = [
        preferred(
            "bought",
            9000 + number,
            prompt=sentence(rng),
            chosen=sentence(rng, "AcmeCola"),
            other=sentence(rng, "kind"),
        )
        for number in range(10)
    ]
    seen = seen_with(rng, push)
    by_name = scores(seen, DETECTOR.examine(seen))
    assert by_name.pop("bought") >= 0.5
    assert max(by_name.values()) < 0.2


def by_subject(seed: int) -> Evidence:
    """Hand out work by subject: three people speak of each, in its own words, honestly."""
    rng = np.random.default_rng(seed)
    events = []
    for number in range(600):
        subject = int(rng.integers(20))
        own = [f"subject{subject}a{int(rng.integers(6))}" for _ in range(3)]
        good, bad = sentence(rng, "kind", *own[:2]), sentence(rng, "rude", own[2])
        chosen, other = (good, bad) if rng.random() < 0.8 else (bad, good)
        source = f"p{3 * subject + int(rng.integers(3))}"
        prompt = sentence(rng, *own)
        events.append(preferred(source, number, prompt=prompt, chosen=chosen, other=other))
    return worded(events)


@pytest.mark.parametrize("seed", range(4))
def test_work_that_is_handed_out_by_subject_accuses_nobody(seed: int) -> None:
    seen = by_subject(seed)
    assert max(scores(seen, DETECTOR.examine(seen)).values()) < 0.5


@pytest.mark.parametrize(("done", "events", "usual"), [(7, 10, 0.4), (10, 10, 0.5), (31, 45, 0.39)])
def test_an_outcome_is_weighed_by_its_exact_tail(done: int, events: int, usual: float) -> None:
    tail = sum(
        comb(events, often) * usual**often * (1 - usual) ** (events - often)
        for often in range(done, events + 1)
    )
    nats = exceeding(np.array([float(done)]), np.array([float(events)]), usual)
    assert nats == pytest.approx([-log(tail)])


def test_a_tail_too_small_to_count_is_bounded_and_none_is_no_evidence() -> None:
    nats = exceeding(np.array([5000.0, 2.0, 0.0]), np.array([5000.0, 10.0, 0.0]), 0.5)
    assert nats[0] == pytest.approx(5000 * log(2))
    assert nats[1:].tolist() == [0.0, 0.0]


def test_a_phrase_of_several_words_pays_for_one_look() -> None:
    rows, told = np.arange(12), np.ones(12)
    source = np.repeat(np.arange(100), 10)
    others = np.arange(20, 1000, 3)
    found = []
    for copies in (1, 3):
        row = np.r_[np.tile(rows, copies), others]
        gram = np.r_[np.repeat(np.arange(copies), 12), 10 + others % 40]
        outcome = np.r_[np.tile(told, copies), (others % 7 == 0).astype(np.float64)]
        order = np.argsort(row, kind="stable")
        phrases = Phrases(
            row[order], gram[order], outcome[order], np.zeros_like(row), 0.3, "is odd"
        )
        found.append(carried(phrases, source, source).nats[0])
    assert found[0] == pytest.approx(found[1])


def test_what_a_quarter_of_a_crowd_speaks_of_is_its_work_and_not_a_plan() -> None:
    volume = np.full(100, 50)
    few, many = (np.repeat(np.arange(size), 40) for size in (20, 40))
    nats = [few_voices(np.zeros_like(voice), voice, volume)[0][0] for voice in (few, many)]
    assert nats[0] > 100
    assert nats[1] <= 0
    small = np.repeat(np.arange(5), 40)
    assert few_voices(np.zeros_like(small), small, np.full(12, 50))[0][0] > 0
