"""Counting again, from a release alone: its rows, their place in the log, their certificate."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Final

import numpy as np
import pyarrow as pa

from approvals.certificate import Certificate, certify
from approvals.checkpoint import Checkpoint
from approvals.checkpoint import read as read_checkpoint
from approvals.given import CERTIFICATE, EVENTS, NODES, NOTE, Given
from approvals.model import Request
from approvals.policy import Policy
from approvals.proofs import leaf_of_act, read_events, read_nodes
from approvals.rows import Voices, rows_of, schema_of
from approvals.sayings import texts_of
from approvals.tables import read_parquet
from quarantine.envelope import kind_named
from quarantine.errors import QuarantineError, TamperedError
from quarantine.log import root_from, root_of
from quarantine.model import Held, Kind, Logged, Origin, to_micros
from quarantine.spoken import Listener, Spoken

_PLACED: Final = itemgetter(*map(Held._fields.index, ("index", "leaf")))
_COUNTED: Final = ("source", "cluster", "target", "label")
_ROWS: Final = re.compile(r"data/train-[0-9]{5}-of-[0-9]{5}\.parquet")


@dataclass(slots=True)
class Found:
    """What the rows are: leaf hashes by log index, the columns that count, and what they say."""

    leaves: dict[int, bytes]
    columns: list[pa.Table]
    listener: Listener


def rows_in(given: Given, request: Request) -> Found:
    """Compare every row with the body it came from, in log order."""
    try:
        kind = kind_named(given.release.kind)
    except KeyError as error:
        raise TamperedError(f"there is no kind of feedback {given.release.kind!r}") from error
    events = read_events(given.read(EVENTS), EVENTS)
    found = Found({}, [], Listener())
    for name, batch in _batches(given):
        some = list(islice(events, batch.num_rows))
        _compare(name, batch, some, kind)
        _within(request, batch)
        found.leaves.update(map(_PLACED, some))
        found.columns.append(counted(batch))
        found.listener.add(texts_of(batch, kind))
    if next(events, None) is not None or len(found.leaves) != request.rows:
        raise TamperedError(f"{EVENTS} does not hold exactly the rows that were asked for")
    if root_of(found.leaves.values()).hex() != request.root:
        raise TamperedError(f"{EVENTS}: these are not the events that people approved")
    return found


def counted(rows: pa.RecordBatch) -> pa.Table:
    """Return those columns of a release that are counted, each name once and its number a row."""
    kept = [name for name in _COUNTED if name in rows.schema.names]
    return pa.table({name: rows.column(name).dictionary_encode() for name in kept})


def _batches(given: Given) -> Iterator[tuple[str, pa.RecordBatch]]:
    for name in given.under("data"):
        if not _ROWS.fullmatch(name):
            raise TamperedError(f"{name} is no name of a file of rows")
        for batch in read_parquet(given.read(name), name):
            yield name, batch


def _compare(name: str, batch: pa.RecordBatch, events: Sequence[Held], kind: Kind) -> None:
    if batch.schema != schema_of(kind) or len(events) != batch.num_rows:
        raise TamperedError(f"{name} does not have the columns and rows it should")
    voices = Voices(batch.column("cluster"), batch.column("origin"))
    try:
        wanted = rows_of(events, voices, kind)
    except (QuarantineError, KeyError, ValueError) as error:  # a body that nothing could hold
        raise TamperedError(f"{EVENTS}: {error}") from error
    if not batch.equals(wanted):
        index, column = _first_difference(batch, wanted)
        raise TamperedError(f"{name}: {column} of log row {index} is not what its event says")
    worst = {origin.value for origin in Origin if origin.rank >= kind.origin.rank}
    strange = set(batch.column("origin").unique().to_pylist()) - worst
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


def _within(request: Request, batch: pa.RecordBatch) -> None:
    """Look at rows that were found to be what their events say."""
    if batch.column("scope").unique().to_pylist() != [request.scope]:
        raise TamperedError(f"{EVENTS} holds rows of another scope than {request.scope}")
    index = batch.column("log_index").to_numpy()
    falling = index[1:][np.diff(index) <= 0]
    if len(falling):
        raise TamperedError(f"{EVENTS}: log row {falling[0]} is out of order")
    late = index[batch.column("arrived").cast(pa.int64()).to_numpy() > to_micros(request.until)]
    if len(late):
        raise TamperedError(f"{EVENTS}: log row {late[0]} came after the request's end")


def _checkpoint(given: Given) -> Checkpoint:
    head = given.release.log
    keys = given.trust.keys_for("log", given.release.created)
    try:
        checkpoint = read_checkpoint(given.read(NOTE), keys)
    except QuarantineError as error:
        raise TamperedError(f"{NOTE}: {error}") from error
    said = (checkpoint.origin, checkpoint.size, checkpoint.root.hex())
    if said != (head.origin, head.size, head.root):
        raise TamperedError(f"{NOTE} is not the checkpoint that the manifest names")
    if checkpoint.origin != given.trust.origin:
        raise TamperedError(f"{NOTE} is of another log than {given.trust.origin}")
    return checkpoint


def require_inclusion(given: Given, found: Found, acts: Sequence[Logged]) -> None:
    """Rebuild the root that the checkpoint signs from the rows, the votes and the request."""
    checkpoint = _checkpoint(given)
    leaves = found.leaves | {logged.index: leaf_of_act(logged) for logged in acts}
    if len(leaves) != len(found.leaves) + len(acts):
        raise TamperedError(f"{EVENTS}: a row and a vote claim the same place in the log")
    try:
        root = root_from(leaves, read_nodes(given.read(NODES), NODES), checkpoint.size)
    except TamperedError as error:
        raise TamperedError(f"{NODES}: {error}") from error
    if root != checkpoint.root:
        raise TamperedError(f"{NODES}: the rows and votes are not in the log that was signed")


def require_certificate(given: Given, found: Found, policy: Policy, request: Request) -> None:
    """Compute the certificate again from the rows; it must be the same, and within the policy."""
    spoken = found.listener.spoken()
    certificate = certify_columns(found.columns, policy, spoken, request)
    spelled = given.read(CERTIFICATE)
    named = hashlib.sha256(spelled).hexdigest() == given.release.certificate
    if not named or spelled != certificate.canonical():
        raise TamperedError(f"{CERTIFICATE} does not follow from the rows")
    largest = certificate.worst[0].rows
    sources = len(_joined(found.columns).column("source").unique())
    if (certificate.clusters, sources) != (given.release.clusters, given.release.sources):
        raise TamperedError("the rows are of other sources and clusters than the manifest says")
    if certificate.most_by_policy is not None and largest > certificate.most_by_policy:
        raise TamperedError(
            f"a cluster has {largest} rows, the policy allows {certificate.most_by_policy}"
        )
    if certificate.phrases is not None and certificate.phrases.lacking:
        raise TamperedError(
            f"{certificate.phrases.lacking} phrases in more than"
            f" {certificate.phrases.each or certificate.phrases.rows} rows"
            f" have fewer than {certificate.phrases.asked} clusters behind them"
        )


def certify_columns(
    columns: Sequence[pa.Table], policy: Policy, spoken: Spoken, request: Request
) -> Certificate:
    """Certify rows by what was `counted`: `cluster`, `target` and, where all have one, `label`.

    What was held back is what the request, which is signed, says of it.
    """
    table = _joined(columns)
    if "label" in table.schema.names and table.column("label").null_count:
        table = table.drop_columns(["label"])
    return certify(table.to_pandas(), policy, spoken=spoken, held=request.phrases or ())


def _joined(columns: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(columns).unify_dictionaries()
