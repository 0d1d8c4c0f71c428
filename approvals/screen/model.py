"""The words of the screen: a case, what is shown of it, a sample, what was decided and signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from approvals.model import Request
from quarantine.errors import QuarantineError
from quarantine.model import Dossier
from quarantine.safe import Safe

SAMPLES: Final = 5
"""How many samples a case is shown with, and how many more each time."""

FINDINGS: Final = 4
"""The most findings that a verdict is explained with."""


class Choice(StrEnum):
    """What a reviewer can decide: the first two of a source, the others of a request."""

    CLEAR = "clear"
    HOLD = "hold"
    APPROVE = "approve"
    REJECT = "reject"

    @property
    def lets_through(self) -> bool:
        """Say whether this moves something towards release; then the samples must be read."""
        return self in {Choice.CLEAR, Choice.APPROVE}


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to decide on: a source's dossier, or a request at log row `index`.

    `name` is how commands call it; `grounds` digests what a decision rests on, to be the same when
    it is signed; cases with one `pattern` are alike; `words` (lower case) is what search looks in;
    `ruling` is what a person said of a source before, `appeal` what is said against that.
    """

    name: str
    subject: Dossier | Request
    grounds: str
    pattern: str
    words: str
    index: int = -1
    ruling: str = ""
    appeal: str = ""

    @property
    def is_request(self) -> bool:
        """Say whether this is a request, and no source."""
        return isinstance(self.subject, Request)

    @property
    def yes(self) -> Choice:
        """Return what letting it through is called."""
        return Choice.APPROVE if self.is_request else Choice.CLEAR

    @property
    def no(self) -> Choice:
        """Return what stopping it is called."""
        return Choice.REJECT if self.is_request else Choice.HOLD


@dataclass(frozen=True, slots=True)
class Reason:
    """One finding: who says it, how strongly (0..1), above what share of sources, and why."""

    detector: Safe
    score: float
    above: float | None
    because: Safe


@dataclass(frozen=True, slots=True)
class Sample:
    """One event as it is shown: why this one, about what, what it says, beside what others say.

    `row` is its log index; `before` is what the same source said of it in what was approved last;
    `marks` names what its text hides (`bidi`, `control`, …), `hidden` each such character.
    """

    row: int
    why: str
    about: Safe
    says: Safe
    others: Safe
    before: Safe
    text: Safe
    marks: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A case as a reviewer sees it: safe text and numbers, ready for any kind of screen.

    `activity` counts events in equal parts of its time; `agreement` is the share (0..1) of its
    events that agree with the others, `usual` the median of all sources. `hindrance` says why this
    reviewer may not let it through, empty when they may.
    """

    who: Safe
    verdict: str
    score: str
    what: Safe
    since: Safe
    why: tuple[Reason, ...]
    activity: tuple[int, ...]
    pace: Safe
    agreement: float | None
    usual: float | None
    cluster: Safe
    change: Safe
    needs: Safe
    hindrance: Safe
    samples: tuple[Sample, ...]
    events: int
    more: tuple[Safe, ...] = ()


@dataclass(frozen=True, slots=True)
class Staged:
    """A decision that is not signed yet, and can be undone; `read` are the log rows shown."""

    case: Case
    choice: Choice
    because: str
    at: datetime
    read: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Signed:
    """What became of a staged decision: signed, or `refused` with the reason."""

    staged: Staged
    refused: QuarantineError | None = None
