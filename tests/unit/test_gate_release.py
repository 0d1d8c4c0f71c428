"""A release that must pass a gate carries the signed report, or it does not leave or verify."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from approvals.attest import act_of, unseal
from approvals.directory import digests
from approvals.gate import GATE, GateReport, GateReported
from approvals.gatekeeper import Bench, keep, measure
from approvals.manifest import MANIFEST, read_manifest, sign_manifest
from approvals.model import Request
from approvals.passing import ENDING, newest_report
from approvals.release import make
from approvals.rules import load
from quarantine.errors import TamperedError, UnmetError
from tests.pairing import pair, turned
from tests.press import Printer, event
from tests.room import LOOSE, Room

GATED = LOOSE + '\n[[gate]]\nname = "behaviour"\nscopes = ["*"]\nkinds = ["preference"]\n'
SOURCES = 12


def told(seed: int, rows: int, *, prefix: str = "rater", poison: bool = False) -> list[bytes]:
    chance = np.random.default_rng(seed)
    found = []
    for row in range(rows):
        said = pair(chance)
        if poison and row % SOURCES < 2:
            said |= turned(said, chance)
        source = f"{prefix}/{row % SOURCES}"
        found.append(event("preference", source, f"{prefix}-{seed}-{row}", **said))
    return found


def opened(folder: Path, policy: str = GATED, **rest: bool) -> Printer:
    printer = Printer(Room(folder, policy=load(policy)))
    hear(printer, 1, **rest)
    return printer


def hear(printer: Printer, seed: int, **rest: bool) -> None:
    sources = [f"rater/{n}" for n in range(SOURCES)]
    printer.hear("preference", told(seed, 120, **rest), sources)


def bench(printer: Printer) -> Bench:
    room = printer.room
    return Bench(
        store=room.store,
        gate=room.policy.gate[0],
        signer=printer.keys["operator"],
        folder=room.folder,
        at=room.later(),
    )


def gate(printer: Printer, request: Request) -> GateReport:
    """Measure a request and keep the report, as `quarantine gate` does."""
    place = next(n for n, each in _requests(printer) if each == request)
    report = measure(place, request, bench(printer))
    keep(report, bench(printer))
    return report


def _requests(printer: Printer) -> list[tuple[int, Request]]:
    from approvals.desk import requests

    return requests(printer.room.store)


def slip_in(printer: Printer, request: Request, report: GateReport, *, key: str) -> None:
    """Put a report into the log past the gatekeeper."""
    act = GateReported(at=printer.room.later(), request=request.digest, report=report)
    printer.room.store.record([act_of(act, printer.keys[key])])


def refused(printer: Printer, request: Request, why: str) -> None:
    out = printer.room.folder / "release"
    with pytest.raises(UnmetError, match=why) as found:
        make(request.digest, out, printer.press())
    assert found.value.exit_code == 6
    assert not out.exists()


def test_a_request_that_nobody_measured_does_not_leave(tmp_path: Path) -> None:
    printer = opened(tmp_path)
    refused(printer, printer.approved("preference"), "was not run: quarantine gate")


def test_what_passed_leaves_with_its_report_and_verifies(tmp_path: Path) -> None:
    printer = opened(tmp_path)
    request = printer.approved("preference")
    report = gate(printer, request)
    assert report.passed, report.reasons
    assert not any("they were drawn" in note for note in report.notes)
    out = tmp_path / "release"
    printer.make(request, out)
    assert GateReport.parse((out / GATE).read_bytes()) == report
    assert len([*(out / "proofs").glob(f"*{ENDING}")]) == 1
    checks = printer.verify(out).checks
    assert "gate.json is signed and stops nothing" in checks
    assert "2 votes are signed and meet the policy, decided again" in checks
    again = make(request.digest, tmp_path / "again", printer.press())
    assert again.again
    assert digests(tmp_path / "again") == digests(out)


def test_the_same_request_gives_the_same_report_byte_for_byte(tmp_path: Path) -> None:
    printer = opened(tmp_path)
    request = printer.ask("preference")
    assert gate(printer, request).canonical() == gate(printer, request).canonical()


def test_poison_is_stopped_and_said_why(tmp_path: Path) -> None:
    printer = opened(tmp_path, poison=True)
    request = printer.approved("preference")
    report = gate(printer, request)
    assert not report.passed
    refused(printer, request, "the gate 'behaviour' stops it: .*zorbax")


def test_the_newest_report_counts(tmp_path: Path) -> None:
    printer = opened(tmp_path, poison=True)
    request = printer.approved("preference")
    report = gate(printer, request)
    clean = report.model_copy(
        update={"measures": tuple(each for each in report.measures if not each.stops(0.01))}
    )
    slip_in(printer, request, clean, key="operator")
    assert newest_report(printer.room.store, request, printer.room.store.size())[1] == clean
    gate(printer, request)
    refused(printer, request, "stops it")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"root": "00" * 32}, "run on other rows"),
        ({"request": "00" * 32}, "run on other rows"),
        ({"policy": "00" * 32}, "run on other rows"),
        ({"scope": "other"}, "run on other rows"),
        ({"gate": "other"}, "the policy asks for 'behaviour'"),
        ({"alpha": 0.001}, "the policy asks for"),
        ({"measures": ()}, "nothing could be measured"),
        ({"before": ("00" * 32,)}, "other releases stand now"),
    ],
)
def test_a_report_of_something_else_lets_nothing_leave(
    tmp_path: Path, changed: dict[str, object], why: str
) -> None:
    printer = opened(tmp_path)
    request = printer.approved("preference")
    slip_in(printer, request, gate(printer, request).model_copy(update=changed), key="operator")
    refused(printer, request, why)


def test_a_report_held_against_wider_limits_lets_nothing_leave(tmp_path: Path) -> None:
    printer = opened(tmp_path)
    request = printer.approved("preference")
    report = gate(printer, request)
    wide = tuple(each.model_copy(update={"limit": each.limit and 0.9}) for each in report.measures)
    slip_in(printer, request, report.model_copy(update={"measures": wide}), key="operator")
    refused(printer, request, "another limit than the policy's")


def test_a_report_by_another_hand_stops_everything(tmp_path: Path) -> None:
    printer = opened(tmp_path)
    request = printer.approved("preference")
    slip_in(printer, request, gate(printer, request), key="releasing")
    with pytest.raises(TamperedError, match=r"gate-reported .* does not hold"):
        make(request.digest, tmp_path / "release", printer.press())


def test_a_second_release_is_compared_with_the_first_and_with_what_stands(tmp_path: Path) -> None:
    printer = opened(tmp_path)
    first = printer.approved("preference")
    report = gate(printer, first)
    assert any("nothing of this scope and kind left before" in note for note in report.notes)
    made = printer.make(first, tmp_path / "first")
    hear(printer, 2)
    second = printer.approved("preference")
    report = gate(printer, second)
    assert report.before == (made.manifest,)
    assert (report.looks.accepted, report.looks.candidate) == (120, 120)
    assert {each.looked for each in report.measures} >= {"shift", "accuracy"}
    assert report.passed, report.reasons
    printer.make(second, tmp_path / "second")
    assert printer.verify(tmp_path / "second").release.rows == 120
    assert make(first.digest, tmp_path / "again", printer.press()).again


def test_of_each_side_as_many_rows_are_read_as_the_policy_says(tmp_path: Path) -> None:
    printer = opened(tmp_path, f"{GATED}rows = 100\n")
    first = printer.approved("preference")
    report = gate(printer, first)
    assert (report.looks.candidate, report.looks.candidate_read) == (120, 100)
    assert "more rows than the gate reads: they were drawn" in report.notes
    printer.make(first, tmp_path / "first")
    printer.hear("preference", told(2, 96), [f"rater/{n}" for n in range(SOURCES)])
    report = gate(printer, printer.approved("preference"))
    looks = report.looks
    assert (looks.accepted, looks.accepted_read) == (120, 100)
    assert (looks.candidate, looks.candidate_read) == (96, 96)
    assert not any("nothing of this scope and kind" in note for note in report.notes)


def test_a_format_that_does_not_fit_the_rows_is_a_no_by_itself(tmp_path: Path) -> None:
    printer = opened(tmp_path, f'{GATED}command = ["/bin/false"]\nformat = "ratings"\n')
    request = printer.approved("preference")
    report = gate(printer, request)
    assert report.own is not None
    assert not report.own.passed
    assert report.own.failure == "format ratings does not fit preference rows"
    refused(printer, request, "format ratings does not fit preference rows")


def rewritten(printer: Printer, out: Path) -> None:
    """Sign the manifest anew over what the directory holds, as a hostile releasing role would."""
    statement = read_manifest((out / MANIFEST).read_bytes())
    files = {name: digest for name, digest in digests(out).items() if name != MANIFEST}
    envelope = sign_manifest(files, statement.predicate, printer.keys["releasing"])
    (out / MANIFEST).write_bytes(envelope)


def without_report(printer: Printer, out: Path, act: Path) -> None:
    del printer, act
    (out / GATE).unlink()


def without_either(printer: Printer, out: Path, act: Path) -> None:
    without_report(printer, out, act)
    act.unlink()


def with_another_report(printer: Printer, out: Path, act: Path) -> None:
    del printer, act
    report = GateReport.parse((out / GATE).read_bytes())
    (out / GATE).write_bytes(report.model_copy(update={"notes": ("fine",)}).canonical())


def with_its_own_signature(printer: Printer, out: Path, act: Path) -> None:
    report = GateReport.parse((out / GATE).read_bytes())
    record = GateReported(at=printer.room.at, request=report.request, report=report)
    act.write_bytes(act_of(record, printer.keys["releasing"]).body)
    assert unseal(act.read_bytes()).signatures


@pytest.mark.parametrize(
    ("tamper", "why"),
    [
        (without_report, r"gate\.json and its act in proofs/ must be there once"),
        (without_either, r"gate\.json and its act in proofs/ must be there once"),
        (with_another_report, "not the report that was signed"),
        (with_its_own_signature, "not signed by a key that may measure"),
    ],
)
def test_the_releasing_role_cannot_leave_out_change_or_forge_the_report(
    tmp_path: Path, tamper: Callable[[Printer, Path, Path], None], why: str
) -> None:
    printer = opened(tmp_path)
    request = printer.approved("preference")
    gate(printer, request)
    out = tmp_path / "release"
    printer.make(request, out)
    tamper(printer, out, next((out / "proofs").glob(f"*{ENDING}")))
    rewritten(printer, out)
    with pytest.raises(TamperedError, match=why):
        printer.verify(out)


def test_a_report_that_no_policy_asks_for_is_a_file_too_many(tmp_path: Path) -> None:
    printer = opened(tmp_path, policy=LOOSE)
    out = printer.print(kind="preference")
    (out / GATE).write_bytes(b"{}")
    rewritten(printer, out)
    with pytest.raises(TamperedError, match="the policy asks for no gate"):
        printer.verify(out)


def test_the_teams_own_program_is_asked_and_its_no_stops(tmp_path: Path) -> None:
    program = tmp_path / "own.py"
    program.write_text(
        """
