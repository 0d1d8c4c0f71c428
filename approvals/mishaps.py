"""What befell a producer's stream on its way, and what was done about it: acts in the log."""

from __future__ import annotations

from typing import Final

from approvals.model import ActRecord
from quarantine.record import Moment


class LossReported(ActRecord):
    """A producer's entries `first` to `last` (seq, inclusive) never came."""

    act = "loss-reported"

    producer: str
    first: int
    last: int


class StreamReset(ActRecord):
    """The bus began a producer's stream anew, or put an older one back, for the `life`-th time."""

    act = "stream-reset"

    producer: str
    life: int


class ProducerPaused(ActRecord):
    """A producer's stream is not read until `until`: it floods, or sends mostly what is bad."""

    act = "producer-paused"

    producer: str
    until: Moment
    because: str


class StreamForged(ActRecord):
    """A producer's stream ended in `forged`, an id far ahead, which stops or misdates what follows.

    It was repaired and goes on after `last`; absent where the service may not repair it.
    """

    act = "stream-forged"

    producer: str
    forged: str
    last: str | None = None


class LettersRedriven(ActRecord):
    """Dead letters with these numbers go through the door again; each does so once."""

    act = "letters-redriven"

    letters: tuple[int, ...]
    digests: tuple[str, ...]


MISHAPS: Final = (
    LossReported,
    ProducerPaused,
    StreamForged,
    LettersRedriven,
    StreamReset,
)
"""Every act of this page."""
