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
class _Line:
    """All events by target and then by arrival (µs); `row` is where each stands in the frame."""

    row: Ints
    target: Ints
    at: Ints


@dataclass(frozen=True, slots=True)
class _Cells:
    """Targets by window, in columns, ordered by both; `first` is where each begins on the line."""

    target: Ints
    moment: Ints
    first: Ints
    count: Ints


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
    line = _line(evidence)
    for length in LENGTHS:
        for shift in (0, length // 2):
            cells = _cells(line, length, shift)
            usual, hot = _hot(cells)
            for cell in hot.tolist():
                first = int(cells.first[cell])
                lies = line.row[first : first + int(cells.count[cell])]
                mine = lies[lies < rows]
                new = np.sort(mine[inside[mine] < 0])
                if not len(new):
                    continue
                inside[new] = len(found)
                since = int(cells.moment[cell]) * length - shift
                counts = int(cells.count[cell]), usual[cell]
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


def _line(evidence: Evidence) -> _Line:
    frame = evidence.everything
    at, target = micros(frame["at"]), frame["target"].to_numpy().astype(np.int64)
    row = np.lexsort((at, target)).astype(np.int64)
    return _Line(row, target[row], at[row])


def _cells(line: _Line, length: int, shift: int) -> _Cells:
    moment = (line.at + shift) // length
    new = np.ones(len(moment), np.bool_)
    new[1:] = (np.diff(line.target) != 0) | (np.diff(moment) != 0)
    first = np.flatnonzero(new)
    count = np.diff(np.append(first, len(moment)))
    return _Cells(line.target[first], moment[first], first, count)


def _hot(cells: _Cells) -> tuple[dict[int, float], Ints]:
    """Return the cells with far more than usual, and how many events are usual there."""
    starts = np.flatnonzero(np.diff(cells.target, prepend=-1))
    peaks = np.maximum.reduceat(cells.count, starts)
    peak = max(float(np.median(peaks)), 1.0)
    least = max(_BEYOND * peak, LEAST)
    # Only a target whose busiest window reaches this can have had a rush: few do.
    sizes = np.diff(np.append(starts, len(cells.target)))
    some = np.flatnonzero(np.repeat(peaks >= least, sizes))
    if not len(some):
        return {}, some
    target, count = cells.target[some], cells.count[some]
    start = np.searchsorted(target, target, side="left")
    elapsed = cells.moment[some] - cells.moment[some][start]
    past = elapsed >= _KNOWN
    surge = _surge(cells, some, start)
    hot = np.zeros(len(some), np.bool_)
    usual = np.full(len(some), peak)
    for _ in range(_ROUNDS):
        before = _earlier(np.where(hot, 0, count), start)
        usual = np.where(past, (before + 1.0) / np.maximum(elapsed, 1), peak) * surge
        hot = count >= np.maximum(TIMES * usual, least)
    found = some[hot]
    return dict(zip(found.tolist(), usual[hot].tolist(), strict=True)), found


def _earlier(count: Ints, start: Ints) -> Ints:
    """Sum what came in earlier cells of the same target; `start` is where each target begins."""
    before = np.cumsum(count) - count
    return np.asarray(before - before[start], np.int64)


def _surge(cells: _Cells, some: Ints, start: Ints) -> Floats:
    """Return, by cell of `some`, how many times their usual rate all other targets got then, >= 1.

    `start` says where the target of each begins among them.
    """
    moments, place = np.unique(cells.moment, return_inverse=True)
    total = np.bincount(place, cells.count)
    earlier = np.cumsum(total) - total
    moment, count = place[some], cells.count[some]
    own = _earlier(count, start)
    usual = (earlier[moment] - own) / np.maximum(cells.moment[some] - moments[0], 1)
    busier: Floats = np.maximum((total[moment] - count) / np.maximum(usual, 1.0), 1.0)
    return busier
