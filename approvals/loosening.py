"""Whether a policy lets through more than another: compared on every claim that either can tell.

Rules decide by the first that matches, so two policies are compared by what they say of each
claim, over all words that either names and one word that neither does. What cannot be shown to
be as tight counts as looser.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import lru_cache, partial
from itertools import product
from typing import Final, NamedTuple

from approvals.conditions import looser
from approvals.electorate import Demand, probed
from approvals.model import ANY
from approvals.policy import Claim, Policy, Rule, judge
from quarantine.envelope import kinds
from quarantine.model import Origin, Tier

MOST: Final = 200_000
"""Claims compared; policies with more words than that are not, and count as looser."""
DAY: Final = timedelta(days=1)
_OTHER: Final = "\x00any other"


def delay_of(policy: Policy) -> timedelta:
    """Return how long a looser policy waits once its quorum is met: a day unless it says."""
    return policy.loosening.delay if policy.loosening else DAY


@lru_cache(maxsize=256)
def loosened(before: Policy, after: Policy) -> tuple[str, ...]:
    """Return a sentence for each way in which `after` lets through what `before` would not.

    None means that everything `after` lets leave, `before` would have let leave too, at
    the same time or sooner, with no smaller a quorum.
    """
    return tuple(
        dict.fromkeys(
            [
                *_rules(before, after),
                *_numbers(before, after),
                *_demands(before, after),
                *_extras(before, after),
            ]
        )
    )


def _voice(policy: Policy, *, voice: str, name: str) -> float:
    return float(getattr(getattr(policy.budget, voice), name))


class _Number(NamedTuple):
    """One number of a policy; where it `grows`, more is let through."""

    name: str
    read: Callable[[Policy], float]
    grows: bool = True


_NUMBERS: Final = (
    *(
        _Number(f"budget.{voice}.{name}", partial(_voice, voice=voice, name=name))
        for voice in ("source", "cluster")
        for name in ("rows", "share", "lifetime", "per_target")
    ),
    _Number("budget.producer.rows", lambda p: p.budget.producer.rows),
    _Number("budget.producer.share", lambda p: p.budget.producer.share),
    _Number("support.rows", lambda p: p.support.rows),
    _Number("support.clusters", lambda p: p.support.clusters, grows=False),
    _Number("phrases.rows", lambda p: p.phrases.rows),
    _Number("phrases.clusters", lambda p: p.phrases.clusters, grows=False),
    _Number("phrases.words", lambda p: p.phrases.words, grows=False),
    _Number("phrases.small", lambda p: p.phrases.small, grows=False),
    _Number("quorum.vote_ttl", lambda p: p.quorum.vote_ttl.total_seconds()),
    _Number("quorum.request_ttl", lambda p: p.quorum.request_ttl.total_seconds()),
    _Number("probing.share", lambda p: probed(p.probing), grows=False),
)


def _numbers(before: Policy, after: Policy) -> Iterator[str]:
    for number in _NUMBERS:
        old, new = number.read(before), number.read(after)
        if new > old if number.grows else new < old:
            yield f"{number.name}: {old:g} becomes {new:g}"


def _rules(before: Policy, after: Policy) -> Iterator[str]:
    """Yield what leaves at all, or sooner, claim by claim; then the shares that rules have."""
    words = _words(before, after)
    size = 1
    for each in words:
        size *= len(each)
    if size > MOST:
        yield f"the rules tell {size:,} claims apart, too many to compare"
        return
    through: dict[str, set[str]] = {}
    for scope, kind, origin, tier, *rest in product(*words):
        claim = Claim(scope, kind, Origin(origin), Tier(tier), *rest)
        old, new = judge(before, claim), judge(after, claim)
        if not isinstance(new, Rule):
            continue
        if not isinstance(old, Rule):
            yield f"rule {new.name!r} admits what stayed before"
            continue
        through.setdefault(old.name, set()).add(new.name)
        yield from _sooner(old, new)
    yield from _shared(before, after, through)


def _words(before: Policy, after: Policy) -> Sequence[Sequence[str]]:
    reaches = [*before.rule, *before.deny, *after.rule, *after.deny]
    named = [
        sorted({word for reach in reaches for word in words(reach)} - {ANY})
        for words in (
            lambda reach: reach.scopes,
            lambda reach: reach.aspects,
            lambda reach: reach.labels,
            lambda reach: [word.removesuffix(ANY) for word in reach.targets],
        )
    ]
    scopes, aspects, labels, targets = ([*words, _OTHER] for words in named)
    every = sorted({kind.name for kind in kinds().values()})
    ends = [*targets, *(f"{word}{_OTHER}" for word in targets)]
    return (scopes, every, list(Origin), list(Tier), ["", *aspects], ["", *labels], ends)


def _sooner(old: Rule, new: Rule) -> Iterator[str]:
    for name in ("min_age", "dwell"):
        if getattr(new, name) < getattr(old, name):
            yield f"rule {new.name!r}: {name} is shorter than under {old.name!r}"
    if not new.assurance.reaches(old.assurance):
        yield f"rule {new.name!r}: assurance is less than under {old.name!r}"
    if old.needs_gold and not (new.needs_gold and new.needs_gold.covers(old.needs_gold)):
        yield f"rule {new.name!r}: fewer known answers are asked than under {old.name!r}"


def _shared(before: Policy, after: Policy, through: dict[str, set[str]]) -> Iterator[str]:
    """Yield shares that grew: what one rule limited may not leave through several together."""
    old_rules = {rule.name: rule for rule in before.rule}
    new_rules = {rule.name: rule for rule in after.rule}
    for old_name, names in through.items():
        for share in ("share", "share_of_scope"):
            most = getattr(old_rules[old_name], share)
            together = sum(getattr(new_rules[name], share) for name in names)
            if most < 1 and together > most:
                yield f"{share} of what {old_name!r} admits: {most:g} becomes {min(1, together):g}"


def _demands(before: Policy, after: Policy) -> Iterator[str]:
    risks = [*before.risk, *after.risk]
    scopes = [*sorted({word for risk in risks for word in risk.scopes} - {ANY}), _OTHER]
    names = [*sorted({word for risk in risks for word in risk.kinds} - {ANY}), _OTHER]
    sizes = sorted({1, *(size for risk in risks for size in (risk.rows - 1, risk.rows) if size)})
    for asked in product(scopes, names, sizes):
        found = _less(before.demand(*asked), after.demand(*asked))
        if found:
            what = f"{asked[0]} {asked[1]} from {asked[2]} rows on" if risks else "a request"
            yield f"quorum for {what.replace(_OTHER, 'others')}: {found}"
    found = _less(before.demand_of_change(), after.demand_of_change())
    if found:
        yield f"quorum for a looser policy: {found}"


def _less(old: Demand, new: Demand) -> str:
    """Say how `new` asks for less than `old`, empty where it does not."""
    if new.people < old.people:
        return f"{old.people} people become {new.people}"
    dropped = sorted((Counter(old.roles) - Counter(new.roles)).elements())
    if dropped:
        return f"nobody needs to fill {', '.join(dropped)}"
    if old.draw is not None and (new.draw is None or new.draw > old.draw):
        return "reviewers are drawn less narrowly"
    return ""


def _extras(before: Policy, after: Policy) -> Iterator[str]:
    old, new = set(before.quorum.veto), set(after.quorum.veto)
    if ANY not in new and not (old <= new and ANY not in old):
        yield "quorum.veto: fewer can stop a request"
    if set(before.verdicts.leave_out) - set(after.verdicts.leave_out):
        yield "verdicts.leave_out: fewer verdicts stay behind"
    if after.glass is not None and _wider(before, after):
        yield "glass: more people may break it, or are looked at later"
    if _reads_less(before, after):
        yield "reading: less must be read"
    yield from looser(before.gate, after.gate, sorted(kind.name for kind in kinds().values()))
    if delay_of(after) < delay_of(before):
        yield "loosening.delay: a looser policy waits for less long"


def _wider(before: Policy, after: Policy) -> bool:
    if before.glass is None or after.glass is None:
        return True
    more = not set(after.glass.roles) <= set(before.glass.roles) and ANY not in before.glass.roles
    return more or after.glass.review_within > before.glass.review_within


def _reads_less(before: Policy, after: Policy) -> bool:
    if before.reading is None:
        return False
    if after.reading is None:
        return True
    return (
        after.reading.share > before.reading.share
        or after.reading.confidence < before.reading.confidence
    )
