"""Making a release: exactly the set that people approved, with its proof, or nothing at all."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Final

import pyarrow as pa

from approvals import card, desk
from approvals.attest import act_of, record_of
from approvals.audit import unsound
from approvals.checkpoint import Checkpoint
from approvals.checkpoint import make as make_checkpoint
from approvals.directory import digests
from approvals.frozen import Frozen, recheck_frozen, same_rows
from approvals.gate import GATE, GateReport
from approvals.given import CERTIFICATE, NODES, NOTE, POLICY
from approvals.given import EVENTS as EVENTS_FILE
from approvals.landing import landing
from approvals.ledger import Ledger
from approvals.manifest import (
    MANIFEST,
    Bypass,
    Column,
    Earlier,
    LogHead,
    Predicate,
    sign_manifest,
)
from approvals.model import PolicyAdopted, Released, Request, Vote
from approvals.passing import require_gate
from approvals.permission import Ground, permitted, require_read
from approvals.policy import Policy
from approvals.ports import Signer
from approvals.proofs import CHUNK, EVENTS, act_file, events_batch, gather, write_nodes
from approvals.recount import certify_columns, counted
from approvals.redecide import bypass_of
from approvals.releases import Left, releases
from approvals.roster import Roster
from approvals.rows import SHARDS, Voices, rows_of, schema_of
from approvals.rules import load
from approvals.sayings import texts_of
from approvals.tables import ParquetFile, library_versions
from approvals.workflow import Cast, request_id
from quarantine.envelope import kind_named
from quarantine.errors import StaleError, TamperedError
from quarantine.model import Kind, Logged, Member, Origin
from quarantine.ports import Store
from quarantine.spoken import Listener, Spoken
from quarantine.unswept import unswept

PER_FILE: Final = 250_000
"""Rows in one file of a release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """What a release is made with.

    `policy` is the one in force, `signer` the releasing role's key, `at` the time (aware),
    `origin` the log's name, `roles` the roles' public keys (PEM), by which every act is checked
    first, `detectors` the versions of those that scored.
    """

    store: Store
    policy: Policy
    signer: Signer
    at: datetime
    origin: str
    roles: Mapping[str, str]
    detectors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Made:
    """A release that was written: its name, its manifest's digest (SHA-256, hex), its rows.

    `again` says that it had left before and was made once more, byte for byte.
    """

    name: str
    manifest: str
    rows: int
    again: bool


@dataclass(frozen=True, slots=True)
class _Draft:
    """A request that may leave, with all that its release is a function of."""

    press: Press
    request: Request
    members: Sequence[Member]
    acts: Sequence[Logged]
    votes: Sequence[Cast]
    policy: Policy
    roster: Roster
    at: datetime
    size: int
    kind: Kind
    name: str
    previous: Left | None
    bypass: Bypass | None
    gate: GateReport | None

    @property
    def indexes(self) -> list[int]:
        return [*map(itemgetter(0), self.members)]


@unswept()
def make(ref: str, out: Path, press: Press) -> Made:
    """Write the release of the request that `ref` names into the new directory `out`.

    The decision is made again, over rows that are checked again, and only then is anything
    written. A request that has left already is made again from the same log, and must give the
    same bytes. Raises `UnmetError` when the request is not approved, `StaleError` when rows or
    policy changed, `UsageError` when `out` is there or the request is not; `out` is then absent.
    """
    draft, before = _draft(ref, press)
    with landing(out) as aside:
        predicate, note = _write(draft, aside)
        envelope = sign_manifest(digests(aside), predicate, press.signer)
        (aside / MANIFEST).write_bytes(envelope)
        manifest = hashlib.sha256(envelope).hexdigest()
        if before is None:
            _record(draft, manifest, note)
        elif before.record.manifest != manifest:
            raise TamperedError(f"{draft.name} left as {before.record.manifest}, not as it is now")
    return Made(draft.name, manifest, len(draft.members), before is not None)


