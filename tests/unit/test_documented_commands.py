"""Every command line that a page shows exists, with the options that the page gives it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from service.cli import app

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
LINE = re.compile(r"^(?: {4,}|  - )?(?:\$ )?quarantine ([^\n]*)$", re.MULTILINE)
QUOTED = re.compile(r"`quarantine ([a-z][^`\n]*)`")
SHORT = re.compile(r"`([a-z]+ [^`\n]+)`")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
ROOT = typer.main.get_command(app)


def told(text: str) -> list[str]:
    """Return what the page would have a reader type after `quarantine`."""
    unfolded = re.sub(r"\\\n\s*", " ", text)
    short = [each for each in SHORT.findall(FENCED.sub("", text)) if _begins_a_command(each)]
    return [
        each.partition("  #")[0].strip()
        for each in LINE.findall(unfolded) + QUOTED.findall(unfolded) + short
    ]


def _begins_a_command(said: str) -> bool:
    """Say whether a page that says this in prose means a command (`sources hold`)."""
    return isinstance(ROOT, TyperGroup) and said.split(maxsplit=1)[0] in ROOT.commands


def faults(line: str) -> str:
    """Return why the command line would refuse `line`, empty where it would not."""
    words = shlex.split(re.split(r" \|\|? ", line.replace("…", ""))[0], comments=True)
    command = ROOT
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        name = words.pop(0)
        for each in re.split(r"[/|]", name):
            if each not in command.commands:
                return f"{line!r}: there is no {each!r}"
        command = command.commands[re.split(r"[/|]", name)[0]]
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    strange = {word.partition("=")[0] for word in words if word.startswith("-")} - known
    return f"{line!r}: there is no {', '.join(sorted(strange))}" if strange - {"--help"} else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_a_page_shows_commands_that_exist(page: Path) -> None:
    if page.parent.name == "reference":
        return
    assert [fault for line in told(page.read_text()) if (fault := faults(line))] == []


def test_a_command_that_is_not_there_is_noticed() -> None:
    assert "no 'vanish'" in faults("sources vanish x")
    assert "--nowhere" in faults("sources show x --nowhere")
    assert not faults("sources show app/rater/8812")
    assert told("use `sources vanish` or `nothing here`") == ["sources vanish"]
