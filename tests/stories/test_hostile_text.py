"""Hostile strings through every command, the screen and the page: only letters come out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import typer.main

from approvals.screen.app import Screen
from quarantine.safe import safe
from service.cli import app
from tests.hostile import hostile
from tests.reviewing import talking
from tests.rogues import NAMES, Rogues, rogues
from tests.room import Room
from tests.shell import Shell

READING = (
    ("sources", "list", "--limit", "1000"),
    ("sources", "list", "--verdict", "hold", "--limit", "1000"),
    ("request", "list", "--all"),
    ("reviewer", "list"),
    ("producer", "list"),
    ("dead", "list", "--limit", "1000"),
    ("dead", "show", "1"),
    ("dead", "show", "2"),
    ("release", "list"),
    ("windows", "list"),
    ("drift", "--scope", "helpful"),
    ("config",),
    ("trace", "--producer", "app"),
    ("review", "--as", "ben", "--hold", "rater", "--because", "x", "--dry-run"),
)
"""Commands that show what is held; each is run over all of the corpus at once."""

NAMING = (
    ("sources", "show", "app/{}"),
    ("sources", "list", "--verdict", "{}"),
    ("release", "verify", "{}", "--trust", "{}"),
    ("review", "--as", "ben", "--decisions", "{}"),
    ("review", "--as", "ben", "--hold", "{}", "--because", "{}", "--dry-run"),
    ("dead", "list", "--reason", "{}"),
    ("trace", "--source", "{}"),
    ("sources", "list", "--{}"),
    ("sources", "{}"),
    ("{}",),
)
"""Commands that need not be given anything, and are given a hostile string."""

RUNS_ON = frozenset({("up",), ("demo",)})


def every_command() -> list[tuple[str, ...]]:
    """Return each command there is, with a place for a string wherever it must be given one."""

    def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        below = getattr(command, "commands", None)
        if below is not None:
            for name in sorted(below):
                yield from walk(below[name], (*path, name))
        elif path not in RUNS_ON:
            needed = [each for each in command.params if each.required]
            options = [(each.opts[0], "{}") for each in needed if each.opts[0].startswith("-")]
            given = ["{}" for each in needed if not each.opts[0].startswith("-")]
            yield (*path, *given, *(word for pair in options for word in pair))

    return [words for words in walk(typer.main.get_command(app), ()) if "{}" in words]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rogues]:
    found = rogues(tmp_path_factory.mktemp("rogues"))
    yield found
    found.room.store.close()


@pytest.fixture
def shell(made: Rogues) -> Shell:
    return Shell(made.room.folder)


def require_letters(text: str, about: object) -> None:
    """Refuse whatever a terminal could act on, or a reader could not see."""
    for line in text.split("\n"):
        assert line.isprintable(), (about, line)
        assert safe(line, 10_000_000) == line, (about, line)


def test_the_corpus_is_large_and_hostile() -> None:
    assert len(hostile()) >= 300
    assert sum(safe(text) != text for text in hostile()) >= 230
    assert len(NAMES) >= 130


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_what_is_held_is_shown_as_letters(shell: Shell, words: Sequence[str]) -> None:
    said = shell.run(*words).both
    assert said
    assert "Traceback" not in said
    require_letters(said, words)


@pytest.mark.parametrize("words", [("sources", "list"), ("dead", "list")])
def test_json_is_ascii_and_exact(shell: Shell, words: Sequence[str]) -> None:
    said = shell.run(*words, "--limit", "1000", "--json").out
    assert said.isascii()
    require_letters(said, words)
    found = json.dumps(json.loads(said), ensure_ascii=False)
    assert "\u202e" in found  # nothing was changed on the way


def test_whatever_a_command_is_given_it_answers_in_letters(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every string goes to one command, every command gets its share of all kinds of strings."""
    monkeypatch.chdir(tmp_path)
    commands = [*every_command(), *NAMING]
    assert len(commands) > 40
    for number, text in enumerate(hostile()):
        given = text.replace("\x00", "")[:240]
        words = [word.replace("{}", given) for word in commands[number % len(commands)]]
        require_letters(shell.run(*words).both, words)


def test_every_source_can_be_shown(shell: Shell, made: Rogues) -> None:
    for key in made.doubted[::6]:
        said = shell.run("sources", "show", str(key)).both
        assert "hold, score" in said
        require_letters(said, key)


def test_plain_lines_are_letters(shell: Shell) -> None:
    keys = "\n".join(["d", " ", "s", "g", "/rater"] * 12 + ["q"])
    said = shell.run(
        *("review", "--as", "ben", "--sign", str(shell.state / "ben.pem"), "--plain"),
        typed=f"{keys}\n",
    ).both
    assert said.count("company: ") > 10
    require_letters(said, "plain")


async def test_the_screen_shows_letters_and_every_hostile_sample_has_a_mark(
    made: Rogues,
) -> None:
    room: Room = made.room
    talk = talking(room)
    screen = Screen(talk, "ben")
    marked = 0
    async with screen.run_test(size=(80, 24)) as pilot:
        for _ in talk.sitting.cases:
            room.later(timedelta(seconds=9))
            await pilot.pause()
            lines = [
                "".join(part.text for part in strip)
                for strip in screen.screen._compositor.render_strips()
            ]
            assert len(lines) == 24
            for line in lines:
                require_letters(line, talk.sitting.current)
            hidden = [sample for sample in talk.samples[1] if sample.hidden]
            assert all(sample.marks for sample in hidden)
            marked += len(hidden)
            await pilot.press("s")
    assert marked > 100


class Page(HTMLParser):
    """What a browser would make of a page: its elements, its attributes, its text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes.update(name for name, _ in attrs)
        given = dict(attrs)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given.get("content") or ""

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_a_page_holds_text_and_no_script(shell: Shell, made: Rogues, tmp_path: Path) -> None:
    plain: Page | None = None
    for number, key in enumerate(made.doubted[::9]):
        out = tmp_path / f"{number}.html"
        shell.run("sources", "show", str(key), "--html", str(out))
        page = Page()
        page.feed(out.read_text(encoding="utf-8"))
        assert page.policy.startswith("default-src 'none'")
        assert not page.elements & {"script", "iframe", "object", "img", "a", "link", "form"}
        assert not any(name.startswith("on") for name in page.attributes)
        assert not page.attributes & {"href", "src", "srcdoc", "xlink:href", "formaction"}
        plain = plain or page
        assert page.elements == plain.elements, key  # nobody's text became an element
        require_letters("".join(page.text), key)
    assert plain is not None
