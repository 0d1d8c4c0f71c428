"""Making a request: candidates from the store, chosen within budgets, frozen by Merkle root."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import repeat
from math import ceil
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from approvals.attest import act_of
from approvals.budget import Choice, choose
from approvals.candidates import Known, candidates, prior
from approvals.model import Request
from approvals.sayings import Bodies
from approvals.speakers import speakers
from approvals.successor import successor_of
from quarantine.envelope import kind_named, kinds
from quarantine.errors import UnmetError, UsageError
from quarantine.log import root_of
from quarantine.model import Dossier, Member
from quarantine.ports import Store
from quarantine.unswept import unswept

if TYPE_CHECKING:
    import pandas as pd

    from approvals.hands import Asked

_OVER: Final = "source over its budget"
_LEAF: Final = itemgetter(Member._fields.index("leaf"))


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
    if _OVER in choice.left_out:
        said += (
            f"; a source may be {share:.1%} of a release, so it takes {ceil(1 / share)} at least"
        )
    return said
