"""What stops a release follows from the figures in a report, and from nothing else."""

from __future__ import annotations

import pytest

from approvals.canaries import OwnCanary
from approvals.gate import MOST, Answer, GateReport, Looks, Measure, furthest, rounded
from approvals.measuring import by_cluster, by_floor, by_shift
from approvals.pulls import Loudest
from quarantine.errors import TamperedError
from tests.hostile import hostile

LOOKS = Looks(
    candidate=9, candidate_read=9, accepted=0, accepted_read=0, clusters=3, canaries=4, shuffles=9
)


def measure(
    moved: float, *, limit: float | None = 0.02, p: float | None = 0.001, what: str = "length"
) -> Measure:
    return Measure(
        looked="shift",
        what=what,
        group="everyone",
        after=0.5,
        moved=moved,
        limit=limit,
        p=p,
        because=f"{what} moved",
    )


def report(*measures: Measure, own: Answer | None = None) -> GateReport:
    return GateReport(
        request="r",
        root="m",
        policy="p",
        gate="g",
        scope="s",
        kind="k",
        seed="0",
        alpha=0.01,
        looks=LOOKS,
        measures=measures,
        own=own,
    )


@pytest.mark.parametrize(
    ("one", "stops"),
    [
        (measure(0.02), True),
        (measure(0.0199), False),
        (measure(0.5, p=0.011), False),
        (measure(0.5, p=0.01), True),
        (measure(0.5, p=None), True),
        (measure(0.01, p=None), False),
        (measure(0.9, limit=None), False),
    ],
)
def test_what_moves_far_enough_and_surely_enough_stops(one: Measure, stops: bool) -> None:  # noqa: FBT001
    assert one.stops(0.01) is stops
    assert report(measure(0.0), one).passed is not stops


def test_a_report_that_measured_nothing_stops() -> None:
    assert report().reasons == ["nothing could be measured: too few rows or clusters"]
    assert not report(measure(0.1, limit=None)).passed
    assert report(own=Answer(command="g", passed=True)).passed


def test_the_teams_no_stops_with_its_reason() -> None:
    said = report(measure(0.0), own=Answer(command="g", passed=False, summary="worse"))
    assert said.reasons == ["g says no: worse"]
    failed = report(measure(0.0), own=Answer(command="g", passed=False, failure="late"))
    assert failed.reasons == ["g says no: late"]


def test_what_stops_is_told_first_and_never_left_out() -> None:
    many = [measure(0.0, p=0.5, what=f"b{n}") for n in range(2 * MOST)]
    stopping = [measure(0.5, p=None, what="x"), measure(0.5, what="y")]
    told = furthest([measure(0.9, limit=None, what="told"), *many, *stopping])
    assert len(told) == MOST
    assert {each.what for each in told[:2]} == {"x", "y"}


def test_a_report_has_one_spelling() -> None:
    told = report(measure(0.5), measure(0.1, p=None))
    assert GateReport.parse(told.canonical()) == told
    with pytest.raises(TamperedError):
        GateReport.parse(told.canonical().replace(b'"alpha":0.01', b'"alpha":0.010'))


def test_figures_are_rounded_and_there_is_no_minus_nothing() -> None:
    assert [rounded(each) for each in (0.123456, -0.00001, 1)] == [0.1235, 0.0, 1.0]
    assert str(rounded(-0.00001)) == "0.0"


@pytest.mark.parametrize("text", hostile())
def test_hostile_names_are_shown_and_do_nothing(text: str) -> None:
    loud = Loudest(cluster=1, rows=3, beyond=2.0, p=0.001)
    told = [
        by_shift(text, text, (0.1, 0.5), 0.001, 0.02),
        by_cluster((text, text), text, (None, 0.5), loud, 1.0),
        by_floor(OwnCanary(name=text, at_least=0.5), 0.1),
    ]
    for each in told:
        assert all(word.isprintable() for word in (each.what, each.group, each.because))
