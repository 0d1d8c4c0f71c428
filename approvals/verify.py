"""Verifying a release offline: its directory, a trust file and a revocation list are enough."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa

from approvals.attest import signed_by, unseal
from approvals.certificate import Certificate, certify
from approvals.checkpoint import Checkpoint
from approvals.checkpoint import read as read_checkpoint
from approvals.directory import compare, digests, read
from approvals.manifest import MANIFEST, Predicate, Statement, read_manifest
from approvals.model import Request, State, Vote
from approvals.policy import Policy
from approvals.proofs import leaf_of_act, read_act, read_events, read_nodes
from approvals.revocations import SKEW, RevocationList, read_list
from approvals.rows import Voice, rows_of, schema_of
from approvals.rules import load
from approvals.tables import read_parquet
from approvals.trust import Trust
from approvals.workflow import Cast, decide
from quarantine.envelope import kind_named
from quarantine.errors import QuarantineError, TamperedError
from quarantine.log import root_from, root_of
from quarantine.model import Held, Kind, Logged, Origin, to_micros

EVENTS: Final = "proofs/events.parquet"
NODES: Final = "proofs/nodes.parquet"
NOTE: Final = "proofs/checkpoint"
POLICY: Final = "policy.toml"
CERTIFICATE: Final = "certificate.json"
_ROWS: Final = re.compile(r"data/train-[0-9]{5}-of-[0-9]{5}\.parquet")


@dataclass(frozen=True, slots=True)
class Report:
    """What was verified: the statement, its envelope's digest, the list's number, what held."""

    statement: Statement
    manifest: str
    revocations: int
    checks: tuple[str, ...]

    @property
    def release(self) -> Predicate:
        """Return what the release says of itself."""
        return self.statement.predicate


@dataclass(slots=True)
class _Found:
    """What the rows are, gathered on the way through them."""

    leaves: dict[int, bytes]
    columns: list[pa.Table]


@dataclass(frozen=True, slots=True)
class _Given:
    """A directory whose every file is what its manifest says."""

    root: Path
    statement: Statement
    trust: Trust

    @property
    def release(self) -> Predicate:
        return self.statement.predicate

    def read(self, name: str) -> bytes:
        if name not in self.statement.files:
            raise TamperedError(f"{name} is missing")
        return read(self.root, name, self.statement.files[name])

    def under(self, folder: str) -> list[str]:
        return [name for name in sorted(self.statement.files) if name.startswith(f"{folder}/")]


def verify(root: Path, trust: Trust, at: datetime, *, seen: Path | None = None) -> Report:
    """Verify the release in `root` as of `at`; `seen` is the reader's memory of revocation lists.

    In this order: the manifest's signature; every file's digest, none missing or too many; the
    policy; the votes' signatures and the decision, made again at the time of the manifest; the
    checkpoint's signature; inclusion of every row and vote; each row against the body it came
    from; the certificate, computed again; the revocation list. Raises `TamperedError` naming the
    first file or row that fails, `UsageError` when there is no such directory.
    """
    statement, manifest = _manifest(root, trust, at)
    given = _Given(root, statement, trust)
    policy = _policy(given)
    request, acts = _decision(given, policy)
    found = _rows(given, request)
    _inclusion(given, found, acts)
    _certificate(given, found, policy)
    revocations = read_list(trust, at, seen)
    _not_taken_back(given, found, revocations, manifest)
    release = statement.predicate
    checks = (
        f"the manifest is signed and all {len(statement.files)} files are as it says",
        f"{len(acts) - 1} votes are signed and meet the policy, decided again",
        f"{release.rows} rows and the votes are in the log of {release.log.size}",
        "every row is what the signed event says",
        "the certificate follows from the rows",
        f"none of it was taken back up to revocation list {revocations.sequence}",
    )
    return Report(statement, manifest, revocations.sequence, checks)


def _manifest(root: Path, trust: Trust, at: datetime) -> tuple[Statement, str]:
    found = digests(root)
    manifest = found.pop(MANIFEST, None)
    if manifest is None:
        raise TamperedError(f"{MANIFEST} is missing")
    spelled = read(root, MANIFEST, manifest)
    try:
        statement = read_manifest(spelled)
        created = statement.predicate.created
        envelope = unseal(spelled)
        signed = signed_by(envelope, trust.keys_for("release", created))
        if not signed or signed != list(envelope.signatures):
            raise TamperedError("it is not signed by a key that may release")
        if created > at + SKEW:
            raise TamperedError("it is dated in the future")
    except QuarantineError as error:
        raise TamperedError(f"{MANIFEST}: {error}") from error
    compare(found, statement.files)
    return statement, manifest


def _policy(given: _Given) -> Policy:
    content = given.read(POLICY)
    if hashlib.sha256(content).hexdigest() != given.release.policy:
        raise TamperedError(f"{POLICY} is not the policy that the manifest names")
    try:
        return load(content.decode())
    except (QuarantineError, UnicodeDecodeError) as error:
        raise TamperedError(f"{POLICY} cannot be read: {error}") from error


def _decision(given: _Given, policy: Policy) -> tuple[Request, list[Logged]]:
    """Make the decision again; return the request, and all acts with the request's first."""
    asked = [name for name in given.under("proofs") if name.endswith(".dsse.json")]
    if len(asked) != 1:
        raise TamperedError(f"proofs/ holds {len(asked)} requests where one belongs")
    logged, request = _request(given, asked[0])
    acts, casts = [logged], []
    for name in given.under("votes"):
        act, cast = _vote(given, name)
        acts.append(act)
        casts.append(cast)
    outcome = decide(policy, request, casts, given.trust.reviewers, given.release.created)
    if outcome.state is not State.APPROVED:
        reasons = "; ".join(outcome.reasons)
        raise TamperedError(f"votes/: the request was {outcome.state}, not approved: {reasons}")
    return request, acts


