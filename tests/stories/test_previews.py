"""What a command would do is told to whoever may read, without a key, and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.room import crowded
from tests.shell import Shell


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (("revoke", "--source", "app/rater/3"), 3),
        (("revoke", "--producer", "app"), 36),
        (("erase", "--source", "app/rater/3"), 3),
    ],
)
def test_a_preview_needs_no_name_and_no_key(
    words: tuple[str, ...], rows: int, tmp_path: Path
) -> None:
    room = crowded(tmp_path)
    before = room.store.size()
    told = Shell(tmp_path).run(*words, "--dry-run", "--json")
    assert told.code == 0, told
    document = json.loads(told.out)
    assert document["rows"] == rows
    assert not document.get("revoked", document.get("erased"))
    assert room.store.size() == before
    assert not room.store.revoked()
    assert not room.store.erased()
    room.store.close()
