"""The screen as plain lines: for a screen reader, a dumb terminal, a pipe; the same keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from approvals.screen.aloud import aloud
from approvals.screen.model import SAMPLES, Case
from approvals.screen.modes import PAGES, TYPED, Mode
from approvals.screen.talk import Talk

_ASK: Final = "a, r, h, s, u, g, d, /, q; space or . for more; ? explains them"

Read = Callable[[str], str]
Write = Callable[[str], None]


@dataclass
class Plain:
    """A conversation in lines: `read` prompts for one (`EOFError` at the end), `write` says one.

    A case is told when it comes up, in full; a key alone moves on, and an empty line does nothing.
    """

    talk: Talk
    read: Read
    write: Write
    _told: tuple[Case | None, int, bool] | None = None

    def run(self) -> bool:
        """Go on until the reviewer leaves; say whether what is staged is to be signed."""
        self.talk.fits = SAMPLES
        try:
            while self.talk.mode is not Mode.GONE:
                self._tell()
                self._take(self.read(f"{self._asks()} > "))
        except EOFError:
            return False
        return self.talk.signs

    def _asks(self) -> str:
        return _ASK if self.talk.mode is Mode.READ else self.talk.asks()

    def _take(self, line: str) -> None:
        if self.talk.mode in TYPED:
            self.talk.answer(line)
        else:
            self._keys(line)
        if self.talk.message:
            self.write(self.talk.message)
        if self.talk.mode in PAGES:
            self._lines(self.talk.page())
            self.talk.press("escape")

    def _keys(self, line: str) -> None:
        """Take keys as they are typed: `r3` is a rejection with its reason, `/ring` a search."""
        for place, key in enumerate(line):
            self.talk.press("space" if key in " ." else key)
            if self.talk.mode in TYPED and line[place + 1 :].strip():
                self.talk.answer(line[place + 1 :])
                return
            if self.talk.mode is Mode.READ:
                return

    def _tell(self) -> None:
        """Tell the case that is looked at, where it is another than was told, or other samples."""
        sitting = self.talk.sitting
        first, samples = self.talk.samples
        place = (sitting.current, first, sitting.grouped)
        if self.talk.mode is not Mode.READ or place == self._told:
            return
        self.write(self.talk.progress())
        again = self._told is not None and self._told[0] is sitting.current
        self._told = place
        if sitting.face is None:
            self.write(f"this is the end of the queue: {self.talk.ended()}")
            return
        lines = aloud(sitting.face, samples, first)
        self._lines(lines if not again else _samples_only(lines))
        self.talk.shown()

    def _lines(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.write(line)


def _samples_only(lines: Sequence[str]) -> list[str]:
    """Leave out what was told of this case before."""
    return [line for line in lines if line.startswith(("sample", "  "))]
