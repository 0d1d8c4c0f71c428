"""The fast spelling of records is the slow one's, byte for byte, and refuses what that refuses."""

from __future__ import annotations

import math
import random
import string
import struct
from typing import Any

import pytest
import rfc8785

from quarantine.canonical import canonical

ODD = (
    *(0.0, -0.0, 1.0, -1.5, 4.0, 0.1 + 0.2, 1e-4, 9.9e-5, 1e-7, 5e-324, 1.5e15, 1e16, 1e17, 1e21),
    *(1e22, 1.7976931348623157e308, 2.0**53, 2.0**53 - 1, 123456789012345.6, 0.00012345),
    *(0, -1, 2**53 - 1, -(2**53) + 1, True, False, None, "", [], {}, [[]], {"a": {}}),
    *(
        "\x00\x1f\x7f\x80",
        '"\\/',
        "\b\f\n\r\t",
        "é日本語🙂\u2028\ufeff",
        "<script>&'",
        "\ud7ff\ue000",
    ),
    *({"b": 1, "a": 2, "A": 3, "aa": 4, "": 5}, {"\ue000": 1, "🙂": 2, "é": 3, "z": 4}),
    {"deep": [{"x": [1.25, None, {"y": "z"}]}]},
)
REFUSED = (math.nan, math.inf, -math.inf, 2**53, -(2**53), 10**30, "\ud800", {"a": "\udfff"})


@pytest.mark.parametrize("value", ODD, ids=ascii)
def test_odd_values_are_spelled_alike(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value", [*REFUSED, (1, 2, b"x"), {1: 2}, b"bytes", {"a": {1, 2}}], ids=ascii
)
def test_what_has_no_spelling_is_refused_as_before(value: Any) -> None:
    with pytest.raises((rfc8785.CanonicalizationError, UnicodeEncodeError)) as before:
        rfc8785.dumps(value)
    with pytest.raises(type(before.value)):
        canonical(value)


def test_any_value_is_spelled_alike() -> None:
    chance = random.Random(7)
    for _ in range(3000):
        value = _any(chance, 4)
        assert canonical(value) == rfc8785.dumps(value), ascii(value)


def _any(chance: random.Random, depth: int) -> Any:
    if depth and chance.random() < 0.4:
        some = [_any(chance, depth - 1) for _ in range(chance.randrange(5))]
        return {_word(chance): each for each in some} if chance.random() < 0.5 else some
    return chance.choice(
        [
            chance.choice([None, True, False]),
            chance.randrange(-(2**53) + 1, 2**53) >> chance.randrange(53),
            chance.random() * 10.0 ** chance.randrange(-6, 18),
            _finite(struct.unpack("<d", chance.randbytes(8))[0]),
            _word(chance),
        ]
    )


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.5


def _word(chance: random.Random) -> str:
    letters = string.printable + "\x00\x07\x7fé\u2028\ufeff\ue000🙂" * (chance.random() < 0.3)
    return "".join(chance.choices(letters, k=chance.randrange(8)))
