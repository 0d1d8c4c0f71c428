"""JSON with no surprises: one pinned parser that refuses what parsers disagree on (RFC 7493)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Final, NoReturn

from quarantine.errors import MalformedError

DEEPEST: Final = 32
_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1
_LONGEST_INT: Final = 20

# A string that nothing closes goes to the end, so that no text is looked through twice.
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in _STEPS)
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPED_SURROGATE_BYTES = re.compile(rb"\\u[dD][89a-fA-F]")
_USUAL: Final = b"{}[]:, \t\r\n-.0123456789"
_DIGITS_APART: Final = bytes(byte if byte in b"0123456789" else 0x20 for byte in range(256))
_SURE_DIGITS: Final = 18
"""An integer of so many digits fits 64 bits, and a number without exponent is finite."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = _again(key for key, _ in pairs)
        raise MalformedError("duplicate_key", f"the key {twice[:64]!r} stands twice in one object")
    return found


def _again(keys: Iterable[str]) -> str:
    """Return the first key that was there before: counting each would take minutes a megabyte."""
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    return ""


def _float(spelled: str) -> float:
    number = float(spelled)
    if not math.isfinite(number):
        raise MalformedError("number_out_of_range", "a number does not fit 64 bits")
    return number


def _int(spelled: str) -> int:
    if len(spelled) <= _LONGEST_INT:
        number = int(spelled)
        if _LEAST <= number <= _MOST:
            return number
    raise MalformedError("number_out_of_range", "an integer does not fit 64 bits")


def _constant(name: str) -> NoReturn:
    raise MalformedError("not_finite", f"{name} is not a number that JSON has")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_float, parse_int=_int, parse_constant=_constant
)


def scan(text: str, start: int) -> tuple[object, int]:
    """Parse the one value that starts at `start`; return it and where it ends.

    Raises `MalformedError` with the reason: `bad_json`, `duplicate_key`, `not_finite`,
    `number_out_of_range`, `too_deep`.
    """
    try:
        value, end = _decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise MalformedError("bad_json", f"no JSON value at character {error.pos}") from None
    except RecursionError:
        raise MalformedError("too_deep", f"nested deeper than {DEEPEST}") from None
    return value, end


def pairs(spelled: bytes) -> int | None:
    """Count the pairs of key and value in JSON text, where it holds nothing that parsers differ on.

    Absent when it holds, or might hold, a constant, an exponent, a number of more than 18 digits or
    half of a surrogate pair. What `scan_plain` then reads with as many pairs has no key twice, and
    is what `scan` reads. Says nothing of text that is not JSON, and nothing of depth.
    """
    if b"\\" in spelled:
        if _ESCAPED_SURROGATE_BYTES.search(spelled):
            return None
        spelled = spelled.replace(rb"\\", b"").replace(rb"\"", b"")
    outside = b"".join(spelled.split(b'"')[::2])
    for word in (b"true", b"false", b"null"):
        outside = outside.replace(word, b"")
    if outside.translate(None, _USUAL):
        return None
    numbers = outside.translate(_DIGITS_APART).split()
    if numbers and len(max(numbers, key=len)) > _SURE_DIGITS:
        return None
    return outside.count(b":")


scan_plain: Final[Callable[[str, int], tuple[object, int]]] = json.JSONDecoder().raw_decode
"""Parse like `scan`, twice as fast, blind for what `pairs` looks at.

Raises `ValueError` or `RecursionError` where there is no value.
"""


def depth(text: str) -> int:
    """Return how deep `text` nests, strings left out; balanced or not."""
    outside = _STRING.sub("", text).encode("utf-8", "replace")
    steps = map(_STEPS.__getitem__, outside.translate(None, _NO_BRACKETS))
    return max(accumulate(steps, initial=0))


def check(text: str, value: object) -> None:
    """Refuse what a parsed value may still hide: depth beyond 32, lone surrogates."""
    if text.count("{") + text.count("[") > DEEPEST and depth(text) > DEEPEST:
        raise MalformedError("too_deep", f"nested deeper than {DEEPEST}")
    if _ESCAPED_SURROGATE.search(text) and _has_lone_surrogate(value):
        raise MalformedError("lone_surrogate", "a string holds half of a surrogate pair")


def parse(text: str) -> object:
    """Parse all of `text` as one value, or raise `MalformedError`."""
    if text.startswith("\ufeff"):
        raise MalformedError("bom", "a byte order mark stands before the value")
    if text.count("{") + text.count("[") > DEEPEST and depth(text) > DEEPEST:
        raise MalformedError("too_deep", f"nested deeper than {DEEPEST}")
    stripped = text.strip(" \t\n\r")
    value, end = scan(stripped, 0)
    if end != len(stripped):
        raise MalformedError("bad_json", f"more follows the value at character {end}")
    check(stripped, value)
    return value


def _has_lone_surrogate(value: object) -> bool:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return True
        return False
    if isinstance(value, dict):
        return any(_has_lone_surrogate(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(_has_lone_surrogate(part) for part in value)
