"""What every store finds is the same with a concordance, without one, and with a spoiled one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quarantine.model import Act, Named
from quarantine.ports import Store
from quarantine.rows import citing
from quarantine.rows.store import RowStore
from tests.concorded import WIDE, fill, found
from tests.places import STORES, Place, Places


@pytest.fixture(params=sorted(STORES))
def place(request: pytest.FixtureRequest, places: Places, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(RowStore, "concorded", WIDE)
    return places.new(request.param)


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    with place.open() as opened:
        fill(opened, range(1, 11))
        yield opened


def test_what_is_found_does_not_depend_on_it(store: Store) -> None:
    before = found(store)
    assert sum(map(bool, before)) == 19, "of five things nobody spoke"
    assert store.concord() == 2
    assert found(store) == before
    assert store.concord(5) == 0
    assert found(store) == before
    assert list(store.verify()) == []


def test_what_came_since_is_found_as_well(store: Store, place: Place) -> None:
    store.concord(9)
    fill(store, range(11, 15))
    with place.open() as other:
        assert found(other) == found(store)
        assert max(other.find(Named(key="k1"))) > 1300
        assert other.concord(9) == 0
        assert found(other) == found(store)


def test_two_words_that_look_alike_are_told_apart_by_the_rows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = found(store)
    monkeypatch.setattr(citing, "marked", lambda _: (7, 7))
    monkeypatch.setattr("quarantine.rows.narrowing.marked", lambda _: (7, 7))
    assert store.concord(9) == 0
    assert found(store) == before


def test_a_concordance_that_is_full_is_left_alone_and_made_anew_by_nobody(
    store: Store, place: Place
) -> None:
    assert store.concord(9) == 0
    with place.open() as other:
        assert other.concord(0) == 0


def test_what_was_erased_is_in_it_no_more(store: Store) -> None:
    store.concord(9)
    (index,) = store.find(Named(event="e2-7"))
    (held,) = store.held([index])
    targets = [each for each in range(4) if index in store.find(Named(target=f"answer/{each}"))]
    store.erase(Act("erased", 9, b"by two"), [index])
    assert store.concord(0) == 1, "the range in which it lay speaks of nothing any more"
    assert index not in store.find(Named(target=f"answer/{targets[0]}"))
    assert index in store.find(Named(source=held.source))
    assert store.concord() == 0
    assert index not in store.find(Named(target=f"answer/{targets[0]}"))
    assert index in store.find(Named(source=held.source))
    assert list(store.verify()) == []


def test_what_was_erased_while_it_was_read_is_not_written(store: Store) -> None:
    assert isinstance(store, RowStore)
    concordance = store._concordance
    written = concordance.read(0)
    store.erase(Act("erased", 9, b"by two"), [5])
    with store._db.writing():
        concordance.write(written)
    assert concordance.lacking() == [0, WIDE, 2 * WIDE]


def test_nothing_is_said_of_a_range_that_is_not_full(place: Place) -> None:
    with place.open() as store:
        assert store.concord() == 0
        fill(store, range(1, 3))
        assert store.concord() == 0
        assert store.find(Named(target="answer/1"))
