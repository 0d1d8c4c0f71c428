"""Events turned into frames that detectors judge: what is held, and what was released before."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

_WORD: Final = pa.dictionary(pa.int32(), pa.string())

EVENT_SCHEMA: Final = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("producer", _WORD, nullable=False),
        pa.field("source", _WORD, nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("kind", _WORD, nullable=False),
        pa.field("scope", _WORD, nullable=False),
        pa.field("target", _WORD, nullable=False),
        pa.field("question", _WORD, nullable=False),
        pa.field("answer", _WORD, nullable=False),
        pa.field("value", pa.float64()),
        pa.field("place", pa.int32()),
        pa.field("arrived", pa.int64(), nullable=False),
        pa.field("claimed", pa.int64(), nullable=False),
    ],
)
"""The columns of held events that scoring reads; times in µs since 1970, `value` in 0..1.

A source is a pair (producer, source); in a backtest the producer is empty everywhere.
"""
