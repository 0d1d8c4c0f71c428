"""Shares and means of what rows say: both sides, clusters as witnesses, target by target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from approvals.gate import Measure
from approvals.measuring import Ends, by_cluster, by_shift, by_target
from approvals.proxies import Flags, Floats, Ints
from approvals.pulls import FEWEST, Pulls, loudest, shifted
from approvals.rehearsal import Group, Rehearsal

MOST_TARGETS: Final = 30
"""So many of the targets that are spoken of most are compared one by one."""
VOICES: Final = 5
"""A target with fewer clusters behind it is not asked who made it: any of them did."""
ONE: Final = 5.0
"""On a target one cluster may move as many times what a behaviour may for everyone."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What each row (n) says in columns (m) from 0 to 1, and what each column is in words."""

    told: Floats
    names: Sequence[str]


def measured_shares(rehearsal: Rehearsal, shares: Shares) -> Iterator[Measure]:
    """Compare every column's mean on both sides, in every group and on every shared target."""
    groups, targets = [*rehearsal.groups()], [*_targets(rehearsal)]
    width, gate = len(shares.names), rehearsal.gate
    moved = shifted(_pulls(rehearsal, shares, [*groups, *targets]), rehearsal.chance("shift"))
    loud = loudest(_pulls(rehearsal, shares, groups), rehearsal.chance("cluster"))
    for place, shift in enumerate(moved):
        if shift is not None:
            group, what = [*groups, *targets][place // width], shares.names[place % width]
            ends = (shift.accepted, shift.candidate)
            yield by_shift(what, group.name, ends, shift.p, gate.moved)
    for place, voice in enumerate(loud):
        if voice is not None:
            group, what = groups[place // width], shares.names[place % width]
            names = (what, rehearsal.name_of(voice.cluster))
            told = _without(rehearsal, group, voice.cluster, shares.told[:, place % width])
            yield by_cluster(names, group.name, told, voice, gate.one_cluster)


def _pulls(rehearsal: Rehearsal, shares: Shares, groups: Sequence[Group]) -> Pulls:
    """Return what rows say as pulls, all columns of the first group first."""
    width = len(shares.names)
    counts = np.repeat(np.array([group.rows for group in groups]).T, width, axis=1)
    told = np.tile(shares.told, len(groups))
    return Pulls(told, counts, rehearsal.cluster, rehearsal.candidate, width)


def _without(rehearsal: Rehearsal, group: Group, cluster: int, told: Floats) -> Ends:
    """Return the candidates' mean without one cluster, and with it."""
    mine = group.rows & rehearsal.candidate
    others = mine & (rehearsal.cluster != cluster)
    return (float(told[others].mean()) if others.any() else None, float(told[mine].mean()))


def measured_targets(rehearsal: Rehearsal, shares: Shares) -> Iterator[Measure]:
    """Leave each cluster out of each target in turn, and tell the furthest that this moves any.

    An absolute limit, for targets with enough rows and clusters among the candidates.
    """
    new = np.flatnonzero(rehearsal.candidate)
    target, names = pd.factorize(rehearsal.rows["target"].astype(str).to_numpy()[new])
    cluster = rehearsal.cluster[new]
    limit = ONE * rehearsal.gate.moved
    worst: Measure | None = None
    for code in _spoken_of(target, cluster):
        rows = new[target == code]
        found = _left_out(rehearsal, shares.told[rows], rows, str(names[code]), limit)
        if worst is None or found.moved > worst.moved:
            worst = found
    if worst is not None:
        yield worst


def _spoken_of(target: Ints, cluster: Ints) -> list[int]:
    """Return the targets of enough rows and clusters, by code."""
    rows = np.bincount(target)
    pairs = np.unique(np.stack([target, cluster]), axis=1)
    voices = np.bincount(pairs[0], minlength=len(rows))
    return [int(code) for code in np.flatnonzero((rows >= FEWEST) & (voices >= VOICES))]


def _left_out(rehearsal: Rehearsal, told: Floats, rows: Ints, target: str, limit: float) -> Measure:
    """Leave each cluster out of one target; tell the one that moves any column furthest."""
    code, cluster = np.unique(rehearsal.cluster[rows], return_inverse=True)
    count = np.bincount(cluster).astype(np.float64)
    total = np.zeros((len(code), told.shape[1]))
    np.add.at(total, cluster, told)
    without = (told.sum(axis=0) - total) / (len(rows) - count)[:, None]
    away = np.abs(without - told.mean(axis=0))
    place, column = np.unravel_index(int(away.argmax()), away.shape)
    ends = (float(without[place, column]), float(told[:, column].mean()))
    return by_target(target, rehearsal.name_of(int(code[place])), ends, limit)


def _targets(rehearsal: Rehearsal) -> Iterator[Group]:
    """Yield the targets that both sides speak of often enough, the most spoken of first."""
    if rehearsal.is_first:
        return
    said = rehearsal.rows["target"].astype(str)
    sides = [said[side].value_counts() for side in (rehearsal.candidate, ~rehearsal.candidate)]
    both = pd.concat(sides, axis=1, join="inner").min(axis=1)
    often = sorted(
        (name for name in both.index if both[name] >= FEWEST),
        key=lambda name: (-int(both[name]), name),
    )
    for name in often[:MOST_TARGETS]:
        rows: Flags = (said == name).to_numpy(np.bool_)
        yield Group(f"target {name}", rows)
