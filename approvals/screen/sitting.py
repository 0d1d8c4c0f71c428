"""A review: where the reviewer is, what was read, what is staged; nothing in it is signed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from approvals import electorate
from approvals.sampling import needed
from approvals.screen.model import Case, Choice, Shown, Staged
from approvals.screen.reading import Reading
from quarantine.errors import RefusedError

USUAL_S: Final = 18.0
"""How long a case takes before this sitting knows better: 200 an hour."""

LEAST_S: Final = 1.0
"""Nobody has read a case that was on the screen for less; a key that sticks approves nothing."""

GROUP: Final = electorate.Reading(share=0.2, confidence=0.95)
"""What reading a draw of a group must promise of the rest."""
_KEPT: Final = 64
"""How many cases are kept ready to be shown again."""


def enough(alike: int) -> int:
    """Return how many of `alike` cases must be read before all of them may be cleared at once.

    With none bad among so many, drawn at random, at most a fifth of all are bad, at 95 %.
    """
    return needed(alike, GROUP)


class _Step(NamedTuple):
    """One decision: where it was made, and what was staged on its cases before."""

    place: int
    before: Mapping[str, Staged | None]


@dataclass
class Sitting:
    """The state of one review of `cases`; `now` is a clock, `show` makes a case ready to be seen.

    `seed` is what nobody could foresee: which of many cases alike must be read hangs on it. Every
    refusal is a `RefusedError` in one sentence, and changes nothing.
    """

    cases: Sequence[Case]
    now: Callable[[], datetime]
    show: Callable[[Case], Shown]
    seed: str
    place: int = field(default=0, init=False)
    grouped: bool = field(default=False, init=False)
    reading: Reading = field(init=False)
    _staged: dict[str, Staged] = field(default_factory=dict, init=False)
    _steps: list[_Step] = field(default_factory=list, init=False)
    _skipped: set[str] = field(default_factory=set, init=False)
    _faces: dict[str, Shown] = field(default_factory=dict, init=False)
    _alike: dict[str, list[Case]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Put cases that are alike together; nothing was read yet."""
        self.reading = Reading(self.now)
        for case in self.cases:
            self._alike.setdefault(case.pattern, []).append(case)

    @property
    def current(self) -> Case | None:
        """Return the case that is looked at; none at the end of the queue."""
        return self.cases[self.place] if self.place < len(self.cases) else None

    @property
    def face(self) -> Shown | None:
        """Return the current case as it is shown; it is made once."""
        case = self.current
        if case is None:
            return None
        if case.name not in self._faces:
            self._faces[case.name] = self.show(case)
            if len(self._faces) > _KEPT:
                del self._faces[next(iter(self._faces))]
        return self._faces[case.name]

    @property
    def staged(self) -> list[Staged]:
        """Return what is decided and not signed, in the order of the queue."""
        return [self._staged[case.name] for case in self.cases if case.name in self._staged]

    def saw(self, rows: Iterable[int]) -> None:
        """Note that these samples (log indexes) of the current case stand on the screen."""
        case, face = self.current, self.face
        if case is not None and face is not None:
            self.reading.saw(case, face, rows)

    def alike(self) -> list[Case]:
        """Return the undecided cases that are like the current one, itself first."""
        case = self.current
        if case is None:
            return []
        others = [
            each
            for each in self._alike[case.pattern]
            if each is not case and each.name not in self._staged
        ]
        return [case, *others]

    def decide(self, choice: Choice, because: str) -> int:
        """Stage a decision on the current case, on all like it where grouped; return how many."""
        case = self.current
        if case is None:
            raise RefusedError("there is nothing left to decide on: q signs and leaves")
        if choice not in {case.yes, case.no}:
            raise RefusedError(f"this is {_what(case)}: a {case.yes}s it, r {case.no}s it")
        cases = self.alike() if self.grouped else [case]
        if choice.lets_through:
            self._require_reading(case, cases)
        at = self.now()
        before = {each.name: self._staged.get(each.name) for each in cases}
        self._steps.append(_Step(self.place, before))
        for each in cases:
            read = self.reading.rows(each)
            self._staged[each.name] = Staged(each, choice, because, at, read)
        self._go_on()
        return len(cases)

    def skip(self) -> None:
        """Leave the current case undecided; it waits for another day."""
        case = self.current
        if case is None:
            raise RefusedError("this is the end of the queue: q signs and leaves")
        self._skipped.add(case.name)
        self._go_on()

    def undo(self) -> int:
        """Take the last staged decision back and go to its case; return how many it was on."""
        if not self._steps:
            raise RefusedError("nothing is staged")
        step = self._steps.pop()
        self.place, self.grouped = step.place, False
        for name, before in step.before.items():
            if before is None:
                del self._staged[name]
            else:
                self._staged[name] = before
        return len(step.before)

    def toggle_group(self) -> int:
        """Decide on all cases like the current one, or on it alone again; return on how many."""
        alike = len(self.alike())
        if not self.grouped and alike < 2:  # noqa: PLR2004  one is no group
            raise RefusedError("no other case is like this one")
        self.grouped = not self.grouped
        return alike if self.grouped else 1

    def move(self, by: int) -> None:
        """Look at a case before or after, decided or not."""
        self.grouped = False
        self.place = min(max(self.place + by, 0), len(self.cases))

    def find(self, words: str) -> tuple[int, int]:
        """Go to the next case that holds every one of `words`; return which it is, of how many."""
        wanted = words.lower().split()
        found = [
            place
            for place, case in enumerate(self.cases)
            if all(word in case.words for word in wanted)
        ]
        if not wanted or not found:
            raise RefusedError("no case holds these words")
        later = [place for place in found if place > self.place]
        self.grouped = False
        self.place = (later or found)[0]
        return found.index(self.place) + 1, len(found)

    def drawn(self) -> list[Case]:
        """Return which of the cases like the current one must be read: a draw, nobody's choice."""
        alike = self.alike()
        return sorted(alike, key=self._draw)[: enough(len(alike))]

    def next_drawn(self) -> bool:
        """Go to a drawn case that was not read yet; say whether there was one."""
        unread = [case for case in self.drawn() if not self.reading.has_read(case)]
        if unread:
            self.place = self.cases.index(unread[0])
        return bool(unread)

    def counts(self) -> dict[str, int]:
        """Return how many decisions of each choice are staged."""
        found = [each.choice.value for each in self._staged.values()]
        return {choice.value: found.count(choice.value) for choice in Choice if choice in found}

    def left(self) -> int:
        """Return how many cases are neither decided nor skipped."""
        return len(self.cases) - len(self._staged.keys() | self._skipped)

    def seconds_left(self) -> float:
        """Guess how long the rest takes, from this sitting's own pace."""
        done = len(self._steps) + len(self._skipped)
        return self.left() * (self.reading.seconds() / done if done else USUAL_S)

    def _require_reading(self, case: Case, cases: Sequence[Case]) -> None:
        face = self.face
        if face is not None and face.hindrance:
            raise RefusedError(face.hindrance)
        if not self.reading.has_read(case):
            raise RefusedError("read the samples first: space shows those that are left")
        if self.reading.seconds_on(case) < LEAST_S:
            raise RefusedError("read it first: it came up only now")
        if len(cases) > 1:
            self._require_draw()

    def _require_draw(self) -> None:
        drawn = self.drawn()
        read = sum(self.reading.has_read(case) for case in drawn)
        if read < len(drawn):
            raise RefusedError(
                f"{read} of the {len(drawn)} drawn were read; reading all leaves at most"
                f" {GROUP.share:.0%} bad, at {GROUP.confidence:.0%}: space shows the next"
            )

    def _draw(self, case: Case) -> str:
        return hashlib.sha256(f"{self.seed}\x00{case.name}".encode()).hexdigest()

    def _go_on(self) -> None:
        """Go to the next case that waits, from here to the end, else to the end."""
        self.grouped = False
        done = self._staged.keys() | self._skipped
        later = range(self.place, len(self.cases))
        self.place = next(
            (place for place in later if self.cases[place].name not in done), len(self.cases)
        )


def _what(case: Case) -> str:
    return "a request" if case.is_request else "a source"
