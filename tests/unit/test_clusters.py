"""Clusters join sources only where two kinds of evidence agree, and name the oldest."""

from __future__ import annotations

import numpy as np

from quarantine.clusters import clusters
from quarantine.evidence import Evidence, Links
from tests.crowd import START, Said, evidence


def four() -> Evidence:
    return evidence([Said(name, "x", "1", at=START + n) for n, name in enumerate("abcd")])


def pairs(*linked: tuple[int, int]) -> Links:
    return Links(np.array([left for left, _ in linked]), np.array([right for _, right in linked]))


def test_one_kind_of_evidence_joins_nobody() -> None:
    assert clusters(four(), {"one": pairs((0, 1), (1, 0))}).tolist() == [0, 1, 2, 3]


def test_two_kinds_join_and_joining_reaches_on() -> None:
    links = {"one": pairs((3, 1), (1, 2), (0, 3)), "two": pairs((1, 3), (2, 1))}
    assert clusters(four(), links).tolist() == [0, 1, 1, 1]


def test_a_group_confirms_a_pair_and_never_joins_alone() -> None:
    group = Links(group=np.array([0, 0, 0, -1]))
    assert clusters(four(), {"one": group, "two": group}).tolist() == [0, 1, 2, 3]
    assert clusters(four(), {"one": group, "two": pairs((1, 2), (2, 3))}).tolist() == [0, 1, 1, 3]


def test_no_links_at_all_leave_everyone_alone() -> None:
    assert clusters(four(), {}).tolist() == [0, 1, 2, 3]
