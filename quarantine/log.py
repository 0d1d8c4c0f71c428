"""A Merkle log: append, prove, verify; bytes in, bytes out (RFC 6962, RFC 9162, C2SP tlog)."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise, repeat
from operator import itemgetter
from typing import Any

from quarantine.errors import TamperedError

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
HASH_SIZE = 32

Node = tuple[int, int]
"""A complete subtree: its level (0 = leaves) and its number from the left at that level."""

_length = struct.Struct(">I").pack
_sha256 = hashlib.sha256


def frame(*parts: bytes) -> bytes:
    """Join `parts`, each behind its length in four big-endian bytes, so that none can shift."""
    return b"".join([piece for part in parts for piece in (_length(len(part)), part)])


def leaf_hash(content: bytes) -> bytes:
    """Hash a leaf: SHA-256(0x00 || content), RFC 6962 section 2.1."""
    return _sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into their parent: SHA-256(0x01 || left || right)."""
    return _sha256(b"\x01" + left + right).digest()


def commit(salt: bytes, body: bytes) -> bytes:
    """Commit to `body` under `salt`: without both, the commitment says nothing of the content."""
    return _sha256(salt + body).digest()


def event_leaf(identity: tuple[str, str, str], arrived: int, key: str, commitment: bytes) -> bytes:
    """Hash what was said: `identity` (producer, source, id), arrival (µs), key, commitment."""
    producer, source, id_ = identity
    return leaf_hash(
        frame(
            b"event/1",
            producer.encode(),
            source.encode(),
            id_.encode(),
            b"%d" % arrived,
            key.encode(),
            commitment,
        )
    )


def event_leaves(
    by: tuple[str, int, str],
    sources: Iterable[str],
    ids: Iterable[str],
    salts: Iterable[bytes],
    bodies: Iterable[bytes],
) -> list[bytes]:
    """Return `event_leaf` of the many events of one arrival, given as columns of equal length.

    `by` is what they share: the producer, when they arrived (µs), and the key that vouched.
    """
    producer, arrived, key = by
    before = b"\x00" + frame(b"event/1", producer.encode())
    after = frame(b"%d" % arrived, key.encode()) + _length(HASH_SIZE)
    return [
        _sha256(
            b"".join(
                (
                    before,
                    _length(len(source)),
                    source,
                    _length(len(id_)),
                    id_,
                    after,
                    _sha256(salt + body).digest(),
                )
            )
        ).digest()
        for source, id_, salt, body in zip(
            map(str.encode, sources), map(str.encode, ids), salts, bodies, strict=True
        )
    ]


def leaves_of(facts: Iterable[Sequence[Any]]) -> list[bytes]:
    """Compute the leaves of events given whole (`model.Held`, or as many of its fields in order).

    What the events of one arrival share is framed once.
    """
    found: list[bytes] = []
    for shared, rows in groupby(facts, key=itemgetter(1, 4, 5)):
        columns = list(zip(*rows, strict=True))
        found += event_leaves(shared, columns[2], columns[3], columns[6], columns[7])
    return found


def act_leaf(kind: bytes, at: int, body: bytes) -> bytes:
    """Hash what was done: the act's kind, its time (µs since 1970) and its exact bytes."""
    return leaf_hash(frame(b"act/1", kind, b"%d" % at, body))


EMPTY_ROOT = _sha256(b"").digest()


@dataclass(slots=True)
class Frontier:
    """The right edge of a growing tree: all that appending and the root need, log2(size) hashes."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        peaks, size = self.peaks, self.size
        while size & 1:
            leaf = node_hash(peaks.pop(), leaf)
            size >>= 1
        peaks.append(leaf)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add many leaf hashes, in order."""
        for leaf in leaves:
            self.append(leaf)

    def root(self) -> bytes:
        """Return the tree's root hash."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over `leaves` (hashes).

    Level by level: neighbours are hashed together, and an odd last one goes up as it is.
    """
    row = list(leaves)
    while len(row) > 1:
        odd = row[-1:] if len(row) % 2 else []
        row = _paired(row) + odd
    return row[0] if row else EMPTY_ROOT


def _paired(row: Iterable[bytes]) -> list[bytes]:
    """Hash neighbours together: the first with the second, and so on; an odd last one is left."""
    each = iter(row)
    pairs = zip(repeat(b"\x01"), each, each, strict=False)
    return [_sha256(pair).digest() for pair in map(b"".join, pairs)]


