"""A Merkle log word for word as the standard has it: slow, and plainly right."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

from quarantine.log import Node, node_hash


def plain_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return node_hash(plain_root(leaves[:k]), plain_root(leaves[k:]))


def nodes_from(
    wanted: Iterable[Node], hashes: Callable[[int, int], Sequence[bytes]]
) -> dict[Node, bytes]:
    """Compute `wanted` nodes; `hashes(start, stop)` gives leaf hashes of that range."""
    return {
        (level, number): plain_root([*hashes(number << level, (number + 1) << level)])
        for level, number in wanted
    }
