"""How much is read at once: little enough that what is in hand of all streams fits the memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

MIB: Final = 1024 * 1024
FADE: Final = 0.9
"""What remains of the largest entry that a stream was seen to have, from reading to reading."""


@dataclass(slots=True)
class Appetite:
    """Shares `budget` bytes between the streams that are read.

    At most `most` entries are read at once from a stream, and only so many as fit its share if
    they are as large as its largest of late. None is expected to be smaller than `least` bytes: so
    the entries in hand are bounded in number too, and with them what comes when all streams turn
    from small entries to large ones at once. An entry of a stream that nobody knows yet is
    expected to be as large as they come (`largest`). One entry is always read.
    """

    most: int
    budget: int = 64 * MIB
    least: int = 64 * 1024
    largest: int = 3 * MIB // 2
    _seen: dict[str, float] = field(default_factory=dict)

    def helping(self, stream: str, *, streams: int) -> int:
        """Return how many entries of `stream` to read at once while so many streams are read."""
        share = self.budget // max(1, streams)
        expected = max(self.least, self._seen.get(stream, self.largest))
        return max(1, min(self.most, int(share / expected)))

    def saw(self, stream: str, entries: Sequence[Mapping[bytes, bytes]]) -> None:
        """Remember how large the entries of `stream` are."""
        largest = max((_weight(fields.values()) for fields in entries), default=0)
        self._seen[stream] = max(largest, FADE * self._seen.get(stream, 0.0))


def _weight(values: Iterable[bytes]) -> int:
    return sum(map(len, values))
