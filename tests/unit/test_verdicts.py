"""Verdicts: the union of channels decides, consensus alone only watches, people always win."""

from __future__ import annotations

import pytest

from quarantine.model import Standing, Verdict
from quarantine.verdicts import called, ruling, uncalibrated, verdict

NOBODY = Standing()


@pytest.mark.parametrize(
    ("alarms", "expected"),
    [
        (set(), Verdict.CLEAR),
        ({"outsider"}, Verdict.WATCH),
        ({"ring"}, Verdict.HOLD),
        ({"tempo"}, Verdict.HOLD),
        ({"pattern"}, Verdict.HOLD),
        ({"outsider", "tempo"}, Verdict.HOLD),
    ],
)
def test_the_union_of_channels_decides(alarms: set[str], expected: Verdict) -> None:
    assert verdict(alarms, NOBODY) is expected


@pytest.mark.parametrize("alarms", [set(), {"outsider"}, {"ring", "tempo"}])
def test_a_person_overrules_every_machine(alarms: set[str]) -> None:
    assert verdict(alarms, Standing(ruling="hold")) is Verdict.HOLD
    assert verdict(alarms, Standing(ruling="clear")) is Verdict.CLEAR


def test_a_ruling_shows_as_a_finding_with_its_reason() -> None:
    held = ruling(Standing(ruling="hold", because="sold its account"))
    assert held is not None
    assert held.because == "held by a person: sold its account"
    assert held.score == 1
    cleared = ruling(Standing(ruling="clear"))
    assert cleared is not None
    assert cleared.because == "cleared by a person: no reason was given"
    assert ruling(NOBODY) is None


def test_what_an_alarm_means_is_said_in_numbers_of_people() -> None:
    told = called(3 / 401, 400, 0.1)
    assert "all but 2 of 400 reviewed sources" in told.because
    assert "of 20 called like this, at most 2 are expected to be innocent" in told.because
    assert told.score == 1 - 3 / 401
    assert "at most 4" in called(1 / 401, 400, 0.2).because


def test_an_alarm_that_no_reference_bears_out_promises_nothing() -> None:
    told = uncalibrated(0.05, 20)
    assert told.because.startswith("20 reviewed sources are too few")
    assert "at most" not in told.because
