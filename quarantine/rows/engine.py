"""What a store in rows asks of its database: statements, transactions, many rows at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Rows(list[Any]):
    """All rows that a statement gave, as its cursor would hand them out."""

    def fetchone(self) -> Any:
        """Return the first row, nothing where there is none."""
        return self[0] if self else None

    def fetchall(self) -> list[Any]:
        """Return all rows."""
        return self


class Engine(Protocol):
    """One database: statements mark what is bound by `?`, and each engine spells that its own way.

    Threads may share it; a transaction keeps the others out. Raises `UnavailableError` when the
    database does not answer or cannot be written now.
    """

    @property
    def duplicate(self) -> type[Exception]:
        """Return what is raised when a row is there already."""

    @property
    def identities(self) -> str:
        """Return the table that has a row for every event that was ever held."""

    def retired(self) -> int:
        """Return up to where in the log the events were let go, whole tiles of them; 0 for none."""

    def among(self, column: str) -> str:
        """Return the condition that `column` is in a list, which is bound as `listed` gives it."""

    def listed(self, values: Iterable[object]) -> object:
        """Return a list as `among` wants it bound."""

    def execute(self, sql: str, values: Sequence[object] = ()) -> Rows:
        """Run one statement to its end and return its rows."""

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row."""

    def insert(self, table: str, rows: Iterable[Sequence[object]]) -> None:
        """Append many rows, each whole and in the order of the table's columns."""

    def chunks(
        self, sql: str, values: Sequence[object] = (), *, size: int
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of one statement, so many at a time, all as they are at one moment."""

    def reading(self) -> AbstractContextManager[None]:
        """Hold one snapshot over several reads."""

    def writing(self) -> AbstractContextManager[None]:
        """Run one durable transaction while no other writer writes; an error rolls it back."""

    def scrub(self) -> None:
        """Leave nothing of what was erased in the database's own files; may be done again."""

    def copy(self, place: str) -> None:
        """Write one snapshot to the new `place`."""

    def close(self) -> None:
        """Let go of the database."""


def as_bytes(value: object) -> bytes:
    """Return a column's bytes; a value that was edited to another type gives other bytes."""
    return value if isinstance(value, bytes) else str(value).encode()


def as_text(value: object) -> str:
    """Return a column's text; a value that was edited to another type gives other text."""
    return value if isinstance(value, str) else repr(value)
