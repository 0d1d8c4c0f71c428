"""A batch cut into exact slices, the fast way and the tolerant way alike."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarantine.errors import MalformedError
from service.slices import MOST, split

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
BLANKS = st.text(alphabet=" \t\r\n", max_size=3)


@given(st.lists(st.tuples(VALUES, BLANKS, BLANKS, st.booleans()), min_size=1, max_size=8))
def test_slices_are_the_exact_bytes_between_the_commas(
    said: list[tuple[object, str, str, bool]],
) -> None:
    spelled = [
        (json.dumps(value, ensure_ascii=plain), before, after)
        for value, before, after, plain in said
    ]
    batch = "[" + ",".join(before + body + after for body, before, after in spelled) + "]"
    slices = split(batch.encode())
    assert [each.body.decode() for each in slices] == [body for body, _, _ in spelled]
    assert all(each.read for each in slices)


@given(st.lists(VALUES, min_size=1, max_size=6), st.integers(0, 6))
def test_a_broken_neighbour_changes_no_slice(values: list[object], place: int) -> None:
    bodies = [json.dumps(value) for value in values]
    place = min(place, len(bodies))
    broken = [*bodies[:place], '{"a": nonsense, "b": [1, "]"]}', *bodies[place:]]
    slices = split(f"[{','.join(broken)}]".encode())
    assert [each.body.decode() for each in slices] == broken
    assert not any(each.read for each in slices)


@pytest.mark.parametrize(
    ("batch", "bodies"),
    [
        (b'["a\\"],[", {"b":"\\\\"}]', [b'"a\\"],["', b'{"b":"\\\\"}']),
        ('[{"é":"ü,]"},"\U0001f600"]'.encode(), ['{"é":"ü,]"}'.encode(), '"\U0001f600"'.encode()]),
        (b"[1,,2]", [b"1", b"", b"2"]),
        (b"[1,]", [b"1", b""]),
        (b"[1 2,3]", [b"1 2", b"3"]),
        (b"[[1}, 2]", [b"[1}", b"2"]),
        (b'[{"a":"\xff,"},{}]', [b'{"a":"\xff,"}', b"{}"]),
    ],
)
def test_strings_and_brackets_hide_their_commas(batch: bytes, bodies: list[bytes]) -> None:
    assert [each.body for each in split(batch)] == bodies


def test_a_thousand_are_taken_and_one_more_is_not() -> None:
    assert len(split(b"[" + b"1," * (MOST - 1) + b"1]")) == MOST
    for last in (b"1]", b"broken]"):
        with pytest.raises(MalformedError, match="too_many_events"):
            split(b"[" + b"1," * MOST + last)
