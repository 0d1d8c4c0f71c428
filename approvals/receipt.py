"""A proof that one row stands in the log: its leaf, the nodes beside it, a signed checkpoint."""

from __future__ import annotations

from collections.abc import Mapping

from approvals.checkpoint import Checkpoint
from approvals.checkpoint import read as read_checkpoint
from quarantine.errors import TamperedError, UsageError
from quarantine.log import Frontier, Node, peaks_of, proof_nodes, root_from
from quarantine.ports import Store
from quarantine.record import Record


class ProofNode(Record):
    """The root (hex) of one complete subtree: its level from the leaves, its number there."""

    level: int
    number: int
    root: str


class Receipt(Record):
    """That `leaf` (hex) is row `index` of the log that `checkpoint`, a signed note, speaks of.

    RFC 6962 section 2.1.1 for one leaf, the right edge in complete subtrees.
    """

    index: int
    leaf: str
    nodes: tuple[ProofNode, ...]
    checkpoint: str


def prove(store: Store, index: int, note: bytes, keys: Mapping[str, str]) -> Receipt:
    """Prove that row `index` is in the log under the checkpoint `note`, and check it once.

    Raises `UsageError` for a row that the checkpoint has not seen, `TamperedError` when the log is
    not what was signed.
    """
    size = read_checkpoint(note, keys).size
    if not 0 <= index < size:
        raise UsageError(f"the newest checkpoint has {size} rows, and none is number {index}")
    wanted = proof_nodes([index], size)
    receipt = Receipt(
        index=index,
        leaf=store.leaves(index, index + 1)[0].hex(),
        nodes=tuple(
            ProofNode(level=level, number=number, root=store.node(level, number).hex())
            for level, number in wanted
        ),
        checkpoint=note.decode(),
    )
    check(receipt, keys)
    return receipt


def check(receipt: Receipt, keys: Mapping[str, str]) -> Checkpoint:
    """Return the checkpoint that the receipt leads to; `TamperedError` where it does not."""
    checkpoint = read_checkpoint(receipt.checkpoint.encode(), keys)
    nodes = {(each.level, each.number): bytes.fromhex(each.root) for each in receipt.nodes}
    root = root_from({receipt.index: bytes.fromhex(receipt.leaf)}, nodes, checkpoint.size)
    if root != checkpoint.root:
        raise TamperedError(f"row {receipt.index} is not in the log that was signed")
    return checkpoint


def audit_path(receipt: Receipt, size: int) -> list[str]:
    """Return the hashes (hex) from the leaf up to the root of `size` rows, each a whole side.

    The audit path of RFC 6962 section 2.1.1, as any verifier of one takes it.
    """
    nodes = {(each.level, each.number): bytes.fromhex(each.root) for each in receipt.nodes}
    sides: list[str] = []
    first, stop = 0, size
    while stop - first > 1:
        middle = first + (1 << (stop - first - 1).bit_length() - 1)
        beside = (middle, stop) if receipt.index < middle else (first, middle)
        sides.append(_over(nodes, *beside).hex())
        first, stop = (first, middle) if receipt.index < middle else (middle, stop)
    return sides[::-1]


def _over(nodes: Mapping[Node, bytes], first: int, stop: int) -> bytes:
    """Return the root over the rows from `first` up to `stop`, from its complete subtrees."""
    tops = [(level, (first >> level) + number) for level, number in peaks_of(stop - first)]
    return Frontier(size=stop - first, peaks=[nodes[top] for top in tops]).root()