def _request(given: _Given, name: str) -> tuple[Logged, Request]:
    logged, record = read_act(name.partition("/")[2], given.read(name))
    release = given.release
    if not isinstance(record, Request) or record.digest != release.request:
        raise TamperedError(f"{name} is not the request that the manifest names")
    said = (record.scope, record.kind, record.purpose, record.rows, record.policy)
    if said != (release.scope, release.kind, release.purpose, release.rows, release.policy):
        raise TamperedError(f"{name} asks for something else than the manifest says")
    _signed(given, name, logged, record.key)
    return logged, record


def _vote(given: _Given, name: str) -> tuple[Logged, Cast]:
    logged, record = read_act(name.partition("/")[2], given.read(name))
    if not isinstance(record, Vote) or record.request != given.release.request:
        raise TamperedError(f"{name} is no vote on this request")
    _signed(given, name, logged, record.key)
    return logged, Cast(record, record.key, logged.index)


def _signed(given: _Given, name: str, logged: Logged, key: str) -> None:
    keys = {each.key: each.public for each in given.trust.reviewers if each.key == key}
    envelope = unseal(logged.act.body)
    try:
        signed = signed_by(envelope, keys)
    except TamperedError as error:
        raise TamperedError(f"{name}: {error}") from error
    if signed != [key] or signed != list(envelope.signatures):
        raise TamperedError(f"{name} is not signed by a reviewer whom the trust file names")


def _rows(given: _Given, request: Request) -> _Found:
    """Compare every row with the body it came from, in log order."""
    try:
        kind = kind_named(given.release.kind)
    except KeyError as error:
        raise TamperedError(f"there is no kind of feedback {given.release.kind!r}") from error
    events = read_events(given.read(EVENTS), EVENTS)
    found = _Found({}, [])
    for name, batch in _batches(given):
        some = list(islice(events, batch.num_rows))
        _compare(name, batch, some, kind)
        _within(request, batch, some)
        found.leaves.update((event.index, event.leaf) for event in some)
        kept = [
            column
            for column in ("source", "cluster", "target", "label")
            if column in batch.schema.names
        ]
        found.columns.append(pa.Table.from_batches([batch]).select(kept))
    if next(events, None) is not None or len(found.leaves) != request.rows:
        raise TamperedError(f"{EVENTS} does not hold exactly the rows that were asked for")
    if root_of(found.leaves.values()).hex() != request.root:
        raise TamperedError(f"{EVENTS}: these are not the events that people approved")
    return found


def _batches(given: _Given) -> Iterator[tuple[str, pa.RecordBatch]]:
    for name in given.under("data"):
        if not _ROWS.fullmatch(name):
            raise TamperedError(f"{name} is no name of a file of rows")
        for batch in read_parquet(given.read(name), name):
            yield name, batch


def _compare(name: str, batch: pa.RecordBatch, events: Sequence[Held], kind: Kind) -> None:
    if batch.schema != schema_of(kind) or len(events) != batch.num_rows:
        raise TamperedError(f"{name} does not have the columns and rows it should")
    voices = [
        Voice(cluster, origin)
        for cluster, origin in zip(
            batch.column("cluster").to_pylist(), batch.column("origin").to_pylist(), strict=True
        )
    ]
    try:
        wanted = rows_of(events, voices, kind)
    except QuarantineError as error:
        raise TamperedError(f"{EVENTS}: {error}") from error
    if not batch.equals(wanted):
        index, column = _first_difference(batch, wanted)
        raise TamperedError(f"{name}: {column} of log row {index} is not what its event says")
    worst = {origin.value for origin in Origin if origin.rank >= kind.origin.rank}
    strange = {voice.origin for voice in voices} - worst
    if strange:
        raise TamperedError(f"{name}: {kind.name} rows cannot be of origin {min(strange)}")


