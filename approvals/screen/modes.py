"""What the next key means, and what is asked for it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from approvals.screen.keys import BRIEF, BRIEF_REASONS


class Mode(StrEnum):
    """What the next key means."""

    READ = "read"
    WHY = "why"
    WORDS = "words"
    FIND = "find"
    LEAVE = "leave"
    HELP = "help"
    DETAILS = "details"
    GONE = "gone"


ASKS: Final = {
    Mode.READ: BRIEF,
    Mode.WHY: BRIEF_REASONS,
    Mode.WORDS: "why, in your own words (empty: decide nothing)",
    Mode.FIND: "search (words, verdict:hold, detector:tempo, cluster:…)",
    Mode.HELP: "any key goes back",
    Mode.DETAILS: "any key goes back",
    Mode.GONE: "",
}
MODES: Final = {"/": Mode.FIND, "?": Mode.HELP, "d": Mode.DETAILS}
PAGES: Final = frozenset({Mode.HELP, Mode.DETAILS})
SPELLED: Final = {
    "down": "j",
    "up": "k",
    " ": "space",
    "question_mark": "?",
    "slash": "/",
}
"""Keys by the names that terminals' libraries have for them."""

TYPED: Final = frozenset({Mode.WORDS, Mode.FIND})
"""Modes in which a line is typed."""
