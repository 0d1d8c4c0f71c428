"""The keys of the screen and what they are called, the same on every kind of screen."""

from __future__ import annotations

from typing import Final

KEYS: Final = {
    "a": "approve a request, clear a source; only after its samples were shown",
    "r": "reject a request, hold a source; then a digit says why",
    "h": "hold a source for what was found",
    "s": "skip: leave it undecided",
    "u": "undo the last decision that is not signed",
    "space": "more samples; in a group, the next case of it to be read",
    "d": "details: every finding whole, the company it keeps, hidden characters by name",
    "g": "decide on all cases like this one at once, or on it alone again",
    "/": "search: words, verdict:hold, detector:tempo, cluster:..., producer:...",
    "n": "the next case that holds the words",
    "j": "the case after this, decided or not (also: down)",
    "k": "the case before this (also: up)",
    "?": "this help",
    "q": "leave: shows what is staged, then signs it or drops it",
}

REASONS: Final = {
    "1": "one of a ring: the same targets, times or words as others",
    "2": "copied or generated text",
    "3": "wrong where the answer is known",
    "4": "the pace or pattern of a machine",
    "5": "hostile or hidden text",
    "6": "not what this scope is for",
    "7": "changed since it was approved last",
    "8": "too much from too few",
    "9": "not enough to judge by",
}
OWN: Final = "0"
"""The digit for words of one's own."""

BRIEF: Final = "a yes r no h hold s skip u undo ␣ more d details g group / search ? help q end"


BRIEF_REASONS: Final = (
    "why: 1 ring 2 copied 3 wrong 4 bot 5 hostile 6 scope 7 change 8 few 9 ? 0 words"
)


def help_lines() -> list[str]:
    """Return the help: keys, then reasons."""
    return [
        *(f"{key:>6}  {meaning}" for key, meaning in KEYS.items()),
        "",
        "reasons, after r:",
        *(f"{key:>6}  {meaning}" for key, meaning in REASONS.items()),
        f"{OWN:>6}  words of your own",
    ]