def subtree(leaves: Sequence[bytes]) -> bytes:
    """Return the root of a complete subtree: `leaves` hashes, a power of two of them."""
    return root_of(leaves)


def peaks_of(size: int) -> list[Node]:
    """Return the complete subtrees that make up a tree of `size` leaves, left to right."""
    found, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            found.append((level, start >> level))
            start += 1 << level
    return found


def proof_nodes(indexes: Sequence[int], size: int) -> list[Node]:
    """Return the nodes that, with the leaves at `indexes` (rising), rebuild the root of `size`.

    One proof for many leaves: every complete subtree that holds none of them and whose sibling
    does. For one leaf it is the audit path of RFC 6962 with the right edge in complete subtrees.
    """
    needed: list[Node] = []
    runs = _runs(sorted(set(indexes)))
    tops = dict(peaks_of(size))
    for level in range(size.bit_length()):
        top = tops.get(level, -1)
        if runs and runs[-1].stop == top + 1:
            runs[-1:] = [range(runs[-1].start, top)] if runs[-1].start < top else []
            top = -1
        needed += [
            (level, number)
            for run in runs
            for number, is_alone in ((run.start - 1, run.start & 1), (run.stop, run.stop & 1))
            if is_alone
        ]
        needed += [(level, top)] if top >= 0 else []
        runs = _touching(range(run.start >> 1, (run.stop + 1) >> 1) for run in runs)
    return needed


def _runs(numbers: Sequence[int]) -> list[range]:
    """Return rising numbers as runs of neighbours, of which there are few where many leave."""
    starts = [
        place for place, (before, number) in enumerate(pairwise(numbers), 1) if number != before + 1
    ]
    spans = zip([0, *starts], [*starts, len(numbers)], strict=True)
    return [range(numbers[first], numbers[last - 1] + 1) for first, last in spans if last > first]


def _touching(runs: Iterable[range]) -> list[range]:
    """Return rising runs with those made one that touch."""
    found: list[range] = []
    for run in runs:
        if found and found[-1].stop == run.start:
            found[-1] = range(found[-1].start, run.stop)
        else:
            found.append(run)
    return found


def root_from(leaves: Mapping[int, bytes], nodes: Mapping[Node, bytes], size: int) -> bytes:
    """Rebuild the root of a tree of `size` from some `leaves` and the `proof_nodes` beside them.

    Raises `TamperedError` when a needed node is missing, or one is given that nothing needs.
    """
    numbers = sorted(leaves)
    if numbers and not 0 <= numbers[0] <= numbers[-1] < size:
        raise TamperedError(f"a leaf lies outside a log of {size}")
    unused = dict(nodes)
    tops = dict(peaks_of(size))
    found: dict[int, bytes] = {}
    row = {run.start: [*map(leaves.__getitem__, run)] for run in _runs(numbers)}
    for level in range(size.bit_length()):
        top = tops.get(level)
        if top is not None:
            found[level] = _taken(row, top) or _given(unused, (level, top))
        row = _parents(row, unused, level)
    if unused:
        raise TamperedError(f"the proof holds {len(unused)} nodes that nothing needs")
    return Frontier(size=size, peaks=[found[level] for level in tops]).root()


def _taken(row: dict[int, list[bytes]], last: int) -> bytes:
    """Take the node `last`, behind which there is none, out of its row; nothing if it is not in."""
    start = next(reversed(row), last)
    if start + len(row.get(start, ())) != last + 1:
        return b""
    node = row[start].pop()
    if not row[start]:
        del row[start]
    return node


def _parents(
    row: Mapping[int, list[bytes]], unused: dict[Node, bytes], level: int
) -> dict[int, list[bytes]]:
    """Return the row above: runs of neighbours by their first number, rising."""
    found: dict[int, list[bytes]] = {}
    end = first = -1
    for start, nodes in row.items():
        before = [_given(unused, (level, start - 1))] if start & 1 else []
        stop = start + len(nodes)
        after = [_given(unused, (level, stop))] if stop & 1 else []
        if start >> 1 != end:
            first = start >> 1
            found[first] = []
        found[first] += _paired([*before, *nodes, *after])
        end = (stop + 1) >> 1
    return found


def _given(unused: dict[Node, bytes], node: Node) -> bytes:
    try:
        return unused.pop(node)
    except KeyError:
        raise TamperedError(f"the proof lacks node {node[1]} of level {node[0]}") from None
