"""The trust file: whose signatures count, in which role and when; given out of band."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from approvals.keys import key_id
from approvals.landing import write_whole
from approvals.roster import Reviewer, Roster, Tenure
from quarantine.errors import UsageError
from quarantine.model import EPOCH
from quarantine.record import Moment, spell_time

Power = Literal["release", "log", "revocation", "gate"]
"""What a role's key may sign: manifests, checkpoints, revocation lists, reports of the gate."""

POWERS: Final[Mapping[str, tuple[Power, ...]]] = {
    "releasing": ("release", "log", "revocation"),
    "intake": ("log",),
    "operator": ("gate",),
}
"""What the service's own roles may sign; a role that is not here signs nothing that leaves."""

MAX_AGE: Final = timedelta(days=7)
_SPELLED: Final = {"\n": "\\n", '"': '\\"', "\\": "\\\\"}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Key(_Strict):
    id: str
    powers: tuple[Power, ...] = Field(min_length=1)
    public: str
    since: Moment
    until: Moment | None = None


class _Reviewer(_Strict):
    name: str
    person: str
    roles: tuple[str, ...]
    key: str
    public: str
    since: Moment
    until: Moment | None = None


class _Revocations(_Strict):
    list: str
    max_age_hours: int = Field(gt=0)


class _File(_Strict):
    version: Literal[1]
    origin: str
    revocations: _Revocations
    key: tuple[_Key, ...] = Field(min_length=1)
    reviewer: tuple[_Reviewer, ...] = ()


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A role's public key (PEM), what it may sign and from when to when it counts."""

    id: str
    public: str
    powers: tuple[Power, ...]
    tenure: Tenure


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a verifier believes, and where the signed list of what was taken back lies."""

    origin: str
    keys: tuple[TrustedKey, ...]
    reviewers: tuple[Reviewer, ...]
    revocations: Path
    max_age: timedelta

    def keys_for(self, power: Power, at: datetime) -> dict[str, str]:
        """Return the keys (id to PEM) that may sign this at that time."""
        return {
            key.id: key.public for key in self.keys if power in key.powers and key.tenure.covers(at)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleKey:
    """A key of one of the service's roles, as the trust file will name it; `public` is PEM."""

    role: str
    public: str
    since: datetime = EPOCH
    until: datetime | None = None


def write_trust(
    path: Path,
    *,
    roster: Roster,
    keys: Iterable[RoleKey],
    origin: str,
    revocations: str = "revocations.dsse.json",
) -> None:
    """Write the trust file: the keys of roles that sign what leaves, and every reviewer's tenure.

    `revocations` is the revocation list's path, relative to the trust file. The old file is
    replaced whole.
    """
    parts = [
        "# Whose signatures count. Hand this file to training jobs yourself; never take it from a",
        "# release directory.",
        "version = 1",
        f"origin = {_text(origin)}",
        "\n[revocations]",
        f"list = {_text(revocations)}",
        f"max_age_hours = {int(MAX_AGE.total_seconds()) // 3600}",
    ]
    for key in keys:
        if key.role in POWERS:
            parts += ["\n[[key]]", f"id = {_text(key_id(key.public))}"]
            parts += [f"powers = {_list(POWERS[key.role])}", f"public = {_text(key.public)}"]
            parts += _tenure(Tenure(key.since, key.until))
    for reviewer in roster.reviewers.values():
        parts += ["\n[[reviewer]]", f"name = {_text(reviewer.name)}"]
        parts += [f"person = {_text(reviewer.person)}", f"roles = {_list(reviewer.roles)}"]
        parts += [f"key = {_text(reviewer.key)}", f"public = {_text(reviewer.public)}"]
        parts += _tenure(reviewer.tenure)
    write_whole(path, ("\n".join(parts) + "\n").encode())


def load_trust(path: Path) -> Trust:
    """Read a trust file strictly; `UsageError` names what is wrong in it, or that it is missing."""
    try:
        file = _File.model_validate(tomllib.loads(path.read_bytes().decode()))
    except OSError as error:
        raise UsageError(f"the trust file {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"the trust file {path} is wrong at {where}: {first['msg']}") from error
    except ValueError as error:
        raise UsageError(f"the trust file {path} is no TOML: {error}") from error
    for id_, public in [(k.id, k.public) for k in file.key] + [
        (r.key, r.public) for r in file.reviewer
    ]:
        if key_id(public) != id_:
            raise UsageError(f"the trust file {path} gives key {id_} another key's public half")
    return Trust(
        origin=file.origin,
        keys=tuple(
            TrustedKey(k.id, k.public, k.powers, Tenure(k.since, k.until)) for k in file.key
        ),
        reviewers=tuple(
            Reviewer(r.name, r.person, r.key, r.public, r.roles, Tenure(r.since, r.until))
            for r in file.reviewer
        ),
        revocations=path.parent / file.revocations.list,
        max_age=timedelta(hours=file.revocations.max_age_hours),
    )


def _tenure(tenure: Tenure) -> list[str]:
    until = [] if tenure.until is None else [f"until = {spell_time(tenure.until)}"]
    return [f"since = {spell_time(tenure.since)}", *until]


def _list(words: Iterable[str]) -> str:
    return "[" + ", ".join(_text(word) for word in words) + "]"


def _text(text: str) -> str:
    """Spell a TOML basic string: everything but printable ASCII escaped."""
    return '"' + "".join(_SPELLED.get(c) or _character(c) for c in text) + '"'


def _character(c: str) -> str:
    return c if " " <= c <= "~" else f"\\U{ord(c):08X}"
