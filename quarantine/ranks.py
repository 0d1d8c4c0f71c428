"""Single events in comparable units: how many others are at least as odd, by each reading."""

from __future__ import annotations

from typing import Final

import numpy as np

from quarantine.calibration import ALARM
from quarantine.evidence import Floats, Ints
from quarantine.occurrences import Occurrences

_BINS: Final = 256
_FIRST: Final = 16
"""So many events are ranked by nothing: before them there is nobody to compare with."""
_TELLING: Final = 0.05
"""Where newness and departure correlate this much, newness counts fully."""
_SUSPICION: Final = 2.0
"""What is thought of its source weighs twice what the event itself shows."""
_NEW: Final = 4.0
"""What newness may weigh beside departure and suspicion, at most."""
_SUSPECTED: Final = 1
_BELOW: Final = 0.49
_SURE: Final = 2.0
_MIDDLE: Final = 0.5


def bounds(total: int, every: int) -> Ints:
    """Return where usual events are counted anew: at doublings, then at each pass; `total` ends it.

    They do not depend on what comes later, so that what was said of an event stays said.
    """
    early = _FIRST * 2 ** np.arange(40)
    early = early[early < every]
    marks = np.concatenate([[0], early, np.arange(every, total, every)])
    return np.append(marks[marks < total], total).astype(np.int64)


def ranked_then(events: Occurrences, suspicion: Floats, at: Ints) -> Floats:
    """Rank each event among those before the last of the bounds `at`; 0..1, the oddest are 1.

    `suspicion` is what was thought of its source then, 0..1, NaN where nothing was.
    """
    ledger = _Ledger(events, suspicion)
    found = np.zeros(len(suspicion))
    for start, stop in zip(at[:-1].tolist(), at[1:].tolist(), strict=True):
        rows = slice(start, stop)
        found[rows] = ledger.rank(rows)
        ledger.add(rows)
    return found


def ranked_now(events: Occurrences, suspicion: Floats) -> Floats:
    """Rank each event among all of them; 0..1, the oddest are 1."""
    ledger = _Ledger(events, suspicion)
    rows = slice(0, len(suspicion))
    ledger.add(rows)
    ledger.weigh(rows)
    return ledger.rank(rows)


class _Ledger:
    """How many events there were of each kind in each bin of each reading, so far.

    Each reading is the share of events at least as odd, as SpEagle takes its features (Rayana and
    Akoglu 2015), and what is unknown is the middle; the weighted mean joins them. Newness weighs by
    how far newcomers depart more than others do, in this feedback: where they do not, to be new
    says nothing.
    """

    def __init__(self, events: Occurrences, suspicion: Floats) -> None:
        self._known = ~np.isnan(suspicion)
        readings = [_bins(events.departure), _bins(np.nan_to_num(suspicion))]
        readings += [_bins(1.0 + each / 32.0) for each in events.newness]
        kinds = int(events.kind.max(initial=0)) + 1
        self._cells = [events.kind * _BINS + each for each in readings]
        self._counts = np.zeros((len(readings), kinds * _BINS))
        self._moments = np.zeros(6)

    def add(self, rows: slice) -> None:
        """Count these rows too, and what they say of newness and departure."""
        if rows.start:
            self.weigh(rows)
        for reading, cells in enumerate(self._cells):
            said = cells[rows] if reading != _SUSPECTED else cells[rows][self._known[rows]]
            self._counts[reading] += np.bincount(said, minlength=self._counts.shape[1])

    def weigh(self, rows: slice) -> None:
        """Learn from these rows how departure and newness go together."""
        shares = self._shares(rows)
        if len(shares) > 2:  # noqa: PLR2004  newness has readings: there are times
            x, y = shares[0], shares[2:].mean(axis=0)
            self._moments += (len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y)

    def rank(self, rows: slice) -> Floats:
        """Join the readings of these rows."""
        departure, suspicion, *newness = self._shares(rows)
        unknown = ~self._known[rows]
        suspicion[unknown] = _MIDDLE
        telling = self._telling() if newness else 0.0
        new = np.mean(newness, axis=0) if newness else _MIDDLE
        new = telling * new + (1.0 - telling) * _MIDDLE
        share = departure + _SUSPICION * suspicion + _NEW * new
        share /= 1.0 + _SUSPICION + _NEW
        return np.asarray(1.0 - share, np.float64)

    def _shares(self, rows: slice) -> Floats:
        """Return, by reading (rows) and event, the share of events of its kind at least as odd."""
        found = np.full((len(self._cells), rows.stop - rows.start), _MIDDLE)
        for reading, cells in enumerate(self._cells):
            count = self._counts[reading].reshape(-1, _BINS)
            below = np.cumsum(count, axis=1) - count / 2.0
            total = count.sum(axis=1, keepdims=True)
            share = 1.0 - (below + _MIDDLE) / (total + 1.0)
            found[reading] = share.ravel()[cells[rows]]
        return found

    def _telling(self) -> float:
        """Return 0..1: how surely, and how much, newcomers depart further."""
        count, x, y, xx, yy, xy = self._moments
        spread = (count * xx - x * x) * (count * yy - y * y)
        if spread <= 0:
            return 0.0
        correlation = (count * xy - x * y) / np.sqrt(spread)
        return float(np.clip((correlation - _SURE / np.sqrt(count)) / _TELLING, 0.0, 1.0))


def _bins(values: Floats) -> Ints:
    """Return the bin, 0..255, of values 0..1."""
    found: Ints = np.clip(values * (_BINS - 1), 0, _BINS - 1).astype(np.int64)
    return found


def lifted(odd: Floats, *alarms: Floats) -> Floats:
    """Return event scores: oddness alone stays below an alarm, and ranks again above it.

    `alarms` are scores 0..1 that ring from `ALARM`. An event alone may differ for good reason.
    """
    worst = np.max([np.zeros(len(odd)), *alarms], axis=0)
    calm = _BELOW * odd
    return np.where(worst >= ALARM, worst + (1.0 - worst) * calm, calm)
