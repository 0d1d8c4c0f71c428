"""What other voices say: one voice a cluster, and a probe told as if its attack had happened."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from approvals.overheard import Sayings, Sums, shifts
from quarantine.evidence import evidence_from
from quarantine.model import SourceKey
from tests import crowd


def told(*said: tuple[str, str, str], at: int = 0) -> pa.Table:
    table = crowd.table(
        crowd.Said(source, target, answer, at=crowd.START + at + n, producer="app")
        for n, (source, target, answer) in enumerate(said)
    )
    place = table.schema.get_field_index("index")
    return table.set_column(
        place, table.schema.field(place), pa.array(np.arange(table.num_rows) + at)
    )


REAL = told(("a", "t", "yes"), ("b", "t", "no"), ("c", "t", "no"), ("c", "u", "no"), at=10)


def test_a_cluster_is_one_voice_among_the_others() -> None:
    evidence = evidence_from(REAL)
    counted = np.ones(REAL.num_rows, np.bool_)
    alone = Sayings.of(evidence, {}).sums(counted)
    linked = Sayings.of(evidence, {SourceKey("app", n): "ring" for n in "bc"}).sums(counted)
    assert alone.others.tolist() == [2, 2, 2, 0]
    assert alone.same.tolist() == [0, 1, 1, 0]
    assert linked.others.tolist() == [1, 1, 1, 0]


def test_who_takes_a_slot_hears_its_fellows_and_not_whom_it_replaced() -> None:
    played = told(("x", "t", "yes"), ("y", "t", "yes"), ("c", "t", "no"), ("c", "u", "no"), at=10)
    change = shifts(None, REAL, played, {})
    # Of three voices two were taken: x hears y and c instead of a, b and c.
    assert change[0].tolist() == [-1, 0, 0, 0]
    # c speaks in both: what it hears is told without itself, who stands in the store as well.
    assert change[2].tolist() == [-1, -2, 0, 0]
    everybody = Sums(*(np.array([each]) for each in (3.0, 1.0, 0.0, 0.0)))
    others, _, away = everybody.shifted(0, change[:1]).beside(np.array([np.nan]))
    assert others.tolist() == [2]
    assert away.tolist() == [0.5]


def test_what_came_before_speaks_in_both() -> None:
    before = told(("p", "t", "yes"))
    played = told(("x", "t", "yes"), ("b", "t", "no"), ("c", "t", "no"), ("c", "u", "no"), at=10)
    assert shifts(before, REAL, played, {})[0].tolist() == [-1, -1, 0, 0]


def test_sums_never_fall_below_nobody() -> None:
    nobody = Sums(*(np.zeros(1) for _ in range(4)))
    assert nobody.shifted(0, np.full((1, 4), -1.0)).matrix().tolist() == [[0, 0, 0, 0]]
