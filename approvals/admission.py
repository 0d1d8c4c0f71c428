"""Which held events may be asked for at all: the policy's rules and waits, applied to columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from approvals.conditions import EXACT
from approvals.model import ANY, Assurance
from approvals.policy import Claim, Deny, Policy, Reach, Rule, judge
from quarantine.model import Origin, Tier, to_micros

if TYPE_CHECKING:
    import numpy.typing as npt

    Codes = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

COLUMNS: Final = (
    "index",
    "leaf",
    "producer",
    "source",
    "cluster",
    "origin",
    "assurance",
    "tier",
    "kind",
    "scope",
    "aspect",
    "label",
    "target",
    "question",
    "arrived",
    "first_seen",
    "verdict",
    "answered",
    "right",
    "barred",
)
"""A candidate: an event with what is known of its source.

Times in µs (arrival); `answered` and `right` count known answers that its source met and got right,
empty where nobody counted; `verdict` is empty where scoring has not spoken yet; `barred` says in
words what keeps it already, empty where nothing does."""

_CLAIM: Final = ["scope", "kind", "origin", "tier", "aspect"]
NO_RULE: Final = -1


@dataclass(slots=True)
class Fates:
    """Which candidates are kept, and how many were left out, by the one reason in words."""

    kept: Flags
    reasons: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, count: int) -> Fates:
        """Start with `count` candidates, all kept."""
        return cls(np.ones(count, dtype=np.bool_))

    def leave(self, which: Flags, reason: str) -> None:
        """Leave out those of `which` that are still kept; the first reason stands."""
        left = int(np.count_nonzero(which & self.kept))
        if left:
            self.reasons[reason] += left
            self.kept &= ~which

    def counts(self) -> dict[str, int]:
        """Return how many were left out, by reason, in the order of the words."""
        return dict(sorted(self.reasons.items()))


def ruled(frame: pd.DataFrame, policy: Policy) -> Codes:
    """Return, a row, the position in `policy.rule` of the rule that decides, else `NO_RULE`."""
    codes, found = _judged(frame, policy)
    return _positions(policy, found)[codes]


def admit(candidates: pd.DataFrame, policy: Policy, fates: Fates, at: datetime) -> Codes:
    """Leave out what no rule admits at `at`; return each row's rule (see `ruled`).

    `candidates` has the columns `COLUMNS`. Deny by default: a denial, then the first rule that
    speaks of a row decides, and both the source's age and the event's wait must be over.
    """
    _leave_suspects(candidates["verdict"], policy, fates)
    codes, found = _judged(candidates, policy)
    for code, each in enumerate(found):
        _leave_by(each, codes == code, candidates, fates, to_micros(at))
    return _positions(policy, found)[codes]


def _leave_suspects(verdicts: pd.Series[str], policy: Policy, fates: Fates) -> None:
    codes, words = pd.factorize(verdicts)
    said = np.append(words.astype(object), "")[codes]
    fates.leave(said == "", "not scored yet")
    for verdict in policy.verdicts.leave_out:
        fates.leave(said == verdict.value, f"source on {verdict.value}")


def _leave_by(
    each: Rule | Deny | None, here: Flags, candidates: pd.DataFrame, fates: Fates, now: int
) -> None:
    if each is None:
        fates.leave(here, "no rule admits it")
    elif not isinstance(each, Rule):
        fates.leave(here, f"denied: {each.name}")
    else:
        young = candidates["first_seen"].to_numpy() > now - _micros(each.min_age)
        fates.leave(here & young, f"source too young: {each.name}")
        fresh = candidates["arrived"].to_numpy() > now - _micros(each.dwell)
        fates.leave(here & fresh, f"not held long enough: {each.name}")
        fates.leave(here & _unsure(candidates, each), f"source not sure enough: {each.name}")
        fates.leave(here & _unproven(candidates, each), f"too few known answers right: {each.name}")


def _unsure(candidates: pd.DataFrame, rule: Rule) -> Flags:
    enough = [level.value for level in Assurance if level.reaches(rule.assurance)]
    return ~candidates["assurance"].isin(enough).to_numpy(dtype=np.bool_)


def _unproven(candidates: pd.DataFrame, rule: Rule) -> Flags:
    """Say which sources met fewer known answers, or missed more of them, than the rule allows."""
    need = rule.needs_gold
    if need is None:
        return np.zeros(len(candidates), np.bool_)
    answered, right = (
        pd.to_numeric(candidates[name], errors="coerce").fillna(0).to_numpy(np.float64)
        for name in ("answered", "right")
    )
    return np.asarray((answered < need.answers) | (right + EXACT < need.right * answered), np.bool_)


def _micros(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)


def _positions(policy: Policy, found: Sequence[Rule | Deny | None]) -> Codes:
    places = [policy.rule.index(each) if isinstance(each, Rule) else NO_RULE for each in found]
    return np.array(places, dtype=np.int64)


def _judged(frame: pd.DataFrame, policy: Policy) -> tuple[Codes, list[Rule | Deny | None]]:
    """Judge each different claim once; return each row's code and what was found for the code."""
    asked = [*_CLAIM, *_limited(policy)]
    codes = together([pd.factorize(frame[name], use_na_sentinel=False)[0] for name in asked])
    first = ~pd.Series(codes).duplicated().to_numpy()
    claims = frame.loc[first, asked].astype(str)
    found = []
    for scope, kind, origin, tier, *rest in claims.itertuples(index=False):
        more = dict(zip(asked[4:], rest, strict=True))
        found.append(judge(policy, Claim(scope, kind, Origin(origin), Tier(tier), **more)))
    return codes, found


def together(columns: Sequence[Codes]) -> Codes:
    """Return one number for each row's numbers (from 0) in several columns, by first appearance."""
    joined = columns[0].astype(np.int64)
    for other in columns[1:]:
        joined = joined * (int(other.max(initial=0)) + 1) + other
        joined = pd.factorize(joined)[0].astype(np.int64)
    return joined


def _limited(policy: Policy) -> list[str]:
    """Return those of the words with many values that a rule of `policy` speaks of at all."""
    reaches: list[Reach] = [*policy.rule, *policy.deny]
    lists = {
        "label": [reach.labels for reach in reaches],
        "target": [reach.targets for reach in reaches],
    }
    return [name for name, words in lists.items() if any(ANY not in each for each in words)]
