"""What is taken back is marked, listed, and no longer opened."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from approvals.attest import seal
from approvals.directory import digests
from approvals.loader import open_release
from approvals.releases import current, touched
from approvals.revocations import TYPE, read_list, seal_list
from approvals.revoke import TakingBack, publish, revocation_list
from approvals.revoke import take_back as taken_back
from approvals.signers.file import new_key
from approvals.trust import load_trust
from quarantine.errors import TamperedError, UsageError
from quarantine.model import SourceKey
from tests.press import Printer
from tests.room import START, Room


@pytest.fixture
def printer(tmp_path: Path) -> Printer:
    printer = Printer(Room(tmp_path))
    printer.room.crowd(8, 3)
    return printer


def take_back(
    printer: Printer, source: str = "rater/3", **window: object
) -> tuple[int, list[tuple[str, int]]]:
    taking = TakingBack(
        source=SourceKey("app", source),
        because="a stolen account",
        by="ana",
        at=printer.room.later(),
        **window,  # type: ignore[arg-type]
    )
    done = taken_back(printer.room.store, taking, printer.room.signers["ana"])
    return done.rows, [(left.record.name, rows) for left, rows in done.releases]


def test_taking_back_says_what_it_touched(printer: Printer) -> None:
    printer.print("first")
    printer.room.crowd(4, 3, first=40)
    printer.print("second")
    rows, releases = take_back(printer)
    assert rows == 3
    assert releases == [("helpful@2026-01-01.1", 3)]


def test_a_release_that_was_touched_is_refused_and_another_is_not(printer: Printer) -> None:
    first = printer.print("first")
    printer.room.crowd(4, 3, first=40)
    second = printer.print("second")
    take_back(printer)
    printer.publish()
    with pytest.raises(TamperedError, match="taken back"):
        printer.verify(first)
    with pytest.raises(TamperedError, match="taken back"):
        open_release(first, trust=printer.trust_file, at=printer.room.at)
    printer.verify(second)


def test_current_is_the_newest_that_was_not_touched(printer: Printer) -> None:
    printer.print("first")
    printer.room.crowd(4, 3, first=40)
    printer.print("second")
    take_back(printer, "rater/41")
    newest = current(printer.room.store, "helpful")
    assert newest is not None
    assert newest.record.name.endswith(".1")
    take_back(printer, "rater/1")
    assert current(printer.room.store, "helpful") is None


def test_a_window_takes_back_what_arrived_in_it_alone(printer: Printer) -> None:
    before = printer.room.at
    printer.room.hear(
        [_body("rater/3", "late-1"), _body("rater/3", "late-2")],
    )
    assert take_back(printer, since=before)[0] == 2
    assert take_back(printer, until=before)[0] == 3
    assert take_back(printer, since=START - timedelta(days=2), until=START)[0] == 0


def test_a_source_taken_back_for_good_is_held_as_well(printer: Printer) -> None:
    take_back(printer, until=printer.room.at)
    assert SourceKey("app", "rater/3") not in printer.room.roster.standings
    take_back(printer)
    assert printer.room.roster.standings[SourceKey("app", "rater/3")].ruling == "hold"


def test_what_nobody_said_cannot_be_taken_back(printer: Printer) -> None:
    with pytest.raises(UsageError, match="nothing was ever heard"):
        take_back(printer, "rater/none")
    with pytest.raises(UsageError, match="ends before"):
        take_back(printer, since=START, until=START)


def test_the_list_names_rows_sources_and_releases_and_counts_up(printer: Printer) -> None:
    printer.print("first")
    before = revocation_list(printer.room.store, printer.room.at)
    assert (before.sources, before.releases, before.events) == ((), (), ())
    take_back(printer)
    after = revocation_list(printer.room.store, printer.room.at)
    assert after.sequence > before.sequence
    assert [(each.producer, each.source) for each in after.sources] == [("app", "rater/3")]
    assert [each.rows for each in after.releases] == [3]
    rows = sorted(printer.room.store.revoked())
    assert sorted(after.events) == sorted(h.leaf.hex() for h in printer.room.store.held(rows))
    assert [rows for _, rows in touched(printer.room.store, rows)] == [3]


def test_a_missing_list_is_refused(printer: Printer) -> None:
    out = printer.print()
    load_trust(printer.trust_file).revocations.unlink()
    with pytest.raises(TamperedError, match="cannot be read"):
        printer.verify(out)


def test_a_stale_list_is_refused(printer: Printer) -> None:
    out = printer.print()
    printer.verify(out, at=printer.room.at + timedelta(days=6, hours=23))
    with pytest.raises(TamperedError, match="stale"):
        printer.verify(out, at=printer.room.at + timedelta(days=7))


def test_a_list_older_than_the_release_is_refused(printer: Printer) -> None:
    trust = printer.publish()
    old = trust.revocations.read_bytes()
    out = printer.print()
    trust.revocations.write_bytes(old)
    with pytest.raises(TamperedError, match="older than the release"):
        printer.verify(out)


def test_a_forged_list_is_refused(printer: Printer) -> None:
    out = printer.print()
    trust = load_trust(printer.trust_file)
    found = revocation_list(printer.room.store, printer.room.at)
    for signer in (new_key(printer.room.folder / "other.pem"), printer.keys["intake"]):
        trust.revocations.write_bytes(seal_list(found, signer))
        with pytest.raises(TamperedError, match="may take back"):
            printer.verify(out)
    trust.revocations.write_bytes(seal(found.canonical(), TYPE, []))
    with pytest.raises(TamperedError, match="may take back"):
        printer.verify(out)
    spelled = bytearray(seal_list(found, printer.keys["releasing"]))
    spelled[40] ^= 1
    trust.revocations.write_bytes(spelled)
    with pytest.raises(TamperedError, match=r"revocations\.dsse\.json"):
        printer.verify(out)


def test_an_older_list_than_was_seen_before_is_refused(printer: Printer) -> None:
    out = printer.print()
    trust = load_trust(printer.trust_file)
    old = trust.revocations.read_bytes()
    take_back(printer, "rater/3", since=START - timedelta(days=2), until=START)
    printer.publish()
    seen = printer.room.folder / "seen.json"
    at = printer.room.at
    open_release(out, trust=printer.trust_file, at=at, seen=seen)
    open_release(out, trust=printer.trust_file, at=at, seen=seen)
    trust.revocations.write_bytes(old)
    open_release(out, trust=printer.trust_file, at=at)
    with pytest.raises(TamperedError, match="seen before"):
        open_release(out, trust=printer.trust_file, at=at, seen=seen)


def test_a_list_from_the_future_is_refused(printer: Printer) -> None:
    trust = printer.publish()
    publish(
        printer.room.store,
        trust.revocations,
        printer.keys["releasing"],
        printer.room.at + timedelta(days=30),
    )
    with pytest.raises(TamperedError, match="future"):
        read_list(trust, printer.room.at)


def test_a_genuine_release_of_another_scope_is_not_opened(printer: Printer) -> None:
    out = printer.print()
    at = printer.room.at
    scope = open_release(out, trust=printer.trust_file, at=at).about()["scope"]
    open_release(out, trust=printer.trust_file, at=at, scope=scope)
    with pytest.raises(TamperedError, match="not for safety"):
        open_release(out, trust=printer.trust_file, at=at, scope="safety")


def test_an_opened_release_streams_its_rows(printer: Printer) -> None:
    out = printer.print()
    release = open_release(out, trust=printer.trust_file, at=printer.room.at)
    batches = list(release.batches())
    assert sum(batch.num_rows for batch in batches) == release.rows == 24
    assert all(batch.schema.equals(release.schema) for batch in batches)
    assert release.about()["manifest"] == printer.verify(out).manifest


def test_rows_that_change_after_opening_are_not_read(printer: Printer) -> None:
    out = printer.print()
    release = open_release(out, trust=printer.trust_file, at=printer.room.at)
    (name,) = [name for name in digests(out) if name.startswith("data/")]
    content = bytearray((out / name).read_bytes())
    content[200] ^= 1
    (out / name).write_bytes(content)
    with pytest.raises(TamperedError, match="train-00000"):
        list(release.batches())


def _body(source: str, id_: str) -> bytes:
    from tests.press import event

    return event("rating", source, id_)


def test_a_row_that_was_taken_back_is_refused_also_where_its_release_is_not_named(
    printer: Printer,
) -> None:
    out = printer.print()
    take_back(printer)
    trust = printer.publish()
    found = read_list(trust, printer.room.at)
    assert found.releases
    hiding = found.model_copy(update={"releases": ()})
    trust.revocations.write_bytes(seal_list(hiding, printer.keys["releasing"]))
    with pytest.raises(TamperedError, match=r"log row \d+ of .* was taken back"):
        printer.verify(out)


def test_a_list_is_no_longer_fresh_than_the_trust_file_lets_it_be(printer: Printer) -> None:
    out = printer.print()
    trust = load_trust(printer.trust_file)
    found = read_list(trust, printer.room.at)
    lasting = found.model_copy(update={"expires": found.issued_at + timedelta(days=300)})
    trust.revocations.write_bytes(seal_list(lasting, printer.keys["releasing"]))
    printer.verify(out, at=found.issued_at + timedelta(days=6, hours=23))
    with pytest.raises(TamperedError, match="stale"):
        printer.verify(out, at=found.issued_at + timedelta(days=7))
