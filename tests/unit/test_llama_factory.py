"""What LLaMA-Factory is told of an export: documented words, and columns that are there."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.json as pj
import pyarrow.parquet as pq
import pytest

from approvals.exporting import export
from approvals.llama_factory import INFO
from approvals.rules import load
from tests.press import Printer, event
from tests.room import LOOSE, Room

COLUMNS = {
    *("prompt", "query", "response", "history", "messages", "system", "tools", "images"),
    *("videos", "audios", "chosen", "rejected", "kto_tag"),
}
"""What LLaMA-Factory 0.9 reads of a dataset's columns; it refuses none, and ignores the rest."""


@pytest.mark.parametrize(
    ("kind", "format_", "told"),
    [
        ("preference", "trl-preference", {"prompt", "chosen", "rejected"}),
        ("preference", "jsonl", {"prompt", "chosen", "rejected"}),
        ("preference", "trl-sft", {"prompt", "response"}),
        ("correction", "trl-sft", {"prompt", "response"}),
        ("correction", "jsonl", {"prompt", "response"}),
        ("rating", "trl-kto", {"prompt", "response", "kto_tag"}),
        ("rating", "jsonl", None),
        ("label", "labels", None),
    ],
)
def test_the_columns_it_is_told_of_are_in_the_file(
    tmp_path: Path, kind: str, format_: str, told: set[str] | None
) -> None:
    printer = Printer(Room(tmp_path, policy=load(LOOSE.replace("share_of_scope = 0.1", ""))))
    printer.room.hear(event(kind, f"rater/{n}", f"e{n}") for n in range(3))
    printer.room.score([f"rater/{n}" for n in range(3)])
    order = printer.export(printer.print(kind=kind), format_)
    export(order)
    if told is None:
        assert not (order.out / INFO).exists()
        return
    ((name, said),) = json.loads((order.out / INFO).read_text()).items()
    assert name == "helpful@2026-01-01.1"
    assert set(said) == {"file_name", "formatting", "ranking", "columns"}
    assert set(said["columns"]) == told <= COLUMNS
    assert said["ranking"] == ("chosen" in told)
    file = order.out / said["file_name"]
    read = pq.read_table if file.suffix == ".parquet" else pj.read_json
    table = read(file)
    for column in said["columns"].values():
        assert table.column(column).null_count == 0
