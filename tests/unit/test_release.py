"""A release is exactly what people approved, made again byte for byte, or nothing at all."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from approvals import landing
from approvals import release as releasing
from approvals.attest import act_of, record_of
from approvals.directory import digests
from approvals.model import Decision, Request, ReviewerAdded, Revoked
from approvals.release import make
from approvals.releases import current, releases
from approvals.rows import schema_of, shard_of
from approvals.rules import load
from approvals.signers.file import new_key
from quarantine.envelope import kinds
from quarantine.errors import QuarantineError, StaleError, TamperedError, UnmetError, UsageError
from quarantine.model import Act
from tests.press import DATA, Printer, event
from tests.room import LOOSE, Room


@pytest.fixture
def printer(tmp_path: Path) -> Printer:
    printer = Printer(Room(tmp_path))
    printer.room.crowd(8, 3)
    return printer


def left_behind(printer: Printer) -> list[str]:
    """Name whatever a refused release left beside the files that were there."""
    known = ("store.db", "trust.toml", "revocations.dsse.json")
    found = {each.name for each in printer.room.folder.iterdir()}
    return sorted(n for n in found if not n.startswith(known) and ".pem" not in n)


def refused(printer: Printer, request: Request, error: type[QuarantineError], why: str) -> None:
    """The request is refused for this reason, nothing is written, nothing is recorded."""
    with pytest.raises(error, match=why):
        make(request.digest, printer.room.folder / "release", printer.press())
    assert left_behind(printer) == []
    assert releases(printer.room.store) == []


def test_what_was_approved_leaves_and_no_more(printer: Printer) -> None:
    request = printer.approved()
    printer.room.crowd(2, 3, first=50)
    out = printer.room.folder / "release"
    made = printer.make(request, out)
    rows = pq.read_table(out / "data")
    assert rows.num_rows == made.rows == request.rows == 24
    wanted = {f"app/rater/{n}" for n in range(8)}
    assert set(rows.column("source").to_pylist()) == wanted
    assert rows.column("log_index").to_pylist() == sorted(rows.column("log_index").to_pylist())
    assert printer.verify(out).release.rows == 24


def test_every_row_says_where_it_comes_from(printer: Printer) -> None:
    rows = pq.read_table(printer.print() / "data").to_pylist()
    for row in rows:
        assert row["cluster"] == row["source"]
        assert row["shard"] == shard_of(row["cluster"])
        assert (row["origin"], row["scope"], row["value"]) == ("human", "helpful", 4.0)


def test_one_approval_is_not_enough(printer: Printer) -> None:
    request = printer.ask()
    printer.room.vote(request, "ben")
    refused(printer, request, UnmetError, "1 of 2 people")


def test_two_keys_of_one_person_are_not_enough(printer: Printer) -> None:
    printer.room.add("ben-again", person="ben", roles=("reviewer",))
    request = printer.ask()
    printer.room.vote(request, "ben")
    printer.room.vote(request, "ben-again")
    refused(printer, request, UnmetError, "1 of 2 people")


def test_an_approval_for_other_bytes_is_none(printer: Printer) -> None:
    other = printer.approved()
    printer.room.crowd(3, 3, first=20)
    request = printer.ask()
    vote = printer.room.vote(other, "ben")
    printer.room.slip_in(vote.model_copy(update={"nonce": "1" * 32}), "ben")
    printer.room.vote(request, "cho")
    refused(printer, request, UnmetError, "1 of 2 people")


def test_an_approval_by_who_asked_is_none(printer: Printer) -> None:
    request = printer.ask()
    vote = printer.room.vote(request, "ben")
    own = vote.model_copy(
        update={"by": "ana", "key": printer.room.signers["ana"].key_id, "nonce": "2" * 32}
    )
    printer.room.slip_in(own, "ana")
    refused(printer, request, UnmetError, "1 of 2 people")


def test_a_withdrawn_approval_is_none(printer: Printer) -> None:
    request = printer.approved()
    printer.room.vote(request, "cho", Decision.WITHDRAW)
    refused(printer, request, UnmetError, "1 of 2 people")


def test_a_policy_that_changed_since_makes_the_approval_stale(printer: Printer) -> None:
    request = printer.approved()
    printer.room.policy = load(LOOSE + "\n# another\n")
    refused(printer, request, StaleError, "policy")


def test_a_row_that_changed_since_makes_the_approval_stale(printer: Printer) -> None:
    import sqlite3

    request = printer.approved()
    row = printer.room.store.members(
        next(i for i, r in _requests(printer) if r.digest == request.digest)
    )[3].index
    with sqlite3.connect(printer.room.folder / "store.db") as raw:
        raw.execute("DROP TRIGGER event_update")
        raw.execute(
            "UPDATE event SET body = replace(body, '\"value\": 4', '\"value\": 5') WHERE idx = ?",
            (row,),
        )
    refused(printer, request, StaleError, f"log row {row}")


def test_rows_taken_back_since_make_the_approval_stale(printer: Printer) -> None:
    request = printer.approved()
    printer.room.store.revoke(
        _some_act(printer),
        [
            printer.room.store.members(
                next(i for i, r in _requests(printer) if r.digest == request.digest)
            )[0].index
        ],
    )
    refused(printer, request, StaleError, "taken back")


def test_nothing_is_written_over(printer: Printer) -> None:
    request = printer.approved()
    out = printer.room.folder / "release"
    out.mkdir()
    with pytest.raises(UsageError, match="there already"):
        make(request.digest, out, printer.press())
    assert list(out.iterdir()) == []
    out.rmdir()
    out.symlink_to(printer.room.folder / "elsewhere")
    with pytest.raises(UsageError, match="there already"):
        make(request.digest, out, printer.press())


def test_a_fault_while_writing_leaves_nothing(
    printer: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = printer.approved()

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(releasing, "sign_manifest", full)
    with pytest.raises(OSError, match="No space"):
        make(request.digest, printer.room.folder / "release", printer.press())
    assert left_behind(printer) == []
    assert releases(printer.room.store) == []


def test_a_vote_that_comes_while_it_is_written_stops_it(
    printer: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = printer.approved()
    sign = releasing.sign_manifest

    def late(*given: object) -> bytes:
        printer.room.vote(request, "cho", Decision.WITHDRAW)
        return sign(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(releasing, "sign_manifest", late)
    refused(printer, request, StaleError, "while")


def test_a_killed_release_leaves_none_and_can_be_made_again(printer: Printer) -> None:
    request = printer.approved()
    out = printer.room.folder / "release"
    pid = os.fork()
    if pid == 0:
        releasing.sign_manifest = lambda *_: os.kill(os.getpid(), 9)  # type: ignore[assignment]
        make(request.digest, out, printer.press())
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 9
    assert not out.exists()
    assert len(left_behind(printer)) == 1
    printer.make(request, out)
    assert left_behind(printer) == ["release"]
    printer.verify(out)


def test_a_release_killed_after_the_ledger_knew_it_is_finished_by_the_next_run(
    printer: Printer,
) -> None:
    request = printer.approved()
    out = printer.room.folder / "release"
    pid = os.fork()
    if pid == 0:
        landing._sync_tree = lambda *_: os.kill(os.getpid(), 9)
        make(request.digest, out, printer.press())
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 9
    (left,) = releases(printer.room.store)
    assert not out.exists()
    made = printer.make(request, out)
    assert (made.again, made.manifest) == (True, left.record.manifest)
    assert left_behind(printer) == ["release"]
    printer.verify(out)


def test_a_release_that_left_is_made_again_byte_for_byte(printer: Printer) -> None:
    request = printer.approved()
    first = printer.make(request, printer.room.folder / "release")
    printer.room.crowd(3, 2, first=70)
    printer.room.policy = load(LOOSE + "\n# another\n")
    again = printer.make(request, printer.room.folder / "again")
    assert again == replace(first, again=True)
    assert digests(printer.room.folder / "again") == digests(printer.room.folder / "release")
    assert len(releases(printer.room.store)) == 1


def test_a_release_that_would_not_be_the_same_again_is_refused(printer: Printer) -> None:
    request = printer.approved()
    printer.make(request, printer.room.folder / "release")
    press = replace(printer.press(), detectors={"lockstep": "2"})
    with pytest.raises(TamperedError, match="left as"):
        make(request.digest, printer.room.folder / "again", press)
    assert not (printer.room.folder / "again").exists()


def test_the_same_bytes_come_out_in_another_place_time_zone_and_locale(printer: Printer) -> None:
    request = printer.approved()
    out = printer.room.folder / "release"
    printer.make(request, out)
    code = f"""
