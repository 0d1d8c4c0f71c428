"""What every command has in common: where the state is, how it answers, what it opens."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Concatenate, ParamSpec

import typer

if TYPE_CHECKING:
    from approvals.ports import Rim, Signer
    from approvals.roster import Reviewer, Roster
    from approvals.rules import Policy
    from quarantine.ports import Store

Asked = ParamSpec("Asked")
LONGEST = 1_000_000
"""The most characters of one line of an answer."""

StateOption = Annotated[
    Path,
    typer.Option("--state", envvar="QUARANTINE_STATE", help="The state directory.", metavar="DIR"),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Answer with one JSON document on standard output.")
]
NoInputOption = Annotated[bool, typer.Option("--no-input", help="Never ask; refuse instead.")]


@dataclass
class Call:
    """One run of a command: its common options, and what it opens when it needs it."""

    rim: Rim
    state: Path
    as_json: bool = False
    no_input: bool = False
    _open: list[Store] = field(default_factory=list)

    def begin(self) -> None:
        """Make the state directory where there is none: for the few commands that begin with it."""
        self.rim.begin(self.state)

    @cached_property
    def store(self) -> Store:
        """The store, opened at first use; `UsageError` where nobody began a state directory."""
        store = self.rim.store(self.state)
        self._open.append(store)
        return store

    @cached_property
    def roster(self) -> Roster:
        """Who may speak and who may decide, as the log has it."""
        return self.rim.roster(self.state, self.store)

    @cached_property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.rim.policy(self.state, self.store)

    def signed(self, name: str, reference: str) -> tuple[Reviewer, Signer]:
        """Return the reviewer of this name and the key `reference` names, which must be theirs.

        Raises `NotAuthorisedError` for a name nobody has, or a key that is not registered for it.
        """
        reviewer = self.reviewer(name)
        return reviewer, self.rim.signer(reference, reviewer.public)

    def reviewer(self, name: str) -> Reviewer:
        """Return the reviewer of this name; `NotAuthorisedError` when nobody has it."""
        from quarantine.errors import NotAuthorisedError  # noqa: PLC0415  `--help` needs no model
        from quarantine.safe import safe  # noqa: PLC0415

        reviewer = self.roster.reviewers.get(name)
        if reviewer is None:
            raise NotAuthorisedError(f"there is no reviewer {safe(name)}: quarantine reviewer list")
        return reviewer

    @contextmanager
    def trying(self, what: str, *, by: str, about: str) -> Iterator[None]:
        """Write down what a rule refuses in this block, where the releasing role's key is here."""
        from approvals.refusals import Attempt, noted  # noqa: PLC0415  `--help` needs no model
        from quarantine.errors import QuarantineError  # noqa: PLC0415

        try:
            signer = self.rim.role(self.state, "releasing")
        except QuarantineError:  # another user's: the releasing process alone can sign then
            yield
            return
        with noted(self.store, signer, self.rim.now(), Attempt(what, by, about)):
            yield

    def say(self, document: object, lines: Iterable[str]) -> None:
        """Answer: `document` as JSON where that was asked for, else `lines`, made visible."""
        if self.as_json:
            text = json.dumps(document, ensure_ascii=True, indent=1, default=str)
        else:
            text = "\n".join(_visible(line) for line in lines)
        sys.stdout.write(f"{text}\n" if text else "")

    def tell(self, line: str) -> None:
        """Report progress, on standard error."""
        sys.stderr.write(f"{_visible(line)}\n")

    def close(self) -> None:
        """Let go of what was opened."""
        while self._open:
            self._open.pop().close()


def _visible(line: str) -> str:
    """Make a line visible once more, whoever made it: one forgotten `safe` shows nothing."""
    from quarantine.safe import safe  # noqa: PLC0415  `--help` needs no model

    return safe(line, LONGEST)


def columns(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lay out rows of text under their heads, two spaces between columns, through `safe`."""
    from quarantine.safe import safe  # noqa: PLC0415  `--help` needs no model

    table: list[list[str]] = [[*heads]]
    table += [[safe(str(cell), 120) for cell in row] for row in rows]
    widths = [max(len(row[n]) for row in table) for n in range(len(heads))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def moment_of(name: str, spelled: str) -> datetime:
    """Read the time that an option was given; raises `UsageError` where it is none."""
    from quarantine.envelope import moment  # noqa: PLC0415  `--help` needs no model
    from quarantine.errors import MalformedError, UsageError  # noqa: PLC0415

    try:
        return moment(spelled).astimezone(UTC)
    except (MalformedError, OverflowError):  # some times have no place in UTC
        raise UsageError(f"{name} takes an RFC 3339 time, as 2026-11-01T00:00:00Z") from None


def command(
    app: typer.Typer, name: str, *, example: str
) -> Callable[[Callable[Concatenate[Call, Asked], None]], Callable[Concatenate[Call, Asked], None]]:
    """Register a function as the command `name`, with the options that every command has."""

    def register(
        function: Callable[Concatenate[Call, Asked], None],
    ) -> Callable[Concatenate[Call, Asked], None]:
        spoken: Callable[..., None] = function
        asked = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

        def run(context: typer.Context, **given: object) -> None:
            call = Call(
                rim=context.obj,
                state=Path(str(given.pop("state"))),
                as_json=bool(given.pop("as_json")),
                no_input=bool(given.pop("no_input")),
            )
            try:
                spoken(call, **given)
            finally:
                call.close()

        signature = [_parameter("context", typer.Context, default=inspect.Parameter.empty), *asked]
        signature += [
            _parameter("state", StateOption, default=Path(".quarantine")),
            _parameter("as_json", JsonOption, default=False),
            _parameter("no_input", NoInputOption, default=False),
        ]
        keyword = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in signature]
        run.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in keyword}
        said = inspect.getdoc(function) or ""
        short = said.partition("\n")[0].partition("; ")[0].rstrip(".")
        app.command(name, help=said, short_help=short, epilog=f"Example: {example}")(run)
        return function

    return register


def _parameter(name: str, annotation: object, *, default: object) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)
