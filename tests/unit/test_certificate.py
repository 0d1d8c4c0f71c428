"""The certificate: the worst that bad clusters can have done, counted from the rows alone."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.certificate import BAD, Certificate, certify
from approvals.rules import load, shipped

POLICY = load(shipped("default"))


def rows(*pairs: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["cluster", "target"])


def test_the_worst_case_is_the_largest_clusters() -> None:
    found = certify(rows(("a", "x"), ("a", "y"), ("a", "z"), ("b", "x"), ("b", "y"), ("c", "x")))
    one, five, twenty = found.worst
    assert (one.clusters, one.rows, one.share) == (1, 3, 0.5)
    assert (five.rows, five.share) == (6, 1.0)
    assert twenty.rows == 6
    assert (found.rows, found.clusters, found.targets) == (6, 3, 3)


def test_the_worst_target_is_the_one_that_bad_clusters_hold_most_of() -> None:
    found = certify(rows(("a", "x"), ("b", "x"), ("c", "y"), ("c", "y"), ("d", "y")))
    assert found.worst[0].target is not None
    assert found.worst[0].target.model_dump() == {"name": "y", "rows": 2, "of": 3}
    assert found.worst[1].target is not None
    assert found.worst[1].target.model_dump() == {"name": "y", "rows": 3, "of": 3}


def test_labels_are_certified_where_there_are_any() -> None:
    frame = rows(("a", "x"), ("a", "y"), ("b", "x"))
    assert certify(frame).worst[0].label is None
    found = certify(frame.assign(label=["spam", "spam", "ham"])).worst[0].label
    assert found is not None
    assert found.model_dump() == {"name": "spam", "rows": 2, "of": 2}


@pytest.mark.parametrize(("cap", "needed"), [(20, 13), (50, 5), (250, 1), (83, 4)])
def test_the_clusters_needed_for_a_dose_follow_from_the_cap(cap: int, needed: int) -> None:
    frame = rows(*((f"c{n}", f"t{i}") for n in range(20) for i in range(cap)))
    dose = certify(frame).needed[0]
    assert (dose.what, dose.rows, dose.clusters) == ("250 rows", 250, needed)


def test_a_dose_that_all_together_do_not_hold_is_absent() -> None:
    found = certify(rows(("a", "x"), ("b", "y")))
    assert "clusters" not in found.needed[0].model_dump(exclude_none=True)
    assert [each.clusters for each in found.needed[1:]] == [1, 1]


def test_no_rows_are_certified_as_no_rows() -> None:
    found = certify(rows(), POLICY)
    assert (found.rows, found.worst[0].rows, found.worst[0].share) == (0, 0, 0.0)
    assert found.worst[0].target is None
    assert all(each.clusters is None for each in found.needed)


def test_support_is_shown_as_the_rows_keep_it() -> None:
    popular = [(f"c{n % 12}", "x") for n in range(31)]
    found = certify(rows(*popular, *(("c1", "y") for _ in range(30))), POLICY).support
    assert found is not None
    assert (found.rows, found.clusters, found.targets, found.fewest) == (30, 10, 1, 12)
    assert certify(rows(("a", "x"))).support is None


def test_the_same_rows_in_another_order_or_type_give_the_same_bytes() -> None:
    frame = rows(*((f"c{n % 7}", f"t{n % 5}") for n in range(60)))
    mixed = frame.iloc[np.random.default_rng(1).permutation(len(frame))]
    spelled = certify(frame, POLICY).canonical()
    assert certify(mixed, POLICY).canonical() == spelled
    assert certify(mixed.astype("category"), POLICY).canonical() == spelled
    assert Certificate.parse(spelled) == certify(frame, POLICY)


def test_an_unused_category_is_no_cluster() -> None:
    frame = rows(("a", "x"), ("b", "y")).astype("category")
    assert certify(frame[frame["cluster"] == "a"]).clusters == 1
    assert certify(frame[frame["cluster"] == "a"]).targets == 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("xyz")), max_size=30))
def test_no_choice_of_bad_clusters_does_worse_than_certified(pairs: list[tuple[str, str]]) -> None:
    found = certify(rows(*pairs))
    clusters = sorted({cluster for cluster, _ in pairs})
    for exposure, k in zip(found.worst, BAD, strict=True):
        bad = list(combinations(clusters, min(k, len(clusters))))
        held = max((sum(c in chosen for c, _ in pairs) for chosen in bad), default=0)
        assert exposure.rows == held
        most = max(
            (sum(c in chosen and t == x for c, t in pairs) for chosen in bad for x in "xyz"),
            default=0,
        )
        assert (exposure.target.rows if exposure.target else 0) == most


@settings(deadline=None)
@given(
    st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=400),
)
def test_one_cluster_fewer_than_needed_is_not_enough(clusters: list[str]) -> None:
    found = certify(rows(*((cluster, "x") for cluster in clusters)))
    sizes = sorted(pd.Series(clusters).value_counts(), reverse=True)
    for each in found.needed:
        if each.clusters is None:
            assert sum(sizes) < each.rows
        else:
            assert sum(sizes[: each.clusters]) >= each.rows
            assert sum(sizes[: each.clusters - 1]) < each.rows
