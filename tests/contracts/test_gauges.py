"""What every gauge owes: it fits some rows, repeats itself, and never stops what it cannot tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import pandas as pd
import pytest

from approvals.conditions import Gate
from approvals.ports import Gauge
from approvals.rehearsal import Rehearsal
from approvals.rows import Voices, rows_of
from quarantine.envelope import kinds
from quarantine.model import Held, Kind
from quarantine.plugins import offered
from tests.press import DATA, event

GAUGES = cast("dict[str, Gauge]", dict(offered("approvals.gauges", "GAUGE")))
KINDS = {kind.name: kind for kind in kinds().values()}
GATE = Gate(name="usual", scopes=("*",), kinds=("*",))


def rows(kind: Kind, count: int) -> pd.DataFrame:
    """Make release rows of a kind, by ten sources in turn, with the least that it must hold."""
    held = []
    for number in range(count):
        body = event(kind.name, f"rater/{number % 10}", f"e{number}", **DATA[kind.name])
        source, id_ = f"rater/{number % 10}", f"e{number}"
        held.append(Held(number, "app", source, id_, 1, "k1", b"s" * 16, body, b""))
    clusters = [f"c{number % 10}" for number in range(count)]
    batch = rows_of(held, Voices(clusters, ["human"] * count), kind)
    return batch.to_pandas()


def fitting(kind: str, count: int = 40) -> Iterator[tuple[Gauge, pd.DataFrame]]:
    table = rows(KINDS[kind], count)
    yield from ((gauge, table) for gauge in GAUGES.values() if gauge.fits(table))


@pytest.mark.parametrize("kind", sorted(DATA))
def test_one_gauge_fits_the_rows_of_each_kind(kind: str) -> None:
    assert len([*fitting(kind)]) == 1


@pytest.mark.parametrize("kind", sorted(DATA))
@pytest.mark.parametrize("first", [True, False])
def test_rows_that_all_say_the_same_are_not_stopped_and_measured_alike_twice(
    kind: str,
    first: bool,  # noqa: FBT001  one of two cases
) -> None:
    for gauge, table in fitting(kind):
        new = np.ones(len(table), bool) if first else np.arange(len(table)) >= 20
        rehearsal = Rehearsal(rows=table, candidate=new, secret=b"s", gate=GATE)
        found = gauge.measure(rehearsal)
        assert gauge.measure(rehearsal) == found
        assert [each for each in found.measures if each.stops(GATE.alpha)] == []


@pytest.mark.parametrize("kind", sorted(DATA))
@pytest.mark.parametrize("count", [1, 3, 12])
def test_few_rows_are_no_reason_to_fail(kind: str, count: int) -> None:
    for gauge, table in fitting(kind, count):
        every = np.ones(count, bool)
        gauge.measure(Rehearsal(rows=table, candidate=every, secret=b"s", gate=GATE))
