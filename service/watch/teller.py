"""Telling how a process is doing, second by second, from a thread beside its loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self

from quarantine.closing import Closing
from service.watch.bulletin import Bulletin, spelled, tell
from service.watch.words import Figures

EVERY_S: Final = 1.0


def _nothing() -> Figures:
    return {}


class Teller(Closing):
    """Sends a bulletin of `role` to `listener` every second; to nobody where there is none.

    The loop says `turn` when it has done its work. When it has not for longer than `quiet_s`, the
    listener says that it hangs; the thread only carries the message.
    """

    def __init__(
        self,
        listener: Path | None,
        role: str,
        *,
        quiet_s: float,
        figures: Callable[[], Figures] = _nothing,
    ) -> None:
        """Prepare; `figures` are asked for by the thread, each time."""
        self._listener = listener
        self._role = role
        self._quiet_s = quiet_s
        self._figures = figures
        self._turned = time.monotonic()
        self._complaints: tuple[str, ...] = ()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="teller", daemon=True)

    def turn(self, complaints: Sequence[str] = ()) -> None:
        """Say that the loop turned just now, and what does not work."""
        self._complaints = tuple(complaints)
        self._turned = time.monotonic()

    def __enter__(self) -> Self:
        """Begin to tell."""
        if self._listener is not None:
            self._thread.start()
        return self

    def close(self) -> None:
        """Stop telling."""
        self._ending.set()
        if self._listener is not None:
            self._thread.join()

    def _run(self) -> None:
        assert self._listener is not None  # noqa: S101  else it was not started
        while not self._ending.wait(EVERY_S):
            bulletin = Bulletin(
                role=self._role,
                quiet_s=self._quiet_s,
                age_s=time.monotonic() - self._turned,
                complaints=self._complaints,
                figures=spelled(self._figures()),
            )
            tell(self._listener, bulletin)
