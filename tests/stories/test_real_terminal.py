"""A real terminal (tmux) after commands and a review of hostile feedback: as it was before."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from quarantine.safe import safe
from tests.rogues import Rogues, rogues

QUARANTINE = Path(sys.executable).parent / "quarantine"
TMUX = shutil.which("tmux")
PATIENCE_S = 60.0
STATE = (
    *("pane_title", "alternate_on", "cursor_flag", "origin_flag", "wrap_flag", "insert_flag"),
    *("mouse_any_flag", "keypad_flag", "keypad_cursor_flag", "scroll_region_upper"),
    *("scroll_region_lower", "pane_width", "pane_height", "window_bell_flag", "pane_in_mode"),
)
"""All that tmux knows of the state of a screen that escape sequences can change."""

pytestmark = pytest.mark.skipif(TMUX is None, reason="there is no tmux, a terminal to look at")


@dataclass
class Terminal:
    """A shell in a terminal of 80 by 24 that nobody looks at but the test."""

    socket: Path

    def ask(self, *words: str) -> str:
        """Give tmux a command; return what it answers."""
        done = subprocess.run(
            [str(TMUX), "-S", str(self.socket), *words], capture_output=True, check=False
        )
        return done.stdout.decode()

    def type(self, line: str) -> None:
        """Type a line, and the return key."""
        self.ask("send-keys", "-l", line)
        self.ask("send-keys", "Enter")

    def shown(self, *, everything: bool = False) -> str:
        """Return what stands on the screen; `everything` is what was scrolled away, too."""
        return self.ask("capture-pane", "-p", *(["-S", "-"] if everything else []))

    def state(self) -> str:
        """Return the state of the screen."""
        wanted = "\n".join(f"{name}=#{{{name}}}" for name in STATE)
        return self.ask("display-message", "-p", wanted)

    def buffers(self) -> str:
        """Return what was put on the clipboard."""
        return self.ask("list-buffers")

    def until(self, what: Callable[[str], bool]) -> str:
        """Look until the screen shows what is waited for."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found = self.shown()
            if what(found):
                return found
            time.sleep(0.1)
        raise AssertionError(self.shown(everything=True))

    def run(self, command: str, mark: str) -> None:
        """Run a command line, to its end."""
        self.type(f"{command}; echo done-{mark}=$?")
        self.until(lambda shown: f"done-{mark}=" in shown.replace(f"echo done-{mark}=", ""))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rogues]:
    found = rogues(tmp_path_factory.mktemp("rogues"))
    yield found
    found.room.store.close()


@pytest.fixture
def terminal(made: Rogues, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    opened = Terminal(tmp_path_factory.mktemp("t") / "s")
    opened.ask(
        *("-f", "/dev/null", "new", "-d", "-x", "80", "-y", "24"),
        f"cd {shlex.quote(str(made.room.folder))} && PS1='$ ' exec sh",
    )
    for option in ("set-clipboard", "allow-passthrough", "set-titles"):
        opened.ask("set-option", "-g", option, "on")
    opened.ask("set-option", "-g", "history-limit", "100000")
    opened.run("echo before everything", "first")
    try:
        yield opened
    finally:
        opened.ask("kill-server")


def require_letters(text: str) -> None:
    for line in text.split("\n"):
        assert safe(line, 100_000) == line, line


def test_commands_leave_a_terminal_as_it_was(terminal: Terminal, made: Rogues) -> None:
    before = terminal.state()
    script = [
        ("sources", "list", "--limit", "1000"),
        ("sources", "show", str(made.doubted[9])),
        ("dead", "list", "--limit", "1000"),
    ]
    lines = [shlex.join([str(QUARANTINE), *words, "--state", "."]) for words in script]
    # From a file: what is typed at a shell is shown by the shell, as it is.
    (made.room.folder / "look.sh").write_text("\n".join(lines), encoding="utf-8")
    terminal.run("sh look.sh", "look")
    assert terminal.state() == before
    assert terminal.buffers() == ""
    everything = terminal.shown(everything=True)
    assert "before everything" in everything
    assert everything.count("rater/") > 50
    require_letters(everything)
    terminal.run("printf '\\033]2;owned\\007\\033[?25l'", "control")
    assert terminal.state() != before  # what is not made visible would have been seen


def test_a_review_shows_letters_and_leaves_a_terminal_as_it_was(
    terminal: Terminal, made: Rogues
) -> None:
    before = terminal.state()
    terminal.type(
        f"TERM=screen-256color {shlex.quote(str(QUARANTINE))} review"
        " --as ben --sign ben.pem --state ."
    )
    terminal.until(lambda shown: "1 of " in shown and "samples 1 to 5" in shown)
    seen = set()
    for number in range(1, 13):
        shown = terminal.until(lambda shown: f"· {number} of " in shown)  # noqa: B023  at once
        require_letters(shown)
        assert len(shown.rstrip("\n").split("\n")) == 24
        seen.add(shown.split("\n")[1])
        terminal.ask("send-keys", "s")
    assert len(seen) == 12
    terminal.ask("send-keys", "h")
    terminal.until(lambda shown: "1 hold staged" in shown)
    terminal.ask("send-keys", "q")
    terminal.until(lambda shown: "y signs each" in shown)
    assert terminal.buffers() == ""
    terminal.ask("send-keys", "n")
    terminal.until(lambda shown: "nothing was signed, 1 staged dropped" in shown)
    terminal.type("echo after=$?")
    shown = terminal.until(lambda shown: "after=3" in shown)
    assert "before everything" in shown
    assert terminal.state() == before
    assert terminal.buffers() == ""
    require_letters(terminal.shown(everything=True))
    assert made.room.store.size() > 0
