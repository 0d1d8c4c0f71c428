"""Decisions from a file, one JSON object a line: many at once, each signed by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from approvals.desk import find_request
from approvals.roster import Roster
from approvals.screen.model import Case, Choice, Staged
from approvals.screen.seat import Seat
from approvals.screen.waiting import request_case, source_case
from quarantine import strict_json
from quarantine.errors import MalformedError, UsageError
from quarantine.model import SourceKey, Standing
from quarantine.safe import safe

_MOST: Final = 100_000


class Line(BaseModel):
    """One line of a file of decisions: a source and a ruling, or a request and a vote."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    case: str = Field(min_length=1, max_length=1200)
    decision: Literal["clear", "hold", "approve", "reject"]
    because: str = Field(min_length=1, max_length=1000)


def read(lines: Iterable[str]) -> list[Line]:
    """Read decisions; `UsageError` names the line that is none, or decides twice on one case."""
    found: list[Line] = []
    seen: dict[str, int] = {}
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        found.append(_line(number, text))
        before = seen.setdefault(found[-1].case, number)
        if before != number:
            raise UsageError(f"lines {before} and {number} decide on the same case")
        if len(found) > _MOST:
            raise UsageError(f"more than {_MOST} decisions at once")
    return found


def lines_of(file: Path) -> list[str]:
    """Return a file's lines; `UsageError` when it cannot be read."""
    try:
        return file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error


def stage(seat: Seat, lines: Sequence[Line], at: datetime) -> list[Staged]:
    """Look each decision's case up as it is now; `UsageError` for one that nobody knows."""
    roster = seat.roster()
    return [
        Staged(_case(seat, roster, line), Choice(line.decision), line.because, at) for line in lines
    ]


def preview(staged: Iterable[Staged]) -> str:
    """Say how many decisions of each kind there are."""
    counts = Counter(each.choice.value for each in staged)
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing"


def _line(number: int, text: str) -> Line:
    try:
        return Line.model_validate(strict_json.parse(text))
    except ValidationError as error:
        raise UsageError(f"line {number}: {safe(_fault(error), 200)}") from None
    except MalformedError as error:
        raise UsageError(f"line {number}: {safe(str(error), 200)}") from None


def _fault(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _case(seat: Seat, roster: Roster, line: Line) -> Case:
    choice = Choice(line.decision)
    if choice in {Choice.APPROVE, Choice.REJECT}:
        return request_case(*find_request(seat.store, line.case))
    producer, _, source = line.case.partition("/")
    key = SourceKey(producer, source)
    found = [seat.probes[key].dossier] if key in seat.probes else seat.store.dossiers([key])
    if not found:
        raise UsageError(f"{safe(line.case, 120)} is no source that was scored")
    return source_case(found[0], roster.standings.get(found[0].key, Standing()))
