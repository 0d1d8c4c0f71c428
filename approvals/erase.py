"""Erasing under two people: content and salt are destroyed, and every proof goes on to hold.

The control of SLSA's "safe expunging": an erasure must not be a way to destroy evidence. The log
keeps who spoke, when, and under which leaf; dossiers keep their verdict.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Unpack

from approvals.attest import act_of, record_of
from approvals.erasures import Erased, ErasureProposed
from approvals.hands import Terms, require_reason, require_seat
from approvals.interest import of_source, own_clusters, tie
from approvals.ledger import Ledger
from approvals.proofs import leaves_at
from approvals.roster import Reviewer, Roster
from quarantine.errors import NotAuthorisedError, StaleError, UnmetError, UsageError
from quarantine.log import root_of
from quarantine.model import Named, SourceKey
from quarantine.ports import Store

SHOWN: Final = 12
"""Hex digits of its digest by which people call a proposal."""
_FEWEST: Final = 8
_PAGE: Final = 1000
_AT_ONCE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Doomed:
    """What an erasure would destroy: events (log indexes), their sources, dead letters (numbers).

    `root` is the Merkle root (hex) over the events' leaf hashes.
    """

    indexes: tuple[int, ...]
    sources: tuple[SourceKey, ...]
    letters: tuple[int, ...]
    root: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as the log has it, and the act that carried it out, absent while it is open."""

    index: int
    record: ErasureProposed
    done: tuple[int, Erased] | None

    @property
    def name(self) -> str:
        """Return what people call it."""
        return self.record.digest[:SHOWN]


def doomed(store: Store, named: Named, size: int) -> Doomed:
    """Return what erasing the events that `named` names would destroy, of those before log `size`.

    What was erased before is left out. Raises `UsageError` when nothing is there to be erased, or
    `named` says no source and no event.
    """
    if not (named.source or named.event):
        raise UsageError("name the source or the event that is to be erased")
    gone = store.erased()
    indexes = tuple(each for each in store.find(named) if each < size and each not in gone)
    letters = tuple(_letters(store, named))
    if not indexes and not letters:
        raise UsageError(f"nothing is held of {named.event or named.source} that could be erased")
    whom = SourceKey(named.producer, named.source)
    keys: dict[SourceKey, None] = {whom: None} if named.source else {}
    leaves = []
    for start in range(0, len(indexes), _AT_ONCE):
        for held in store.held(indexes[start : start + _AT_ONCE]):
            keys[SourceKey(held.producer, held.source)] = None
            leaves.append(held.leaf)
    return Doomed(indexes, tuple(keys), letters, root_of(leaves).hex())


def propose(
    store: Store, named: Named, *, because: str, **terms: Unpack[Terms]
) -> tuple[ErasureProposed, Doomed]:
    """Record that one person asks for an erasure; return the act and what it would destroy.

    Raises `NotAuthorisedError` for a name, key or time that is not the roster's, and for whoever
    has an interest in what is to be erased; `UsageError` as `doomed` does.
    """
    by, at = terms["by"], terms["at"]
    require_seat(terms["roster"], by, terms["signer"], at)
    require_reason(because)
    Ledger.read(store.acts()).require_clock(at)
    size = store.size()
    found = doomed(store, named, size)
    _require_independence(store, terms["roster"], by, found)
    record = ErasureProposed(
        at=at,
        producer=named.producer,
        source=named.source,
        event=named.event or None,
        rows=len(found.indexes),
        root=found.root,
        log_size=size,
        letters=found.letters,
        because=because,
        by=by.name,
        key=by.key,
        expires=at + terms["policy"].quorum.request_ttl,
        nonce=terms["nonce"],
    )
    store.record([act_of(record, terms["signer"])])
    return record, found


def confirm(store: Store, ref: str, *, because: str, **terms: Unpack[Terms]) -> tuple[Erased, bool]:
    """Destroy what the proposal `ref` names, as a second person; return the act, and if it is new.

    One that was carried out before is not carried out again, but what is left of it in the
    store's files is looked after once more. Raises `NotAuthorisedError` for who proposed it, or
    has an interest in it; `UnmetError` when it has run out; `StaleError` when the events are not
    those that were proposed any more.
    """
    require_reason(because)
    proposal = find(store, ref)
    if proposal.done is not None:
        store.scrub()
        return proposal.done[1], False
    by, record = terms["by"], proposal.record
    found = require_confirmable(store, proposal, **terms)
    act = Erased(
        at=terms["at"],
        proposal=record.digest,
        rows=record.rows,
        root=record.root,
        because=because,
        by=by.name,
        key=by.key,
    )
    store.erase(
        act_of(act, terms["signer"]),
        found.indexes,
        record.letters,
        require=lambda: _require_open(store, ref),
    )
    return act, True


