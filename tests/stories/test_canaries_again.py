"""The end of a drill: the canaries that a ring moved are back in limits with the successor."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from approvals import desk
from approvals.attest import act_of
from approvals.gate import GateReport
from approvals.gatekeeper import Bench, keep, measure
from approvals.lineage import trace
from approvals.model import PolicyAdopted, Released, Request
from approvals.releases import current, releases
from approvals.revoke import TakingBack, take_back
from approvals.rules import load
from quarantine.model import Named, SourceKey
from tests.pairing import pair, turned
from tests.press import Printer, event
from tests.room import LOOSE, Room, asked

GATED = LOOSE + '\n[[gate]]\nname = "behaviour"\nscopes = ["*"]\nkinds = ["preference"]\n'
SOURCES = [f"rater/{n}" for n in range(12)]
RING = SOURCES[:2]


def speak(printer: Printer) -> None:
    """Twelve people compare answers; two of them are one voice that turns a tenth of it round."""
    chance, bodies = np.random.default_rng(1), []
    for row in range(120):
        said, source = pair(chance), SOURCES[row % len(SOURCES)]
        said |= turned(said, chance) if source in RING else {}
        bodies.append(event("preference", source, f"e{row}", **said))
    printer.hear("preference", bodies, SOURCES)


def gated(printer: Printer, request: Request) -> GateReport:
    """Measure a request on its canaries and keep the report, as `quarantine gate` does."""
    room = printer.room
    place = next(index for index, each in desk.requests(room.store) if each == request)
    bench = Bench(
        store=room.store,
        gate=load(GATED).gate[0],
        signer=printer.keys["operator"],
        folder=room.folder,
        at=room.later(),
    )
    report = measure(place, request, bench)
    keep(report, bench)
    return report


def taken_back(printer: Printer, release: Released) -> None:
    """Trace each of the ring into the release, and take all of it back."""
    room = printer.room
    for source in RING:
        rows = room.store.find(Named(producer="app", source=source))
        assert [left.record for left, _ in trace(room.store, rows)[0].releases] == [release]
        taking = TakingBack(
            source=SourceKey("app", source), because="one voice", by="ana", at=room.later()
        )
        take_back(room.store, taking, room.signers["ana"])


def test_canaries_that_a_ring_moved_are_back_in_limits_with_the_clean_successor(
    tmp_path: Path,
) -> None:
    printer = Printer(Room(tmp_path, policy=load(LOOSE)))
    room = printer.room
    speak(printer)
    poisoned = printer.approved("preference")
    printer.make(poisoned, tmp_path / "first")
    before = releases(room.store)[0].record
    found_late = gated(printer, poisoned)
    assert not found_late.passed

    # From now on nothing leaves that was not measured; the ring is traced and taken back.
    room.policy = load(GATED)
    adopted = PolicyAdopted(at=room.later(), policy=room.policy.digest, toml=GATED)
    room.store.record([act_of(adopted, room.operator)])
    taken_back(printer, before)
    assert current(room.store, "helpful") is None

    room.later()
    wanted = asked(room, kind="preference") | {"replaces": before.name}
    request, _, _ = desk.make_request(room.store, **wanted)  # type: ignore[typeddict-item]
    for name in ("ben", "cho"):
        room.vote(request, name)
    report = gated(printer, request)
    assert report.passed, report.reasons
    printer.make(request, tmp_path / "second")
    newest = current(room.store, "helpful")
    assert newest is not None
    assert newest.record.rows == 100
    assert "gate.json is signed and stops nothing" in printer.verify(tmp_path / "second").checks
