"""What few clusters hold of a part, counted beside a count by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from approvals.parts import Parts

ROWS = st.lists(st.tuples(st.sampled_from("zyxé日"), st.integers(0, 4)), max_size=40)


def by_hand(rows: list[tuple[str, int]], clusters: int) -> tuple[str, int, int] | None:
    """Take each part's largest clusters, and of those parts the first by name with most rows."""
    best: list[tuple[int, str, int]] = []
    for name in {name for name, _ in rows}:
        held = Counter(cluster for part, cluster in rows if part == name)
        top = sum(count for _, count in held.most_common(clusters))
        best.append((-top, name, held.total()))
    return (min(best)[1], -min(best)[0], min(best)[2]) if best else None


@given(rows=ROWS, clusters=st.integers(1, 6))
def test_the_worst_part_is_the_one_counted_by_hand(
    rows: list[tuple[str, int]], clusters: int
) -> None:
    names = pd.Series([name for name, _ in rows], dtype="str")
    parts = Parts.of(names, np.array([cluster for _, cluster in rows], np.int64))
    assert parts.worst(clusters) == by_hand(rows, clusters)
    assert parts.size.sum() == len(rows)
    assert parts.behind.sum() == len(set(rows))
