"""What was measured, with its sentence: rounded, in one form, safe to show."""

from __future__ import annotations

from collections.abc import Sequence

from approvals.canaries import OwnCanary
from approvals.catchwords import Catchword
from approvals.crews import Crew
from approvals.gate import DIGITS, Measure, rounded
from approvals.pulls import Loudest
from quarantine.safe import safe

Ends = tuple[float | None, float]
"""A figure before the candidate rows (absent on a first release) and after them."""
_SHORT: float = 10.0**-DIGITS
_LONGEST = 80
_NAMED = 5
"""So many clusters of a crew are named."""


def by_shift(what: str, group: str, ends: Ends, p: float, limit: float) -> Measure:
    """Tell how the candidate rows move a behaviour, in shares of canaries, answers or a scale."""
    before, after = ends
    moved = rounded(abs(after - (after if before is None else before)))
    return Measure(
        looked="shift",
        what=safe(what, _LONGEST),
        group=safe(group, _LONGEST),
        before=None if before is None else rounded(before),
        after=rounded(after),
        moved=moved,
        limit=limit,
        p=rounded(p),
        because=f"{_of(what, group)} moves from {_percent(before)} to {_percent(after)}"
        f" (chance {p:.1%})",
    )


def by_cluster(
    names: tuple[str, str], group: str, ends: Ends, loud: Loudest, limit: float
) -> Measure:
    """Tell how far the loudest cluster pulls; `names` are the behaviour's and the cluster's.

    `ends` are the figure without the cluster and with it.
    """
    what, cluster = names
    return Measure(
        looked="cluster",
        what=safe(what, _LONGEST),
        group=safe(group, _LONGEST),
        before=None if ends[0] is None else rounded(ends[0]),
        after=rounded(ends[1]),
        moved=rounded(loud.beyond),
        limit=limit,
        p=rounded(loud.p),
        because=f"{_of(what, group)}: {safe(cluster, _LONGEST)} alone pulls {loud.beyond:.1f}"
        f" standard deviations further than all, in {loud.rows} rows (chance {loud.p:.1%})",
    )


def by_crew(crew: Crew, names: Sequence[str], limit: float) -> Measure:
    """Tell how several clusters choose by one property; `names` are theirs, some may be innocent.

    `before` is the share of such choices that others would make so, `after` the crew's.
    """
    told = ", ".join(safe(name, _LONGEST) for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return Measure(
        looked="crew",
        what=crew.what,
        group="everyone",
        before=rounded(crew.usual),
        after=rounded(crew.did),
        moved=rounded(max(0.0, crew.did - crew.usual)),
        limit=limit,
        p=rounded(crew.p),
        because=f"{told}{more} chose {crew.what} in {crew.did:.0%} of {crew.rows} choices, others"
        f" would in {crew.usual:.0%} (chance {crew.p:.1%})",
    )


def by_word(word: Catchword, where: str, ends: Ends, still: float, limit: float) -> Measure:
    """Tell what a phrase that few clusters carry does in canaries; `still` is nothing at all."""
    before, after = ends
    far = abs(after - (still if before is None else before))
    spelled = safe(word.spelled, _LONGEST)
    verb = "wins" if where == "answers" else "turns"
    return Measure(
        looked="catchword",
        what=spelled,
        group=where,
        before=None if before is None else rounded(before),
        after=rounded(after),
        moved=rounded(far),
        limit=limit,
        p=rounded(word.p),
        because=f"{spelled!r} in {where} {verb} {_percent(after)} of canaries, before"
        f" {_percent(still if before is None else before)}; it stands in {word.texts} texts of"
        f" {word.clusters} clusters",
    )


def by_floor(canary: OwnCanary, sure: float) -> Measure:
    """Hold a canary of the team's own to the least that it asks; nothing below is let through."""
    least = 0.0 if canary.at_least is None else canary.at_least
    return Measure(
        looked="own",
        what=safe(canary.name, _LONGEST),
        group="everyone",
        after=rounded(sure),
        moved=rounded(max(0.0, least - sure)),
        limit=_SHORT,
        because=f"{safe(canary.name, _LONGEST)!r}: a proxy is {_percent(sure)} sure of what is"
        f" better, {_percent(least)} is asked",
    )


def by_target(target: str, cluster: str, ends: Ends, limit: float) -> Measure:
    """Tell how far leaving one cluster out moves what is said of a target; an absolute limit."""
    before, after = ends
    moved = abs(after - (after if before is None else before))
    return Measure(
        looked="target",
        what=safe(target, _LONGEST),
        group="everyone",
        before=None if before is None else rounded(before),
        after=rounded(after),
        moved=rounded(moved),
        limit=limit,
        because=f"what is said of {safe(target, _LONGEST)} is {_percent(after)}, and"
        f" {_percent(before)} without {safe(cluster, _LONGEST)}",
    )


def by_accuracy(what: str, ends: Ends) -> Measure:
    """Tell how often a proxy agrees with what was accepted: reported, and never the gate."""
    before, after = ends
    return Measure(
        looked="accuracy",
        what=what,
        group="everyone",
        before=None if before is None else rounded(before),
        after=rounded(after),
        moved=rounded(abs(after - (after if before is None else before))),
        because=f"{what}: {_percent(before)}, then {_percent(after)} of what was kept aside",
    )


def _of(what: str, group: str) -> str:
    named = safe(what, _LONGEST)
    return named if group == "everyone" else f"{named} ({safe(group, _LONGEST)})"


def _percent(share: float | None) -> str:
    return "nothing known" if share is None else f"{share:.1%}"
