"""Whether the gate that a policy demands was passed: from the log before a release, or from one."""

from __future__ import annotations

from typing import Final

from approvals.attest import holds, record_of
from approvals.gate import GATE, GateReport, GateReported, require_as_asked
from approvals.given import Given
from approvals.keys import key_id
from approvals.model import Request
from approvals.policy import Policy
from approvals.proofs import read_act
from approvals.releases import Left, releases, yanked
from approvals.workflow import request_id
from quarantine.errors import TamperedError, UnmetError
from quarantine.model import Logged
from quarantine.ports import Store

ENDING: Final = f"-{GateReported.act}.dsse.json"


def accepted_before(store: Store, request: Request) -> list[Left]:
    """Return the releases of a request's scope and kind that were not taken back as a whole."""
    back = yanked(store)
    return [
        left
        for left in releases(store, request.scope)
        if left.record.kind == request.kind
        and left.record.request != request.digest
        and left.record.manifest not in back
    ]


def newest_report(store: Store, request: Request, size: int) -> tuple[Logged, GateReport] | None:
    """Return the newest report on a request below log row `size`; absent where nobody measured."""
    found = None
    for logged in store.acts():
        if logged.act.kind == GateReported.act and logged.index < size:
            record = record_of(logged.act)
            if isinstance(record, GateReported) and record.request == request.digest:
                found = (logged, record.report)
    return found


def lacking(report: GateReport | None, policy: Policy, request: Request) -> str:
    """Say why a request has not passed the gate that `policy` demands; '' where it has, or none."""
    gate = policy.gate_for(request.scope, request.kind)
    if gate is None:
        return ""
    if report is None:
        return f"the gate {gate.name!r} was not run: quarantine gate {request_id(request)}"
    named = (report.request, report.root, report.policy, report.scope, report.kind)
    if named != (request.digest, request.root, policy.digest, request.scope, request.kind):
        return f"the gate {gate.name!r} was run on other rows, or under another policy: run it anew"
    wrong = require_as_asked(report, gate)
    if wrong:
        return f"the gate {gate.name!r}: {wrong}"
    if report.passed:
        return ""
    return f"the gate {gate.name!r} stops it: " + "; ".join(report.reasons)


def require_gate(
    store: Store, policy: Policy, request: Request, size: int, *, again: bool
) -> tuple[Logged, GateReport] | None:
    """Return the report by which a request may leave; absent where the policy demands none.

    It must have compared with the releases that stand now, unless a release is made `again` from
    the first `size` rows of the log. Raises `UnmetError` saying what is missing.
    """
    if policy.gate_for(request.scope, request.kind) is None:
        return None
    found = newest_report(store, request, size)
    why = lacking(found and found[1], policy, request)
    if found is not None and not why and not again and is_outdated(store, found[1], request):
        why = "other releases stand now than the gate compared with: run it anew"
    if found is None or why:
        raise UnmetError(f"request {request_id(request)}: {why}")
    return found


def is_outdated(store: Store, report: GateReport, request: Request) -> bool:
    """Say whether other releases stand now than a report compared with."""
    return report.before != tuple(left.record.manifest for left in accepted_before(store, request))


def require_passed(given: Given, policy: Policy, request: Request) -> list[Logged]:
    """Check the gate again from a release alone; return its act, none where none is demanded.

    The report must be the one that the operator's role signed into the log, on these very rows,
    under this policy, and nothing in it may stop them. Raises `TamperedError` naming what is wrong.
    """
    files = [name for name in given.under("proofs") if name.endswith(ENDING)]
    here = [*files, *({GATE} & given.statement.files.keys())]
    if policy.gate_for(request.scope, request.kind) is None:
        if here:
            raise TamperedError(f"{here[0]} is there, and the policy asks for no gate")
        return []
    if len(files) != 1 or len(here) != 2:  # noqa: PLR2004  the report and its act
        raise TamperedError(f"{GATE} and its act in proofs/ must be there once: the policy asks")
    logged, report = _reported(given, files[0])
    why = lacking(report, policy, request)
    if why:
        raise TamperedError(f"{GATE}: {why}")
    return [logged]


def _reported(given: Given, name: str) -> tuple[Logged, GateReport]:
    """Return a release's report and its act, signed by who may measure."""
    logged, record = read_act(name.partition("/")[2], given.read(name))
    if not isinstance(record, GateReported) or not _signed(given, logged, record):
        raise TamperedError(f"{name} is not signed by a key that may measure")
    if record.report.canonical() != given.read(GATE) or record.request != record.report.request:
        raise TamperedError(f"{GATE} is not the report that was signed")
    return logged, record.report


def _signed(given: Given, logged: Logged, record: GateReported) -> bool:
    keys = given.trust.keys_for("gate", record.at)
    return any(holds(logged.act.body, key_id(public), public) for public in keys.values())
