"""What a text hides, by name: so that every sample with hidden characters carries a mark."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

from quarantine.safe import safe

_BIDI: Final = frozenset({*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C})
_TAGS: Final = range(0xE0000, 0xE0080)
_SCRIPTS: Final = ("LATIN", "CYRILLIC", "GREEK")
_CONTROLS: Final = frozenset({"Cc", "Zl", "Zp"})
_PLAIN_CONTROLS: Final = frozenset("\n\t")
"""Controls that people's text has all the time; they are shown, and are no mark by themselves."""


def marks(text: str) -> tuple[str, ...]:
    """Name what `text` hides: `control`, `bidi`, `tags`, `invisible`, `mixed scripts`."""
    if text.isascii() and text.isprintable():
        return ()
    found = {name for character in text for name in _hides(character)}
    if len(_scripts(text)) > 1:
        found.add("mixed scripts")
    return tuple(sorted(found))


def code_points(text: str) -> tuple[str, ...]:
    """Spell each hidden character of `text` once: its code point, its name, how often it is there.

    In order of first appearance.
    """
    hidden = [character for character in text if next(_hides(character), "")]
    return tuple(
        f"U+{ord(each):04X} {unicodedata.name(each, 'unnamed')} x{hidden.count(each)}"
        for each in dict.fromkeys(hidden)
    )


def _hides(character: str) -> Iterator[str]:
    code = ord(character)
    if code in _BIDI:
        yield "bidi"
    elif code in _TAGS:
        yield "tags"
    elif unicodedata.category(character) in _CONTROLS:
        if character not in _PLAIN_CONTROLS:
            yield "control"
    elif safe(character) != character:
        yield "invisible"


def _scripts(text: str) -> set[str]:
    """Return the scripts of which letters stand side by side in one word of `text`."""
    for word in text.split():
        found = {_script(character) for character in word if character.isalpha()} - {""}
        if len(found) > 1:
            return found
    return set()


def _script(letter: str) -> str:
    name = unicodedata.name(letter, "")
    return next((script for script in _SCRIPTS if name.startswith(script)), "")
