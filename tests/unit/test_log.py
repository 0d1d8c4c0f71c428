"""The Merkle log, against the published vectors of RFC 6962 and a plain definition of the tree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarantine.errors import TamperedError
from quarantine.log import (
    Frontier,
    commit,
    event_leaf,
    frame,
    leaf_hash,
    peaks_of,
    proof_nodes,
    root_from,
    root_of,
)
from tests.plain_log import nodes_from, plain_root

# The leaves and roots that Certificate Transparency's implementations test themselves with.
LEAVES = [
    b"",
    b"\x00",
    b"\x10",
    b" !",
    b"01",
    b"@ABC",
    b"PQRSTUVW",
    bytes(range(0x60, 0x70)),
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize(("size", "root"), sorted(ROOTS.items()))
def test_roots_are_the_published_ones(size: int, root: str) -> None:
    assert root_of(leaf_hash(leaf) for leaf in LEAVES[:size]).hex() == root


@given(st.integers(0, 200))
def test_the_frontier_has_the_root_of_the_definition(size: int) -> None:
    leaves = [leaf_hash(bytes([n])) for n in range(size)]
    frontier = Frontier()
    frontier.extend(leaves)
    assert frontier.root() == plain_root(leaves)
    assert len(frontier.peaks) == len(peaks_of(size)) == size.bit_count()


@given(st.data())
def test_any_leaves_rebuild_the_root_with_their_proof_alone(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 130))
    indexes = sorted(data.draw(st.sets(st.integers(0, size - 1))))
    leaves = [leaf_hash(bytes([n])) for n in range(size)]
    nodes = nodes_from(proof_nodes(indexes, size), lambda start, stop: leaves[start:stop])
    rebuilt = root_from({index: leaves[index] for index in indexes}, nodes, size)
    assert rebuilt == plain_root(leaves)


@given(st.data())
def test_a_changed_leaf_or_node_gives_another_root(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 100))
    indexes = sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1)))
    leaves = [leaf_hash(bytes([n])) for n in range(size)]
    nodes = nodes_from(proof_nodes(indexes, size), lambda start, stop: leaves[start:stop])
    given_leaves = {index: leaves[index] for index in indexes}
    if nodes and data.draw(st.booleans()):
        nodes[data.draw(st.sampled_from(sorted(nodes)))] = b"\x07" * 32
    else:
        given_leaves[data.draw(st.sampled_from(indexes))] = b"\x07" * 32
    assert root_from(given_leaves, nodes, size) != plain_root(leaves)


def test_a_proof_with_too_little_or_too_much_is_refused() -> None:
    leaves = [leaf_hash(bytes([n])) for n in range(9)]
    nodes = nodes_from(proof_nodes([2], 9), lambda start, stop: leaves[start:stop])
    less = dict(nodes)
    less.popitem()
    with pytest.raises(TamperedError, match="lacks node"):
        root_from({2: leaves[2]}, less, 9)
    with pytest.raises(TamperedError, match="nothing needs"):
        root_from({2: leaves[2]}, {**nodes, (0, 7): leaves[7]}, 9)
    with pytest.raises(TamperedError, match="outside"):
        root_from({9: leaves[2]}, nodes, 9)


@given(st.lists(st.binary()), st.lists(st.binary()))
def test_frames_of_different_parts_differ(one: list[bytes], other: list[bytes]) -> None:
    assert (frame(*one) == frame(*other)) == (one == other)


def test_an_event_leaf_says_nothing_of_content_without_its_salt() -> None:
    identity = ("app", "rater/1", "e1")
    one = event_leaf(identity, 5, "k", commit(b"s" * 16, b"body"))
    assert one != event_leaf(identity, 5, "k", commit(b"t" * 16, b"body"))
    assert one != event_leaf(("app", "rater/1e", "1"), 5, "k", commit(b"s" * 16, b"body"))
