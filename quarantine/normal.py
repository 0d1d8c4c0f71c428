"""The normal form of a text: what two texts have in common that a reader cannot tell apart."""

from __future__ import annotations

import tomllib
import unicodedata
from functools import cache
from importlib import resources
from itertools import chain
from typing import Final

_ASCII: Final = {"0": "o", "1": "l", "i": "l", "|": "l", "m": "rn", "`": "'", '"': "''"}
"""Prototypes of ASCII characters, in lower case: a capital I is an l to the eye, and an i."""
_FIRST: Final = {
    **dict.fromkeys((0x3F2, 0x3F9), "c"),
    **dict.fromkeys((0xB4, 0x384, 0x1FBD, 0x1FBF, 0x1FFE), "'"),
}
"""Of what looks alike, what NFKC would take for something else: lunate sigmas, lone accents."""
_IGNORABLE: Final = frozenset(
    chain(
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x3164, 0xFFA0),
        range(0x180B, 0x1810),
        range(0xFE00, 0xFE10),
        range(0xFFF0, 0xFFF9),
        range(0xE0000, 0xE1000),
    )
)
"""Default_Ignorable_Code_Point (UAX #44) beyond the format characters (Cf)."""
_BLANK_BRAILLE: Final = 0x2800


def normal(text: str) -> str:
    """Return the normal form of `text`; the text itself is kept as it came, beside it.

    NFKC, invisible characters out, the skeleton of confusable characters (UTS #39), case folded,
    runs of blanks as one space. It is idempotent: `normal(normal(t)) == normal(t)`. Two texts with
    one normal form look alike; it is for comparing, not for showing.
    """
    if text.isascii() and (plain := " ".join(text.split())).isprintable():
        return _plain(plain)
    seen: list[str] = []
    while text not in seen:
        seen.append(text)
        text = _step(text)
    # Where the steps go round in a circle instead of standing still, all of it has one name.
    return min(seen[seen.index(text) :])


def _plain(text: str) -> str:
    """Return the normal form of printable ASCII, where one step stands still, in less time."""
    text = text.lower()
    for character, prototype in _ASCII.items():
        text = text.replace(character, prototype)
    return text


def _step(text: str) -> str:
    composed = unicodedata.normalize("NFKC", text.translate(_FIRST))
    return " ".join(composed.translate(_table()).split())


@cache
def _table() -> _Table:
    spelled = (resources.files("quarantine") / "confusables.toml").read_text(encoding="ascii")
    table = _Table()
    for prototype, alike in tomllib.loads(spelled).items():
        folded = prototype.casefold()
        table.update((ord(character), folded) for character in alike)
    table.update((ord(character), prototype) for character, prototype in _ASCII.items())
    table[ord("I")] = table[ord("i")]
    table[ord("M")] = table[ord("m")]
    return table


class _Table(dict[int, str]):
    """What becomes of each character in one step; looked up once, then remembered."""

    def __missing__(self, code: int) -> str:
        """Fold the case of what looks like nothing else; blanks are one, the invisible nothing."""
        found = self[code] = _folded(code)
        return found


def _folded(code: int) -> str:
    character = chr(code)
    if character.isspace() or code == _BLANK_BRAILLE:
        return " "
    if code in _IGNORABLE or unicodedata.category(character) in {"Cf", "Cc"}:
        return ""
    return character.casefold()
