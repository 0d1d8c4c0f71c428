"""Untrusted text made visible: nothing a terminal, a page or a log could act on gets through."""

from __future__ import annotations

import unicodedata
from typing import Final, NewType

Safe = NewType("Safe", str)
"""Text that went through `safe`; only this may be shown."""

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_UNSEEN: Final = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x1D159}
    | {*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
)
"""Letters, marks and signs that show nothing: fillers, blanks, variation selectors."""

_STACKED: Final = frozenset({"Mn", "Me"})
_MARKS: Final = 4


def safe(text: str, most: int = 2000) -> Safe:
    """Return `text` with control, bidi, invisible and unassigned characters spelled out.

    C0 controls become `^X`, DEL `^?`, others `<U+XXXX>`, odd spaces `␣`; at most 4 combining marks
    in a row are kept, and at most `most` characters, with the number left out. What is printable
    and shows nothing (fillers, variation selectors, which can carry a whole message) is spelled
    out too. The result is always printable (`str.isprintable`).
    """
    if text.isascii() and text.isprintable() and len(text) <= most:
        return Safe(text)
    shown: list[str] = []
    marks = 0
    for character in text[:most]:
        marks = marks + 1 if unicodedata.category(character) in _STACKED else 0
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
    if category in _HIDDEN or code in _UNSEEN:
        return f"<U+{code:04X}>"
    if category == "Zs" and character != " ":
        return "␣"
    return character if character.isprintable() else f"<U+{code:04X}>"
