"""What every store owes to processes that take turns at a loop, run on all and naming none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quarantine.errors import StaleError
from quarantine.model import Act, Dossier, SourceKey, Verdict
from quarantine.ports import Store
from tests.holding import entry, said
from tests.places import STORES, Place, Places


@pytest.fixture(params=sorted(STORES))
def place(request: pytest.FixtureRequest, places: Places) -> Place:
    return places.new(request.param)


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    with place.open() as opened:
        opened.take([entry(1, said("a"))])
        yield opened


def dossier(score: float) -> Dossier:
    facts = {"producer": "app", "source": "rater/1", "events": 1, "cluster": "app/rater/1"}
    return Dossier.model_validate({**facts, "score": score, "verdict": Verdict.WATCH})


def test_a_loop_has_one_holder_at_a_time(store: Store, place: Place) -> None:
    with place.open() as other:
        assert store.lease("scoring", "one", at=0, until=10) == 1
        assert other.lease("scoring", "two", at=9, until=19) == 0
        assert other.lease("releasing", "two", at=9, until=19) == 1, "another loop is another's"
        assert other.lease("scoring", "two", at=10, until=20) == 2, "it ran out"
        assert store.lease("scoring", "one", at=11, until=21) == 0


def test_who_holds_on_keeps_the_token_and_the_time_moves(store: Store) -> None:
    assert [store.lease("scoring", "one", at=at, until=at + 10) for at in range(0, 30, 3)] == [
        *[1] * 10
    ]
    assert store.lease("scoring", "two", at=30, until=40) == 0
    assert store.lease("scoring", "one", at=90, until=95) == 2, "nobody had it in between"


def test_who_is_late_changes_nothing_any_more(store: Store, place: Place) -> None:
    late = store.lease("scoring", "one", at=0, until=10)
    store.judge([dossier(0.1)], 1, 1, require=lambda: store.fence("scoring", late))
    with place.open() as other:
        newer = other.lease("scoring", "two", at=10, until=20)
        store.judge([dossier(0.2)], 2, 1, require=lambda: store.fence("scoring", late))
        other.judge([dossier(0.9)], 3, 1, require=lambda: other.fence("scoring", newer))
    with pytest.raises(StaleError, match="taken scoring over"):
        store.judge([dossier(0.3)], 4, 1, require=lambda: store.fence("scoring", late))
    with pytest.raises(StaleError):
        store.record([Act("tried", 5, b"x")], require=lambda: store.fence("scoring", late))
    assert store.dossiers([SourceKey("app", "rater/1")])[0].score == 0.9
    assert (store.judged_at(), store.size()) == (3, 1)
