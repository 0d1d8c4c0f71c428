"""Archives of a store: by day, whole at every moment, and what is scored from them is the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quarantine.errors import TamperedError, UsageError
from quarantine.log import commit, event_leaf
from quarantine.model import Act
from service import archive as archives
from service.archive import Manifest, archive, read_manifest, read_part
from service.rescoring import Window, rescored
from service.scoring import Scorer
from tests.peopled import peopled
from tests.places import STORES, Places
from tests.room import Room, crowded
from tests.shell import Shell

AT = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture(params=sorted(STORES))
def room(tmp_path: Path, places: Places, request: pytest.FixtureRequest) -> Iterator[Room]:
    made = crowded(tmp_path, places.new(request.param).location)
    yield made
    made.store.close()


def rows(folder: Path, manifest: Manifest) -> pa.Table:
    return pa.concat_tables([read_part(folder, part) for part in manifest.events])


def files(folder: Path) -> dict[str, int]:
    return {
        str(each.relative_to(folder)): each.stat().st_ino
        for each in folder.rglob("*")
        if each.is_file()
    }


def test_an_archive_holds_every_event_with_all_that_its_leaf_covers(
    room: Room, tmp_path: Path
) -> None:
    size = room.store.size()
    done = archive(room.store, tmp_path / "out", AT)
    assert room.store.size() == size, "the store is only read"
    held = [*room.store.held(range(size))]
    table = rows(tmp_path / "out", done)
    assert table.select(room.store.frame().column_names).to_pylist() == (
        room.store.frame().to_pylist()
    )
    for row, known in zip(table.to_pylist(), held, strict=True):
        identity = (row["producer"], row["source"], row["id"])
        commitment = commit(row["salt"], row["body"])
        assert event_leaf(identity, row["arrived"], row["key"], commitment) == known.leaf
    assert (done.size, done.root) == (size, room.store.frontier(size).root().hex())


def test_days_lie_apart_and_whole_parts_are_not_written_again(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "ROWS", 16)
    out = tmp_path / "out"
    archive(room.store, out, AT)
    before = files(out)
    room.later(timedelta(days=1))
    room.crowd(6, 3, first=50)
    done = archive(room.store, out, AT)
    days = {part.file.split("/")[1] for part in done.events}
    assert days == {"day=2026-01-01", "day=2026-01-02"}
    assert rows(out, done)["index"].to_pylist() == room.store.frame()["index"].to_pylist()
    after = files(out)
    kept = before.keys() & after.keys()
    assert len(kept - {"manifest.json"}) >= 2
    assert all(before[name] == after[name] for name in kept - {"manifest.json"})
    named = {part.file for part in (*done.events, *done.beside.values())}
    assert after.keys() == named | {"manifest.json"}, "older ends are swept away"
    table = pq.read_table(out / "events")  # as anybody reads it, who knows nothing of us
    assert table.num_rows == room.store.frame().num_rows


def test_what_was_erased_leaves_the_archive_with_the_next_run(room: Room, tmp_path: Path) -> None:
    out = tmp_path / "out"
    archive(room.store, out, AT)
    (gone, *_) = room.store.frame()["index"].to_pylist()
    (held,) = room.store.held([gone])
    room.store.erase(Act("erased", 1, b"{}"), [gone])
    done = archive(room.store, out, AT)
    assert gone not in rows(out, done)["index"].to_pylist()
    assert not any(held.salt in each.read_bytes() for each in out.rglob("*") if each.is_file())


def test_what_dies_while_it_is_written_leaves_the_archive_of_before(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    before = archive(room.store, out, AT)
    room.crowd(6, 3, first=50)
    monkeypatch.setattr(archives, "_fates_of", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        archive(room.store, out, AT)
    assert read_manifest(out) == before
    assert rows(out, before).num_rows == 36


def test_another_log_and_another_directory_are_refused(room: Room, tmp_path: Path) -> None:
    out = tmp_path / "out"
    archive(room.store, out, AT)
    (tmp_path / "other").mkdir()
    with pytest.raises(TamperedError, match="another log"):
        archive(crowded(tmp_path / "other").store, out, AT)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match="something else"):
        archive(room.store, tmp_path / "full", AT)
    with pytest.raises(UsageError, match="is no archive"):
        read_manifest(tmp_path / "full")


@pytest.mark.parametrize("what", ["events", "beside"])
def test_a_file_that_was_changed_is_named(room: Room, tmp_path: Path, what: str) -> None:
    out = tmp_path / "out"
    archive(room.store, out, AT)
    file = next(each for each in (out / what).rglob("*.parquet"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(TamperedError, match="is not what its manifest names"):
        rescored(Window(out))


def test_an_archive_is_scored_as_its_store_is(room: Room, tmp_path: Path) -> None:
    peopled(room)
    archive(room.store, tmp_path / "out", AT)
    scored = rescored(Window(tmp_path / "out"))
    Scorer(room.store, room.roster, room.operator).once(room.at)
    there = {each.key: each for each in room.store.dossiers()}
    assert {each.key: each for each in scored.dossiers} == {
        each.key: there[each.key] for each in scored.dossiers
    }
    assert not scored.cold_start
    assert {str(each.verdict) for each in scored.dossiers} >= {"clear", "hold"}


def test_of_one_scope_alone_what_others_say_counts_nothing(room: Room, tmp_path: Path) -> None:
    archive(room.store, tmp_path / "out", AT)
    everything = rescored(Window(tmp_path / "out")).dossiers
    assert rescored(Window(tmp_path / "out", scope="helpful")).dossiers == everything
    with pytest.raises(UsageError, match="no event of this scope"):
        rescored(Window(tmp_path / "out", scope="safe"))


def test_a_manifest_is_spelled_one_way(room: Room, tmp_path: Path) -> None:
    done = archive(room.store, tmp_path / "out", AT)
    assert read_manifest(tmp_path / "out") == done
    (tmp_path / "out" / "manifest.json").write_bytes(replace_root(done))
    with pytest.raises(TamperedError, match="another log"):
        archive(room.store, tmp_path / "out", AT)


def replace_root(manifest: Manifest) -> bytes:
    return manifest.model_copy(update={"root": "00" * 32}).canonical()


def test_the_commands_say_what_was_written_and_what_is_thought(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    room = crowded(state)
    room.store.close()
    out, dossiers = tmp_path / "out", tmp_path / "dossiers.jsonl"
    said = json.loads(Shell(state).run("archive", "--out", str(out), "--json").out)
    assert (said["events"], said["files"]) == (36, 1)
    assert said["manifest"] == read_manifest(out).digest
    words = ("score", "--archive", str(out), "--out")
    said = json.loads(Shell(state).run(*words, str(dossiers), "--json").out)
    assert (said["sources"], said["clear"], said["cold_start"]) == (12, 12, True)
    assert len(dossiers.read_text().splitlines()) == 12
    for wrong in (tmp_path, tmp_path / "no" / "where"):
        assert Shell(state).run(*words, str(wrong)).code == 2
    assert Shell(state).run("score", "--archive", str(state), "--out", str(dossiers)).code == 2
