"""Exports that remember the newest revocation list: an older one put back is not taken."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from approvals.exporting import Export, export
from approvals.landing import turn
from approvals.revocations import Seen, read_list
from approvals.trust import load_trust
from quarantine.errors import TamperedError, UnavailableError
from tests.press import Printer
from tests.product import until_true
from tests.room import Room

CONFINED = """
import sys
from datetime import datetime
from pathlib import Path
from approvals.exporting import Export, export_confined
from quarantine.errors import QuarantineError
folder, out, seen, at = sys.argv[1:]
order = Export(release=Path(folder, "release"), format="jsonl", out=Path(folder, out),
    trust=Path(folder, "trust.toml"), at=datetime.fromisoformat(at), seen=Path(seen))
try:
    export_confined(order)
except QuarantineError as error:
    sys.exit(f"{error.exit_code} {error}")
"""

WAITING = """
import approvals.exporting
confine = approvals.exporting.confine
def waiting(**paths):
    done = confine(**paths)
    print("confined", flush=True)
    sys.stdin.readline()
    return done
approvals.exporting.confine = waiting
"""


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[Printer]:
    """Return a room that printed a release, with a list, and another list since."""
    made = Printer(Room(tmp_path))
    made.room.crowd(12, 3)
    made.print()
    yield made
    made.room.store.close()


def exported(printer: Printer, out: str, seen: Path) -> str:
    """Export in a process of its own, which gives up all other files; return what it refused."""
    words = [str(printer.room.folder), out, str(seen), printer.room.at.isoformat()]
    done = subprocess.run(
        [sys.executable, "-c", CONFINED, *words], check=False, capture_output=True, text=True
    )
    return done.stderr.strip()


def newer_list(printer: Printer) -> bytes:
    """Publish the list anew, an hour later; return the one of before."""
    before = load_trust(printer.trust_file).revocations.read_bytes()
    printer.room.later(timedelta(hours=1))
    printer.publish()
    return before


def test_a_confined_export_remembers_the_list_and_refuses_an_older_one(
    printer: Printer, tmp_path: Path
) -> None:
    old, seen = newer_list(printer), tmp_path / "job" / "seen.json"
    seen.parent.mkdir()
    assert exported(printer, "first", seen) == ""
    newest = Seen.parse(seen.read_bytes())
    assert exported(printer, "again", seen) == "", "the same list once more, and seen only read"
    load_trust(printer.trust_file).revocations.write_bytes(old)
    refused = exported(printer, "late", seen)
    assert refused.startswith("5 "), refused
    assert "seen before" in refused
    assert not (tmp_path / "late").exists()
    assert Seen.parse(seen.read_bytes()) == newest


def test_an_export_of_this_process_does_the_same(printer: Printer, tmp_path: Path) -> None:
    old, seen = newer_list(printer), tmp_path / "seen.json"

    def order(out: str, seen: Path) -> Export:
        return Export(
            release=tmp_path / "release",
            format="jsonl",
            out=tmp_path / out,
            trust=printer.trust_file,
            at=printer.room.at,
            seen=seen,
        )

    export(order("first", seen))
    with pytest.raises(UnavailableError, match="cannot be written"):
        export(order("nowhere", tmp_path / "no" / "seen.json"))
    load_trust(printer.trust_file).revocations.write_bytes(old)
    with pytest.raises(TamperedError, match="seen before"):
        export(order("late", seen))


def test_a_list_and_a_trust_file_that_are_replaced_meanwhile_do_not_stop_a_confined_export(
    printer: Printer, tmp_path: Path
) -> None:
    words = [str(printer.room.folder), "met", str(tmp_path / "seen"), printer.room.at.isoformat()]
    code = CONFINED.replace("try:\n", WAITING + "try:\n")
    with subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as exporting:
        assert exporting.stdout is not None
        assert exporting.stdout.readline() == "confined\n"
        for file in (load_trust(printer.trust_file).revocations, printer.trust_file):
            aside = file.with_suffix(".new")
            aside.write_bytes(file.read_bytes())
            aside.replace(file)
        _, refused = exporting.communicate("go on\n")
    assert refused == ""
    assert (printer.room.folder / "met").is_dir()


def test_of_two_readers_the_slower_does_not_put_an_older_list_back(
    printer: Printer, tmp_path: Path
) -> None:
    trust, seen = load_trust(printer.trust_file), tmp_path / "job" / "seen.json"
    seen.parent.mkdir()
    newest = read_list(trust, printer.room.at)
    ahead = Seen(sequence=newest.sequence + 1, issued_at=newest.issued_at)
    with ThreadPoolExecutor(1) as pool:
        with turn(seen.parent):
            slower = pool.submit(read_list, trust, printer.room.at, seen)
            until_true(lambda: slower.done() or waits_for(seen.parent))
            seen.write_bytes(ahead.canonical())
        with pytest.raises(TamperedError, match="seen before"):
            slower.result()
    assert Seen.parse(seen.read_bytes()) == ahead


def waits_for(folder: Path) -> bool:
    """Say whether somebody waits for the lock of `folder`, as the kernel tells it."""
    inode = f":{folder.stat().st_ino} "
    lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    return any("->" in line and inode in line for line in lines)
