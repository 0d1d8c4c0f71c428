"""Write the pages of this folder that are said by code: every command, and every word of a policy.

`python docs/reference/pages.py` writes them again; a test compares them with what stands here.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Final, Literal, get_args, get_origin

import typer.main
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from approvals.policy import Policy
from approvals.rules import spell
from service.cli import app

HERE: Final = Path(__file__).parent
AGAIN: Final = "Written by `python docs/reference/pages.py`; changes belong in the code."
COMMON: Final = (
    "Every command has `--help`, `--state DIR` (default `./.quarantine`, or `QUARANTINE_STATE`), "
    "`--json` (one document on standard output, nothing else there) and `--no-input`."
)
STRICT: Final = (
    "TOML 1.0, read strictly: an unknown key, a wrong type or a key said twice is refused, with "
    "the mend. A duration is `90s`, `15m`, `24h`, `7d` or `2w`; a share is above 0, at most 1."
)
EVERYWHERE: Final = {
    "state",
    "as_json",
    "no_input",
    "help",
    "install_completion",
    "show_completion",
}
"""What every command has, said once."""
SPOKEN: Final[dict[type, str]] = {
    str: "text",
    int: "whole number",
    float: "share",
    bool: "`true` or `false`",
    timedelta: "duration",
}


def pages() -> dict[str, str]:
    """Return every generated page by its file name."""
    return {"commands.md": commands(), "policy.md": policy()}


def commands() -> str:
    """Return the page of every command, its words and its options."""
    root = typer.main.get_command(app)
    blocks = [
        "# Commands",
        AGAIN,
        COMMON,
        (root.epilog or "").partition(" Example:")[0],
    ]
    return _page(blocks + list(_below(root, "quarantine")))


def _below(command: object, name: str) -> Iterator[str]:
    if isinstance(command, TyperGroup):
        for word, inner in command.commands.items():
            yield from _below(inner, f"{name} {word}")
    elif isinstance(command, TyperCommand):
        yield from _told(command, name)


def _told(command: TyperCommand, name: str) -> Iterator[str]:
    yield f"## `{name}`"
    yield _flowing(command.help)
    rows = [
        _row(each)
        for each in command.params
        if isinstance(each, TyperArgument | TyperOption) and each.name not in EVERYWHERE
    ]
    if rows:
        yield _table(("word", "what it says"), rows)
    yield _flowing(command.epilog)


def _row(word: TyperArgument | TyperOption) -> tuple[str, ...]:
    if isinstance(word, TyperArgument):
        return f"`{word.metavar or word.name.upper()}`", word.help or ""
    said = " / ".join((*word.opts, *word.secondary_opts))
    said = said if word.is_flag else f"{said} {word.metavar or word.name.upper()}"
    return f"`{said}`", f"{word.help or ''} {'(must be said)' if word.required else ''}".strip()


def policy() -> str:
    """Return the page of every table of a policy and every key of it."""
    blocks = [
        "# Words of a policy",
        AGAIN,
        STRICT,
    ]
    return _page(blocks + list(_tables(Policy, "")))


def _tables(part: type[BaseModel], path: str, *, many: bool = False) -> Iterator[str]:
    yield f"## `[[{path}]]`" if many else f"## `[{path}]`" if path else "## Above all tables"
    yield _flowing(inspect.getdoc(part))
    inner: list[tuple[type[BaseModel], str, bool]] = []
    rows: list[tuple[str, ...]] = []
    for name, field in part.model_fields.items():
        found = _part_in(field.annotation)
        if found is None:
            rows.append((f"`{name}`", _spoken(field.annotation), _default(field)))
        else:
            inner.append(
                (found, f"{path}.{name}".strip("."), get_origin(field.annotation) is tuple)
            )
    if rows:
        yield _table(("key", "holds", "where it is left out"), rows)
    for found, where, several in inner:
        yield from _tables(found, where, many=several)


def _part_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((part for each in get_args(annotation) if (part := _part_in(each))), None)


def _spoken(annotation: object) -> str:
    """Return what a key holds, in the words of TOML."""
    if isinstance(annotation, type) and annotation in SPOKEN:
        return SPOKEN[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{each.value}`" for each in annotation)
    inner = [each for each in get_args(annotation) if each not in (type(None), Ellipsis)]
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{each}`" for each in inner)
    return f"list of {_spoken(inner[0])}" if get_origin(annotation) is tuple else _spoken(inner[0])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "refused"
    if field.default is None:
        return "no such limit"
    if isinstance(field.default, timedelta):
        return f"`{spell(field.default)}`"
    return f"`{json.dumps(field.default)}`"


def _flowing(text: str | None) -> str:
    """Return `text` with its paragraphs as they are and their lines joined."""
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(text or ""))
    return "\n\n".join(" ".join(each.split()) for each in paragraphs).replace("\b", "")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _page(blocks: list[str]) -> str:
    return "\n\n".join(block for block in blocks if block) + "\n"


if __name__ == "__main__":
    for file, text in pages().items():
        (HERE / file).write_text(text)
