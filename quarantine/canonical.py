"""One spelling in bytes of a JSON value (RFC 8785): by the C encoder wherever that spells alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import NoneType
from typing import Final

import rfc8785

_WHOLE: Final = 2**53 - 1
"""Numbers up to here are whole in every reader; RFC 8785 refuses others."""
_LEAST: Final = 1e-4
"""From here to there Python and ECMAScript spell a fraction alike: same digits, no exponent."""
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)


class _OddError(Exception):
    """The C encoder spells this another way, or would not refuse it."""


def canonical(value: object) -> bytes:
    """Spell a value of `None`, `bool`, `int`, `float`, `str`, `list` and `dict` as RFC 8785 does.

    Raises `rfc8785.CanonicalizationError` for what JSON cannot say, or not everywhere.
    """
    try:
        return _ENCODER.encode(_plain(value)).encode()
    except (_OddError, UnicodeEncodeError):
        return rfc8785.dumps(value)  # type: ignore[arg-type]  # it refuses what it cannot spell


def _plain(value: object) -> object:
    """Return the value as the C encoder spells it rightly."""
    return _PLAIN.get(type(value), _odd)(value)


def _same(value: object) -> object:
    return value


def _odd(value: object) -> object:
    raise _OddError(type(value).__name__)


def _number(value: int) -> int:
    return value if -_WHOLE <= value <= _WHOLE else _refused(value)


def _fraction(value: float) -> float:
    """Return a float; one without a fraction is spelled as a whole number, zero without a sign."""
    if abs(value) > _WHOLE:
        return _refused(value)
    if value.is_integer():
        return int(value)
    return value if abs(value) >= _LEAST else _refused(value)


def _refused(value: float) -> int:
    raise _OddError(value)


def _listed(values: list[object]) -> list[object]:
    return [*map(_plain, values)]


def _named(values: dict[object, object]) -> dict[object, object]:
    """Return an object: names in ASCII have one order, by UTF-16 and by character."""
    for name in values:
        if type(name) is not str or not name.isascii():
            raise _OddError(name)
    return {name: _PLAIN.get(type(value), _odd)(value) for name, value in values.items()}


_PLAIN: Final[dict[type, Callable[..., object]]] = {
    NoneType: _same,
    bool: _same,
    str: _same,
    int: _number,
    float: _fraction,
    list: _listed,
    dict: _named,
}
