"""Statistics per source and target that merge: profile(A + B) = merge(profile(A), profile(B))."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from quarantine.evidence import micros

_FINE: Final = 1 << 20
"""Values 0..1 are summed as whole parts of this, so that every order of merging gives the same."""
_HOUR: Final = 3_600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Profile:
    """Sums that describe events: everything a summary needs, and nothing that depends on order.

    `sources` has a row a source: `count`, `valued`, `placed`, `first_place` (events),
    `value` and `square` (sums in 2^-20 and 2^-40), `first` and `last` (arrival, µs). `answers`
    counts events by source and answer, `hours` by source and hour since 1970, `targets` by target
    and answer with the sum of values. Codes are those of one `Evidence`.
    """

    sources: pd.DataFrame
    answers: pd.DataFrame
    hours: pd.DataFrame
    targets: pd.DataFrame


def profile(frame: pd.DataFrame) -> Profile:
    """Sum up events, a frame of `Evidence` or any part of one."""
    value = np.rint(np.nan_to_num(frame["value"].to_numpy()) * _FINE).astype(np.int64)
    at = micros(frame["at"])
    events = pd.DataFrame(
        {
            "source": frame["source"].to_numpy(),
            "target": frame["target"].to_numpy(),
            "answer": frame["answer"].to_numpy(),
            "hour": at // _HOUR,
            "count": np.ones(len(frame), np.int64),
            "valued": frame["value"].notna().to_numpy().astype(np.int64),
            "placed": frame["place"].notna().to_numpy().astype(np.int64),
            "first_place": (frame["place"] == 0).to_numpy().astype(np.int64),
            "value": value,
            "square": value * value,
            "first": at,
            "last": at,
        }
    )
    return Profile(
        sources=_by_source(events.drop(columns=["target", "answer", "hour"])),
        answers=_summed(events[["source", "answer", "count"]], ["source", "answer"]),
        hours=_summed(events[["source", "hour", "count"]], ["source", "hour"]),
        targets=_summed(events[["target", "answer", "count", "value"]], ["target", "answer"]),
    )


def merge(left: Profile, right: Profile) -> Profile:
    """Join two profiles; associative, commutative, and an empty profile changes nothing."""
    return Profile(
        sources=_by_source(_both(left.sources, right.sources)),
        answers=_summed(_both(left.answers, right.answers), ["source", "answer"]),
        hours=_summed(_both(left.hours, right.hours), ["source", "hour"]),
        targets=_summed(_both(left.targets, right.targets), ["target", "answer"]),
    )


def by_kind(frame: pd.DataFrame) -> dict[str, Profile]:
    """Sum up the events of each kind apart."""
    return {
        str(kind): profile(some) for kind, some in frame.groupby("kind", observed=True, sort=True)
    }


def merge_kinds(left: Mapping[str, Profile], right: Mapping[str, Profile]) -> dict[str, Profile]:
    """Join what was summed up by kind."""
    both = {kind: merge(left[kind], right[kind]) for kind in left.keys() & right.keys()}
    return {kind: both.get(kind) or left.get(kind) or right[kind] for kind in {*left, *right}}


def spoken(told: Profile, least: int) -> Profile:
    """Return the profile of the sources that have `least` events; targets stay as they are."""
    enough = told.sources.index[told.sources["count"] >= least]
    return Profile(
        sources=told.sources.loc[enough],
        answers=told.answers[told.answers.index.isin(enough, level="source")],
        hours=told.hours[told.hours.index.isin(enough, level="source")],
        targets=told.targets,
    )


def features(told: Profile) -> pd.DataFrame:
    """Describe each source by numbers that can be compared; NaN where a thing is not known.

    Columns: `volume` (log2 of events), `level` and `spread` of values, `sameness` (chance that two
    answers are equal), `busiest` (share of events in the busiest hour), `span` (log2 of hours from
    first to last), `first_place` (share of choices shown first).
    """
    sources = told.sources
    count = sources["count"]
    level = sources["value"] / _FINE / sources["valued"].where(sources["valued"] > 0)
    square = sources["square"] / _FINE**2 / sources["valued"].where(sources["valued"] > 1)
    answers = told.answers.assign(square=told.answers["count"] ** 2).groupby("source")["square"]
    busiest = told.hours.groupby("source")["count"].max()
    hours = (sources["last"] - sources["first"]) / _HOUR
    placed = sources["placed"].where(sources["placed"] > 0)
    return pd.DataFrame(
        {
            "volume": np.log2(count),
            "level": level,
            "spread": np.sqrt((square - level**2).clip(lower=0)),
            "sameness": (answers.sum() / count**2).where(count > 1),
            "busiest": (busiest / count).where(count > 1),
            "span": np.log2(1 + hours).where(count > 1),
            "first_place": sources["first_place"] / placed,
        },
        index=sources.index,
    )


def _both(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([left.reset_index(), right.reset_index()], ignore_index=True)


def _summed(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    return rows.groupby(by, sort=True).sum()


def _by_source(rows: pd.DataFrame) -> pd.DataFrame:
    grouped = rows.groupby("source", sort=True)
    summed = grouped[["count", "valued", "placed", "first_place", "value", "square"]].sum()
    return summed.assign(first=grouped["first"].min(), last=grouped["last"].max())
