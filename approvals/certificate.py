"""Exposure: the most that k bad clusters can have put into a release, every detector off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
import pandas as pd
from pydantic import Field

from approvals.model import HeldBack
from approvals.parts import Parts, numbered
from approvals.support import terms_of
from quarantine.record import Record
from quarantine.repeated import Repeated, Terms, unsupported
from quarantine.spoken import Spoken

if TYPE_CHECKING:
    import numpy.typing as npt

    from approvals.policy import Policy

BAD: Final = (1, 5, 20)
"""For how many bad clusters exposure is stated."""

DOSE: Final = 250
"""Rows that were enough to plant a backdoor in models of any size that were tried."""

SHARES: Final = (0.01, 0.05)

Share = Annotated[float, Field(ge=0, le=1)]


class Part(Record):
    """The most that bad clusters hold of one target, or of one label: `rows` of its `of` rows."""

    name: str
    rows: int
    of: int


class Exposure(Record):
    """The worst case when `clusters` clusters are bad, whichever they are: rows, and their share.

    `target` is the target of which they hold most rows, `label` the same for labels; absent where
    there are none. `phrase` is the most rows they can have with one phrase that nobody else says,
    by the rule on phrases as it is kept here; absent without one.
    """

    clusters: int
    rows: int
    share: Share
    target: Part | None = None
    label: Part | None = None
    phrase: int | None = None


class Needed(Record):
    """How many clusters must be bad to reach `rows` rows (k*); absent when all together do not."""

    what: str
    rows: int
    clusters: int | None = None


class Supported(Record):
    """The support rule as kept here: targets in more than `rows` rows, and who is behind them.

    `fewest` is the number of clusters behind the least supported of these `targets`, which the
    policy wants to be at least `clusters`; absent where there are no such targets.
    """

    rows: int
    clusters: int
    targets: int
    fewest: int | None = None


class Phrased(Record):
    """The rule on phrases as kept here: up to `words` words, in more than `rows` rows.

    Such a phrase needs `clusters` clusters; `asked` is how many that is of those that exist
    (`quarantine.repeated`), and `lacking` counts phrases that have fewer: none in a release. `held`
    are those of which the request says that rows were held back, which rows alone cannot tell. With
    `each` (a small release) fewer clusters have a phrase in so many rows for each of them.
    """

    rows: int
    clusters: int
    words: int
    asked: int
    lacking: int
    each: int | None = None
    held: tuple[HeldBack, ...] | None = None


class Certificate(Record):
    """Exposure of one set of rows, from their clusters and targets alone; no detector is trusted.

    It bounds how many rows bad clusters can hold, not what harm those rows do.
    """

    rows: int
    clusters: int
    targets: int
    worst: tuple[Exposure, ...]
    needed: tuple[Needed, ...]
    support: Supported | None = None
    phrases: Phrased | None = None
    most_by_policy: int | None = None


def certify(
    rows: pd.DataFrame,
    policy: Policy | None = None,
    *,
    spoken: Spoken | None = None,
    held: Sequence[HeldBack] = (),
) -> Certificate:
    """Certify the exposure of `rows` (one an event) by their columns `cluster`, `target`, `label?`.

    `policy` adds its support rules and the rows it lets a cluster have; without one (a backtest)
    they are absent. `spoken` are the texts of the same rows, without which nothing is said of
    phrases, and `held` the phrases that were held back. The same rows in any order give the same
    certificate.
    """
    cluster, _ = numbered(rows["cluster"])
    sizes = np.sort(np.bincount(cluster))[::-1]
    total = len(rows)
    targets = Parts.of(rows["target"], cluster)
    labels = Parts.of(rows["label"], cluster) if "label" in rows.columns else None
    phrases = None if policy is None or spoken is None else _Counted.of(cluster, policy, spoken)
    return Certificate(
        rows=total,
        clusters=len(sizes),
        targets=len(targets.names),
        worst=tuple(
            Exposure(
                clusters=k,
                rows=int(sizes[:k].sum()),
                share=_share(int(sizes[:k].sum()), total),
                target=_worst(targets, k),
                label=None if labels is None else _worst(labels, k),
                phrase=None if phrases is None else phrases.most(k, int(sizes[:k].sum())),
            )
            for k in BAD
        ),
        needed=tuple(_needed(sizes, what, wanted) for what, wanted in _doses(total)),
        support=None if policy is None else _supported(targets, policy),
        phrases=None if phrases is None else phrases.said(held),
        most_by_policy=None if policy is None else policy.budget.cluster.rows,
    )


@dataclass(frozen=True, slots=True)
class _Counted:
    """Phrases that lack support in some rows, by the rule of a policy."""

    terms: Terms
    asked: int
    found: Repeated

    @classmethod
    def of(cls, cluster: npt.NDArray[np.int64], policy: Policy, spoken: Spoken) -> _Counted:
        terms = terms_of(policy.phrases, len(cluster))
        asked = terms.asked(int(cluster.max(initial=-1)) + 1)
        return cls(terms, asked, unsupported(spoken, cluster, terms))

    def most(self, clusters: int, rows: int) -> int:
        """Return how many rows so many clusters, who hold `rows`, can have with one phrase."""
        if not self.terms.words or clusters >= self.asked:
            return rows
        theirs = self.found.rows[self.found.clusters <= clusters]
        allowed = int(self.terms.most(np.array([clusters]))[0])
        return max(min(rows, allowed), int(theirs.max(initial=0)))

    def said(self, held: Sequence[HeldBack]) -> Phrased:
        return Phrased(
            rows=self.terms.rows,
            clusters=self.terms.clusters,
            words=self.terms.words,
            asked=self.asked,
            lacking=len(self.found),
            each=self.terms.each or None,
            held=tuple(held) or None,
        )


def _share(rows: int, total: int) -> float:
    return round(rows / total, 6) if total else 0.0


def _doses(total: int) -> list[tuple[str, int]]:
    """Return what an attacker may want, in rows: a dose, and shares of all rows rounded up."""
    shares = [(f"{share:.0%}", int(np.ceil(share * total))) for share in SHARES]
    return [(f"{DOSE} rows", DOSE), *shares]


def _needed(sizes: npt.NDArray[np.int64], what: str, wanted: int) -> Needed:
    """Return k*: the fewest of the largest clusters that together hold `wanted` rows."""
    reach = np.cumsum(sizes)
    if wanted < 1 or not len(reach) or reach[-1] < wanted:
        return Needed(what=what, rows=wanted)
    return Needed(what=what, rows=wanted, clusters=int(np.searchsorted(reach, wanted)) + 1)


def _worst(parts: Parts, k: int) -> Part | None:
    """Return the part of which `k` clusters hold most rows; the first by name among equals."""
    found = parts.worst(k)
    return found and Part(name=found[0], rows=found[1], of=found[2])


def _supported(targets: Parts, policy: Policy) -> Supported:
    large = targets.behind[targets.size > policy.support.rows]
    return Supported(
        rows=policy.support.rows,
        clusters=policy.support.clusters,
        targets=len(large),
        fewest=int(large.min()) if len(large) else None,
    )
