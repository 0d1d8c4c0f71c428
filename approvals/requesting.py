"""Making a request: candidates from the store, chosen within budgets, frozen by Merkle root."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from itertools import repeat
from math import ceil
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from approvals.attest import act_of
from approvals.budget import Choice, choose
from approvals.candidates import Known, candidates, prior
from approvals.model import Request
from approvals.policy import Policy, Rule
from approvals.rules import spell
from approvals.sayings import Bodies
from approvals.speakers import speakers
from approvals.successor import successor_of
from quarantine.envelope import kind_named, kinds
from quarantine.errors import UnmetError, UsageError
from quarantine.log import root_of
from quarantine.model import Dossier, Member, Tier
from quarantine.ports import Store
from quarantine.unswept import unswept

if TYPE_CHECKING:
    import pandas as pd

    from approvals.hands import Asked

_OVER: Final = "source over its budget"
_LEAF: Final = itemgetter(Member._fields.index("leaf"))
_LATER: Final = (
    "what is over a budget of this release may leave with a later one, more of it beside more"
    " sources"
)
_BY_RULE: Final[Mapping[str, Callable[[Rule], str]]] = {
    "source too young": lambda rule: (
        f"under {rule.name!r} a source is heard for {spell(rule.min_age)} first{_known(rule)}"
    ),
    "not held long enough": lambda rule: (
        f"under {rule.name!r} an event is held for {spell(rule.dwell)} first, so ask again then"
    ),
    "over the share of a release": lambda rule: (
        f"{rule.name!r} may be {rule.share:.0%} of a release, beside what leaves by"
        f" other rules{_known(rule)}"
    ),
    "over the share of the scope": lambda rule: (
        f"{rule.name!r} may be {rule.share_of_scope:.0%} of all that ever left for the scope, so"
        " other rows of it must leave first"
    ),
}
_BY_ITSELF: Final = {
    "not scored yet": "what scoring has not seen waits for its next pass (`quarantine up`)",
    "source over its budget": _LATER,
    "cluster over its budget": _LATER,
    "too few clusters behind its target": "a target waits for more clusters to speak of it",
    "too few clusters behind a phrase": "a phrase waits for more clusters to say it",
}


def mends(policy: Policy, left_out: Iterable[str]) -> list[str]:
    """Return what can be done, or waited for, about rows left out for these reasons, in words."""
    rules = {rule.name: rule for rule in policy.rule}
    told = []
    for reason in left_out:
        what, _, name = reason.partition(": ")
        if what in _BY_RULE and name in rules:
            told.append(_BY_RULE[what](rules[name]))
        elif reason in _BY_ITSELF:
            told.append(_BY_ITSELF[reason])
    return list(dict.fromkeys(told))


def _known(rule: Rule) -> str:
    """Say how a source leaves by another rule, where this one is for those whom nobody knows."""
    if Tier.VETTED in rule.tiers or Tier.UNVETTED not in rule.tiers:
        return ""
    return "; `quarantine sources tier` says whom you know"


@unswept()
def make(store: Store, asked: Asked) -> tuple[Request, int, Choice]:
    """Choose, freeze and record; see `desk.make_request`, which checks who asks."""
    names = sorted(kind.name for kind in kinds().values())
    if asked["kind"] not in names:
        raise UsageError(f"there is no kind {asked['kind']!r}; there are {', '.join(names)}")
    size, replaces = store.size(), asked.get("replaces")
    again = successor_of(store, replaces) if replaces else None
    known = Known.read(store, asked["roster"], size, again)
    bodies = Bodies(store, kind_named(asked["kind"]))
    rows = candidates(known, asked["scope"], asked["kind"], asked["until"], bodies)
    before, known = prior(known), known.described()
    choice = choose(
        rows,
        asked["policy"],
        prior=before,
        at=asked["at"],
        sayings=bodies.sayings(),
    )
    if choice.members.empty:
        raise UnmetError(_nothing(asked, choice))
    members = _members(choice.members)
    request = _request(store, asked, choice, members, known)
    return request, store.freeze(act_of(request, asked["signer"]), members), choice


def _request(
    store: Store, asked: Asked, choice: Choice, members: list[Member], known: Known
) -> Request:
    spoken = speakers(members)
    sources = {each.key for each in spoken}
    return Request(
        at=asked["at"],
        scope=asked["scope"],
        kind=asked["kind"],
        purpose=asked.get("purpose", "training"),
        by=asked["by"].name,
        key=asked["by"].key,
        root=root_of(map(_LEAF, members)).hex(),
        rows=len(members),
        sources=len(sources),
        clusters=len({each.cluster for each in spoken}),
        policy=asked["policy"].digest,
        dossiers=_digest(each for each in known.dossiers.values() if each.key in sources),
        log_size=known.size,
        log_root=store.frontier(known.size).root().hex(),
        until=asked["until"],
        expires=asked["at"] + asked["policy"].quorum.request_ttl,
        nonce=asked["nonce"],
        phrases=choice.phrases or None,
        replaces=asked.get("replaces"),
    )


def _members(chosen: pd.DataFrame) -> list[Member]:
    rows = zip(*(chosen[name].tolist() for name in Member._fields), strict=True)
    return [*map(tuple.__new__, repeat(Member), rows)]


def _digest(dossiers: Iterable[Dossier]) -> str:
    """Digest what was thought of the sources: the SHA-256 over their dossiers' own, by name."""
    ordered = sorted(dossiers, key=lambda each: each.key)
    return hashlib.sha256("".join(each.digest for each in ordered).encode()).hexdigest()


def _nothing(asked: Asked, choice: Choice) -> str:
    left = ", ".join(f"{count} {reason}" for reason, count in choice.left_out.items())
    said = f"nothing of kind {asked['kind']} may leave for {asked['scope']}: {left or 'none held'}"
    share = asked["policy"].budget.source.share
    todo = mends(asked["policy"], [each for each in choice.left_out if each != _OVER])
    if _OVER in choice.left_out:
        todo.append(
            f"a source may be {share:.1%} of a release, so it takes {ceil(1 / share)} at least,"
            " and more where some say much more than others"
        )
    return "; ".join([said, *todo])
