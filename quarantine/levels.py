"""Values that are labels: where a scale is used at two levels only, an answer is one of a set."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from quarantine.evidence import Evidence, Flags, Ints
from quarantine.overlap import number

_LEVELS: Final = 2
_OFTEN: Final = 5
"""So often each level is used before it is known that there are no others."""
_NAME: Final = "kinds and scopes with two levels"


def closed(evidence: Evidence) -> Flags:
    """Say of every row of `evidence.everything` whether its answer is one of a set, or a text.

    Labels and choices are; values are where all of their kind and scope are one of two, each given
    five times at least: a click, a thumb, what a guard reports. There near means nothing and an
    average is a share, so they are read as classes (Dawid and Skene 1979), whatever their bounds
    are called. It is one answer for all rows that the evidence was dealt from.
    """
    valueless: Flags = evidence.everything["value"].isna().to_numpy().astype(np.bool_)
    return valueless | levelled(evidence)


def levelled(evidence: Evidence) -> Flags:
    """Say of every row of `evidence.everything` whether it is a value at one of two levels."""
    valued: Flags = evidence.everything["value"].notna().to_numpy().astype(np.bool_)
    if not valued.any():
        return valued
    two = evidence.whole.once(_NAME, lambda: _two(evidence.whole))
    return valued & np.isin(_groups(evidence), two)


def graded(evidence: Evidence) -> Evidence:
    """Return the evidence with nothing but values of more than two levels, in all frames."""
    kept = ~closed(evidence)
    ends = np.cumsum([len(evidence.held), len(evidence.released)])
    parts = zip(
        (evidence.held, evidence.released, evidence.beside), np.split(kept, ends), strict=True
    )
    held, released, beside = (
        frame[some].reset_index(drop=True) if len(frame) else frame for frame, some in parts
    )
    return replace(evidence, held=held, released=released, beside=beside, dealt=None)


def _two(evidence: Evidence) -> Ints:
    """Return the kinds and scopes (codes) whose values lie on two levels."""
    frame = evidence.everything
    valued = frame["value"].notna().to_numpy()
    group, value = _groups(evidence)[valued], frame["value"].to_numpy()[valued]
    level = number(group, pd.factorize(value)[0])
    often = np.bincount(level)
    first = ~pd.Series(level).duplicated().to_numpy()  # levels are numbered as they appear
    names, of = np.unique(group[first], return_inverse=True)
    seldom = np.full(len(names), np.iinfo(np.int64).max)
    np.minimum.at(seldom, of, often)
    return np.asarray(names[(np.bincount(of) == _LEVELS) & (seldom >= _OFTEN)], np.int64)


def _groups(evidence: Evidence) -> Ints:
    """Return a number for the kind and scope of each row, the same in all roles of the rows."""
    frame = evidence.everything
    kind, scope = frame["kind"].cat, frame["scope"].cat
    codes = kind.codes.to_numpy().astype(np.int64) * (len(scope.categories) + 1)
    return np.asarray(codes + scope.codes.to_numpy(), np.int64)
