"""How far feedback has moved from the first that was accepted: classes, values and who speaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special, stats

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

COLUMNS: Final = ("producer", "source", "answer", "value")
"""What is compared of each event; `value` is 0..1, NaN where its kind has none."""
FALSE_SHARE: Final = 0.01
SMALL: Final = 0.03
"""A move of fewer hundredths of all answers, or of the scale, is told and raises no alarm."""
_CLASSES: Final = 20
"""So many of the most frequent answers are told apart; the others count as one."""
_FEWEST: Final = 20
"""A group with fewer events on either side is not compared."""
EVERYONE: Final = "everyone"


@dataclass(frozen=True, slots=True)
class Drift:
    """One comparison of a `group` with its baseline: `what` moved, by how much, how surely.

    `moved` is in shares (0..1) of answers, of the scale or of sources; `psi` is the population
    stability index of the same shares; `p` is for all comparisons made together (Benjamini and
    Hochberg 1995). `alarm` says that it moved surely, and by more than `SMALL`.
    """

    group: str
    what: str
    moved: float
    psi: float
    p: float
    events: int
    because: str
    alarm: bool = False


def drifts(first: pd.DataFrame, now: pd.DataFrame, *, voices: int = 0) -> list[Drift]:
    """Compare events (`COLUMNS`) with the `first` accepted ones: everyone's, then each producer's.

    A source's events are no independent witnesses, so each test is corrected for how far sources
    differ (Rao and Scott 1984; cluster-robust variances). So many `voices`, the loudest, are also
    compared each with itself: for judges and other machines, whose answers repeat no mood and
    which a new version changes from one day to the next. The least sure comes last.
    """
    pairs: list[tuple[str, pd.DataFrame, pd.DataFrame]] = [(EVERYONE, first, now)]
    for producer in sorted(set(first["producer"]) & set(now["producer"])):
        sides = [side[side["producer"] == producer] for side in (first, now)]
        pairs.append((f"producer {producer}", sides[0], sides[1]))
    if len(pairs) == 2:  # noqa: PLR2004  the one producer is everyone
        pairs.pop()
    pairs += _voices(first, now, voices)
    found = [
        each
        for group, before, after in pairs
        if min(len(before), len(after)) >= _FEWEST
        for each in _compared(group, before, after)
    ]
    if not found:
        return []
    sure = stats.false_discovery_control([each.p for each in found], method="bh")
    told = [
        replace(each, p=float(p), alarm=bool(p <= FALSE_SHARE and each.moved >= SMALL))
        for each, p in zip(found, sure, strict=True)
    ]
    return sorted(told, key=lambda each: (each.p, -each.moved))


def _voices(
    first: pd.DataFrame, now: pd.DataFrame, most: int
) -> list[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Return what the loudest sources said before and now; here each event is a witness."""
    before, after = (side.groupby(["producer", "source"]) for side in (first, now))
    sizes = pd.concat([before.size(), after.size()], axis=1, join="inner").min(axis=1)
    loud = sizes[sizes >= _FEWEST].sort_values(ascending=False, kind="stable")[:most]
    return [
        (
            f"source {'/'.join(filter(None, key))}",
            _alone(before.get_group(key)),
            _alone(after.get_group(key)),
        )
        for key in loud.index
    ]


