"""What proves a log to somebody who has none of it: acts, their proof, and that it only grew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from approvals.checkpoint import read as read_checkpoint
from approvals.gold import GoldAdded
from approvals.model import VerdictChanged
from approvals.proofs import gather, leaf_of_act
from approvals.windows import WindowHeld
from quarantine.log import Node, peaks_of
from quarantine.ports import Store

WITHHELD: Final = frozenset({VerdictChanged.act, WindowHeld.act, GoldAdded.act})
"""Acts that go without their text: findings quote feedback, known answers stay hidden."""

Nodes = list[list[object]]
"""Subtrees as JSON: level, number, hash in hex."""


def acts(store: Store, size: int) -> Iterator[dict[str, object]]:
    """Yield every act below log `size` with its exact bytes, or its leaf alone where withheld."""
    for logged in store.acts():
        if logged.index >= size:
            return
        told: dict[str, object] = {
            "index": logged.index,
            "kind": logged.act.kind,
            "at": logged.act.at,
        }
        if logged.act.kind in WITHHELD:
            yield told | {"leaf": leaf_of_act(logged).hex()}
        else:
            yield told | {"body": logged.act.body.decode()}


def proof(store: Store, indexes: list[int], size: int) -> Nodes:
    """Return the nodes that, with the leaves at `indexes`, rebuild the root over `size` rows."""
    return _spelled(gather(store, indexes, size))


def beginnings(store: Store, size: int, keys: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """Yield every checkpoint that was kept, with what shows that the log of `size` begins with it.

    The nodes are the peaks of the earlier log and the widest complete subtrees behind it: both
    roots follow from them (RFC 6962, 2.1.2, in complete subtrees). `keys` are the roles' (PEM).
    """
    for _, note in store.checkpoints():
        before = read_checkpoint(note, keys).size
        wanted = [*peaks_of(before), *_between(before, size)]
        nodes = {node: _hash(store, node, size) for node in wanted}
        yield {"note": note.decode(), "nodes": _spelled(nodes)}


def _between(first: int, last: int) -> Iterator[Node]:
    """Yield the widest complete subtrees that cover the leaves `first` to before `last`."""
    while first < last:
        level = min(
            (first & -first).bit_length() - 1 if first else last.bit_length(),
            (last - first).bit_length() - 1,
        )
        yield level, first >> level
        first += 1 << level


def _hash(store: Store, node: Node, size: int) -> bytes:
    level, number = node
    assert (number + 1) << level <= size  # noqa: S101
    return store.node(level, number)


def _spelled(nodes: Mapping[Node, bytes]) -> Nodes:
    return [[level, number, nodes[level, number].hex()] for level, number in sorted(nodes)]