def _draft(ref: str, press: Press) -> tuple[_Draft, Left | None]:
    """Check everything that can refuse."""
    store = press.store
    _require_sound_acts(press)
    Ledger.read(store.acts()).require_clock(press.at)
    index, request = desk.find_request(store, ref)
    left = releases(store, request.scope)
    before = next((each for each in left if each.request == index), None)
    size = before.record.log_size if before else store.size()
    at = before.record.at if before else press.at
    policy = _adopted(store, request.policy, press.policy) if before else press.policy
    frozen = Frozen(store)
    votes = [cast for cast in desk.votes_on(store, request, frozen) if cast.place < size]
    ground = Ground(
        store=store,
        roles=press.roles,
        policy=policy,
        request=request,
        votes=votes,
        size=size,
        at=at,
    )
    given = permitted(ground)
    members = recheck_frozen(store, frozen, index, request, policy)
    earlier = [each for each in left if each.index < size]
    indexes = {index, *(cast.place for cast in votes)} | given.places
    require_read(policy, members, given)
    gate = require_gate(store, policy, request, size, again=before is not None)
    indexes |= {gate[0].index} if gate else set()
    roster = Roster(operator=press.roles.get("operator", ""))
    roster.follow(logged for logged in store.acts() if logged.index < size)
    draft = _Draft(
        press=press,
        request=request,
        members=members,
        acts=[logged for logged in store.acts(index) if logged.index in indexes],
        votes=votes,
        policy=policy,
        roster=roster,
        at=at,
        size=size,
        kind=kind_named(request.kind),
        name=_name(request.scope, at, earlier),
        previous=earlier[-1] if earlier else None,
        bypass=bypass_of(given.outcome, policy),
        gate=gate[1] if gate else None,
    )
    return draft, before


def _require_sound_acts(press: Press) -> None:
    """Refuse to print while the log holds an act by the wrong hand: it may have seated a voter."""
    problems = unsound(press.store, roles=press.roles)
    if problems:
        raise TamperedError(f"nothing leaves while the log is not sound: {problems[0]}")


def _adopted(store: Store, digest: str, present: Policy) -> Policy:
    """Return the policy of this digest: the one in force, else one that the log has adopted."""
    for logged in store.acts():
        if logged.act.kind == PolicyAdopted.act:
            record = record_of(logged.act)
            if isinstance(record, PolicyAdopted) and record.policy == digest:
                return load(record.toml)
    return present


def _name(scope: str, at: datetime, earlier: Sequence[Left]) -> str:
    day = f"{scope}@{at:%Y-%m-%d}"
    today = [each for each in earlier if each.record.name.rpartition(".")[0] == day]
    return f"{day}.{len(today) + 1}"


def _write(draft: _Draft, aside: Path) -> tuple[Predicate, bytes]:
    """Write every file but the manifest; return what it will say, and the checkpoint's note."""
    for folder in ("data", "proofs", "votes"):
        (aside / folder).mkdir()
    columns, spoken = _write_rows(draft, aside)
    certificate = certify_columns(columns, draft.policy, spoken, draft.request)
    (aside / CERTIFICATE).write_bytes(certificate.canonical())
    (aside / POLICY).write_bytes(draft.policy.text.encode())
    if draft.gate is not None:
        (aside / GATE).write_bytes(draft.gate.canonical())
    note, head = _write_proofs(draft, aside)
    predicate = _predicate(draft, head, certificate.digest)
    contents = card.Contents(
        predicate=predicate,
        request=draft.request,
        votes=[cast.vote for cast in draft.votes],
        certificate=certificate,
        files={n: d for n, d in digests(aside).items() if n.startswith("data/")},
        clusters=_largest(draft.members),
    )
    (aside / "README.md").write_text(card.readme(contents), encoding="utf-8")
    (aside / "croissant.json").write_text(card.croissant(contents), encoding="ascii")
    (aside / "report.html").write_text(card.page_of(contents), encoding="utf-8")
    return predicate, note


