"""Which rows must be looked at for what is named: single places, and ranges that are read whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from quarantine.rows.citing import marked, places
from quarantine.rows.concordance import Concordance

LAST: Final = 2**63 - 1
"""No log gets so long."""
MOST_LACKING: Final = 8
"""Ranges' worth of rows that may be read beside; of more the database knows its own best way."""

Words = Mapping[str, Sequence[object]]
"""By column, the words of which any may stand there."""
Times = tuple[int | None, int | None]
"""From when, and until before when (µs), absent where it is open."""


class Narrowed(NamedTuple):
    """All that has to be looked at: rows by log index, rising, and ranges [start, stop)."""

    rows: list[int]
    ranges: list[tuple[int, int]]


def narrowed(concordance: Concordance, words: Words, times: Times) -> Narrowed | None:
    """Return what to look at; absent where the concordance lacks too much of the log to be asked.

    Nothing is left out of what the concordance does not speak of.
    """
    spans = concordance.spans()
    found: dict[int, set[int]] = {}
    for name, some in words.items():
        for first, here in _standing(concordance, name, some).items():
            found[first] = found[first] & here if first in found else here
    spoken = concordance.width * len({*spans, *found})
    if concordance.rows() - spoken > MOST_LACKING * concordance.width:
        return None
    found.update((first, set()) for first, span in spans.items() if _apart(span, times))
    rows = [first + place for first in sorted(found) for place in sorted(found[first])]
    return Narrowed(rows, _between(found, concordance.width))


def _standing(concordance: Concordance, name: str, some: Iterable[object]) -> dict[int, set[int]]:
    """Return the places of any of these words, in each range that speaks of all of them."""
    each = [
        {
            first: set(places(part, word))
            for first, part in concordance.parts(name, marked(word)[0]).items()
        }
        for word in some
    ]
    ranges = set(each[0]).intersection(*each[1:]) if each else set()
    return {first: set().union(*(one[first] for one in each)) for first in ranges}


def _apart(span: tuple[int, int], times: Times) -> bool:
    """Say whether what came in a span came before or after what is asked for."""
    (first, last), (since, until) = span, times
    return (since is not None and last < since) or (until is not None and first >= until)


def _between(found: Iterable[int], width: int) -> list[tuple[int, int]]:
    """Return the ranges of the log that none of those found covers; the last one has no end."""
    ranges, start = [], 0
    for first in sorted(found):
        if first > start:
            ranges.append((start, first))
        start = first + width
    return [*ranges, (start, LAST)]
