"""The words of the behaviour gate: what was measured, what stops a release, and who says so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import Field

from approvals.conditions import Gate
from approvals.model import ActRecord
from quarantine.record import Record

GATE: Final = "gate.json"
"""The report's file in a release."""
DIGITS: Final = 4
"""Figures are rounded so far, that the same rows give the same bytes on another machine."""
MOST: Final = 400
"""A report holds so many measures at the most."""

Looked = Literal["shift", "cluster", "crew", "catchword", "target", "own", "known", "accuracy"]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Measure(Record):
    """One thing that was measured, `before` the candidate rows and `after` them.

    `moved` is how far, in the unit of its `limit`; `p` is how often chance moves the furthest of
    all that are measured together so far, absent where the limit is absolute. Without a `limit` it
    is told and stops nothing. `because` says it in one sentence.
    """

    looked: Looked
    what: str
    group: str
    before: Finite | None = None
    after: Finite
    moved: Finite
    limit: Finite | None = None
    p: Annotated[float, Field(ge=0, le=1)] | None = None
    because: str

    def stops(self, alpha: float) -> bool:
        """Say whether this stops a release where chance may explain less than `alpha`."""
        if self.limit is None or self.moved < self.limit:
            return False
        return self.p is None or self.p <= alpha


class Looks(Record):
    """How much was looked at: rows of each side, how many of them were read, canaries, shuffles."""

    candidate: int
    candidate_read: int
    accepted: int
    accepted_read: int
    clusters: int
    canaries: int
    shuffles: int


class Answer(Record):
    """What the team's own gate said; `answer` is the SHA-256 of its exact words, '' without any.

    `failure` says in words why it gave no answer that counts: that stops a release too.
    """

    command: str
    passed: bool
    summary: str = ""
    measures: int = 0
    answer: str = ""
    failure: str = ""


class GateReport(Record):
    """What a gate measured of the rows of one request, under one policy, beside what left before.

    `before` are the manifests of the accepted releases compared with; none is a first release, of
    which absolute limits alone can be measured. `seed` is the SHA-256 of the secret that drew the
    canaries, `canaries` that of the team's own file, '' without one.
    """

    version: Literal[1] = 1
    request: str
    root: str
    policy: str
    gate: str
    scope: str
    kind: str
    before: tuple[str, ...] = ()
    seed: str
    canaries: str = ""
    alpha: Finite
    looks: Looks
    measures: tuple[Measure, ...]
    own: Answer | None = None
    notes: tuple[str, ...] = ()

    @property
    def reasons(self) -> list[str]:
        """Return a sentence for each thing that stops the release; none means that it passed."""
        found = [each.because for each in self.measures if each.stops(self.alpha)]
        if self.own is not None and not self.own.passed:
            said = self.own.failure or self.own.summary or "no"
            found.append(f"{self.own.command} says no: {said}")
        if self.own is None and all(each.limit is None for each in self.measures):
            found.append("nothing could be measured: too few rows or clusters")
        return found

    @property
    def passed(self) -> bool:
        """Say whether nothing stops the release; a report that measured nothing stops it."""
        return not self.reasons


class GateReported(ActRecord):
    """The gate was run on a request; the newest report on its rows counts, all of them stay."""

    act = "gate-reported"

    request: str
    report: GateReport


GATES: Final = (GateReported,)
"""Every act of the gate."""


def require_as_asked(report: GateReport, gate: Gate) -> str:
    """Say how a report is another than `gate` asks for: its limits, its names; '' where it is not.

    What stops follows from the figures and the limits in the report; so they must be the policy's.
    """
    limits = {
        "shift": gate.moved,
        "cluster": gate.one_cluster,
        "crew": gate.together,
        "catchword": gate.moved,
    }
    wrong = [
        each.what
        for each in report.measures
        if each.looked in limits and each.limit not in (None, limits[each.looked])
    ]
    if report.gate != gate.name or report.alpha != gate.alpha:
        return f"it was measured by {report.gate!r}, the policy asks for {gate.name!r}"
    if wrong:
        return f"{wrong[0]} was held against another limit than the policy's"
    if bool(gate.command) != (report.own is not None):
        return "the team's own gate was not asked" if gate.command else "nobody asked that command"
    return ""


def rounded(value: float) -> float:
    """Round a figure as reports do; there is no minus nothing."""
    return round(float(value), DIGITS) + 0.0


def furthest(measures: Iterable[Measure]) -> list[Measure]:
    """Return measures in the order of a report: what stops first, then the surest, told ones last.

    Of very many the surest `MOST` are kept: what stops is always among them.
    """
    return sorted(
        measures,
        key=lambda each: (
            each.limit is None,
            not each.stops(1.0),
            0.0 if each.p is None else each.p,
            -each.moved,
            (each.looked, each.what, each.group),
        ),
    )[:MOST]