def _write_rows(draft: _Draft, aside: Path) -> tuple[list[pa.Table], Spoken]:
    """Write the rows, in log order, and what proves them; return what the certificate counts.

    Each row is read once: compared with what was frozen, and then written, twice.
    """
    schema = schema_of(draft.kind)
    columns: list[pa.Table] = []
    listener = Listener()
    origins = {name: _origin(draft, name) for name in {each.producer for each in draft.members}}
    files = [*_spans(len(draft.members), PER_FILE)]
    with ParquetFile(aside / EVENTS_FILE, EVENTS) as proof:
        for number, span in enumerate(files):
            name = f"data/train-{number:05}-of-{len(files):05}.parquet"
            members = draft.members[span]
            with ParquetFile(aside / name, schema) as file:
                for some in (members[each] for each in _spans(len(members), CHUNK)):
                    events = same_rows(draft.press.store, some, draft.request)
                    _, _, clusters, producers, *_ = zip(*some, strict=True)
                    voices = Voices(clusters, [*map(origins.__getitem__, producers)])
                    rows = rows_of(events, voices, draft.kind)
                    columns.append(counted(rows))
                    listener.add(texts_of(rows, draft.kind))
                    file.add(rows)
                    proof.add(events_batch(events))
    return columns, listener.spoken()


def _spans(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, start + size)


def _origin(draft: _Draft, producer: str) -> str:
    """Return the less trusted of what the kind can claim and what the producer is."""
    known = draft.roster.producers.get(producer)
    registered = Origin.SELF_TRAINING if known is None else known.origin
    return max(draft.kind.origin, registered, key=lambda origin: origin.rank).value


def _write_proofs(draft: _Draft, aside: Path) -> tuple[bytes, LogHead]:
    store = draft.press.store
    root = store.frontier(draft.size).root()
    origin = draft.press.origin
    note = make_checkpoint(Checkpoint(origin, draft.size, root), draft.press.signer)
    (aside / NOTE).write_bytes(note)
    proven = sorted([*draft.indexes, *(logged.index for logged in draft.acts)])
    write_nodes(gather(store, proven, draft.size), aside / NODES)
    for logged in draft.acts:
        folder = "votes" if logged.act.kind == Vote.act else "proofs"
        (aside / folder / act_file(logged)).write_bytes(logged.act.body)
    return note, LogHead(origin=origin, size=draft.size, root=root.hex())


def _predicate(draft: _Draft, head: LogHead, certificate: str) -> Predicate:
    request, previous = draft.request, draft.previous
    return Predicate(
        name=draft.name,
        scope=request.scope,
        kind=request.kind,
        purpose=request.purpose,
        created=draft.at,
        rows=request.rows,
        sources=request.sources,
        clusters=request.clusters,
        shards=SHARDS,
        request=request.digest,
        policy=request.policy,
        certificate=certificate,
        previous=previous and Earlier(name=previous.record.name, manifest=previous.record.manifest),
        bypass=draft.bypass,
        log=head,
        revocations=draft.size,
        detectors=dict(draft.press.detectors),
        libraries=library_versions(),
        columns=tuple(
            Column(name=name, type=type_) for name, type_ in card.columns_of(schema_of(draft.kind))
        ),
    )


def _largest(members: Sequence[Member]) -> list[tuple[str, int]]:
    counts = Counter(member.cluster for member in members)
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _require_unchanged(draft: _Draft) -> None:
    """Refuse what people said, took back or released while the files were written."""
    store, name = draft.press.store, request_id(draft.request)
    ledger = Ledger.read(store.acts())
    votes = [noted.logged.index for _, noted in ledger.votes_on(draft.request)]
    if max(votes, default=0) >= draft.size or not store.revoked().isdisjoint(draft.indexes):
        raise StaleError(f"votes came or rows were taken back while {name} was written: try again")
    if draft.request.digest in ledger.released:
        left = ledger.released[draft.request.digest]
        raise StaleError(f"request {name} left meanwhile, as {left.name}")
    if draft.name in {left.name for left in ledger.released.values()}:
        raise StaleError(f"another release was made while {name} was written: try again")


def _record(draft: _Draft, manifest: str, note: bytes) -> None:
    """Write the ledger before the directory gets its name: what left is always known."""
    released = Released(
        at=draft.at,
        request=draft.request.digest,
        scope=draft.request.scope,
        kind=draft.request.kind,
        name=draft.name,
        manifest=manifest,
        rows=len(draft.members),
        log_size=draft.size,
    )
    # Of two who write the same release at once one is recorded, and the other's files are gone.
    draft.press.store.record(
        [act_of(released, draft.press.signer)], require=lambda: _require_unchanged(draft)
    )
    draft.press.store.checkpoint(draft.size, note)
