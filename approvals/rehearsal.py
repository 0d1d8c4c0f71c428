"""A rehearsal: candidate rows beside what left before, sampled by the secret, ready for a gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from approvals.canaries import OwnCanary, chance_of
from approvals.conditions import Gate
from approvals.gate import Looks, Measure

Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

EVERYONE: Final = "everyone"
HELD_OUT: Final = 0.15
"""This share of the accepted rows is kept out of training, as canaries."""
MOST_HELD_OUT: Final = 250
MOST_GROUPS: Final = 12


class Group(NamedTuple):
    """Rows that are looked at together: their name, and which they are."""

    name: str
    rows: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What a gate looks at: rows in the columns of a release (`approvals.rows`), and how.

    `candidate` says of each row which side it is on; without accepted rows it is a first release.
    `secret` draws canaries and shuffles, `own` are the team's canaries, `gate` is the policy's.
    """

    rows: pd.DataFrame
    candidate: Flags
    secret: bytes
    gate: Gate
    own: Sequence[OwnCanary] = ()

    @property
    def is_first(self) -> bool:
        """Say whether nothing was accepted before."""
        return bool(self.candidate.all())

    @property
    def cluster(self) -> Ints:
        """Return the cluster of each row, as a code."""
        return pd.factorize(self.rows["cluster"])[0].astype(np.int64)

    def name_of(self, cluster: int) -> str:
        """Return the name of a cluster by its code."""
        return str(self.rows["cluster"].iloc[int(np.argmax(self.cluster == cluster))])

    def chance(self, what: str) -> np.random.Generator:
        """Return the chance for one use."""
        return chance_of(self.secret, what)

    def aside(self) -> Flags:
        """Draw the rows that are kept out of training: accepted ones, or of a first release any."""
        able = np.flatnonzero(self.candidate if self.is_first else ~self.candidate)
        size = min(MOST_HELD_OUT, int(len(able) * HELD_OUT))
        found = np.zeros(len(self.candidate), np.bool_)
        found[self.chance("aside").choice(able, size, replace=False)] = True
        return found

    def groups(self) -> Iterator[Group]:
        """Yield everyone, then the subgroups that the policy asks to look at, the largest first.

        Of each kind of subgroup at most `MOST_GROUPS`: whoever writes feedback names some of them.
        """
        yield Group(EVERYONE, np.ones(len(self.candidate), np.bool_))
        for name in self.gate.subgroups:
            said = _said(self.rows, name)
            if len(set(said)) > 1:  # a subgroup that is everyone is no subgroup
                yield from (Group(f"{name} {v}", said == v) for v in _often(said[self.candidate]))


class Measured(NamedTuple):
    """What a gate found, over how many canaries, and what it has to say beside it."""

    measures: list[Measure]
    canaries: int = 0
    notes: tuple[str, ...] = ()


def looks_of(
    before: tuple[int, int], rehearsal: Rehearsal, measured: Measured, shuffles: int
) -> Looks:
    """Say how much was looked at; `before` are the rows of both sides before any was left out."""
    read = int(rehearsal.candidate.sum())
    return Looks(
        candidate=before[0],
        candidate_read=read,
        accepted=before[1],
        accepted_read=len(rehearsal.candidate) - read,
        clusters=int(rehearsal.rows["cluster"][rehearsal.candidate].nunique()),
        canaries=measured.canaries,
        shuffles=shuffles,
    )


def _often(said: npt.NDArray[np.object_]) -> list[str]:
    count = Counter(str(value) for value in said if value)
    return sorted(count, key=lambda value: (-count[value], value))[:MOST_GROUPS]


def _said(rows: pd.DataFrame, name: str) -> npt.NDArray[np.object_]:
    """Return what each row says of a subgroup's column, '' where nothing."""
    if name == "producer":
        told = rows["source"].astype(str).str.partition("/")[0]
    else:
        told = rows[name].astype(object).where(rows[name].notna(), "").astype(str)
    return told.to_numpy(dtype=object)