def _alone(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(source=[str(row) for row in range(len(frame))])


def _compared(group: str, first: pd.DataFrame, now: pd.DataFrame) -> Iterator[Drift]:
    tests: tuple[Callable[[pd.DataFrame, pd.DataFrame], Drift | None], ...] = (
        _classes,
        _level,
        _shape,
        _mix,
    )
    for test in tests:
        found = test(first, now)
        if found is not None:
            yield replace(found, group=group, events=len(now))


def _classes(first: pd.DataFrame, now: pd.DataFrame) -> Drift | None:
    """Compare the shares of answers: a chi-square test, divided by the mean design effect."""
    both = pd.concat([first["answer"], now["answer"]], ignore_index=True)
    codes, words = pd.factorize(both)
    often = np.argsort(-np.bincount(codes), kind="stable")[:_CLASSES]
    if len(words) < 2 or len(words) > len(both) // 3:  # noqa: PLR2004  one class, or texts
        return None
    place = np.full(len(words), len(often))
    place[often] = np.arange(len(often))
    told, size = place[codes], len(often) + int(len(words) > len(often))
    sides = [(told[: len(first)], first), (told[len(first) :], now)]
    counts = np.array([np.bincount(of, minlength=size) for of, _ in sides], np.float64)
    expected = counts.sum(axis=0) * counts.sum(axis=1, keepdims=True) / counts.sum()
    effect = max(_design(of, frame, size) for of, frame in sides)
    square = float(((counts - expected) ** 2 / expected).sum()) / effect
    shares = counts / counts.sum(axis=1, keepdims=True)
    away = shares[1] - shares[0]
    most = int(np.argmax(abs(away)))
    name = words[often[most]] if most < len(often) else "all rare answers"
    return _drift(
        "classes",
        moved=float(abs(away[most])),
        psi=_psi(shares),
        p=float(stats.chi2.sf(square, size - 1)),
        because=f"{name!r} was {shares[0][most]:.1%} of answers and is {shares[1][most]:.1%}",
    )


def _design(told: Ints, frame: pd.DataFrame, size: int) -> float:
    """Return by how much sources that answer alike blow up the variance of shares, at least 1."""
    source, count = _sources(frame)
    given = np.zeros((len(count), size))
    np.add.at(given, (source, told), 1.0)
    share = given.sum(axis=0) / len(told)
    spread = ((given - count[:, None] * share) ** 2).sum(axis=0)
    plain = len(told) * share * (1 - share)
    known = plain > 0
    weight = 1 - share[known]
    effect = np.average(spread[known] / plain[known], weights=weight) if known.any() else 1.0
    return max(float(effect), 1.0)


def _level(first: pd.DataFrame, now: pd.DataFrame) -> Drift | None:
    """Compare mean values by their distance over a variance in which each source is one draw."""
    if first["value"].isna().all() or now["value"].isna().all():
        return None
    means, variances = zip(*(_mean(side) for side in (first, now)), strict=True)
    away = means[1] - means[0]
    distance = abs(away) / np.sqrt(max(sum(variances), 1e-12))
    return _drift(
        "level",
        moved=abs(away),
        psi=0.0,
        p=float(2 * stats.norm.sf(distance)),
        because=f"the mean was {means[0]:.3f} of the scale and is {means[1]:.3f}",
    )


def _mean(frame: pd.DataFrame) -> tuple[float, float]:
    known = frame[frame["value"].notna()]
    value = known["value"].to_numpy(np.float64)
    source, count = _sources(known)
    mean = float(value.mean())
    away = np.bincount(source, value) - count * mean
    few = len(count) / max(len(count) - 1, 1)
    return mean, few * float((away**2).sum()) / len(value) ** 2


def _shape(first: pd.DataFrame, now: pd.DataFrame) -> Drift | None:
    """Compare how values lie (Kolmogorov and Smirnov), with as many as sources make independent."""
    sides = [side[side["value"].notna()] for side in (first, now)]
    if min(len(side) for side in sides) < _FEWEST:
        return None
    values = [np.sort(side["value"].to_numpy(np.float64)) for side in sides]
    grid = np.unique(np.concatenate(values))
    below = [np.searchsorted(each, grid, side="right") / len(each) for each in values]
    gap = abs(below[1] - below[0])
    at = int(np.argmax(gap))
    sizes = [_independent(side) for side in sides]
    both = sizes[0] * sizes[1] / sum(sizes)
    shares = np.array([np.diff(np.r_[0.0, each]) for each in below])
    return _drift(
        "shape",
        moved=float(gap[at]),
        psi=_psi(shares) if len(grid) <= _CLASSES else 0.0,
        p=float(special.kolmogorov(np.sqrt(both) * gap[at])),
        because=f"{below[0][at]:.1%} of values were at most {grid[at]:.2f}, {below[1][at]:.1%} are",
    )


def _independent(frame: pd.DataFrame) -> float:
    """Return how many independent events these are worth, by the variance of their mean."""
    _, variance = _mean(frame)
    plain = float(frame["value"].var(ddof=0))
    return len(frame) if variance <= 0 else min(len(frame), max(plain / variance, 1.0))


def _mix(first: pd.DataFrame, now: pd.DataFrame) -> Drift | None:
    """Compare through whom sources speak: a chi-square test that counts each source once."""
    sides = [side[["producer", "source"]].drop_duplicates()["producer"] for side in (first, now)]
    codes, words = pd.factorize(pd.concat(sides, ignore_index=True))
    if len(words) < 2:  # noqa: PLR2004  one producer is no mix
        return None
    split = len(sides[0])
    counts = np.array(
        [np.bincount(of, minlength=len(words)) for of in (codes[:split], codes[split:])], np.float64
    )
    expected = counts.sum(axis=0) * counts.sum(axis=1, keepdims=True) / counts.sum()
    square = float(((counts - expected) ** 2 / expected).sum())
    shares = counts / counts.sum(axis=1, keepdims=True)
    most = int(np.argmax(shares[1] - shares[0]))
    return _drift(
        "mix",
        moved=float(abs(shares[1] - shares[0])[most]),
        psi=_psi(shares),
        p=float(stats.chi2.sf(square, len(words) - 1)),
        because=f"{words[most]} vouched for {shares[0][most]:.1%} of sources, now for"
        f" {shares[1][most]:.1%}",
    )


def _sources(frame: pd.DataFrame) -> tuple[Ints, Floats]:
    code = frame.groupby(["producer", "source"], sort=False, observed=True).ngroup().to_numpy()
    return code.astype(np.int64), np.bincount(code).astype(np.float64)


def _psi(shares: Floats) -> float:
    """Return the population stability index of two rows of shares; nothing is less than 1e-4."""
    first, now = np.clip(shares, 1e-4, None)
    return float(((now - first) * np.log(now / first)).sum())


def _drift(what: str, *, moved: float, psi: float, p: float, because: str) -> Drift:
    return Drift("", what, moved, psi, p, 0, because)
