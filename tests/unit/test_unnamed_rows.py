"""A CSV without ids is told of: a second one of the same sources would be put aside."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from service.sheets import unnamed


@pytest.mark.parametrize(
    ("name", "head", "said"),
    [
        ("a.csv", "source,target,value", True),
        ("a.csv", "source,target,value,ID", True),
        ("a.csv", "\ufeffid,source,target,value", False),
        ("a.csv.gz", "source,target,time,value", True),
        ("a.csv.gz", "source,target,time,value,id", False),
        ("a.jsonl", '{"specversion": "1.0"}', False),
    ],
)
def test_rows_without_a_column_id_are_named_by_their_number(
    tmp_path: Path, name: str, head: str, *, said: bool
) -> None:
    text = f"{head}\nu,t,1,1,1\n".encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    assert unnamed(tmp_path / name) is said
