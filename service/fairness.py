"""Fairness between streams: who waits longest is next, and how long a turn may last."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final

PORTION: Final = 2 * 1024 * 1024
"""Bytes that are taken in by one transaction: events in hand weigh many times their bytes."""
LONG: Final = timedelta(milliseconds=40)
"""How long a turn lasts, at most, while others are heard."""
SHORT: Final = timedelta(milliseconds=1)
"""How long it lasts while somebody is heard who brings much less."""
PACE: Final = 4 * 1024 * 1024
"""Bytes a second that are taken in, before it is known: what is all bad is as slow as this."""
RECENT: Final = timedelta(seconds=1)
MUCH: Final = 2
"""Who brings so many times as much as another one, of late, takes short turns."""


class Line:
    """A lock for threads that is handed on in order: who gives it back stands behind the others.

    With `threading.Lock` a thread that takes it again at once mostly gets it, and the others wait.
    """

    def __init__(self) -> None:
        """Make it free."""
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        """Wait for the turn."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Pass it on."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


@dataclass(slots=True)
class _Voice:
    """How many bytes a stream brought of late, and how fast they were taken in."""

    at: datetime
    bytes: float = 0.0
    pace: float = PACE

    def bring(self, count: int, at: datetime) -> None:
        """Add what came now; what was before weighs half as much with every `RECENT`."""
        past = max(timedelta(), at - self.at)
        self.bytes = self.bytes * 0.5 ** (past / RECENT) + count
        self.at = at


@dataclass(slots=True)
class Shares:
    """Cuts what is to be taken in into turns; the clock is given.

    Who is alone takes turns as long as memory allows: they cost least. Beside others a turn is not
    long, and short for who brings much more than another one who spoke of late: that one waits no
    longer than a short turn, however much there is.
    """

    _voices: dict[str, _Voice] = field(default_factory=dict)

    def cut(self, stream: str, weights: Sequence[int], at: datetime) -> Iterator[slice]:
        """Yield what belongs in each turn, of pieces with these weights (bytes), in their order.

        One piece is never cut. How long a turn took (`lasted`) changes the next.
        """
        voice = self._voices.setdefault(stream, _Voice(at))
        voice.bring(sum(weights), at)
        start = weight = 0
        for number, each in enumerate(weights, 1):
            weight += each
            if number == len(weights) or weight >= self._most(stream, voice, at):
                yield slice(start, number)
                start, weight = number, 0

    def lasted(self, stream: str, weight: int, took: timedelta) -> None:
        """Remember how long a turn took: the next ones hold as much more or less."""
        if weight and took > timedelta():
            self._voices[stream].pace = weight / took.total_seconds()

    def _most(self, stream: str, voice: _Voice, at: datetime) -> float:
        """Return how many bytes make a turn."""
        others = [
            other.bytes
            for name, other in list(self._voices.items())  # others may join meanwhile
            if name != stream and at - other.at < RECENT
        ]
        if not others:
            return PORTION
        length = SHORT if MUCH * min(others) < voice.bytes else LONG
        return min(PORTION, voice.pace * length.total_seconds())
