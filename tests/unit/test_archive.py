"""Archives of a store: by day, whole at every moment, and what is scored from them is the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from approvals.attest import payload_type, seal
from approvals.keys import key_id
from approvals.ports import Signer
from approvals.signers.file import new_key
from quarantine.errors import TamperedError, UsageError
from quarantine.log import commit, event_leaf
from quarantine.model import Act
from service import archive as archives
from service import wiring
from service.holdings import NAME, TYPE, Manifest, read_manifest, read_part, seal_manifest
from service.rescoring import rescored
from service.scoring import Scorer
from service.settings import State
from tests.archived import kept, opened, trusting, window
from tests.peopled import peopled
from tests.places import STORES, Places
from tests.room import Room, crowded
from tests.shell import Shell


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
    done = kept(room, tmp_path / "out")
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
    kept(room, out)
    before = files(out)
    room.later(timedelta(days=1))
    room.crowd(6, 3, first=50)
    done = kept(room, out)
    days = {part.file.split("/")[1] for part in done.events}
    assert days == {"day=2026-01-01", "day=2026-01-02"}
    assert rows(out, done)["index"].to_pylist() == room.store.frame()["index"].to_pylist()
    after = files(out)
    both = before.keys() & after.keys()
    assert len(both - {NAME}) >= 2
    assert all(before[name] == after[name] for name in both - {NAME})
    named = {part.file for part in (*done.events, *done.beside.values())}
    assert after.keys() == named | {NAME}, "older ends are swept away"
    table = pq.read_table(out / "events")  # as anybody reads it, who knows nothing of us
    assert table.num_rows == room.store.frame().num_rows


def test_what_was_erased_leaves_the_archive_with_the_next_run(room: Room, tmp_path: Path) -> None:
    out = tmp_path / "out"
    kept(room, out)
    (gone, *_) = room.store.frame()["index"].to_pylist()
    (held,) = room.store.held([gone])
    room.store.erase(Act("erased", 1, b"{}"), [gone])
    done = kept(room, out)
    assert gone not in rows(out, done)["index"].to_pylist()
    assert not any(held.salt in each.read_bytes() for each in out.rglob("*") if each.is_file())


def test_what_dies_while_it_is_written_leaves_the_archive_of_before(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    before = kept(room, out)
    room.crowd(6, 3, first=50)
    monkeypatch.setattr(archives, "_fates_of", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        kept(room, out)
    assert opened(room, out) == before
    assert rows(out, before).num_rows == 36


def test_another_log_and_another_directory_are_refused(room: Room, tmp_path: Path) -> None:
    out = tmp_path / "out"
    kept(room, out)
    (tmp_path / "other").mkdir()
    other = crowded(tmp_path / "other")
    with pytest.raises(TamperedError, match="not signed with a key"):
        kept(other, out)
    with pytest.raises(TamperedError, match="another log"):
        archives.archive(other.store, out, room.at, room.operator)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match="something else"):
        kept(room, tmp_path / "full")
    with pytest.raises(UsageError, match="is no archive"):
        opened(room, tmp_path / "full")


@pytest.mark.parametrize("what", ["events", "beside"])
def test_a_file_that_was_changed_is_named(room: Room, tmp_path: Path, what: str) -> None:
    out = tmp_path / "out"
    kept(room, out)
    file = next(each for each in (out / what).rglob("*.parquet"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(TamperedError, match="is not what its manifest names"):
        rescored(window(room, out))


def test_an_archive_is_scored_as_its_store_is(room: Room, tmp_path: Path) -> None:
    peopled(room)
    kept(room, tmp_path / "out")
    scored = rescored(window(room, tmp_path / "out"))
    Scorer(room.store, room.roster, room.operator).once(room.at)
    there = {each.key: each for each in room.store.dossiers()}
    assert {each.key: each for each in scored.dossiers} == {
        each.key: there[each.key] for each in scored.dossiers
    }
    assert not scored.cold_start
    assert {str(each.verdict) for each in scored.dossiers} >= {"clear", "hold"}


def test_of_one_scope_alone_what_others_say_counts_nothing(room: Room, tmp_path: Path) -> None:
    kept(room, tmp_path / "out")
    everything = rescored(window(room, tmp_path / "out")).dossiers
    assert rescored(window(room, tmp_path / "out", "helpful")).dossiers == everything
    with pytest.raises(UsageError, match="no event of this scope"):
        rescored(window(room, tmp_path / "out", "safe"))


def test_a_manifest_of_another_root_is_that_of_another_log(room: Room, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = kept(room, out)
    assert opened(room, out) == done
    other = done.model_copy(update={"root": "00" * 32})
    (out / NAME).write_bytes(seal_manifest(other, room.operator))
    with pytest.raises(TamperedError, match="another log"):
        kept(room, out)


def forged(done: Manifest, own: Signer, stranger: Signer) -> dict[str, bytes]:
    """Return manifests that nobody may believe, each by what is wrong with it."""
    other = done.model_copy(update={"size": done.size - 1})
    turned = bytearray(seal_manifest(done, own))
    turned[len(turned) // 2] ^= 1
    return {
        "not signed with a key": seal_manifest(other, stranger),
        "is not signed": seal(other.canonical(), TYPE, []),
        "no manifest of an archive": seal(other.canonical(), payload_type("vote"), [own]),
        NAME: bytes(turned),
        "no DSSE envelope": done.canonical(),
    }


def test_a_manifest_that_was_not_signed_so_is_neither_read_nor_built_on(
    room: Room, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = kept(room, out)
    for said, spelled in forged(done, room.operator, new_key(tmp_path / "eve.pem")).items():
        (out / NAME).write_bytes(spelled)
        with pytest.raises(TamperedError, match=said) as refused:
            opened(room, out)
        assert NAME in str(refused.value)
        with pytest.raises(TamperedError):
            kept(room, out)
        assert (out / NAME).read_bytes() == spelled, "what was found wrong is left as it is"


def test_an_archive_of_before_manifests_were_signed_is_written_anew(
    room: Room, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = kept(room, out)
    (out / NAME).unlink()
    (out / "manifest.json").write_bytes(done.canonical())
    part = out / done.events[0].file
    part.write_bytes(b"not what it was")
    again = kept(room, out)
    assert rows(out, again).num_rows == 36
    assert not (out / "manifest.json").exists()


def test_the_commands_say_what_was_written_and_what_is_thought(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    room = crowded(state)
    room.store.close()
    out, dossiers = tmp_path / "out", tmp_path / "dossiers.jsonl"
    said = json.loads(Shell(state).run("archive", "--out", str(out), "--json").out)
    assert (said["events"], said["files"]) == (36, 1)
    words = ("score", "--archive", str(out), "--out")
    told = json.loads(Shell(state).run(*words, str(dossiers), "--json").out)
    assert (told["sources"], told["clear"], told["cold_start"]) == (12, 12, True)
    assert len(dossiers.read_text().splitlines()) == 12
    for wrong in (tmp_path, tmp_path / "no" / "where"):
        assert Shell(state).run(*words, str(wrong)).code == 2
    assert Shell(state).run("score", "--archive", str(state), "--out", str(dossiers)).code == 2
    assert said["manifest"] == manifest_of(State(state), out).digest


def manifest_of(state: State, out: Path) -> Manifest:
    public = wiring.role_publics(state)["releasing"]
    return read_manifest(out, lambda _: {key_id(public): public})


def test_whom_to_trust_is_said_by_a_trust_file_or_is_ones_own_house(
    room: Room, tmp_path: Path
) -> None:
    out, elsewhere = tmp_path / "out", Shell(tmp_path / "elsewhere")
    kept(room, out)
    words = ("score", "--archive", str(out), "--out", str(tmp_path / "dossiers.jsonl"))
    told = elsewhere.run(*words)
    assert (told.code, "give --trust FILE" in told.err) == (2, True), told
    assert not elsewhere.state.exists()
    trust = ("--trust", str(trusting(room, tmp_path / "trust.toml")))
    assert elsewhere.run(*words, *trust).code == 0
    wiring.prepare(State(elsewhere.state))
    told = elsewhere.run(*words)
    assert (told.code, NAME in told.err) == (5, True), "another house's archive"
    part = next((out / "events").rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    told = elsewhere.run(*words, *trust)
    assert (told.code, part.name in told.err) == (5, True), told
