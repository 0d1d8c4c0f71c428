"""Records: frozen, strict, with one spelling in bytes (RFC 8785) and one digest."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    PlainSerializer,
    ValidationError,
)

from quarantine.canonical import canonical
from quarantine.errors import TamperedError


def spell_time(at: datetime) -> str:
    """Spell an aware time the one way records do: UTC, microseconds, `Z` (RFC 3339)."""
    # Not `strftime`, which spells the year 1 with one digit, as no reader takes it.
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _to_utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


Moment = Annotated[
    AwareDatetime,
    AfterValidator(_to_utc),
    PlainSerializer(spell_time, return_type=str, when_used="json"),
]


class Record(BaseModel):
    """What is kept, sent or signed: never changed, a new one is made instead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def canonical(self) -> bytes:
        """Return the record's one spelling: RFC 8785 JSON, absent fields left out."""
        return canonical(self.model_dump(mode="json", exclude_none=True))

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical bytes, in lower-case hex."""
        return hashlib.sha256(self.canonical()).hexdigest()

    @classmethod
    def parse(cls, spelled: bytes) -> Self:
        """Read canonical bytes back; any other spelling of the same fields is `TamperedError`."""
        try:
            record = cls.model_validate_json(spelled)
        except ValidationError as error:
            message = f"these bytes are no {cls.__name__}: {error.error_count()} fields are wrong"
            raise TamperedError(message) from error
        if record.canonical() != spelled:
            message = f"this {cls.__name__} is not in its one canonical spelling"
            raise TamperedError(message)
        return record
