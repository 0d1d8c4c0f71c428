"""What every store owes, run on all that are offered and naming none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from quarantine.arrivals import KEPT, WHOLE, Counts, DeadLetter, Mark, Taken, put_aside
from quarantine.errors import StaleError
from quarantine.log import proof_nodes, root_from, root_of
from quarantine.model import Act, Dossier, Member, Named, SourceKey, Verdict
from quarantine.ports import Store
from tests.holding import entry, said
from tests.places import STORES, Place, Places
from tests.plain_log import nodes_from


@pytest.fixture(params=sorted(STORES))
def place(request: pytest.FixtureRequest, places: Places) -> Place:
    return places.new(request.param)


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    with place.open() as opened:
        yield opened


def test_hears_an_event_twice_and_holds_it_once(store: Store) -> None:
    assert store.take([entry(1, said("a"), said("b"))]) == Taken(2, 0, [])
    again = store.take([entry(2, said("a"), said("c"))])
    assert (again.stored, again.duplicates) == (1, 1)
    assert store.counts()["app"].stored == 3
    assert store.counts()["app"].received == 4


def test_hears_an_entry_twice_and_counts_it_once(store: Store) -> None:
    store.take([entry(1, said("a"))])
    assert store.take([entry(1, said("a"))]) == Taken(0, 0, [])
    assert store.counts()["app"].entries_received == 1


def test_the_same_event_twice_in_one_batch_is_a_duplicate(store: Store) -> None:
    taken = store.take([entry(1, said("a"), said("a"))])
    assert (taken.stored, taken.duplicates) == (1, 1)


def test_another_body_under_a_known_identity_is_a_conflict(store: Store) -> None:
    store.take([entry(1, said("a", body=b"one"))])
    taken = store.take([entry(2, said("a", body=b"two", at=7), said("b", at=8))])
    assert taken.stored == 1
    assert [(letter.reason, letter.position) for letter in taken.dead] == [("conflict", 7)]
    assert [row.body for row in store.held([0])] == [b"one"]


def test_two_sources_may_use_the_same_id(store: Store) -> None:
    taken = store.take([entry(1, said("a"), said("a", source="rater/2"))])
    assert taken.stored == 2


def test_a_used_seq_with_the_same_bytes_is_a_duplicate_entry(store: Store) -> None:
    store.take([entry(1, said("a"), said("b"), digest=b"same")])
    again = store.take([entry(2, said("a"), said("b"), digest=b"same", seq=1)])
    assert (again.stored, again.duplicates, list(again.dead)) == (0, 2, [])
    assert store.counts()["app"].entries_received == 2


def test_a_used_seq_with_other_bytes_is_put_aside_whole(store: Store) -> None:
    store.take([entry(1, said("a"), digest=b"one")])
    taken = store.take([entry(2, said("z"), digest=b"two", seq=1)])
    assert taken.stored == 0
    assert [(letter.reason, letter.position) for letter in taken.dead] == [("seq_reused", -1)]
    counts = store.counts()["app"]
    assert counts.received == counts.stored + counts.duplicates + counts.dead_lettered == 2


def test_dead_letters_are_numbered_and_kept(store: Store) -> None:
    letter = DeadLetter("app", "feedback:in:app", "1-0", 3, "bad_json", "x", 5, 2, "d", b"{]")
    arrival = entry(1, said("a"))
    store.take([replace(arrival, dead=[letter])])
    assert store.dead() == [(1, letter)]
    assert store.dead(since=1) == []
    assert store.counts()["app"].received == 2


def test_many_new_sources_of_several_arrivals_each_get_a_number(store: Store) -> None:
    arrivals = [
        entry(n, *(said(f"e{n}", source=f"rater/{n}-{i % 100}") for i in range(1)))
        for n in range(1, 3)
    ] + [
        entry(n, *(said(f"e{n}-{i}", source=f"rater/{n}-{i}") for i in range(150)))
        for n in range(3, 6)
    ]
    assert store.take(arrivals).stored == 452
    assert len(store.sources()) == 452
    assert [row.source for row in store.held([0, 1, 2, 451])] == [
        "rater/1-0",
        "rater/2-0",
        "rater/3-0",
        "rater/5-149",
    ]
    assert list(store.verify()) == []


def test_the_log_grows_with_events_and_acts_alike(store: Store) -> None:
    store.take([entry(1, *(said(f"e{n}") for n in range(300)))])
    assert store.record([Act("tried", 1, b"x"), Act("tried", 2, b"y")]) == [300, 301]
    store.take([entry(2, said("after"))])
    assert store.size() == 303
    leaves = store.leaves(0, 303)
    assert store.frontier(303).root() == root_of(leaves)
    assert store.frontier(256).root() == root_of(leaves[:256])
    assert store.frontier(77).root() == root_of(leaves[:77])


def test_any_rows_can_be_proven_from_stored_nodes(store: Store) -> None:
    store.take([entry(n, *(said(f"e{n}-{i}") for i in range(200))) for n in range(1, 6)])
    indexes = [0, 3, 255, 256, 700, 999]
    nodes = {node: store.node(*node) for node in proof_nodes(indexes, 1000)}
    leaves = {index: store.leaves(index, index + 1)[0] for index in indexes}
    assert root_from(leaves, nodes, 1000) == store.frontier(1000).root()
    assert nodes == nodes_from(nodes, store.leaves)


def test_two_writers_make_one_log(store: Store, place: Place) -> None:
    with place.open() as other:
        failures: list[BaseException] = []

        def write(each: Store, start: int) -> None:
            try:
                for n in range(start, start + 40):
                    each.take([entry(n, said(f"e{n}", source=f"rater/{n}"))])
                    each.record([Act("tried", n, b"z")])
            except BaseException as error:  # noqa: BLE001  reported by the test itself
                failures.append(error)

        threads = [
            threading.Thread(target=write, args=(store, 1)),
            threading.Thread(target=write, args=(other, 101)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    assert store.size() == 160
    assert store.frontier(160).root() == root_of(store.leaves(0, 160))
    assert list(store.verify()) == []


def test_a_copy_is_a_store_of_its_own_with_the_same_log(
    store: Store, place: Place, places: Places
) -> None:
    store.take([entry(1, said("a"), said("b"))])
    beside = places.new(place.kind)
    store.copy(beside.location)
    store.take([entry(2, said("c"))])
    with beside.open() as copy:
        assert (copy.size(), store.size()) == (2, 3)
        assert copy.frontier(2).root() == store.frontier(2).root()
        assert list(copy.verify()) == []
        assert copy.take([entry(1, said("a"), said("b"))]) == Taken(0, 0, [])


def test_events_are_found_by_whoever_said_them_and_when(store: Store) -> None:
    store.take([replace(entry(1, said("a"), said("b", source="rater/2")), arrived=10)])
    store.take([replace(entry(2, said("c")), arrived=20)])
    store.take([replace(entry(3, said("d")), arrived=9, key="another")])
    assert store.find(Named()) == [0, 1, 2, 3]
    assert store.find(Named(producer="app", source="rater/2")) == [1]
    assert store.find(Named(producer="nobody")) == []
    assert store.find(Named(event="c")) == [2]
    assert store.find(Named(producer="app", key="another")) == [3]
    assert store.find(Named(key="another", since=10)) == []
    assert store.find(Named(key="k1", until=20)) == [0, 1]
    assert store.find(Named(since=10, until=20)) == [0, 1]
    assert store.find(Named(since=11)) == [2]


def test_requests_are_found_by_what_is_frozen_with_them(store: Store) -> None:
    store.take([entry(1, said("a"), said("b"), said("c"))])
    rows = [Member(row.index, row.leaf, "app/rater/1") for row in store.held([0, 1, 2])]
    first = store.freeze(Act("request-made", 9, b"{}"), rows[:2])
    second = store.freeze(Act("request-made", 9, b"[]"), rows[1:])
    assert store.frozen_with([1]) == {first: 1, second: 1}
    assert store.frozen_with([0, 1, 2]) == {first: 2, second: 2}
    assert store.frozen_with([2, 77]) == {second: 1}
    assert store.frozen_with([]) == {}


def test_a_frozen_request_keeps_its_members(store: Store) -> None:
    store.take([entry(1, said("a"), said("b"), said("c"))])
    rows = list(store.held([0, 2]))
    members = [Member(row.index, row.leaf, "app/rater/1") for row in rows]
    request = store.freeze(Act("request-made", 9, b"{}"), members)
    kept = store.members(request)
    assert [(each.index, each.leaf, each.source) for each in kept] == [
        (row.index, row.leaf, "rater/1") for row in rows
    ]
    assert store.members(request + 1) == []


def test_what_is_revoked_is_marked_and_stays(store: Store) -> None:
    store.take([entry(1, said("a"), said("b"))])
    store.revoke(Act("revoked", 1, b"{}"), [1])
    assert store.revoked() == {1}
    assert store.frame().num_rows == 2


def test_a_frame_has_every_held_event_once_in_log_order(store: Store) -> None:
    store.take([entry(1, said("a"), said("b", source="rater/2"))])
    store.record([Act("tried", 1, b"x")])
    store.take([entry(2, said("c"))])
    frame = store.frame()
    assert frame.column("index").to_pylist() == [0, 1, 3]
    assert frame.column("source").to_pylist() == ["rater/1", "rater/2", "rater/1"]
    assert store.frame(since=2).column("id").to_pylist() == ["c"]


def test_a_frame_of_some_columns_is_those_of_the_whole_one(store: Store) -> None:
    store.take([entry(1, said("a"), said("b", source="rater/2"))])
    store.take([replace(entry(1, said("c")), producer="bot"), entry(2, said("d"))])
    whole = store.frame()
    for names in (("source",), ("index", "producer", "answer"), ("scope",)):
        assert store.frame(only=names).to_pylist() == whole.select(names).to_pylist()


def test_dossiers_replace_the_older_ones(store: Store) -> None:
    store.take([entry(1, said("a"), said("b", source="rater/2"))])

    def dossier(source: str, score: float) -> Dossier:
        return Dossier(
            producer="app",
            source=source,
            events=1,
            score=score,
            cluster=f"app/{source}",
            verdict=Verdict.WATCH,
        )

    assert store.judged_at() is None
    store.judge([dossier("rater/1", 0.2), dossier("rater/2", 0.9)], 7)
    store.judge([dossier("rater/1", 0.5)], 8)
    assert [(d.source, d.score) for d in store.dossiers()] == [("rater/2", 0.9), ("rater/1", 0.5)]
    assert store.dossiers([SourceKey("app", "rater/1")])[0].score == 0.5
    clusters = {each.key: each.cluster for each in store.dossiers()}
    assert list(store.linked().items()) == list(clusters.items())
    assert store.judged_at() == 8


def test_losses_and_what_the_bus_said_add_up(store: Store) -> None:
    assert store.lost(Act("loss-reported", 1, b"{}"), "app", 4, 6)
    assert not store.lost(Act("loss-reported", 2, b"{}"), "app", 4, 6)
    assert not store.lost(Act("loss-reported", 3, b"{}"), "app", 6, 9), "a part is known"
    assert len(list(store.acts())) == 1, "what counts nothing says nothing"
    assert store.counts()["app"].entries_lost == 3
    assert _seen(store, Mark(10, "1-0", 0)) == 10
    assert _seen(store, Mark(12, "2-0", 10)) == 12
    assert store.lives() == {"app": 0}
    assert _seen(store, Mark(2, "3-0", 0)) == 14, "knowing fewer than before is a new life"
    assert store.lives() == {"app": 1}


def test_a_stream_that_began_anew_and_grew_as_long_again_has_two_lives(store: Store) -> None:
    assert _seen(store, Mark(5, "1-0", 0)) == 5
    assert _seen(store, Mark(5, "2-0", 0)) == 10
    assert store.lives() == {"app": 1}


def test_what_an_older_bus_has_once_more_counts_once(store: Store) -> None:
    assert _seen(store, Mark(12, "7-0", 0)) == 12
    assert _seen(store, Mark(9, "8-0", 8)) == 13
    assert _seen(store, Mark(10, "8-1", 9)) == 14
    assert store.lives() == {"app": 1}


def test_a_number_that_was_read_too_early_is_no_new_life(store: Store) -> None:
    assert _seen(store, Mark(12, "2-0", 0)) == 12
    assert _seen(store, Mark(10, "1-0", 10), Mark(13, "3-0", 12)) == 13
    assert store.lives() == {"app": 0}
    assert _seen(store, Mark(3, "4-0", 0), Mark(4, "5-0", 0)) == 17


def _seen(store: Store, mark: Mark, again: Mark | None = None) -> int:
    return store.seen("app", "feedback:in:app", lambda _: mark, lambda _: again or mark)


def test_what_was_reported_lost_and_came_after_all_is_not_lost(store: Store) -> None:
    store.lost(Act("loss-reported", 1, b"{}"), "app", 4, 6)
    store.take([entry(5, said("a"))])
    assert store.counts()["app"].entries_lost == 2


def test_tells_which_entries_were_taken(store: Store) -> None:
    store.take([entry(1, said("a")), entry(2, said("b"))])
    assert store.taken("feedback:in:app", ["1-0", "2-0", "3-0"]) == {"1-0", "2-0"}
    assert store.taken("feedback:in:other", ["1-0"]) == set()


def test_kept_checkpoints_come_back_in_order(store: Store) -> None:
    store.checkpoint(5, b"five")
    store.checkpoint(2, b"two")
    assert store.checkpoints() == [(2, b"two"), (5, b"five")]


def letter(number: int, content: bytes = b"x", **changed: object) -> DeadLetter:
    made = put_aside(entry(number, digest=b"d"), -1, "unknown_producer", "nobody", content)
    return replace(made, **changed)  # type: ignore[arg-type]  # a test's own shorthand


def test_a_dead_letter_on_its_second_way_counts_as_what_became_of_it(store: Store) -> None:
    dead = letter(1)
    store.take([replace(entry(1), seq=None, dead=[dead])])
    assert store.counts()["app"] == Counts(entries_received=1, received=1, dead_lettered=1)
    again = replace(entry(1, said("a"), said("b")), entry=dead.again, seq=5)
    still = replace(put_aside(again, 2, "bad_json", "", b"{"), position=2)
    second = replace(again, dead=[still])
    assert store.take([second]).stored == 2
    assert store.take([second]) == Taken(0, 0, [])
    wanted = Counts(entries_received=1, received=3, stored=2, dead_lettered=1)
    assert store.counts()["app"] == wanted
    assert store.spans("app") == [(5, 5)]
    assert store.taken("feedback:in:app", [dead.again, "9-9"]) == {dead.again}


def test_a_dead_letter_keeps_who_vouched_for_it(store: Store) -> None:
    arrival = replace(entry(1), vouch=b"1\nkey\nsig")
    store.take([replace(arrival, dead=[put_aside(arrival, 0, "bad_json", "", b"{")])])
    ((_, kept),) = store.dead()
    assert kept.vouch == b"1\nkey\nsig"


def test_an_hour_of_a_producers_dead_letters_keeps_so_many_bytes(store: Store) -> None:
    large, count = b"x" * WHOLE, KEPT // WHOLE
    for number in range(1, count + 3):
        dead = letter(number, large, reason="bad_json", at=0)
        store.take([replace(entry(number, digest=b"d"), dead=[dead])])
    store.take(
        [
            replace(
                entry(1),
                entry="next-hour",
                seq=None,
                dead=[letter(1, large, reason="bad_json", at=3_600_000_000, entry="next-hour")],
            )
        ]
    )
    found = [each for _, each in store.dead(limit=1000)]
    assert [each.whole for each in found] == [True] * count + [False, False, True]
    assert {(each.size, each.digest) for each in found} == {(WHOLE, found[0].digest)}
    assert store.counts()["app"].dead_lettered == count + 3


def test_acts_are_recorded_only_where_what_they_require_holds(store: Store) -> None:
    """What is asked inside the transaction sees all that was written, and its no leaves nothing."""
    one, two = Act("released", 1, b"one"), Act("released", 2, b"two")

    def once() -> None:
        if any(logged.act.kind == "released" for logged in store.acts()):
            raise LookupError

    assert store.record([one], require=once) == [0]
    with pytest.raises(LookupError):
        store.record([two], require=once)
    assert [logged.act for logged in store.acts()] == [one]
    assert store.size() == 1
    assert store.record([two]) == [1]
    assert list(store.verify()) == []


def test_of_those_who_record_the_same_at_once_one_does_and_the_others_see_it(
    store: Store, place: Place
) -> None:
    """Two processes that release one request each ask inside the transaction: one leaves."""

    def release(name: bytes) -> str:
        with place.open() as own:

            def once() -> None:
                if any(logged.act.kind == "released" for logged in own.acts()):
                    raise StaleError(name.decode())

            start.wait()
            try:
                own.record([Act("released", 1, name)], require=once)
            except StaleError:
                return "late"
            return "left"

    start = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        told = [*pool.map(release, [b"a", b"b", b"c", b"d"])]
    assert sorted(told) == ["late", "late", "late", "left"]
    assert store.size() == 1
    assert list(store.verify()) == []
