"""The manifest of a release: an in-toto Statement over every file, and what is said of them all."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import ConfigDict, Field

from approvals.attest import IN_TOTO, seal, unseal
from approvals.ports import Signer
from quarantine.errors import TamperedError
from quarantine.record import Moment, Record

MANIFEST: Final = "manifest.dsse.json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://feedback-quarantine.dev/feedback-release/v1"


class _Aliased(Record):
    model_config = ConfigDict(
        frozen=True, extra="forbid", serialize_by_alias=True, validate_by_name=False
    )


class Digest(Record):
    """A file's SHA-256, in lower-case hex."""

    sha256: str


class Subject(_Aliased):
    """One file of the release, by its path (POSIX, relative) and digest."""

    name: str
    hashed: Digest = Field(alias="digest")


class Column(Record):
    """One column of the rows and its Arrow type."""

    name: str
    type: str


class Earlier(Record):
    """The release before this one in its scope."""

    name: str
    manifest: str


class Bypass(Record):
    """The glass was broken: who let it leave alone, why, and by when a second person must look."""

    by: str
    because: str
    review_by: Moment


class LogHead(Record):
    """The log that the checkpoint signs; `root` in hex."""

    origin: str
    size: int
    root: str


class Predicate(Record):
    """What a release says of itself; digests are SHA-256 in lower-case hex.

    `revocations` is the size of the log up to which what was taken back has been left out, and
    `libraries` are those whose versions fix the bytes.
    """

    name: str
    scope: str
    kind: str
    purpose: str
    created: Moment
    rows: int
    sources: int
    clusters: int
    shards: int
    request: str
    policy: str
    certificate: str
    previous: Earlier | None = None
    bypass: Bypass | None = None
    log: LogHead
    revocations: int
    detectors: dict[str, str]
    libraries: dict[str, str]
    columns: tuple[Column, ...]


class Statement(_Aliased):
    """An in-toto Statement v1 with our predicate."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: tuple[Subject, ...] = Field(min_length=1)
    predicate_type: Literal["https://feedback-quarantine.dev/feedback-release/v1"] = Field(
        alias="predicateType"
    )
    predicate: Predicate

    @property
    def files(self) -> dict[str, str]:
        """Return the files' digests by name."""
        return {subject.name: subject.hashed.sha256 for subject in self.subject}


def sign_manifest(files: dict[str, str], predicate: Predicate, signer: Signer) -> bytes:
    """Return the signed envelope of a statement over `files` (name to SHA-256, in hex)."""
    statement = Statement(
        _type=STATEMENT,
        subject=tuple(
            Subject(name=name, digest=Digest(sha256=digest))
            for name, digest in sorted(files.items())
        ),
        predicateType=PREDICATE,
        predicate=predicate,
    )
    return seal(statement.canonical(), IN_TOTO, [signer])


def read_manifest(spelled: bytes) -> Statement:
    """Read a manifest's statement, its signature still to be checked; else `TamperedError`."""
    envelope = unseal(spelled)
    if envelope.payload_type != IN_TOTO:
        raise TamperedError("the payload is no in-toto statement")
    statement = Statement.parse(envelope.payload)
    if len(statement.files) != len(statement.subject):
        raise TamperedError("a file stands twice in the manifest")
    return statement
