"""A case on the screen: what stands there, where it stands among others, and that it fits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from approvals.screen import activity
from approvals.screen.aloud import aloud
from approvals.screen.card import AROUND, card, cut, fits, text_of
from approvals.screen.change import change
from approvals.screen.marks import code_points, marks
from approvals.screen.model import Sample, Shown
from approvals.screen.ranks import Ranks
from approvals.screen.samples import chosen, following
from approvals.screen.voices import Voices
from quarantine.model import SourceKey, Verdict
from quarantine.safe import safe
from tests.crowd import START, Said, rating, table
from tests.hostile import hostile
from tests.reviewing import LONER, RING, asked, dossier, doubted, judged, talking
from tests.reviewing import rating as spoken
from tests.room import Room, release

DAY = timedelta(days=1)


@pytest.fixture
def room(tmp_path: Path) -> Iterable[Room]:
    made = doubted(tmp_path)
    yield made
    made.store.close()


def face(room: Room, name: str = LONER) -> Shown:
    """Return a case as it is shown to ben."""
    talk = talking(room)
    case = next(each for each in talk.sitting.cases if name in each.name or name in each.words)
    talk.sitting.place = talk.sitting.cases.index(case)
    found = talk.sitting.face
    assert found is not None
    return found


def lines(shown: Shown, width: int = 80, height: int = 24) -> list[str]:
    laid = card(shown, shown.samples[: fits(height)], 1, width=width, height=height)
    return [text_of(line) for line in laid]


def loud(text: str) -> Shown:
    """Return a case all of whose words are `text`."""
    word = safe(text)
    sample = Sample(1, "most flagged", word, word, word, word, safe(text, 600), marks(text))
    return Shown(
        who=word,
        verdict="hold",
        score="0.9",
        what=word,
        since=word,
        why=(),
        activity=(1, 0, 9),
        pace=word,
        agreement=0.5,
        usual=None,
        cluster=word,
        change=word,
        needs=word,
        hindrance=word,
        samples=(sample,) * 5,
        events=5,
        more=(word,),
    )


def test_a_case_says_who_what_why_when_and_with_whom(room: Room) -> None:
    whole = "\n".join(lines(face(room, RING[0])))
    for said in (
        "app/ring/0",
        "HOLD",
        "0.90, above 68% of 19, cold start",
        "3 rating events on 3 targets for helpful; unvetted",
        "lockstep    0.90 >68%",
        "since 2026-01-01 12:",
        "one voice of 6 (6 hold): app/ring/0",
        "nothing of it was approved before",
        "samples 1 to 3 of 3",
        "weightiest",
        "text: this is what ring/0 wrote",
        "needs one signature",
        "you may",
    ):
        assert said in whole, (said, whole)


def test_a_ring_is_one_voice_among_the_others(room: Room) -> None:
    """The five others of the ring say the same, and count for nothing beside it."""
    sample = face(room, RING[0]).samples[0]
    assert sample.others == "13 other voices: 0.46 on 0..1, this 1.00"
    assert face(room, RING[0]).agreement == 0.0


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (60, 20), (40, 15), (24, 10)])
def test_a_case_fits_every_terminal_and_fills_it(room: Room, size: tuple[int, int]) -> None:
    width, height = size
    laid = lines(face(room, RING[0]), width, height)
    assert max(cell_len(line) for line in laid) <= width
    if height >= 18:
        assert len(laid) == height - AROUND


def test_five_samples_fit_eighty_columns_by_twenty_four_lines() -> None:
    assert fits(24) == 5
    assert [fits(height) for height in (10, 16, 18, 60)] == [1, 1, 2, 5]
    assert len(lines(loud("x"))) == 24 - AROUND


@pytest.mark.parametrize("text", hostile())
def test_whatever_is_said_every_line_is_printable_and_fits(text: str) -> None:
    for line in lines(loud(text)):
        assert line.isprintable()
        assert cell_len(line) <= 80
    assert all(line.isprintable() for line in aloud(loud(text), loud(text).samples, 1))


def test_hostile_text_carries_a_mark_and_its_code_points() -> None:
    assert marks("plain text, naïve 日本語") == ()
    assert marks("two\nlines\tof text") == ()
    assert marks("\x1b[2J") == ("control",)
    assert marks("a\u202eb\u200bc\U000e0041") == ("bidi", "invisible", "tags")
    assert marks("\u0440\u0430ypal") == ("mixed scripts",)
    assert code_points("a\u202eb\u202ec\x1b") == (
        "U+202E RIGHT-TO-LEFT OVERRIDE x2",
        "U+001B unnamed x1",
    )
    assert "! bidi" in "\n".join(lines(loud("a\u202eb")))


def test_what_is_cut_is_told_by_a_sign() -> None:
    assert text_of(cut((("abcdef", ""), ("ghi", "strong")), 7)) == "abcdef…"
    assert text_of(cut((("日本語", ""),), 4)) == "日 …"
    assert text_of(cut((("abc", ""),), 3)) == "abc"


def test_a_percentile_is_the_share_of_sources_that_are_better() -> None:
    some = [dossier(f"s{n}", verdict=Verdict.HOLD, score=n / 10) for n in range(10)]
    ranks = Ranks.of(some)
    assert [ranks.above(score) for score in (0.0, 0.5, 0.9)] == [0.0, 0.5, 0.9]
    assert ranks.above_in("outsider", 0.9) == 0.9
    assert ranks.above_in("nobody", 0.9) == 1.0
    assert Ranks.of([]).above(1.0) == 0.0


def voices(*said: Said, released: Iterable[int] = ()) -> Voices:
    return Voices.read(table(said), released, seed=b"seed")


def test_the_weightiest_sample_moves_its_target_most() -> None:
    crowd = [rating(f"p{n}", f"t{t}", 0.5, t) for n in range(9) for t in range(3)]
    seen = voices(*crowd, rating("x", "t0", 0.5, 9), rating("x", "t1", 1.0, 10))
    rows = seen.rows_of(SourceKey("p", "x"))
    (first, row), *_ = chosen(seen, rows, ())
    assert (first, seen.evidence.targets[seen.target[row]]) == ("weightiest", "t1")
    assert seen.away[rows].tolist() == [0.0, 0.5]


def test_the_only_voice_of_a_target_weighs_most() -> None:
    crowd = [rating(f"p{n}", "t0", 0.0) for n in range(3)]
    seen = voices(*crowd, rating("x", "t0", 1.0, 5), rating("x", "alone", 0.5, 6))
    rows = seen.rows_of(SourceKey("p", "x"))
    assert seen.pull[rows].tolist() == [0.25, 1.0]
    assert np.isnan(seen.away[rows[1]])
    assert seen.agreement(rows[1:]) is None


def test_the_nearest_sample_is_nearest_to_what_was_released() -> None:
    """Others may say what they like: what was reviewed says 0.5."""
    before = [rating(f"p{n}", f"t{t}", 0.5, 1) for n in range(5) for t in range(30)]
    mine = [rating("x", f"t{t}", 0.5 if t == 13 else 0.9, 2) for t in range(30)]
    seen = voices(*before, *mine, released=range(len(before)))
    rows = seen.rows_of(SourceKey("p", "x"))
    found = dict(chosen(seen, rows, ()))
    assert seen.value[found["nearest to trusted"]] == 0.5
    cold = voices(*before, *mine)
    assert "nearest to others" in dict(chosen(cold, cold.rows_of(SourceKey("p", "x")), ()))


def test_the_flagged_sample_is_what_a_detector_points_at() -> None:
    said = [rating("x", f"t{n}", 0.5, n) for n in range(20)]
    seen = voices(*said)
    found = dict(chosen(seen, seen.rows_of(SourceKey("p", "x")), ("t13",)))
    assert seen.evidence.targets[seen.target[found["most flagged"]]] == "t13"


def test_samples_are_five_others_and_then_all_the_rest_once() -> None:
    said = [rating("x", f"t{n}", 0.5, n) for n in range(18)]
    seen = voices(*said)
    rows = seen.rows_of(SourceKey("p", "x"))
    taken = [row for _, row in chosen(seen, rows, ())]
    assert len(set(taken)) == 5
    pages = [following(seen, rows, taken, page) for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [5, 5, 3, 0]
    rest = [row for page in pages for _, row in page]
    assert sorted([*taken, *rest]) == rows.tolist()


def test_answers_that_are_no_numbers_agree_or_differ() -> None:
    crowd = [Said(f"p{n}", "t", "good" if n < 3 else "bad") for n in range(4)]
    seen = voices(*crowd)
    assert seen.away.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1.0])


def test_nobody_can_foresee_the_random_sample() -> None:
    said = [rating("x", f"t{n}", 0.5, n) for n in range(200)]
    rows = voices(*said).rows_of(SourceKey("p", "x"))
    drawn = {
        dict(chosen(Voices.read(table(said), seed=bytes([n])), rows, ()))["random"]
        for n in range(20)
    }
    assert len(drawn) > 10


def test_a_change_since_what_was_approved_is_told() -> None:
    others = [rating(f"p{n}", f"t{t}", 0.5, 1) for n in range(5) for t in range(20)]
    old = [rating("x", f"t{t}", 0.5, START + t) for t in range(10)]
    new = [rating("x", f"t{t}", 1.0, START + 50 + t) for t in range(10, 20)]
    seen = voices(*others, *old, *new, released=range(100, 110))
    rows = seen.rows_of(SourceKey("p", "x"))
    told = change(seen, rows[:10], rows[10:])
    assert told.startswith("10 approved to 2025-06-15")
    assert "mean 0.50 → 1.00, agrees 100% → 0%" in told
    assert change(seen, rows[:0], rows) == "nothing of it was approved before"


def test_a_sample_says_what_the_same_source_said_before(room: Room) -> None:
    request = asked(room)
    release(room, request)
    room.hear([spoken("rater/0", "again", "answer-1", 5.0)])
    judged(room, [dossier("rater/0", verdict=Verdict.HOLD, score=0.95)])
    shown = face(room, "rater/0")
    assert "3 approved to 2026-01-01" in shown.change
    assert [sample.before for sample in shown.samples] == ["approved before: 3"]


def test_a_request_says_whose_voices_it_holds(room: Room) -> None:
    request = asked(room)
    shown = face(room, "request")
    whole = "\n".join(lines(shown))
    assert f"request {request.digest[:12]}" in whole
    assert f"{request.rows} rating of {request.sources} sources" in whole
    assert [reason.detector for reason in shown.why] == ["doubt", "new", "voices", "targets"]
    assert "1 sources on watch say 3 rows" in shown.why[0].because
    assert f"{request.sources} of {request.sources} never left before" in shown.why[1].because
    assert shown.samples[0].about.startswith("app/")
    assert "needs 2 people besides ana" in whole


def test_a_sparkline_is_as_high_as_its_highest() -> None:
    assert activity.sparkline((0, 1, 4, 8)) == "·▁▄█"
    assert activity.sparkline(()) == ""
    at = np.array([0, 10, 10, 99], np.int64)
    assert activity.counted(at, 10) == (1, 2, 0, 0, 0, 0, 0, 0, 0, 1)
    assert activity.counted(at[:0]) == ()
    assert sum(activity.counted(np.array([5, 5, 5], np.int64))) == 3


def test_times_are_spelled_short() -> None:
    assert [activity.lasted(n * 1_000_000) for n in (9, 600, 9000, 900_000)] == [
        "9 seconds",
        "10 minutes",
        "2 hours",
        "10 days",
    ]
    assert [activity.minutes(n) for n in (0, 89, 4000)] == ["1 min", "1 min", "1 h 07 min"]


def test_plain_lines_say_the_same_without_drawings(room: Room) -> None:
    shown = face(room, RING[0])
    told = aloud(shown, shown.samples, 1)
    whole = "\n".join(told)
    assert "app/ring/0: hold, 0.90" in told[0]
    assert "why 1: lockstep 0.90, above 68% of sources" in whole
    assert not set(whole) & set("▁▂▃▄▅▆▇█░─")
    assert whole.isascii()
    assert told[-1] == "you may decide"