def require_confirmable(store: Store, proposal: Proposal, **terms: Unpack[Terms]) -> Doomed:
    """Refuse, as `confirm` does, who may not carry it out now; return what would be destroyed."""
    by, at, roster, record = terms["by"], terms["at"], terms["roster"], proposal.record
    require_seat(roster, by, terms["signer"], at)
    Ledger.read(store.acts()).require_clock(at)
    first = roster.reviewers.get(record.by)
    if first is None or first.key != record.key or not first.tenure.covers(record.at):
        raise NotAuthorisedError(f"{record.by}, who proposed {proposal.name}, may not any more")
    if by.person == first.person or by.key == first.key:
        raise NotAuthorisedError(f"{by.name} proposed {proposal.name}: another person must confirm")
    if at >= record.expires or at < record.at:
        raise UnmetError(f"proposal {proposal.name} is open until {record.expires:%Y-%m-%d %H:%M}")
    found = _again(store, record)
    _require_independence(store, roster, by, found)
    return found


def proposals(store: Store) -> list[Proposal]:
    """Return every proposal, oldest first, with what came of it."""
    asked: list[tuple[int, ErasureProposed]] = []
    done: dict[str, tuple[int, Erased]] = {}
    for logged in store.acts():
        if logged.act.kind in (ErasureProposed.act, Erased.act):
            record = record_of(logged.act)
            if isinstance(record, ErasureProposed):
                asked.append((logged.index, record))
            elif isinstance(record, Erased):
                done.setdefault(record.proposal, (logged.index, record))
    return [Proposal(index, record, done.get(record.digest)) for index, record in asked]


def find(store: Store, ref: str) -> Proposal:
    """Return the proposal whose digest begins with `ref`, 8 hex digits or more; else `UsageError`.

    The digest covers a nonce, so that no two proposals have the same.
    """
    found = [
        each
        for each in proposals(store)
        if len(ref) >= _FEWEST and each.record.digest.startswith(ref)
    ]
    if len(found) != 1:
        raise UsageError(f"{len(found) or 'no'} proposals of an erasure are called {ref}")
    return found[0]


def unlawful(store: Store) -> Iterator[str]:
    """Say of each erased event, and each act of erasure, what is wrong with it; for `audit`.

    What is empty must have been erased by two people who named exactly that.
    """
    roster = Roster()
    roster.follow(store.acts())
    by_act: dict[int, list[int]] = {}
    for index, act in store.erased().items():
        by_act.setdefault(act, []).append(index)
    asked = {each.record.digest: each for each in proposals(store)}
    for logged in store.acts():
        if logged.act.kind == Erased.act:
            record = record_of(logged.act)
            assert isinstance(record, Erased)  # noqa: S101  its kind says so
            rows = by_act.pop(logged.index, [])
            fault = _fault(store, record, asked.get(record.proposal), roster, rows)
            if fault:
                yield f"the erasure at log row {logged.index} {fault}"
    for rows in by_act.values():
        yield f"log row {rows[0]} was emptied, and nobody agreed to it"


def _fault(
    store: Store,
    record: Erased,
    proposal: Proposal | None,
    roster: Roster,
    rows: Sequence[int],
) -> str:
    """Say what is wrong with one act of erasure, empty where nothing is."""
    if proposal is None:
        return "carries out what nobody proposed"
    asked = proposal.record
    people = {roster.reviewers[name].person for name in (record.by, asked.by)}
    if len(people) != len((record, asked)):
        return f"was proposed and confirmed by one person, {record.by}"
    if (record.rows, record.root) != (asked.rows, asked.root) or record.rows != len(rows):
        return f"emptied {len(rows)} rows, {asked.rows} were agreed to"
    if root_of(leaves_at(store, rows)).hex() != asked.root:
        return "emptied other rows than were agreed to"
    return ""


def _again(store: Store, record: ErasureProposed) -> Doomed:
    """Find the events anew: they must be exactly those that were proposed."""
    named = Named(producer=record.producer, source=record.source, event=record.event or "")
    found = doomed(store, named, record.log_size)
    if (len(found.indexes), found.root) != (record.rows, record.root):
        raise StaleError(f"{record.digest[:SHOWN]} names other events than are held: propose anew")
    return found


def _require_open(store: Store, ref: str) -> None:
    """Ask again where nobody else can write: another may have confirmed meanwhile."""
    if find(store, ref).done is not None:
        raise StaleError(f"{ref} was carried out by somebody else at this moment")


def _require_independence(store: Store, roster: Roster, by: Reviewer, found: Doomed) -> None:
    """Refuse who is, owns or is linked with what is to be erased: it may be evidence."""
    clusters = {each.key: each.cluster for each in store.dossiers(found.sources)}
    linked = own_clusters(store, by)
    for key in found.sources:
        said = tie(of_source(key, clusters.get(key, str(key))), roster, by, linked)
        if said:
            raise NotAuthorisedError(f"{said} and cannot have it erased")


def _letters(store: Store, named: Named) -> Iterator[int]:
    """Yield the dead letters in whose bytes all that is named is spelled, plainly or escaped."""
    words = [_spellings(word) for word in (named.source, named.event) if word]
    last = 0
    while page := store.dead(last, _PAGE):
        for number, letter in page:
            last = number
            ours = letter.content and named.producer in ("", letter.producer)
            if ours and all(any(each in letter.content for each in word) for word in words):
                yield number


def _spellings(word: str) -> set[bytes]:
    return {
        json.dumps(word, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
        for escaped in (True, False)
    }
