"""Is a process ready: what of it works, what does not and why, and which loop is not heard of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from quarantine.errors import UsageError

PATIENCE_S: Final = 8.0
"""A loop that was not heard of for so long does not work; none rests for longer than a second."""
_PORTS: Final = 2**16


@dataclass(slots=True)
class Readiness:
    """What works and what does not, by name, with the reason; times are the event loop's (s)."""

    patience_s: float = PATIENCE_S
    _failing: dict[str, str] = field(default_factory=dict)
    _heard: dict[str, float] = field(default_factory=dict)

    def works(self, what: str) -> None:
        """Say that `what` did its work; it needs not say so again."""
        self._failing.pop(what, None)

    def turns(self, loop: str, at: float) -> None:
        """Say that a loop did its work at `at`, and will again and again."""
        self._heard[loop] = at
        self.works(loop)

    def fails(self, what: str, because: object) -> None:
        """Say that `what` does not work now."""
        self._failing[what] = str(because)

    def complaints(self, at: float) -> list[str]:
        """Return one sentence for each thing that does not work; ready when there is none."""
        failing = dict(self._failing)
        silent = {
            loop: f"not heard of for {at - heard:.0f} s"
            for loop, heard in list(self._heard.items())
            if at - heard > self.patience_s
        }
        said = [f"{what}: {because}" for what, because in sorted({**silent, **failing}.items())]
        return said if self._heard else ["not started yet", *said]


def address(place: str) -> tuple[str, int]:
    """Return the host and port that HOST:PORT spells; raises `UsageError` where it spells none."""
    host, _, port = place.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < _PORTS):
        raise UsageError(f"an address to answer at is HOST:PORT, not {place!r}")
    return host, int(port)
