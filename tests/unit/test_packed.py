"""Files from others fill no memory: a bomb is refused by whoever is given it, in one sentence."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quarantine.errors import UsageError
from service import packed
from service.adapting.rows import records_in
from service.backtest.reading import read_feedback
from service.sheets import events_in

NOW = datetime(2026, 1, 1, tzinfo=UTC)
READERS: dict[str, Callable[[Path], object]] = {
    "backtest": lambda file: read_feedback([file], scope=None, progress=lambda _: None),
    "publish": lambda file: list(events_in(file, scope="s", at=NOW)),
    "adapter": lambda file: list(records_in(file)),
}
ENDINGS = ("csv", "csv.gz", "jsonl", "jsonl.gz")


def bomb(path: Path, *, line: bytes, times: int) -> Path:
    """Write `line` so many times, as a small file where it is packed or can have holes."""
    if path.name.endswith(".gz"):
        with gzip.open(path, "wb", compresslevel=1) as packed_:
            for _ in range(times):
                packed_.write(line)
        return path
    with path.open("wb") as plain:
        plain.write(line * min(times, 2))
        os.ftruncate(plain.fileno(), len(line) * times)
    return path


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("reader", READERS)
def test_a_line_without_an_end_is_not_read_to_its_end(
    tmp_path: Path, reader: str, ending: str
) -> None:
    file = bomb(tmp_path / f"bomb.{ending}", line=b"x" * 2**20, times=20)
    with pytest.raises(UsageError, match="longer than"):
        READERS[reader](file)


@pytest.mark.parametrize("ending", ["csv.gz", "jsonl.gz"])
@pytest.mark.parametrize("reader", READERS)
def test_what_unpacks_out_of_all_proportion_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str, ending: str
) -> None:
    monkeypatch.setattr(packed, "UNDOUBTED", 2**20)
    monkeypatch.setattr(packed, "MOST_TIMES", 100)
    file = tmp_path / f"bomb.{ending}"
    header = b"source,target,time,value\n" if ending == "csv.gz" else b""
    file.write_bytes(gzip.compress(header + b"\n" * 2**23))
    with pytest.raises(UsageError, match="unpacks to more"):
        READERS[reader](file)


@pytest.mark.parametrize("ending", ["csv.gz", "jsonl.gz"])
@pytest.mark.parametrize("reader", READERS)
def test_a_gzip_with_a_hole_in_its_middle_is_told_in_a_sentence(
    tmp_path: Path, reader: str, ending: str
) -> None:
    said = b"source,target,time,value\n" + os.urandom(40_000).hex().encode() + b",t,1,1\n"
    whole = bytearray(gzip.compress(said if ending == "csv.gz" else b'{"a": 1}\n' * 9 + said))
    whole[len(whole) // 2 : len(whole) // 2 + 200] = b"\xff" * 200
    file = tmp_path / f"broken.{ending}"
    file.write_bytes(whole)
    with pytest.raises(UsageError, match=r"broken\.\S+"):
        READERS[reader](file)


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_long_lines_that_end_are_read(tmp_path: Path, ending: str) -> None:
    file = bomb(tmp_path / f"long.{ending}", line=b'"' + b"x" * 2**20 + b'"\n', times=2)
    assert [len(each) for each in records_in(file)] == [2**20 + 2] * 2


def test_of_a_parquet_a_few_rows_are_unpacked_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"text": pa.array(["x" * 2**20] * 100)}), file, compression="zstd")
    assert file.stat().st_size < 2**20
    before = pa.total_allocated_bytes()
    records = records_in(file)
    assert len(next(records)) > 2**20
    assert pa.total_allocated_bytes() - before < 20 * 2**20
    assert sum(1 for _ in records) == 99
