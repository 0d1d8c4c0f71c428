"""Making a release: exactly the set that people approved, with its proof, or nothing at all."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from approvals import card
from approvals.attest import act_of
from approvals.checkpoint import Checkpoint
from approvals.checkpoint import make as make_checkpoint
from approvals.directory import digests
from approvals.draft import Draft, Press, drafted, require_unchanged
from approvals.frozen import same_rows
from approvals.gate import GATE
from approvals.given import CERTIFICATE, NODES, NOTE, POLICY
from approvals.given import EVENTS as EVENTS_FILE
from approvals.landing import landing
from approvals.manifest import MANIFEST, Column, Earlier, LogHead, Predicate, sign_manifest
from approvals.model import Released, Vote
from approvals.proofs import CHUNK, EVENTS, act_file, events_batch, gather, write_nodes
from approvals.recount import certify_columns, counted
from approvals.rows import SHARDS, Voices, rows_of, schema_of
from approvals.sayings import texts_of
from approvals.tables import ParquetFile, library_versions
from quarantine.errors import TamperedError
from quarantine.model import Member, Origin
from quarantine.spoken import Listener, Spoken
from quarantine.unswept import unswept

PER_FILE: Final = 250_000
"""Rows in one file of a release."""


@dataclass(frozen=True, slots=True)
class Made:
    """A release that was written: its name, its manifest's digest (SHA-256, hex), its rows.

    `again` says that it had left before and was made once more, byte for byte.
    """

    name: str
    manifest: str
    rows: int
    again: bool


@unswept()
def make(ref: str, out: Path, press: Press) -> Made:
    """Write the release of the request that `ref` names into the new directory `out`.

    The decision is made again, over rows that are checked again, and only then is anything
    written. A request that has left already is made again from the same log, and must give the
    same bytes. Raises `UnmetError` when the request is not approved, `StaleError` when rows or
    policy changed, `UsageError` when `out` is there or the request is not; `out` is then absent.
    """
    draft, before = drafted(ref, press)
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


def _write(draft: Draft, aside: Path) -> tuple[Predicate, bytes]:
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


def _write_rows(draft: Draft, aside: Path) -> tuple[list[pa.Table], Spoken]:
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


def _origin(draft: Draft, producer: str) -> str:
    """Return the less trusted of what the kind can claim and what the producer is."""
    known = draft.roster.producers.get(producer)
    registered = Origin.SELF_TRAINING if known is None else known.origin
    return max(draft.kind.origin, registered, key=lambda origin: origin.rank).value


def _write_proofs(draft: Draft, aside: Path) -> tuple[bytes, LogHead]:
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


def _predicate(draft: Draft, head: LogHead, certificate: str) -> Predicate:
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


def _record(draft: Draft, manifest: str, note: bytes) -> None:
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
        [act_of(released, draft.press.signer)], require=lambda: require_unchanged(draft)
    )
    draft.press.store.checkpoint(draft.size, note)