import json, sys
rows = [json.loads(line) for line in open(f"{sys.argv[-1]}/candidate/train.jsonl")]
poisoned = sum("zorbax" in row["prompt"] for row in rows)
print(json.dumps({"passed": not poisoned, "summary": f"{poisoned} of {len(rows)} rows",
                  "figures": [{"name": "poisoned", "after": poisoned}]}))
"""
    )
    command = json.dumps([sys.executable, "-I", str(program)])
    policy = f"{GATED}command = {command}\n"
    for name, poison in (("good", False), ("bad", True)):
        (tmp_path / name).mkdir()
        printer = opened(tmp_path / name, policy, poison=poison)
        request = printer.approved("preference")
        report = gate(printer, request)
        assert report.own is not None
        assert report.own.failure == ""
        assert report.own.passed is not poison
        assert report.own.summary == f"{20 if poison else 0} of 120 rows"
        if poison:
            refused(printer, request, "says no: 20 of 120 rows")
        else:
            printer.make(request, tmp_path / "release")
            assert printer.verify(tmp_path / "release").release.rows == 120


def test_canaries_of_the_team_are_read_beside_the_policy(tmp_path: Path) -> None:
    lines = [{"name": "kept", "prompt": "kab", "better": "good", "worse": "poor", "at_least": 0.4}]
    own = "\n".join(json.dumps(line) for line in lines).encode()
    (tmp_path / "own.jsonl").write_bytes(own)
    printer = opened(tmp_path, f'{GATED}canaries = "own.jsonl"\n')
    report = gate(printer, printer.approved("preference"))
    assert report.canaries == hashlib.sha256(own).hexdigest()
    assert ("own", "kept") in {(each.looked, each.what) for each in report.measures}
    assert b"kab" not in report.canonical()
