"""The words of a backtest: what is asked for, what was read, what could not be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quarantine.evidence import EVENT_SCHEMA
from quarantine.known import NOTHING, Known
from quarantine.wording import WORDS_SCHEMA

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

HERE: Final = "backtest"
"""The scope of events that name none, where none is asked for."""

TOLD_SCHEMA: Final = pa.schema(
    [
        *(field for field in EVENT_SCHEMA if field.name not in {"index", "arrived", "claimed"}),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("time", pa.int64()),
        pa.field("content", pa.int64(), nullable=False),
        *WORDS_SCHEMA,
    ]
)
"""What the files say, in the columns of `EVENT_SCHEMA`, with the row it was said in and its texts.

`row` counts the data rows of all files from 0, `time` is in µs since 1970 where there is one,
`content` is a hash of the row that tells an event said twice from two events under one id.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestOptions:
    """What a backtest is asked for (contract, 4); `out` is a directory that is made.

    `prequential` holds the k at which a source's score is wanted, `pass_every` is in events.
    """

    out: Path
    gold: Path | None = None
    items: Path | None = None
    reference: Path | None = None
    policy: Path | None = None
    scope: str | None = None
    prequential: tuple[int, ...] = ()
    pass_every: int = 1000


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that could not be taken in: `row` is its data row's number in `file`, from 0."""

    file: str
    row: int
    reason: str
    detail: str


class Wrong(NamedTuple):
    """A row that is no event: `row` is its number among the data rows of all files."""

    row: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Told:
    """What one or more files say: events in `TOLD_SCHEMA`, and what is no event."""

    events: pa.Table
    rows: int
    bad: Sequence[Wrong] = ()
    ignored: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Feedback:
    """The feedback of all files in order of arrival, and the account of every row.

    `events` is in `EVENT_SCHEMA` with `index` counting arrivals from 0; `row` (the data row's
    number over all files), `dated` (whether the row had a time of its own) and `words` (its texts,
    in `WORDS_SCHEMA`) go with it; `known` is what is known beside it.
    `rows` = events + duplicates + elsewhere (of another scope) + bad.
    """

    events: pa.Table
    row: Ints
    dated: Flags
    rows: int
    bad: Sequence[BadRow]
    ignored: Sequence[str]
    duplicates: int
    elsewhere: int
    words: pa.Table = field(default_factory=WORDS_SCHEMA.empty_table)
    known: Known = NOTHING

    @property
    def timed(self) -> bool:
        """Say whether any event has a time; otherwise only the order is known."""
        return bool(self.dated.any())
