"""What single events show: how far each departs from the others, and how new its source is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from quarantine.evidence import Evidence, Floats, Ints, micros
from quarantine.overlap import number

_DOUBT: Final = 3.0
"""Voices that say the usual, added to what was said of a target: one voice proves little."""
_DAY: Final = 24 * 3_600 * 1_000_000
_SECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Occurrences:
    """What can be said of each event (rows), in rising oddness; columns of the same length.

    `departure` is 0..1, `newness` has a row a reading (the higher, the newer), `kind` tells apart
    what cannot be compared. Without times newness has no rows: who came first says nothing.
    """

    kind: Ints
    departure: Floats
    newness: Floats


@dataclass(frozen=True, slots=True)
class _Said:
    """Rows in order of arrival, as codes and numbers; `at` in µs."""

    source: Ints
    target: Ints
    cell: Ints
    kind: Ints
    value: Floats
    at: Ints


def arriving(frame: pd.DataFrame, *, timed: bool) -> Occurrences:
    """Say of each event of `frame` (in order of arrival) what it and earlier ones alone tell.

    Departure is from the mean of what was said of the target before (labels: how few said the
    same); newness is how lately its source first spoke, and how little it has said.
    """
    said = _said(frame)
    others = _before(said.target)
    value = np.nan_to_num(said.value)
    group, valued = said.kind, ~np.isnan(said.value)
    middle = (_running(group, value) + 0.5) / (_before(group) + 1.0)
    mean = (_running(said.target, value) + _DOUBT * middle) / (others + _DOUBT)
    alike = (_before(said.cell) + 0.5) / (others + 1.0)
    first = pd.Series(said.at).groupby(said.source).transform("first").to_numpy()
    age = (said.at - first) / _SECOND
    spoken = _before(said.source)
    return Occurrences(
        kind=said.kind,
        departure=np.where(valued, abs(value - mean), 1.0 - alike),
        newness=_newness(age, spoken, timed=timed),
    )


def whole(evidence: Evidence) -> Occurrences:
    """Say of each row of `evidence.everything` what all that is known tells.

    Departure is the mean of the event's and its source's, each without its own part in the target;
    newness how short the source's life is, how little it says, and how much of it in one day.
    """
    said = _said(evidence.everything)
    departure = _departure(said)
    count = np.bincount(said.source)
    usual = np.bincount(said.source, departure) / np.maximum(count, 1)
    first = np.full(len(count), said.at.max(initial=0))
    last = np.full(len(count), said.at.min(initial=0))
    np.minimum.at(first, said.source, said.at)
    np.maximum.at(last, said.source, said.at)
    day = number(said.source, said.at // _DAY)
    busiest = np.zeros(len(count))
    np.maximum.at(busiest, said.source, np.bincount(day)[day])
    of = said.source
    return Occurrences(
        kind=said.kind,
        departure=usual[of] + 0.05 * departure,
        newness=_newness(
            (last - first)[of] / _SECOND,
            count[of],
            (count / np.maximum(busiest, 1.0))[of],
            timed=evidence.timed,
        ),
    )


def _said(frame: pd.DataFrame) -> _Said:
    target = frame["target"].to_numpy().astype(np.int64)
    return _Said(
        source=frame["source"].to_numpy().astype(np.int64),
        target=target,
        cell=number(target, frame["answer"].to_numpy()),
        kind=number(_codes(frame["kind"]), _codes(frame["scope"])),
        value=frame["value"].to_numpy(),
        at=micros(frame["at"]),
    )


def _codes(words: pd.Series[str]) -> Ints:
    return words.cat.codes.to_numpy().astype(np.int64)


def _departure(said: _Said) -> Floats:
    others = np.bincount(said.target)[said.target] - 1.0
    value, valued = np.nan_to_num(said.value), ~np.isnan(said.value)
    size = np.maximum(np.bincount(said.kind), 1)
    middle = (np.bincount(said.kind, value) / size)[said.kind]
    total = np.bincount(said.target, value)[said.target] - value
    mean = (total + _DOUBT * middle) / (others + _DOUBT)
    alike = (np.bincount(said.cell)[said.cell] - 0.5) / (others + 1.0)
    return np.where(valued, abs(value - mean), 1.0 - alike)


def _newness(*oldness: Floats | Ints, timed: bool) -> Floats:
    if not timed:
        return np.empty((0, len(oldness[0])))
    return np.array([-np.log2(1.0 + each) for each in oldness])


def _before(code: Ints) -> Floats:
    """Count the earlier rows with the same code."""
    return pd.Series(code).groupby(code).cumcount().to_numpy().astype(np.float64)


def _running(code: Ints, value: Floats) -> Floats:
    """Sum the values of the earlier rows with the same code."""
    return pd.Series(value).groupby(code).cumsum().to_numpy() - value
