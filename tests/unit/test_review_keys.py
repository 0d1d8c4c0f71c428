"""Whatever keys are pressed in whatever order: nothing unread is let through, undo undoes all."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.screen.model import Case, Sample, Shown
from approvals.screen.modes import Mode
from approvals.screen.sitting import Sitting, enough
from approvals.screen.talk import Talk
from quarantine.model import Dossier, Verdict
from quarantine.safe import safe
from tests.room import START

ALIKE = 4
CASES = 7
SAMPLES = 3
KEYS = ("a", "h", "r", "s", "u", "g", "j", "k", "n", "d", "?", "/", "q", "space")
PRESSES = st.lists(
    st.tuples(st.sampled_from((*KEYS, "1", "0", "y", "n", "escape", "x")), st.booleans()),
    max_size=80,
)
"""A key, and whether the screen is drawn and time goes by before it."""


def case_of(number: int) -> Case:
    """Make a source's case; the first few are alike."""
    dossier = Dossier(
        producer="app",
        source=f"s{number}",
        events=SAMPLES,
        score=0.5,
        cluster=f"app/s{number}",
        verdict=Verdict.HOLD,
    )
    pattern = "alike" if number < ALIKE else f"p{number}"
    return Case(f"app/s{number}", dossier, f"g{number}", pattern, f"app/s{number}")


def shown(case: Case) -> Shown:
    none = safe("")
    number = int(case.name.rpartition("s")[2])
    return Shown(
        who=safe(case.name),
        verdict="hold",
        score="",
        what=none,
        since=none,
        why=(),
        activity=(),
        pace=none,
        agreement=None,
        usual=None,
        cluster=none,
        change=none,
        needs=none,
        hindrance=safe("it is yours" if number == CASES - 1 else ""),
        samples=tuple(
            Sample(number * 10 + n, "", none, none, none, none, none) for n in range(SAMPLES)
        ),
        events=SAMPLES,
    )


@dataclass
class Desk:
    """A reviewer who presses anything, and a model of what they have seen."""

    at: int = 0
    seen: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        cases = [case_of(number) for number in range(CASES)]
        sitting = Sitting(cases, lambda: START + timedelta(seconds=self.at), shown, seed="5eed")
        self.talk = Talk(sitting, lambda _case, _page: (), fits=2)

    def press(self, key: str, *, looked: bool) -> None:
        """Press a key, after having looked at the screen or not; typed lines are short."""
        if looked:
            self._look()
        if self.talk.mode in {Mode.WORDS, Mode.FIND}:
            self.talk.answer("app" if self.talk.mode is Mode.FIND else "a reason")
        else:
            self.talk.press(key)

    def _look(self) -> None:
        case = self.talk.sitting.current
        if case is not None:
            self.seen[case.name].update(sample.row for sample in self.talk.samples[1])
        self.talk.shown()
        self.at += 3

    def read(self, name: str) -> bool:
        return len(self.seen[name]) == SAMPLES


@settings(max_examples=150, deadline=None)
@given(PRESSES)
def test_nothing_is_let_through_that_was_not_read(presses: list[tuple[str, bool]]) -> None:
    desk = Desk()
    for key, looked in presses:
        desk.press(key, looked=looked)
        cleared = [each.case.name for each in desk.talk.sitting.staged if each.choice.lets_through]
        assert f"app/s{CASES - 1}" not in cleared  # its own reviewer's
        for name in cleared:
            if int(name[-1]) >= ALIKE:
                assert desk.read(name)
        alike = [name for name in cleared if int(name[-1]) < ALIKE]
        assert sum(desk.read(name) for name in alike) >= min(enough(len(alike)), len(alike))


@settings(max_examples=100, deadline=None)
@given(PRESSES)
def test_undo_takes_everything_back_in_the_end(presses: list[tuple[str, bool]]) -> None:
    desk = Desk()
    for key, looked in presses:
        desk.press(key, looked=looked)
    if desk.talk.mode is Mode.GONE:
        return
    desk.talk.mode = Mode.READ
    for _ in range(len(presses) + 1):
        desk.talk.press("u")
    assert desk.talk.sitting.staged == []
    assert desk.talk.message == "nothing is staged"


@settings(max_examples=100, deadline=None)
@given(PRESSES)
def test_only_a_yes_to_leaving_signs(presses: list[tuple[str, bool]]) -> None:
    desk = Desk()
    asked = False
    for key, looked in presses:
        leaving = desk.talk.mode is Mode.LEAVE
        desk.press(key, looked=looked)
        asked = asked or (leaving and key == "y")
    assert desk.talk.signs == (asked and desk.talk.mode is Mode.GONE)
