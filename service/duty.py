"""What every role's process begins with: its words, the settings, the log lines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from service import logs, settings
from service.settings import State

if TYPE_CHECKING:
    from service.options import Options

FROM_INPUT: Final = "-"
"""What stands for the bus's URL on a command line where it comes by standard input."""


@dataclass(frozen=True, slots=True)
class Duty:
    """What a process was started with; `tell` is the socket where it tells how it is doing."""

    state: State
    bus: str
    options: Options
    tell: Path | None
    said: argparse.Namespace


def words(role: str) -> argparse.ArgumentParser:
    """Return the words that every role's process understands."""
    parser = argparse.ArgumentParser(prog=f"service.roles.{role}")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--bus", default="", help=f"its URL; {FROM_INPUT} for a line of input")
    parser.add_argument("--tell", type=Path, help="the socket to tell how it is doing")
    return parser


def begun(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> Duty:
    """Read the words and the settings, and begin to log; raises `UsageError` for a wrong setting.

    The bus's password comes from its file, or with the URL from standard input, only here: a
    command line is read by everybody.
    """
    said = parser.parse_args(arguments)
    state = State(said.state)
    options = settings.options_of(state)
    logs.begin(options.log, options.log_level)
    url = sys.stdin.readline().strip() if said.bus == FROM_INPUT else said.bus
    bus = options.unlocked(url) if url else ""
    return Duty(state, bus, options, said.tell, said)
