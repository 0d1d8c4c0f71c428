"""What people say of sources: held, cleared, how well known, appealed for; acts in, acts out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, Unpack

from approvals.appeals import require_appealable, require_other
from approvals.attest import act_of
from approvals.guards import Appealed
from approvals.hands import Hand, require_reason, require_seat
from approvals.interest import of_source, own_clusters, tie
from approvals.model import SourceRuled, SourceTiered
from approvals.roster import Reviewer, Roster
from quarantine.errors import NotAuthorisedError, UsageError
from quarantine.model import SourceKey, Tier
from quarantine.ports import Store


def rule_source(
    store: Store,
    key: SourceKey,
    ruling: Literal["hold", "clear"],
    *,
    because: str,
    probes: Collection[SourceKey] = (),
    **hand: Unpack[Hand],
) -> SourceRuled:
    """Record that a person holds or clears a source; no machine overrules it.

    `probes` are sources that nobody is: a ruling on one is the same act, and tells of the reviewer.
    Raises `NotAuthorisedError` as `require_ruler` does.
    """
    require_reason(because)
    if key not in probes:
        _require_sources(store, [key], because)
    roster = _roster(store)
    require_ruler(roster, key, ruling, **hand)
    if ruling == "clear" and key not in probes:
        _require_no_tie(store, roster, [key], "clear", hand["by"])
    require_other(store.acts(), roster, key, hand["by"].name)
    act = SourceRuled(
        at=hand["at"],
        producer=key.producer,
        source=key.source,
        ruling=ruling,
        because=because,
        by=hand["by"].name,
    )
    store.record([act_of(act, hand["signer"])])
    return act


def require_ruler(
    roster: Roster, key: SourceKey, ruling: Literal["hold", "clear"], **hand: Unpack[Hand]
) -> None:
    """Refuse (`NotAuthorisedError`) who may not rule so on a source: nobody clears their own."""
    by = hand["by"]
    require_seat(roster, by, hand["signer"], hand["at"])
    found = tie(of_source(key), roster, by) if ruling == "clear" else ""
    if found:
        raise NotAuthorisedError(f"{found} and cannot clear {key}")


def appeal(store: Store, key: SourceKey, *, because: str, **hand: Unpack[Hand]) -> Appealed:
    """Record that a reviewer speaks for a held source; `UsageError` when it is not held."""
    _require_sources(store, [key], because)
    require_seat(_roster(store), hand["by"], hand["signer"], hand["at"])
    require_appealable(store, key)
    act = Appealed(
        at=hand["at"],
        producer=key.producer,
        source=key.source,
        because=because,
        by=hand["by"].name,
    )
    store.record([act_of(act, hand["signer"])])
    return act


def tier_sources(
    store: Store, keys: Sequence[SourceKey], tier: Tier, *, because: str, **hand: Unpack[Hand]
) -> list[SourceTiered]:
    """Record how well each of `keys` is known, all of it or none; it buys speed, never weight.

    Nobody vouches for themselves, nor for who is linked with them: `NotAuthorisedError`.
    """
    _require_sources(store, keys, because)
    roster = _roster(store)
    require_seat(roster, hand["by"], hand["signer"], hand["at"])
    if tier is not Tier.UNVETTED:
        _require_no_tie(store, roster, keys, "vouch for", hand["by"])
    acts = [
        SourceTiered(
            at=hand["at"],
            producer=key.producer,
            source=key.source,
            tier=tier,
            because=because,
            by=hand["by"].name,
        )
        for key in keys
    ]
    store.record([act_of(act, hand["signer"]) for act in acts])
    return acts


def _require_no_tie(
    store: Store, roster: Roster, keys: Sequence[SourceKey], what: str, by: Reviewer
) -> None:
    own = own_clusters(store, by)
    clusters = {each.key: each.cluster for each in store.dossiers(keys)}
    for key in keys:
        found = tie(of_source(key, clusters.get(key, str(key))), roster, by, own)
        if found:
            raise NotAuthorisedError(f"{found} and cannot {what} {key}")


def _roster(store: Store) -> Roster:
    roster = Roster()
    roster.follow(store.acts())
    return roster


def _require_sources(store: Store, keys: Sequence[SourceKey], because: str) -> None:
    require_reason(because)
    known = store.sources()
    for key in keys:
        if key not in known:
            raise UsageError(f"no source {key} has said anything")
