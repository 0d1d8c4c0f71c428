"""Choosing what a release may hold, so that no voice exceeds its budget; no detector is trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from approvals.admission import NO_RULE, Fates, admit, ruled, together
from approvals.model import HeldBack
from approvals.policy import MILLION, Policy, ProducerBudget, Voice
from approvals.sayings import SILENT, Sayings
from approvals.support import REASON, Phrases

if TYPE_CHECKING:
    import numpy.typing as npt

    Codes = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

PRIOR: Final = (
    "index",
    "producer",
    "source",
    "cluster",
    "origin",
    "tier",
    "kind",
    "scope",
    "aspect",
    "label",
    "target",
    "revoked",
)
"""A row that left in an earlier release, with what is known of its source today."""

_SOURCE: Final = ["producer", "source"]
_CLUSTER: Final = ["cluster"]
_TARGET: Final = ["target"]
_SAME_THING: Final = [*_SOURCE, *_TARGET, "question", "aspect"]
_NO_LIMIT: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Choice:
    """The candidates chosen, in log order, and how many were left out, by reason in words.

    `phrases` are those of which rows were held back because few stand behind them.
    """

    members: pd.DataFrame
    left_out: Mapping[str, int]
    phrases: tuple[HeldBack, ...] = ()


@dataclass(frozen=True, slots=True)
class _Limit:
    """One budget over groups of rows: `codes` says each row's group, `most` its rows at a size.

    `most(size)` is one limit a group when `size` rows leave; it never grows as `size` falls.
    """

    reason: str
    codes: Codes
    groups: int
    most: Callable[[int], Codes]


@dataclass(frozen=True, slots=True)
class _Tally:
    """The candidates and, behind them, what left before: names as numbers, shared by both."""

    rows: pd.DataFrame
    prior: pd.DataFrame
    numbers: Mapping[str, Codes]

    @classmethod
    def of(cls, rows: pd.DataFrame, prior: pd.DataFrame) -> _Tally:
        """Give every name a number, once; text is compared nowhere after this."""
        named = (*_SOURCE, *_CLUSTER, *_TARGET)
        return cls(rows, prior, {name: _numbered(rows[name], prior[name]) for name in named})

    @property
    def same_kind(self) -> Flags:
        """Say of which prior rows scope and kind are those asked for now."""
        scopes, kinds = self.rows["scope"].unique(), self.rows["kind"].unique()
        same = self.prior["scope"].isin(scopes) & self.prior["kind"].isin(kinds)
        return same.to_numpy().astype(np.bool_)

    @property
    def stands(self) -> Flags:
        """Say which prior rows were not taken back."""
        return ~self.prior["revoked"].to_numpy().astype(np.bool_)

    def groups(self, keys: Sequence[str], counted: Flags) -> tuple[Codes, Codes]:
        """Return each row's group by `keys`, and each group's number of `counted` prior rows."""
        joined = together([self.numbers[key] for key in keys])
        count = len(self.rows)
        said = np.bincount(joined[count:][counted], minlength=int(joined.max(initial=-1)) + 1)
        return joined[:count], said.astype(np.int64)


def choose(
    candidates: pd.DataFrame,
    policy: Policy,
    *,
    prior: pd.DataFrame,
    at: datetime,
    sayings: Sayings = SILENT,
) -> Choice:
    """Choose from `candidates` (columns `admission.COLUMNS`) all that rules and budgets let leave.

    `prior` (columns `PRIOR`) is what left before, in any scope: lifetimes and votes on a target
    count on. Within a group the rows stay whose leaf hashes are lowest, an order that no sender
    can know. Budgets cut until none is exceeded in what is left, shares being of what is left.
    `sayings` reads the texts of what the budgets leave; phrases of few voices are cut from it.
    """
    order = _by_leaf(candidates["leaf"])
    rows = candidates.iloc[order].reset_index(drop=True)
    fates = Fates.of(len(rows))
    for reason in sorted(set(rows["barred"].unique()) - {""}):
        fates.leave((rows["barred"] == reason).to_numpy(), reason)
    tally = _Tally.of(rows, prior)
    _leave_older(tally, fates)
    rules = admit(rows, policy, fates, at)
    limits = [*_voices(tally, policy), *_producers(tally, policy), *_rules(tally, policy, rules)]
    phrases = _phrases(tally, policy, sayings)
    kept = _settled(tally, policy, limits, np.flatnonzero(fates.kept), fates)
    while (over := phrases.over(kept)).any():
        kept = _settled(tally, policy, limits, _without(kept, over, REASON, fates), fates)
    place = np.sort(order[kept])
    place = place[np.argsort(candidates["index"].to_numpy()[place], kind="stable")]
    members = candidates.iloc[place].reset_index(drop=True)
    return Choice(members, fates.counts(), phrases.held_back(fates.kept))


def _by_leaf(leaves: pd.Series[bytes]) -> Codes:
    """Return the order of leaf hashes: equally long bytes, which NumPy compares many at once."""
    hashes = np.array(leaves.tolist(), dtype=np.bytes_)
    return np.argsort(hashes, kind="stable").astype(np.int64)


def _numbered(names: pd.Series[str], more: pd.Series[str]) -> Codes:
    """Give every name in two columns its number, and return both columns in numbers, joined."""
    (codes, known), (others, told) = (
        pd.factorize(each, use_na_sentinel=False) for each in (names, more)
    )
    words = [*map(str, known), *map(str, told)]
    numbers = pd.factorize(np.array(words, dtype=object))[0]
    return np.concatenate([numbers[: len(known)][codes], numbers[len(known) :][others]])


def _settled(
    tally: _Tally, policy: Policy, limits: Sequence[_Limit], kept: Codes, fates: Fates
) -> Codes:
    """Return what of `kept` stays when nothing is over any budget or the support of its target."""
    size = -1
    while size != len(kept):
        size = len(kept)
        for limit in limits:
            kept = _cut(limit, kept, fates)
        kept = _cut(_support(tally, policy, kept), kept, fates)
    return kept


def _phrases(tally: _Tally, policy: Policy, sayings: Sayings) -> Phrases:
    """Return the rule on phrases over the candidates and what stands of the same kind."""
    counted = np.flatnonzero(tally.same_kind & tally.stands)
    index = np.concatenate([tally.rows["index"].to_numpy(), tally.prior["index"].to_numpy()])
    return Phrases(
        rule=policy.phrases,
        sayings=sayings,
        index=index.astype(np.int64),
        cluster=tally.numbers["cluster"].astype(np.int64),
        gone=len(tally.rows) + counted,
    )


def _leave_older(tally: _Tally, fates: Fates) -> None:
    """Leave out what a source said before of the same thing, even where its newest word must wait.

    What a source takes back does not leave because the correction is in quarantine. The same
    thing is one question and one aspect of a target; a target's rows have a limit of their own.
    """
    rows, nothing = tally.rows, np.zeros(len(tally.prior), dtype=np.bool_)
    codes, _ = tally.groups([*_SOURCE, *_TARGET], nothing)
    again = np.bincount(codes)[codes] > 1  # most speak of a thing once, and need no look at words
    live = rows[fates.kept & again]
    live = live.sort_values(["arrived", "index"], ascending=False, kind="stable")
    rank = live.groupby(_SAME_THING, sort=False, observed=True).cumcount()
    older = np.zeros(len(rows), dtype=np.bool_)
    older[live.index[rank > 0]] = True
    fates.leave(older, "the source said it anew")


def _voices(tally: _Tally, policy: Policy) -> Iterator[_Limit]:
    """Yield the limits of sources and clusters: on one target, in this release, and ever."""
    every = np.ones(len(tally.prior), dtype=np.bool_)
    for name, keys, voice in (
        ("source", _SOURCE, policy.budget.source),
        ("cluster", _CLUSTER, policy.budget.cluster),
    ):
        codes, said = tally.groups([*keys, *_TARGET], tally.same_kind)
        left = _left(voice.per_target, said)
        yield _Limit(f"{name} has spoken on this target", codes, len(said), _always(left))
        codes, said = tally.groups(keys, every)
        yield _Limit(f"{name} over its budget", codes, len(said), _capped(voice, len(said)))
        left = _left(voice.lifetime, said)
        yield _Limit(f"{name} over its lifetime budget", codes, len(said), _always(left))


def _producers(tally: _Tally, policy: Policy) -> Iterator[_Limit]:
    codes, said = tally.groups(["producer"], np.zeros(len(tally.prior), dtype=np.bool_))
    most = _capped(policy.budget.producer, len(said))
    yield _Limit("producer over its budget", codes, len(said), most)


def _rules(tally: _Tally, policy: Policy, rules: Codes) -> Iterator[_Limit]:
    """Yield the limits of the rules: of this release, and of all that the scope ever released."""
    same_scope = tally.prior["scope"].isin(tally.rows["scope"].unique()).to_numpy()
    scope = tally.prior[same_scope & tally.stands]
    earlier = ruled(scope, policy)
    spoken = np.bincount(earlier[earlier != NO_RULE], minlength=len(policy.rule))
    for number, rule in enumerate(policy.rule):
        codes = np.where(rules == number, 0, 1).astype(np.int64)
        share, of_scope = _parts(rule.share), _parts(rule.share_of_scope)
        past, gone = int(spoken[number]), len(scope)

        def most(size: int, share: int = share) -> Codes:
            return np.array([size * share // MILLION, _NO_LIMIT], dtype=np.int64)

        def most_of_scope(
            size: int, share: int = of_scope, past: int = past, gone: int = gone
        ) -> Codes:
            left = max(0, (size + gone) * share // MILLION - past)
            return np.array([left, _NO_LIMIT], dtype=np.int64)

        if share < MILLION:
            yield _Limit(f"over the share of a release: {rule.name}", codes, 2, most)
        if of_scope < MILLION:
            yield _Limit(f"over the share of the scope: {rule.name}", codes, 2, most_of_scope)


def _support(tally: _Tally, policy: Policy, kept: Codes) -> _Limit:
    """Limit each target to `support.rows` rows, ever, unless enough clusters are behind it."""
    counted = tally.same_kind & tally.stands
    codes, said = tally.groups(_TARGET, counted)
    standing = np.concatenate([kept, len(tally.rows) + np.flatnonzero(counted)])
    pairs = pd.DataFrame({name: tally.numbers[name][standing] for name in (*_TARGET, *_CLUSTER)})
    behind = np.bincount(pairs.drop_duplicates()["target"], minlength=len(said))
    enough = behind >= policy.support.clusters
    left = np.where(enough, _NO_LIMIT, _left(policy.support.rows, said))
    return _Limit("too few clusters behind its target", codes, len(said), _always(left))


def _cut(limit: _Limit, kept: Codes, fates: Fates) -> Codes:
    """Leave out what is over `limit`; its share is of what this limit alone would leave.

    What other limits leave out later can only lower the size, so nothing is cut here that could
    have stayed, and the counts settle without touching a row.
    """
    counts = np.bincount(limit.codes[kept], minlength=limit.groups)
    size, before = len(kept), -1
    while size != before:
        before = size
        size = int(np.minimum(counts, limit.most(size)).sum())
    most = limit.most(size)
    if (counts <= most).all():
        return kept
    here = limit.codes[kept]
    return _without(kept, _ranks(here) >= most[here], limit.reason, fates)


def _without(kept: Codes, over: Flags, reason: str, fates: Fates) -> Codes:
    """Leave out those of `kept` that are `over`, for this reason; return the others."""
    if over.any():
        cut = np.zeros(len(fates.kept), dtype=np.bool_)
        cut[kept[over]] = True
        fates.leave(cut, reason)
    return kept[~over]


def _ranks(codes: Codes) -> Codes:
    """Return each row's rank, from 0, among the rows of its group."""
    return pd.Series(codes).groupby(codes, sort=False).cumcount().to_numpy().astype(np.int64)


def _left(most: int, said: Codes) -> Codes:
    return np.maximum(0, most - said)


def _parts(share: float) -> int:
    return round(share * MILLION)


def _always(most: Codes) -> Callable[[int], Codes]:
    return lambda _: most


def _capped(voice: Voice | ProducerBudget, groups: int) -> Callable[[int], Codes]:
    share = _parts(voice.share)
    return lambda size: np.full(groups, min(voice.rows, size * share // MILLION), dtype=np.int64)
