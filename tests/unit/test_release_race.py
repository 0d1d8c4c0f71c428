"""Two processes make the release of one request at the same instant: it leaves once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from approvals.audit import audit
from approvals.directory import digests
from approvals.releases import releases
from tests.places import STORES, Places
from tests.press import Printer
from tests.room import Room

CODE = """
import sys
from datetime import datetime, timedelta
from pathlib import Path
from approvals.draft import Press
from approvals.release import make
from approvals.rules import load
from approvals.signers.file import SIGNER
from quarantine.errors import StaleError
from service.stores import opened
from tests.room import LOOSE
folder, request, number = Path({folder!r}), {request!r}, int(sys.argv[1])
at = datetime.fromisoformat({at!r}) + timedelta(seconds=number)
press = Press(store=opened({place!r}), policy=load(LOOSE), at=at, origin={origin!r},
    signer=SIGNER.open(str(folder / "releasing.pem"), None), roles={roles!r})
print("ready", flush=True)
sys.stdin.readline()
try:
    made = make(request, folder / f"out-{{number}}", press)
    print("again" if made.again else "made")
except StaleError as error:
    print("late", error)
"""


@pytest.mark.parametrize("kind", sorted(STORES))
def test_of_two_processes_that_release_one_request_at_once_one_does(
    tmp_path: Path, places: Places, kind: str
) -> None:
    place = places.new(kind).location
    printer = Printer(Room(tmp_path, place=place))
    printer.room.crowd(8, 30)
    request = printer.approved()
    code = CODE.format(
        folder=str(tmp_path),
        place=place,
        request=request.digest,
        at=printer.room.later().isoformat(),
        origin=printer.origin,
        roles=printer.roles,
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = [racer.communicate(timeout=120)[0].split()[0] for racer in racers]
    assert said.count("made") == 1, said
    (left,) = releases(printer.room.store)
    assert left.record.rows == 240
    printer.room.later()
    printer.publish()
    whole = [tmp_path / f"out-{n}" for n in range(2) if said[n] != "late"]
    assert {printer.verify(out).manifest for out in whole} == {left.record.manifest}
    assert all(digests(out) == digests(whole[0]) for out in whole)
    assert [out.is_dir() for out in (tmp_path / "out-0", tmp_path / "out-1")].count(True) == len(
        whole
    )
    assert audit(printer.room.store, roles=printer.roles) == []
    printer.room.store.close()
