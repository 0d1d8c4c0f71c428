"""The conversation: a key goes in, the sitting moves, a message comes out; no terminal in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from approvals.screen.activity import minutes
from approvals.screen.aloud import whole
from approvals.screen.keys import OWN, REASONS, help_lines
from approvals.screen.model import SAMPLES, Case, Choice, Sample
from approvals.screen.modes import ASKS, MODES, PAGES, SPELLED, Mode
from approvals.screen.sitting import Sitting
from quarantine.errors import RefusedError
from quarantine.safe import safe

LONGEST_REASON: Final = 300


@dataclass
class Talk:
    """One reviewer's conversation with a sitting, on any kind of screen.

    `more` reads further samples of a case by page; `fits` is how many the screen shows at once;
    `behind` says what waits beyond the day's cases.
    When `mode` is GONE, `signs` says whether what is staged is to be signed.
    """

    sitting: Sitting
    more: Callable[[Case, int], Sequence[Sample]]
    fits: int = SAMPLES
    behind: str = ""
    mode: Mode = Mode.READ
    message: str = ""
    signs: bool = False
    _samples: list[Sample] = field(default_factory=list)
    _offset: int = 0
    _page: int = 0
    _of: str = ""
    _sought: str = ""

    @property
    def samples(self) -> tuple[int, Sequence[Sample]]:
        """Return the number (from 1) of the first sample to show now, and the samples."""
        self._follow()
        return self._offset + 1, self._samples[self._offset : self._offset + self.fits]

    def shown(self) -> None:
        """Note that the screen shows the current samples now."""
        self.sitting.saw(sample.row for sample in self.samples[1])

    def press(self, key: str) -> None:
        """Take one key: a character, or `space`, `escape`, `up`, `down`."""
        self.message = ""
        try:
            self._press(key)
        except RefusedError as refused:
            self.message = str(refused)

    def answer(self, text: str) -> None:
        """Take a line that was asked for: a reason's words, or words to search."""
        mode, self.mode, self.message = self.mode, Mode.READ, ""
        try:
            if mode is Mode.FIND:
                self._find(text)
            elif text.strip():
                self._decide_no(text.strip()[:LONGEST_REASON])
            else:
                self.message = "nothing was decided: a reason needs words"
        except RefusedError as refused:
            self.message = str(refused)

    def progress(self) -> str:
        """Say in one line where the review is and how long the rest takes."""
        sitting = self.sitting
        place = min(sitting.place + 1, len(sitting.cases))
        staged = ", ".join(f"{count} {name}" for name, count in sitting.counts().items())
        left = sitting.left()
        rest = f"{left} left, about {minutes(sitting.seconds_left())}" if left else "none left"
        return f"{place} of {len(sitting.cases)} · {staged or 'nothing'} staged · {rest}"

    def asks(self) -> str:
        """Say what the next key can be, in one line."""
        if self.mode is Mode.LEAVE:
            return f"{self.preview()}: y signs each, n drops them, any other key goes back"
        return ASKS[self.mode]

    def ended(self) -> str:
        """Say, at the end of the queue, what is staged and what waits behind it."""
        staged = self.preview() if self.sitting.staged else "nothing is staged"
        return f"{staged}; {self.behind}" if self.behind else staged

    def preview(self) -> str:
        """Say what would be signed: how many of each."""
        counts = ", ".join(f"{count} {name}" for name, count in self.sitting.counts().items())
        return f"{len(self.sitting.staged)} staged ({counts})"

    def page(self) -> list[str]:
        """Return the lines of a help or details page."""
        if self.mode is Mode.HELP:
            return help_lines()
        face = self.sitting.face
        return [] if face is None else [*face.more, *whole(self.samples[1])]

    def _press(self, key: str) -> None:
        key = SPELLED.get(key, key)
        if self.mode is Mode.READ:
            self._read(key)
        elif self.mode is Mode.WHY:
            self._reason(key)
        elif self.mode is Mode.LEAVE:
            self._leave(key)
        elif self.mode is not Mode.GONE and (key == "escape" or self.mode in PAGES):
            self.mode = Mode.READ

    def _read(self, key: str) -> None:
        acts: dict[str, Callable[[], None]] = {
            "a": self._yes,
            "h": self._hold,
            "r": self._no,
            "s": self.sitting.skip,
            "u": self._undo,
            "g": self._group,
            "space": self._on,
            "n": lambda: self._find(self._sought),
            "j": lambda: self.sitting.move(1),
            "k": lambda: self.sitting.move(-1),
            "q": self._quit,
        }
        if key in MODES:
            self.mode = MODES[key]
        elif key in acts:
            acts[key]()
        else:
            self.message = "? shows the keys"

    def _yes(self) -> None:
        case = self._case()
        seconds = self.sitting.reading.seconds_on(case)
        because = f"read {len(self.sitting.face.samples) if self.sitting.face else 0} samples"
        self._decide(case.yes, f"{because} in {seconds:.0f} s")

    def _hold(self) -> None:
        case = self._case()
        if case.is_request:
            raise RefusedError("h holds a source; a request is approved or rejected (r)")
        found = [reason.detector for reason in self.sitting.face.why] if self.sitting.face else []
        self._decide(Choice.HOLD, f"held for {', '.join(found) or 'what its samples say'}")

    def _no(self) -> None:
        self._case()
        self.mode = Mode.WHY

    def _reason(self, key: str) -> None:
        self.mode = Mode.WORDS if key == OWN else Mode.READ
        if key in REASONS:
            self._decide_no(REASONS[key])
        elif key != OWN:
            self.message = "nothing was decided"

    def _decide_no(self, because: str) -> None:
        self._decide(self._case().no, because)

    def _decide(self, choice: Choice, because: str) -> None:
        name = self._case().name
        count = self.sitting.decide(choice, because)
        whom = safe(name, 60) if count == 1 else f"{count} cases"
        self.message = f"{choice.value}: {whom} (u takes it back)"

    def _undo(self) -> None:
        count = self.sitting.undo()
        self.message = "taken back" if count == 1 else f"{count} taken back"

    def _group(self) -> None:
        count = self.sitting.toggle_group()
        drawn = len(self.sitting.drawn())
        self.message = (
            f"the next decision is on {count} cases alike; to let them through read {drawn} of them"
            if self.sitting.grouped
            else "the next decision is on this case alone"
        )

    def _on(self) -> None:
        """Show more: of a group the next drawn case, else further samples, else the first again."""
        unseen = self._offset + self.fits < len(self._samples)
        if self.sitting.grouped and not unseen:
            if not self.sitting.next_drawn():
                self.message = "all that were drawn are read"
            return
        self._offset += self.fits
        if not unseen:
            self._page += 1
            self._samples += self.more(self._case(), self._page)
        if self._offset >= len(self._samples):
            self._offset, self._page = 0, 0
            self._of = ""
            self.message = "these are all; from the first again"

    def _find(self, words: str) -> None:
        self._sought = words
        which, of = self.sitting.find(words)
        self.message = f"{which} of {of} that hold {safe(words, 40)} (n: the next)"

    def _quit(self) -> None:
        self.mode = Mode.LEAVE if self.sitting.staged else Mode.GONE

    def _leave(self, key: str) -> None:
        if key in {"y", "n"}:
            self.signs, self.mode = key == "y", Mode.GONE
        else:
            self.mode = Mode.READ

    def _case(self) -> Case:
        case = self.sitting.current
        if case is None:
            raise RefusedError("this is the end of the queue: q signs and leaves, k goes back")
        return case

    def _follow(self) -> None:
        """Begin with the first samples of a case when it is another than before."""
        case, face = self.sitting.current, self.sitting.face
        name = "" if case is None else case.name
        if name != self._of or not name:
            self._samples = list(face.samples) if face else []
            self._of, self._offset, self._page = name, 0, 0