def _first_difference(batch: pa.RecordBatch, wanted: pa.RecordBatch) -> tuple[int, str]:
    for column in batch.schema.names:
        pairs = zip(
            batch.column(column).to_pylist(), wanted.column(column).to_pylist(), strict=True
        )
        for number, (mine, theirs) in enumerate(pairs):
            if mine != theirs:
                return wanted.column("log_index")[number].as_py(), column
    return wanted.column("log_index")[0].as_py(), "something"


def _within(request: Request, batch: pa.RecordBatch, events: Sequence[Held]) -> None:
    if set(batch.column("scope").to_pylist()) != {request.scope}:
        raise TamperedError(f"{EVENTS} holds rows of another scope than {request.scope}")
    until = to_micros(request.until)
    for before, event in zip([None, *events], events, strict=False):
        if before is not None and before.index >= event.index:
            raise TamperedError(f"{EVENTS}: log row {event.index} is out of order")
        if event.arrived > until:
            raise TamperedError(f"{EVENTS}: log row {event.index} came after the request's end")


def _checkpoint(given: _Given) -> Checkpoint:
    head = given.release.log
    keys = given.trust.keys_for("log", given.release.created)
    try:
        checkpoint = read_checkpoint(given.read(NOTE), keys)
    except QuarantineError as error:
        raise TamperedError(f"{NOTE}: {error}") from error
    if checkpoint != Checkpoint(head.origin, head.size, bytes.fromhex(head.root)):
        raise TamperedError(f"{NOTE} is not the checkpoint that the manifest names")
    if checkpoint.origin != given.trust.origin:
        raise TamperedError(f"{NOTE} is of another log than {given.trust.origin}")
    return checkpoint


def _inclusion(given: _Given, found: _Found, acts: Sequence[Logged]) -> None:
    checkpoint = _checkpoint(given)
    leaves = {**found.leaves, **{logged.index: leaf_of_act(logged) for logged in acts}}
    if len(leaves) != len(found.leaves) + len(acts):
        raise TamperedError(f"{EVENTS}: a row and a vote claim the same place in the log")
    try:
        root = root_from(leaves, read_nodes(given.read(NODES), NODES), checkpoint.size)
    except TamperedError as error:
        raise TamperedError(f"{NODES}: {error}") from error
    if root != checkpoint.root:
        raise TamperedError(f"{NODES}: the rows and votes are not in the log that was signed")


def _certificate(given: _Given, found: _Found, policy: Policy) -> None:
    certificate = certify_columns(found.columns, policy)
    spelled = given.read(CERTIFICATE)
    named = hashlib.sha256(spelled).hexdigest() == given.release.certificate
    if not named or spelled != certificate.canonical():
        raise TamperedError(f"{CERTIFICATE} does not follow from the rows")
    largest = certificate.worst[0].rows
    sources = len(pa.concat_tables(found.columns).column("source").unique())
    if (certificate.clusters, sources) != (given.release.clusters, given.release.sources):
        raise TamperedError("the rows are of other sources and clusters than the manifest says")
    if certificate.most_by_policy is not None and largest > certificate.most_by_policy:
        raise TamperedError(
            f"a cluster has {largest} rows, the policy allows {certificate.most_by_policy}"
        )


def certify_columns(columns: Sequence[pa.Table], policy: Policy) -> Certificate:
    """Certify rows by their columns `cluster`, `target` and, where every row has one, `label`."""
    table = pa.concat_tables(columns)
    if "label" in table.schema.names and table.column("label").null_count:
        table = table.drop_columns(["label"])
    return certify(table.to_pandas(), policy)


def _not_taken_back(
    given: _Given, found: _Found, revocations: RevocationList, manifest: str
) -> None:
    name = given.trust.revocations.name
    if revocations.sequence < given.release.revocations:
        raise TamperedError(
            f"{name} number {revocations.sequence} is older than the release: get a new one"
        )
    if any(release.manifest == manifest for release in revocations.releases):
        raise TamperedError(f"{given.release.name} holds rows that were taken back ({name})")
    taken = frozenset(revocations.events)
    rows: Iterator[int] = (i for i, leaf in found.leaves.items() if leaf.hex() in taken)
    first = next(rows, None)
    if first is not None:
        raise TamperedError(f"log row {first} of {given.release.name} was taken back ({name})")
