"""Whole windows that are held: moments at which a target got far more than it ever gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from quarantine.evidence import Evidence, Flags, Floats, Ints, micros

_HOUR: Final = 3_600 * 1_000_000
LENGTHS: Final = (_HOUR, 24 * _HOUR)
"""How long a window is (µs): an hour, or a day; each begins anew every half of that."""
TIMES: Final = 50.0
"""So many times its usual rate makes a window a rush (a review bomb, a brigade)."""
LEAST: Final = 20
"""Fewer events in a window are no rush, however quiet the target was before."""
_BEYOND: Final = 3.0
"""A rush also has so many times the events that targets usually have in their busiest window."""
_KNOWN: Final = 10
"""A target has a past after so many windows; before that the peaks of others are the measure."""
_ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class Rush:
    """One target's window from `since` until before `until` (µs, arrival), held as a whole.

    `events` came in it where `usual` are expected; `kind`, `scope` and `target` are as spelled in
    `Evidence`.
    """

    kind: str
    scope: str
    target: str
    since: int
    until: int
    events: int
    usual: float

    @property
    def because(self) -> str:
        """Say in words why it is held."""
        hours = (self.until - self.since) // _HOUR
        span = "one hour" if hours == 1 else f"{hours} hours"
        return (
            f"a rush on {self.target}: {self.events} events within {span}, {self.usual:.2g} "
            "are usual; the window is held as a whole until people have looked"
        )


@dataclass(frozen=True, slots=True)
class Rushes:
    """All windows held, and for each row of `evidence.held` the first that it lies in, or -1."""

    found: Sequence[Rush] = ()
    row: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def held(self) -> Flags:
        """Say of each held row whether it lies in a held window."""
        return self.row >= 0


@dataclass(frozen=True, slots=True)
class _Cells:
    """Targets by window, in columns, ordered by both; `row` says in which cell each event lies."""

    target: Ints
    moment: Ints
    count: Ints
    row: Ints


def rushes(evidence: Evidence) -> Rushes:
    """Find the windows in which a target got `TIMES` its own earlier rate, and far more than usual.

    Where all other targets got more as well, what is usual is as much more: a file that is sent at
    once is no rush on any of them. Only what came before a window makes its usual rate, other
    rushes left out of it, so that a long rush does not become usual. A target without a past is
    compared with the peaks of the others. Nothing where times say nothing. It accuses no source:
    honest people come with the crowd.
    """
    rows = len(evidence.held)
    found: list[Rush] = []
    inside = np.full(rows, -1, np.int64)
    if not evidence.timed or not rows:
        return Rushes(found, inside)
    frame = evidence.everything
    at, target = micros(frame["at"]), frame["target"].to_numpy().astype(np.int64)
    for length in LENGTHS:
        for shift in (0, length // 2):
            cells = _cells(target, (at + shift) // length)
            usual, hot = _hot(cells)
            lies = np.flatnonzero(hot[cells.row[:rows]])
            lies = lies[np.argsort(cells.row[lies], kind="stable")]
            within = cells.row[lies]
            for cell in np.flatnonzero(hot).tolist():
                mine = lies[slice(*np.searchsorted(within, [cell, cell + 1]))]
                new = mine[inside[mine] < 0]
                if not len(new):
                    continue
                inside[new] = len(found)
                since = int(cells.moment[cell]) * length - shift
                counts = int(cells.count[cell]), float(usual[cell])
                found.append(_rush(evidence, int(new[0]), (since, since + length), counts))
    return Rushes(found, inside)


def _rush(evidence: Evidence, row: int, span: tuple[int, int], counts: tuple[int, float]) -> Rush:
    said = evidence.held.iloc[row]
    return Rush(
        kind=str(said["kind"]),
        scope=str(said["scope"]),
        target=evidence.targets[int(said["target"])],
        since=span[0],
        until=span[1],
        events=counts[0],
        usual=counts[1],
    )


def _cells(target: Ints, moment: Ints) -> _Cells:
    begin = int(moment.min())
    span = int(moment.max()) - begin + 1
    key = target * span + (moment - begin)
    order = np.argsort(key, kind="stable")
    new = np.diff(key[order], prepend=-1) != 0
    row = np.empty(len(key), np.int64)
    row[order] = np.cumsum(new) - 1
    cell = key[order][new]
    return _Cells(cell // span, cell % span + begin, np.bincount(row), row)


def _hot(cells: _Cells) -> tuple[Floats, Flags]:
    """Return, by cell, how many events are usual there, and whether it has far more."""
    start = np.searchsorted(cells.target, cells.target, side="left")
    elapsed = cells.moment - cells.moment[start]
    peaks = np.maximum.reduceat(cells.count, np.unique(start))
    peak = max(float(np.median(peaks)), 1.0)
    past = elapsed >= _KNOWN
    surge = _surge(cells)
    hot = np.zeros(len(elapsed), np.bool_)
    usual = np.full(len(elapsed), peak)
    for _ in range(_ROUNDS):
        calm = np.where(hot, 0, cells.count)
        before = np.cumsum(calm) - calm
        before = before - before[start]
        usual = np.where(past, (before + 1.0) / np.maximum(elapsed, 1), peak) * surge
        most = np.maximum(TIMES * usual, np.maximum(_BEYOND * peak, LEAST))
        hot = cells.count >= most
    return usual, hot


def _surge(cells: _Cells) -> Floats:
    """Return, by cell, how many times their usual rate all other targets got then, at least 1."""
    moments, place = np.unique(cells.moment, return_inverse=True)
    total = np.bincount(place, cells.count)
    earlier = np.cumsum(total) - total
    own = np.cumsum(cells.count) - cells.count
    own = own - own[np.searchsorted(cells.target, cells.target, side="left")]
    usual = (earlier[place] - own) / np.maximum(cells.moment - moments[0], 1)
    busier: Floats = np.maximum((total[place] - cells.count) / np.maximum(usual, 1.0), 1.0)
    return busier
