"""Untrusted text made visible: nothing a terminal, a page or a log could act on gets through."""

from __future__ import annotations

import unicodedata
from typing import Final, NewType

Safe = NewType("Safe", str)
"""Text that went through `safe`; only this may be shown."""

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MARKS: Final = 4


def safe(text: str, most: int = 2000) -> Safe:
    """Return `text` with control, bidi, invisible and unassigned characters spelled out.

    C0 controls become `^X`, DEL `^?`, others `<U+XXXX>`, odd spaces `␣`; at most 4 combining marks
    in a row are kept, and at most `most` characters, with the number left out. The result is
    always printable (`str.isprintable`).
    """
    if text.isascii() and text.isprintable() and len(text) <= most:
        return Safe(text)
    shown: list[str] = []
    marks = 0
    for character in text[:most]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        shown.append(_spell(character) if marks <= _MARKS else f"<U+{ord(character):04X}>")
    if len(text) > most:
        shown.append(f"(+{len(text) - most} chars)")
    return Safe("".join(shown))


def _spell(character: str) -> str:
    code = ord(character)
    if code < 0x20:  # noqa: PLR2004  the C0 block
        return "^" + chr(code + 0x40)
    if code == 0x7F:  # noqa: PLR2004  DEL
        return "^?"
    category = unicodedata.category(character)
    if category in _HIDDEN:
        return f"<U+{code:04X}>"
    if category == "Zs" and character != " ":
        return "␣"
    return character if character.isprintable() else f"<U+{code:04X}>"
