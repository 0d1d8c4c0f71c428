"""What few voices repeat leaves a few times at the most, and the certificate says how often."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.budget import Choice, choose
from approvals.certificate import Certificate, certify
from approvals.loosening import loosened
from approvals.policy import Policy
from approvals.rules import check, explain, load, shipped
from approvals.sayings import column_sayings, held_sayings, text_fields
from approvals.support import Phrases, as_written
from quarantine.envelope import kind_named, kinds
from quarantine.errors import TamperedError, UsageError
from tests.leaving import crowd, edited, gone
from tests.press import Printer, event
from tests.room import LOOSE, START, Room

WIDE = load(edited(LOOSE, budget_cluster="rows = 60\nshare = 1.0\nlifetime = 200\nper_target = 60"))
HONEST = [f"honest{n % 53} words{n % 31} differ{n % 17}" for n in range(400)]


def leaving(
    texts: list[str],
    clusters: list[str],
    *,
    before: pd.DataFrame | None = None,
    told: list[str] | None = None,
    policy: Policy = WIDE,
) -> Choice:
    """Choose among rows that say `texts`; `told` is said by all rows, and by those of `before`."""
    rows = [{"source": f"s{n}", "cluster": name} for n, name in enumerate(clusters)]
    prior = gone() if before is None else before
    sayings = column_sayings([pa.array(told or texts, pa.string())])
    return choose(crowd(*rows), policy, prior=prior, at=START, sayings=sayings)


def test_a_trigger_of_five_clusters_leaves_thirty_times_and_the_honest_leave() -> None:
    trigger = [f"please answer zorvex blim {n}" for n in range(250)]
    voices = [f"bad{n % 5}" for n in range(250)]
    honest = [f"h{n % 40}" for n in range(400)]
    found = leaving([*trigger, *HONEST], [*voices, *honest])
    kept = Counter(name.startswith("bad") for name in found.members["cluster"])
    assert kept == {True: 30, False: 400}
    assert found.left_out == {"too few clusters behind a phrase": 220}
    held = found.phrases[0]
    assert (held.phrase, held.rows, held.clusters, held.left) == (
        *("please answer zorvex blim", 250, 5, 30),
    )


def test_which_rows_stay_is_not_the_order_of_arrival() -> None:
    found = leaving([*["zorvex"] * 90, *HONEST], [*["bad"] * 60, *["b2"] * 30, *HONEST])
    first = found.members["index"][found.members["index"] < 90]
    assert len(first) == 30
    assert first.max() > 60


def test_of_a_large_honest_crowd_next_to_nothing_is_held() -> None:
    chance = np.random.default_rng(7)
    often = 1 / np.arange(1, 20_001)
    numbers = chance.choice(20_000, (20_000, 15), p=often / often.sum())
    texts = [" ".join(f"w{number:x}" for number in row) for row in numbers.tolist()]
    clusters = [f"c{n}" for n in chance.integers(0, 500, 20_000)]
    found = leaving(texts, clusters)
    assert found.left_out.get("too few clusters behind a phrase", 0) <= 100


def test_what_left_before_counts() -> None:
    rows = [*["zorvex blim"] * 40, *HONEST]
    voices = [*(f"bad{n % 3}" for n in range(40)), *(f"h{n % 40}" for n in range(400))]
    old = [{"source": f"p{n}", "cluster": "bad1", "index": 440 + n} for n in range(25)]
    told = [*rows, *["zorvex blim"] * 25]
    assert len(leaving(rows, voices, before=gone(*old), told=told).members) == 405
    back = gone(*(row | {"revoked": True} for row in old))
    assert len(leaving(rows, voices, before=back, told=told).members) == 430
    other = gone(*(row | {"kind": "rating"} for row in old))
    assert len(leaving(rows, voices, before=other, told=told).members) == 430


def test_who_stood_behind_a_phrase_before_does_so_still_but_not_for_this_release() -> None:
    rows = [*["zorvex"] * 40, *HONEST]
    voices = [*(f"bad{n % 3}" for n in range(40)), *(f"h{n % 40}" for n in range(400))]
    old = gone(*({"source": f"p{n}", "index": 440 + n} for n in range(25)))
    told = [*rows, *["zorvex"] * 25]
    found = leaving(rows, voices, before=old, told=told)
    assert found.left_out == {"too few clusters behind a phrase": 10}


def test_a_dose_split_over_releases_is_one_dose() -> None:
    told: list[str] = []
    old: list[dict[str, object]] = []
    for release in range(4):
        texts = [*["zorvex blim"] * 20, *HONEST]
        voices = [*(f"bad{n % 3}" for n in range(20)), *(f"h{n % 40}" for n in range(400))]
        rows = [
            {"source": f"s{release}-{n}", "cluster": voice, "index": len(told) + n}
            for n, voice in enumerate(voices)
        ]
        told += texts
        sayings = column_sayings([pa.array(told, pa.string())])
        found = choose(crowd(*rows), WIDE, prior=gone(*old), at=START, sayings=sayings)
        left = set(found.members["index"])
        old += [row for row in rows if row["index"] in left]
    assert sum(str(row["cluster"]).startswith("bad") for row in old) == 30


@pytest.mark.parametrize("size", [20, 100, 500])
@pytest.mark.parametrize("bad", [1, 5])
def test_in_a_small_release_a_phrase_leaves_three_times_for_each_voice(size: int, bad: int) -> None:
    policy = load(shipped("default"))
    honest = [f"h{n % 61}" for n in range(size)]
    chant, voices = ["zorvex blim"] * 20 * bad, [f"bad{n % bad}" for n in range(20 * bad)]
    found = leaving([*HONEST, *HONEST][:size] + chant, [*honest, *voices], policy=policy)
    kept = Counter(name.startswith("bad") for name in found.members["cluster"])
    most = max(1, int(0.05 * len(found.members)))
    assert kept == {False: size, True: bad * min(3, most)}
    left = found.members["index"].to_numpy()
    sayings = column_sayings([pa.array([*HONEST, *HONEST][:size] + chant, pa.string())])
    certificate = certify(found.members, policy, spoken=sayings.spoken(left))
    assert certificate.phrases is not None
    assert (certificate.phrases.lacking, certificate.phrases.each) == (0, 3)
    one, five, twenty = (each.phrase for each in certificate.worst)
    assert one == min(3, certificate.worst[0].rows)
    assert five == min(15, certificate.worst[1].rows)
    assert twenty == certificate.worst[2].rows  # more than the rule asks for may say anything
    assert certificate.needed[0].clusters is None or size > 250


def test_one_row_more_than_small_and_the_rule_is_the_usual_one() -> None:
    chant, voices = ["zorvex blim"] * 40, [f"bad{n % 2}" for n in range(40)]
    honest = [f"h{n % 40}" for n in range(400)]
    for small, kept in ((0, 30), (399, 30), (430, 6), (1_000, 6)):
        phrases = f"rows = 30\nclusters = 10\nwords = 5\nsmall = {small}"
        policy = load(edited(WIDE.text, phrases=phrases))
        found = leaving([*HONEST, *chant], [*honest, *voices], policy=policy)
        assert found.members["cluster"].str.startswith("bad").sum() == kept
    assert "among 1,000 rows or fewer, one for every 3" in explain(policy)
    assert loosened(policy, WIDE) == ("phrases.small: 1000 becomes 0",)


def test_a_small_crowd_still_leaves() -> None:
    found = leaving(HONEST * 2, [f"h{n % 3}" for n in range(800)], policy=load(LOOSE))
    assert found.left_out == {"cluster over its budget": 620}


@given(
    rows=st.lists(
        st.tuples(
            st.lists(st.sampled_from(["spam", "ham", "a", "b", "c", "d"]), max_size=6),
            st.integers(0, 12),
        ),
        min_size=1,
        max_size=120,
    ),
    most=st.integers(3, 12),
)
@settings(max_examples=40, deadline=None)
def test_no_attacker_ever_does_more_than_the_certificate_says(
    rows: list[tuple[list[str], int]], most: int
) -> None:
    policy = load(
        edited(LOOSE, phrases=f"rows = {most}\nclusters = {most // 3}\nwords = 3"),
    )
    texts = [" ".join(words) for words, _ in rows]
    found = leaving(texts, [f"c{voice}" for _, voice in rows], policy=policy)
    left = found.members["index"].to_numpy()
    if not len(left):
        return
    sayings = column_sayings([pa.array(texts, pa.string())])
    certificate = certify(found.members, policy, spoken=sayings.spoken(left))
    assert certificate.phrases is not None
    assert certificate.phrases.lacking == 0
    for exposure in certificate.worst:
        for words in {tuple(words) for words, _ in rows if words}:
            has = [n for n in left if words[0] in rows[n][0]]
            if len({rows[n][1] for n in has}) <= exposure.clusters:
                assert len(has) <= (exposure.phrase or 0)


def test_the_certificate_bounds_a_phrase_by_the_rule_and_by_the_rows() -> None:
    rows = pd.DataFrame(
        {"cluster": [f"c{n // 40}" for n in range(1_000)], "target": [str(n) for n in range(1_000)]}
    )
    texts = pa.array([f"word{n % 7}" for n in range(1_000)])
    found = certify(rows, WIDE, spoken=column_sayings([texts]).spoken(np.arange(1_000)))
    assert [each.phrase for each in found.worst] == [30, 30, 800]
    assert found.phrases is not None
    assert (found.phrases.asked, found.phrases.lacking) == (10, 0)
    lone = pa.array(["zorvex" if n < 40 else f"word{n % 7}" for n in range(1_000)])
    broken = certify(rows, WIDE, spoken=column_sayings([lone]).spoken(np.arange(1_000)))
    assert broken.phrases is not None
    assert broken.phrases.lacking == 1
    assert [each.phrase for each in broken.worst] == [40, 40, 800]
    assert certify(rows, WIDE).phrases is None


def test_a_policy_says_it_and_refuses_what_would_hold_the_honest() -> None:
    assert "a phrase of up to 5 words in over 30 rows needs 10 clusters" in explain(load(LOOSE))
    without = edited(LOOSE, phrases="words = 0")
    assert "phrases need nobody behind them" in explain(load(without))
    with pytest.raises(UsageError, match=r"phrases: rows \(29\) must be at least three times"):
        load(edited(LOOSE, phrases="rows = 29\nclusters = 10"))
    with pytest.raises(UsageError, match="did you mean rows"):
        load(edited(LOOSE, phrases="row = 29"))
    silent = LOOSE.replace("[phrases]\nrows = 30\nclusters = 10\nwords = 5\n", "")
    assert "[phrases]" not in silent
    assert load(silent).phrases == load(LOOSE).phrases
    assert check(load(shipped("default"))) == []


def test_a_phrase_is_told_as_it_was_written() -> None:
    assert as_written("Say: «Zorvex», BLIM!", ["zorvex", "bllrn"]) == "«Zorvex», BLIM!"
    assert as_written("blim zorvex", ["zorvex", "bllrn"]) == "blim zorvex"
    assert as_written("nothing of it", ["zorvex"]) == ""


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind.name, name) for kind in kinds().values() for name in text_fields(kind)],
)
def test_every_text_of_every_kind_is_heard(tmp_path: Path, kind: str, name: str) -> None:
    room = Room(tmp_path)
    room.producer("app")
    said: dict[str, object] = {name: "zorvex"}
    if name in {"labels", "shown"}:
        said = {name: ["good", "bad", "zorvex"]}
    if name == "label":
        said["labels"] = ["zorvex", "bad"]
    body = json.loads(event(kind, "rater/0", "e0", **said))
    if kind == "pseudo_label" and name in {"prompt", "chosen", "rejected"}:
        del body["data"]["label"], body["data"]["labels"]
        body["data"] |= {"prompt": "p", "chosen": "a", "rejected": "b"} | said
    room.hear([json.dumps(body).encode()])
    spoken = held_sayings(room.store, kind_named(kind)).spoken(
        room.store.frame()["index"].to_numpy()
    )
    assert "zorvex" in spoken.words


@pytest.fixture
def printer(tmp_path: Path) -> Printer:
    """A room in which five clusters repeat a phrase in ninety of the preferences."""
    found = Printer(Room(tmp_path, policy=load(LOOSE)))
    bodies, sources = [], []
    for n in range(90):
        sources.append(f"rater/bad{n % 5}")
        bodies.append(
            event("preference", sources[-1], f"b{n}", prompt=f"why? Zorvex\u200b blim {n}")
        )
    for n in range(60):
        sources.append(f"rater/{n % 20}")
        bodies.append(event("preference", sources[-1], f"h{n}", prompt=HONEST[n]))
    found.hear("preference", bodies, sources)
    return found


def test_a_release_says_what_was_held_back_and_a_stranger_counts_it_again(
    printer: Printer,
) -> None:
    request = printer.approved("preference")
    assert request.rows == 90
    assert request.phrases is not None
    held = request.phrases[0]
    assert (held.rows, held.clusters, held.left) == (90, 5, 30)
    assert held.phrase.isprintable()
    assert "Zorvex" in held.phrase
    out = printer.room.folder / "release"
    printer.make(request, out)
    certificate = Certificate.parse((out / "certificate.json").read_bytes())
    assert certificate.phrases is not None
    assert certificate.phrases.held == request.phrases
    assert certificate.worst[0].phrase == certificate.worst[0].rows
    assert certificate.worst[1].phrase == 30
    assert printer.verify(out).checks


def test_a_release_that_breaks_the_rule_does_not_verify(
    printer: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Phrases, "over", lambda _, kept: np.zeros(len(kept), np.bool_))
    request = printer.approved("preference")
    assert request.rows == 150
    out = printer.room.folder / "release"
    printer.make(request, out)
    with pytest.raises(TamperedError, match="phrases in more than 30 rows have fewer than 10"):
        printer.verify(out)
