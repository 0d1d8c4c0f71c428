"""What every store owes when something is erased, run on all that are offered and naming none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from quarantine.arrivals import put_aside
from quarantine.errors import StaleError
from quarantine.log import root_of
from quarantine.model import Act, Dossier, Finding, Named, SourceKey, Verdict
from quarantine.ports import Store
from tests.holding import entry, said
from tests.places import STORES, Places

SECRET = b"the-words-that-must-go"
ACT = Act("erased", 9, b"by two people")


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, places: Places) -> Iterator[Store]:
    with places.new(request.param).open() as opened:
        opened.take([entry(n, *(_said(n, i) for i in range(100))) for n in range(1, 4)])
        yield opened


def _said(number: int, place: int) -> object:
    source = "rater/9" if place % 10 == 0 else f"rater/{place % 7}"
    body = json.dumps({"id": f"e{number}-{place}", "said": SECRET.decode()}).encode()
    return said(f"e{number}-{place}", source=source, body=body)


def _erase(store: Store, **named: object) -> list[int]:
    indexes = store.find(Named(**named))  # type: ignore[arg-type]  words, each of its own type
    store.erase(ACT, indexes)
    return indexes


def test_what_was_erased_is_gone_and_the_log_still_verifies(store: Store) -> None:
    leaves = store.leaves(0, 300)
    indexes = _erase(store, producer="app", source="rater/9")
    assert len(indexes) == 30
    assert store.erased() == dict.fromkeys(indexes, 300)
    assert {(each.salt, each.body) for each in store.held(indexes)} == {(b"", b"")}
    assert all(each.is_erased and each.source == "rater/9" for each in store.held(indexes))
    assert store.leaves(0, 300) == leaves
    assert store.frontier(300).root() == root_of(leaves)
    assert list(store.verify()) == []


def test_others_keep_what_they_said(store: Store) -> None:
    others = store.find(Named(source="rater/3"))
    before = list(store.held(others))
    _erase(store, source="rater/9")
    assert list(store.held(others)) == before


def test_an_erased_event_is_in_no_frame_and_still_counted(store: Store) -> None:
    counts = store.counts()
    _erase(store, source="rater/9")
    frame = store.frame()
    assert frame.num_rows == 270
    assert "rater/9" not in frame.column("source").unique().to_pylist()
    assert store.counts() == counts
    assert SourceKey("app", "rater/9") in store.sources()


def test_an_erased_event_that_is_said_again_is_a_duplicate_whatever_it_says(store: Store) -> None:
    _erase(store, source="rater/9", event="e1-0")
    once, other = _said(1, 0), said("e1-0", source="rater/9", body=b"other")
    taken = store.take([entry(5, once, other, once)])  # type: ignore[arg-type]
    assert (taken.stored, taken.duplicates, list(taken.dead)) == (0, 3, [])
    (left,) = store.held(store.find(Named(source="rater/9", event="e1-0")))
    assert left.is_erased
    assert list(store.verify()) == []


def test_dead_letters_are_emptied_and_still_counted(store: Store) -> None:
    letters = [put_aside(entry(7), n, "bad_value", SECRET.decode(), SECRET) for n in range(3)]
    store.take([replace(entry(7), dead=letters)])
    counts = store.counts()
    store.erase(ACT, [], [1, 3])
    kept = [(each.content, each.detail, each.size) for _, each in store.dead()]
    empty = (b"", "", len(SECRET))
    assert kept == [empty, (SECRET, SECRET.decode(), len(SECRET)), empty]
    assert store.counts() == counts
    assert list(store.verify()) == []


def test_a_dossier_keeps_its_verdict_and_quotes_nothing(store: Store) -> None:
    dossiers = [
        Dossier(
            producer="app",
            source=source,
            events=1,
            score=0.9,
            cluster=f"app/{source}",
            verdict=Verdict.HOLD,
            findings=(Finding(detector="d", score=0.9, because=SECRET.decode(), examples=("e",)),),
        )
        for source in ("rater/9", "rater/3")
    ]
    store.judge(dossiers, 1)
    _erase(store, source="rater/9")
    gone, kept = (store.dossiers([each.key])[0] for each in dossiers)
    assert (gone.verdict, gone.score) == (Verdict.HOLD, 0.9)
    assert SECRET not in gone.canonical()
    assert kept == dossiers[1]


def test_nothing_is_erased_where_the_act_may_not_follow(store: Store) -> None:
    def refuse() -> None:
        raise StaleError("somebody was faster")

    with pytest.raises(StaleError):
        store.erase(ACT, [0], require=refuse)
    assert (store.size(), store.erased()) == (300, {})


def test_what_is_scrubbed_again_stays_as_it_is(store: Store) -> None:
    _erase(store, source="rater/9")
    before = store.leaves(0, store.size())
    store.scrub()
    assert store.leaves(0, store.size()) == before


def test_the_log_goes_on_after_an_erasure(store: Store) -> None:
    _erase(store, source="rater/9")
    store.take([entry(6, said("later"))])
    assert store.size() == 302
    assert list(store.verify()) == []
