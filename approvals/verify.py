"""Verifying a release offline: its directory, a trust file and a revocation list are enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from approvals.attest import signed_by, unseal
from approvals.directory import compare, digests, read
from approvals.gate import GATE
from approvals.given import Given
from approvals.manifest import MANIFEST, Predicate, Statement, read_manifest
from approvals.model import Vote
from approvals.recount import Found, require_certificate, require_inclusion, rows_in
from approvals.redecide import decided, policy_of
from approvals.revocations import SKEW, RevocationList, read_list
from approvals.trust import Trust
from quarantine.errors import QuarantineError, TamperedError
from quarantine.model import Logged
from quarantine.unswept import unswept


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


def verify(
    root: Path,
    trust: Trust,
    at: datetime,
    *,
    seen: Path | None = None,
    listed: RevocationList | None = None,
) -> Report:
    """Verify the release in `root` as of `at`; `seen` is the reader's memory of revocation lists.

    `listed` is the list where the caller has read it (`read_list`) already.

    In this order: the manifest's signature; every file's digest, none missing or too many; the
    policy; the votes' signatures and the decision, made again at the time of the manifest; the
    checkpoint's signature; inclusion of every row and vote; each row against the body it came
    from; the certificate, computed again; the revocation list. Raises `TamperedError` naming the
    first file or row that fails, `UsageError` when there is no such directory.
    """
    inspected = inspect(root, trust, at)
    revocations = read_list(trust, at, seen) if listed is None else listed
    _not_taken_back(inspected, revocations)
    checks = (
        *inspected.checks,
        f"none of it was taken back up to revocation list {revocations.sequence}",
    )
    return Report(inspected.given.statement, inspected.manifest, revocations.sequence, checks)


@dataclass(frozen=True, slots=True)
class Inspected:
    """A release that is what was approved and released, whether or not it was taken back since."""

    given: Given
    manifest: str
    found: Found
    checks: tuple[str, ...]


@unswept()
def inspect(root: Path, trust: Trust, at: datetime) -> Inspected:
    """Verify all of a release but that nothing of it was taken back; for looking, never to train.

    Raises as `verify` does.
    """
    statement, manifest = _manifest(root, trust, at)
    given = Given(root, statement, trust)
    policy = policy_of(given)
    request, acts = decided(given, policy)
    found = rows_in(given, request)
    require_inclusion(given, found, acts)
    require_certificate(given, found, policy, request)
    release = statement.predicate
    checks = (
        f"the manifest is signed and all {len(statement.files)} files are as it says",
        f"{_votes(acts)} votes are signed and meet the policy, decided again",
        *([f"{GATE} is signed and stops nothing"] if GATE in statement.files else []),
        f"{release.rows} rows and the votes are in the log of {release.log.size}",
        "every row is what the signed event says",
        "the certificate follows from the rows",
    )
    return Inspected(given, manifest, found, checks)


def _votes(acts: Sequence[Logged]) -> int:
    return sum(logged.act.kind == Vote.act for logged in acts)


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


def _not_taken_back(inspected: Inspected, revocations: RevocationList) -> None:
    given = inspected.given
    name = given.trust.revocations.name
    if revocations.sequence < given.release.revocations:
        raise TamperedError(
            f"{name} number {revocations.sequence} is older than the release: get a new one"
        )
    for touched in revocations.releases:
        if touched.manifest == inspected.manifest:
            release = given.release.name
            what = f"{release} was" if touched.whole else f"{touched.rows} rows of {release} were"
            raise TamperedError(f"{what} taken back ({name} number {revocations.sequence})")
    taken = frozenset(revocations.events)
    leaves = inspected.found.leaves.items() if taken else ()
    rows: Iterator[int] = (i for i, leaf in leaves if leaf.hex() in taken)
    first = next(rows, None)
    if first is not None:
        raise TamperedError(f"log row {first} of {given.release.name} was taken back ({name})")
