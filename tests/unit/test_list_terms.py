"""A revocation list holds on its own terms, and rows are read only as they were signed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from approvals.attest import payload_type, seal
from approvals.directory import digests
from approvals.loader import open_release
from approvals.revocations import SKEW, TYPE, read_list, seal_list
from approvals.tables import read_parquet, write_parquet
from quarantine.errors import TamperedError
from tests.press import Printer
from tests.room import Room

INSTANT = timedelta(microseconds=1)


@pytest.fixture
def printer(tmp_path: Path) -> Printer:
    printer = Printer(Room(tmp_path))
    printer.room.crowd(8, 3)
    return printer


def test_what_a_key_that_may_take_back_signed_as_something_else_is_no_list(
    printer: Printer,
) -> None:
    out = printer.print()
    trust = printer.publish()
    found = read_list(trust, printer.room.at)
    for type_ in (payload_type("revocation"), payload_type("policy-adopted"), f"{TYPE} "):
        other = seal(found.canonical(), type_, [printer.keys["releasing"]])
        trust.revocations.write_bytes(other)
        with pytest.raises(TamperedError, match="no revocation list"):
            read_list(trust, printer.room.at)
        with pytest.raises(TamperedError, match="no revocation list"):
            printer.verify(out)
    trust.revocations.write_bytes(seal(found.canonical(), TYPE, [printer.keys["releasing"]]))
    assert read_list(trust, printer.room.at) == found


def test_a_list_that_says_it_expires_sooner_than_the_trust_file_allows_is_stale_then(
    printer: Printer,
) -> None:
    out = printer.print()
    trust = printer.publish()
    found = read_list(trust, printer.room.at)
    ends = found.issued_at + timedelta(days=1)
    assert ends < found.issued_at + trust.max_age
    short = found.model_copy(update={"expires": ends})
    trust.revocations.write_bytes(seal_list(short, printer.keys["releasing"]))
    assert read_list(trust, ends - INSTANT) == short
    printer.verify(out, at=ends - INSTANT)
    for at in (ends, ends + timedelta(days=1)):
        with pytest.raises(TamperedError, match="is stale since"):
            read_list(trust, at)
        with pytest.raises(TamperedError, match="is stale since"):
            printer.verify(out, at=at)


def test_a_list_may_run_ahead_of_its_reader_by_the_skew_of_clocks_and_no_more(
    printer: Printer,
) -> None:
    trust = printer.publish()
    issued = read_list(trust, printer.room.at).issued_at
    assert read_list(trust, issued - SKEW).issued_at == issued
    with pytest.raises(TamperedError, match="from the future"):
        read_list(trust, issued - SKEW - INSTANT)


def test_rows_that_were_replaced_after_opening_by_other_sound_rows_are_not_read(
    printer: Printer,
) -> None:
    out = printer.print()
    release = open_release(out, trust=printer.trust_file, at=printer.room.at)
    (name,) = [name for name in digests(out) if name.startswith("data/")]
    genuine = (out / name).read_bytes()
    rows = pa.Table.from_batches(read_parquet(genuine, name))
    values = rows.column("value").to_pylist()
    place = rows.schema.get_field_index("value")
    told = pa.array([1.0 - values[0], *values[1:]], rows.schema.field(place).type)
    changed = rows.set_column(place, rows.schema.field(place), told)
    write_parquet(changed.to_batches(), release.schema, out / name)
    sound = pa.Table.from_batches(read_parquet((out / name).read_bytes(), name))
    assert (sound.schema, sound.num_rows) == (rows.schema, release.rows)
    assert sound.column("value").to_pylist()[0] != values[0]
    with pytest.raises(TamperedError, match="is not what the manifest says it was"):
        next(release.batches())
    (out / name).write_bytes(genuine)
    assert pa.Table.from_batches(release.batches()).equals(rows)