from pathlib import Path
from datetime import datetime, UTC
from approvals.draft import Press
from approvals.release import make
from approvals.signers.file import SIGNER
from quarantine.stores.sqlite import SqliteStore
from approvals.rules import load
from tests.room import LOOSE
folder = Path({str(printer.room.folder)!r})
press = Press(store=SqliteStore(folder / "store.db"), policy=load(LOOSE),
    signer=SIGNER.open(str(folder / "releasing.pem"), None), at=datetime(2030, 1, 1, tzinfo=UTC),
    origin={printer.origin!r}, roles={printer.roles!r}, detectors={{"lockstep": "1"}})
make({request.digest!r}, folder / "elsewhere", press)
"""
    environment = os.environ | {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "PYTHONHASHSEED": "77"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert digests(printer.room.folder / "elsewhere") == digests(out)


def test_a_release_knows_the_one_before_it(printer: Printer) -> None:
    first = printer.print("first")
    printer.room.crowd(4, 3, first=30)
    second = printer.print("second")
    report = printer.verify(second)
    assert report.release.previous is not None
    assert report.release.previous.manifest == printer.verify(first).manifest
    assert report.release.name.endswith(".2")
    newest = current(printer.room.store, "helpful")
    assert newest is not None
    assert newest.record.manifest == report.manifest


def test_what_left_is_in_the_log_signed_by_the_releasing_role(printer: Printer) -> None:
    out = printer.print()
    (left,) = releases(printer.room.store, "helpful")
    assert left.record.manifest == printer.verify(out).manifest
    assert releases(printer.room.store, "another") == []


@pytest.mark.parametrize("kind", sorted(DATA))
def test_every_kind_can_be_released(tmp_path: Path, kind: str) -> None:
    text = LOOSE.replace("share_of_scope = 0.2", "").replace("share_of_scope = 0.1", "")
    printer = Printer(Room(tmp_path, policy=load(text)))
    names = [f"rater/{n}" for n in range(4)]
    extra = {"text": "words", "derived_from": ["a", "b"], "shown": ["x", "y"], "model": "m-1"}
    printer.room.hear(event(kind, name, f"{name}-{n}", **extra) for name in names for n in range(3))
    printer.room.score(names)
    out = printer.print(kind=kind)
    rows = pq.read_table(out / "data")
    (found,) = [each for each in kinds().values() if each.name == kind]
    assert rows.schema.equals(schema_of(found))
    row = rows.to_pylist()[0]
    assert row["time"].isoformat() == "2025-12-31T00:02:03.500000+00:00"
    assert (row["derived_from"], row["model"]) == (["a", "b"], "m-1")
    for name, value in DATA[kind].items():
        assert row[name] == value
    printer.verify(out)


def test_many_rows_are_spread_over_files(printer: Printer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releasing, "PER_FILE", 10)
    out = printer.print()
    files = sorted(path.name for path in (out / "data").iterdir())
    assert files == [f"train-{n:05}-of-00003.parquet" for n in range(3)]
    assert printer.verify(out).release.rows == 24


def _requests(printer: Printer) -> list[tuple[int, Request]]:
    found = []
    for logged in printer.room.store.acts():
        record = record_of(logged.act)
        if isinstance(record, Request):
            found.append((logged.index, record))
    return found


def _some_act(printer: Printer) -> Act:
    return act_of(
        Revoked(
            at=printer.room.at, producer="app", source="rater/1", rows=1, because="b", by="ana"
        ),
        printer.room.signers["ana"],
    )


def test_nothing_leaves_while_an_act_is_signed_by_the_wrong_hand(printer: Printer) -> None:
    request = printer.approved()
    stranger = new_key(printer.room.folder / "stranger.pem")
    seat = ReviewerAdded(
        at=printer.room.later(),
        name="mallory",
        person="mallory",
        key=stranger.key_id,
        public=stranger.public,
        roles=("reviewer",),
    )
    printer.room.store.record([act_of(seat, stranger)])
    refused(printer, request, TamperedError, "the log is not sound: act reviewer-added")


def test_of_two_releases_of_one_request_at_once_one_leaves(
    printer: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other is written too, finds at its last step that it came late, and leaves nothing."""
    import approvals.release as module

    request = printer.approved()
    ours, theirs = printer.room.folder / "ours", printer.room.folder / "theirs"
    sign = module.sign_manifest

    def meanwhile(*given: object) -> bytes:
        monkeypatch.setattr(module, "sign_manifest", sign)
        printer.make(request, theirs)
        return sign(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "sign_manifest", meanwhile)
    with pytest.raises(StaleError, match="left meanwhile, as helpful@"):
        make(request.digest, ours, printer.press())
    assert theirs.is_dir()
    assert not ours.exists()
    assert len(releases(printer.room.store)) == 1
