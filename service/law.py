"""The law of conservation in figures: what was added against what was received, lost, pending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from quarantine.arrivals import Counts, Passage

Range = tuple[int, int]


class Entries(TypedDict):
    """A producer's entries: what Redis says was added, and where they are."""

    added: int
    received: int
    lost: int
    pending: int


class Events(TypedDict):
    """A producer's events: what was received, and what became of it."""

    received: int
    stored: int
    duplicates: int
    dead_lettered: int


class Figures(TypedDict):
    """One producer's side of the law; `gap` is what nobody accounts for."""

    entries: Entries
    events: Events
    gap: int


class Status(TypedDict):
    """The document of `status --json` (contract, section 2)."""

    producers: dict[str, Figures]
    bus: str | None
    lag: int
    oldest_pending_s: float
    last_scoring_at: str | None
    open_requests: int


def figures(
    counts: Mapping[str, Counts],
    added: Mapping[str, int],
    passages: Mapping[str, Passage] | None,
) -> dict[str, Figures]:
    """Set the store's counts against the bus's, by producer.

    `added` is what was ever added, over all lives of a stream, when last seen. Without `passages`
    (the bus does not answer) what was added by then and did not come is taken to wait there still.
    """
    here = passages or {}
    return {
        producer: _figures(
            counts.get(producer, Counts()),
            here.get(producer),
            added.get(producer, 0),
            answered=passages is not None,
        )
        for producer in sorted({*counts, *added, *here})
    }


def _figures(here: Counts, passage: Passage | None, seen: int, *, answered: bool) -> Figures:
    accounted = here.entries_received + here.entries_lost
    if passage is not None:
        added, pending = passage.added, passage.pending
    elif answered:
        added, pending = seen, 0  # the stream is gone, and what waited in it
    else:
        added = max(seen, accounted)
        pending = added - accounted
    return Figures(
        entries=Entries(
            added=added,
            received=here.entries_received,
            lost=here.entries_lost,
            pending=pending,
        ),
        events=Events(
            received=here.received,
            stored=here.stored,
            duplicates=here.duplicates,
            dead_lettered=here.dead_lettered,
        ),
        gap=added - accounted - pending,
    )


def missing(spans: Sequence[Range], known: Sequence[Range] = ()) -> list[Range]:
    """Return the gaps in rising `spans`, which begin at 1, that the `known` ranges do not cover."""
    found, expected = [], 1
    for first, last in sorted([*spans, *known]):
        if first > expected:
            found.append((expected, first - 1))
        expected = max(expected, last + 1)
    return found
