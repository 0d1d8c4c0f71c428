"""The short ways of reading: where they say anything, they say what the strict way says."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarantine import strict_json
from quarantine.envelope import UNHEARD, claimed_at, glance, kinds, moment, read
from quarantine.errors import MalformedError
from quarantine.log import commit, event_leaf, event_leaves
from quarantine.model import Event, to_micros
from service.shapes import FEWEST, alike
from service.slices import MOST, split
from tests.unit.test_envelope import ANYWHERE, ARRIVED, DATA, event

TEXT = st.text(max_size=12)
NUMBER = (
    st.integers(-5, 5)
    | st.integers(-(2**64), 2**64)
    | st.floats()
    | st.sampled_from([1e308, -1e308, 5e-324, 2**53 + 1, 10**17, -(10**17)])
)
HUGE = st.sampled_from([10**400, -(10**400)])
ANY = (
    st.none()
    | st.booleans()
    | NUMBER
    | HUGE
    | TEXT
    | st.lists(TEXT, max_size=2)
    | st.just({"a": 1})
)
ODD = st.sampled_from(
    [
        "",
        "x" * 512,
        "x" * 513,
        "a\x00b",
        "\x7f",
        "\x85",
        "\u200b",
        "\U0001f600",
        "\ud800",
        5,
        None,
        [],
    ]
)
TIMES = st.sampled_from(
    [
        "2026-01-01T00:00:00.5Z",
        "2026-01-01T00:00:00.123456789Z",
        "2026-01-01T00:00:00.1234567891Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01t00:00:00.25z",
        "2026-01-01T00:00:00.25+02:00",
        "2026-01-01T00:00:60.5Z",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T00:00:00.\u0665Z",
        "2026-01-01 00:00:00.5Z",
        "2100-01-01T00:00:00.5Z",
        "2026-02-30T00:00:00Z",
    ]
) | st.text(alphabet="0123456789-:.TZ+", max_size=30)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """Make an event of any kind, with a few things changed, often for the worse."""
    type_ = draw(st.sampled_from(sorted(DATA)))
    made = event(type_, data=dict(DATA[type_]))
    fields = [*kinds()[type_].data.model_fields, "weight"]
    for name in draw(st.lists(st.sampled_from(fields), max_size=3)):
        made["data"][name] = draw(ANY)
    for name in draw(st.lists(st.sampled_from(sorted(ANYWHERE)), max_size=2)):
        made["data"][name] = ANYWHERE[name]
    for name in draw(st.lists(st.sampled_from([*made, "aspect", "datacontenttype"]), max_size=2)):
        made[name] = draw(ODD | ANY | st.just("application/json"))
    if draw(st.booleans()):
        made["time"] = draw(TIMES)
    return made


def strictly(body: bytes, position: int = 0) -> Event | str:
    try:
        return read(body, position=position, arrived=ARRIVED)
    except MalformedError as error:
        return error.reason


@given(events())
@settings(max_examples=600)
def test_a_glance_sees_what_strict_reading_sees_or_nothing(made: dict[str, Any]) -> None:
    body = json.dumps(made).encode()
    try:
        value = strict_json.parse(body.decode())
    except MalformedError:
        return
    seen = glance(value, body, position=0, arrived=ARRIVED)
    assert seen is None or seen == strictly(body)


@pytest.mark.parametrize("type", sorted(DATA))
@pytest.mark.parametrize("more", [{}, ANYWHERE, {"text": None}])
def test_a_glance_is_enough_for_every_kind(type: str, more: dict[str, Any]) -> None:
    value = event(type, data={**DATA[type], **more}, aspect="style")
    body = json.dumps(value).encode()
    assert glance(value, body, position=0, arrived=ARRIVED) == strictly(body)


@given(TIMES)
@settings(max_examples=400)
def test_a_time_is_the_same_moment_by_the_short_way(spelled: str) -> None:
    try:
        expected = to_micros(moment(spelled))
    except MalformedError:
        with pytest.raises(MalformedError):
            claimed_at(spelled)
    else:
        assert claimed_at(spelled) == expected


COMPACT: Callable[[object], str] = lambda value: json.dumps(  # noqa: E731  one of two spellings
    value, separators=(",", ":"), ensure_ascii=False
)
SPACED: Callable[[object], str] = lambda value: json.dumps(value, ensure_ascii=False)  # noqa: E731


def strict_events(batch: bytes) -> list[Event | str]:
    return [strictly(each.body, position) for position, each in enumerate(split(batch))]


@pytest.mark.parametrize("spell", [COMPACT, SPACED])
@pytest.mark.parametrize("type", sorted(DATA))
def test_a_batch_spelled_alike_is_read_as_one_by_one(
    type: str, spell: Callable[[object], str]
) -> None:
    data = {**DATA[type], **ANYWHERE, "text": "sö \U0001f600"}
    said = [event(type, id=f"e{n}", data=data, aspect="style") for n in range(FEWEST)]
    batch = spell(said).encode()
    assert list(alike(batch, arrived=ARRIVED) or []) == strict_events(batch)


@given(
    strange=st.lists(events(), min_size=1, max_size=4),
    place=st.integers(0, FEWEST - 1),
    compact=st.booleans(),
)
@settings(max_examples=300)
def test_a_batch_is_read_alike_exactly_or_not_at_all(
    *, strange: list[dict[str, Any]], place: int, compact: bool
) -> None:
    said: list[object] = [event(id=f"e{n}") for n in range(FEWEST)]
    said[place : place + 1] = strange
    try:
        batch = (COMPACT if compact else SPACED)(said).encode()
    except UnicodeEncodeError:
        return
    read_alike = alike(batch, arrived=ARRIVED)
    assert read_alike is None or list(read_alike) == strict_events(batch)


@pytest.mark.parametrize("type", sorted(DATA))
def test_what_nobody_hears_changes_nothing_that_is_said(type: str) -> None:
    plain = read(json.dumps(event(type)).encode(), position=0, arrived=ARRIVED).said
    for name in UNHEARD:
        other: object = ["x"] if name == "derived_from" else "2026-01-01T00:00:00Z"
        body = json.dumps(event(type, data={**DATA[type], name: other})).encode()
        assert read(body, position=0, arrived=ARRIVED).said == plain, name


@pytest.mark.parametrize("type", sorted(DATA))
@pytest.mark.parametrize("first", ["text", "heard"])
def test_events_that_differ_in_what_they_say_are_told_apart(type: str, first: str) -> None:
    """Whether what nobody hears stands before, between or behind what somebody does."""
    said: list[object] = []
    for number in range(FEWEST):
        data = {
            name: f"{value}{number % 3}" if isinstance(value, str) and name != "label" else value
            for name, value in DATA[type].items()
        }
        text = {"text": f"word {number}"}
        together = {**text, **data} if first == "text" else {**data, **text}
        said.append(event(type, id=f"e{number}", data={**together, "item": f"i{number}"}))
    batch = COMPACT(said).encode()
    seen = list(alike(batch, arrived=ARRIVED) or [])
    assert seen == strict_events(batch)
    assert len(seen) == FEWEST


GOOD = COMPACT(event(id="good"))


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ('"value":4', '"value":4,"value":5'),
        ('"value":4', '"value":NaN'),
        ('"value":4', '"value":4e0'),
        ('"value":4', '"value":04'),
        ('"value":4', '"value":4.'),
        ('"value":4', '"value":' + "4" * 19),
        ('"value":4', '"value":' + "4" * 400),
        ('"value":4', '"value":-' + "4" * 4400),
        ('"low":1', '"low":' + "4" * 400),
        ('"value":4', '"value": 4'),
        ('"id":"good"', '"id":"go\\u006fd"'),
        ('"id":"good"', '"id":"\\ud800"'),
        ('"id":"good"', '"id":"a\x85b"'),
        ('"id":"good"', '"id":""'),
        ('"id":"good"', f'"id":"{"x" * 513}"'),
        ('"id":"good"', '"id":"good","id":"good"'),
        ('"specversion":"1.0"', '"specversion":"0.3"'),
        ('"type":"feedback.rating.v1"', '"type":"feedback.ratingxv1"'),
        ('"time":"2026', '"time":"2100'),
        ('"time":"2026', '"time":"soon'),
        ("}}", "}}]"),
        ("}}", "}}}"),
        ("}}", "}},"),
        ("}}", '},"more":1}'),
        ('"completion":"c"', '"completion":"' + "c" * 70_000 + '"'),
    ],
)
@pytest.mark.parametrize("place", [0, 40, FEWEST - 1])
def test_what_departs_from_the_shape_is_left_to_the_strict_way(
    was: str, becomes: str, place: int
) -> None:
    assert was in GOOD
    said = [GOOD.replace('"good"', f'"e{n}"') for n in range(FEWEST)]
    said[place] = GOOD.replace(was, becomes)
    batch = ("[" + ",".join(said) + "]").encode()
    assert alike(batch, arrived=ARRIVED) is None


@pytest.mark.parametrize("batch", [b"", b"[", b"[]", b"[{", b"[{}]", b"\xff", b"\xef\xbb\xbf[{}]"])
def test_what_is_no_batch_is_not_read_alike(batch: bytes) -> None:
    assert alike(batch, arrived=ARRIVED) is None


def test_a_thousand_are_read_alike_and_one_more_is_not() -> None:
    most = ",".join([GOOD] * MOST)
    assert len(alike(f"[{most}]".encode(), arrived=ARRIVED) or []) == MOST
    assert alike(f"[{most},{GOOD}]".encode(), arrived=ARRIVED) is None


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | NUMBER.filter(lambda number: not math.isnan(number))
    | st.text(alphabet='a:,"\\{[é', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text('ab"\\:', max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


def pairs_in(value: object) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(pairs_in, value.values()))
    return sum(map(pairs_in, value)) if isinstance(value, list) else 0


@given(value=VALUES, plain=st.booleans())
def test_pairs_are_counted_outside_strings(*, value: object, plain: bool) -> None:
    text = json.dumps(value, ensure_ascii=plain)
    found = strict_json.pairs(text.encode())
    assert found is None or found == pairs_in(value)
    if found is not None:
        assert strict_json.scan_plain(text, 0) == strict_json.scan(text, 0)


@pytest.mark.parametrize(
    "text", ["[NaN]", "[-Infinity]", "[1e5]", "[1E5]", "[" + "1" * 19 + "]", '["\\ud800"]']
)
def test_where_parsers_differ_no_pairs_are_counted(text: str) -> None:
    assert strict_json.pairs(text.encode()) is None


def test_a_key_that_stands_twice_is_counted_twice() -> None:
    assert strict_json.pairs(b'{"a":1,"a" : {"b":":"}}') == 3
    (only,) = split(b'[{"data":{"a":1,"a":1}}]')
    assert not only.read


TOLD = st.tuples(TEXT, TEXT, st.binary(), st.binary())


@given(st.text("abc", max_size=3), st.lists(TOLD, min_size=1, max_size=4))
def test_the_leaves_of_many_are_the_leaves_of_each(
    producer: str, told: list[tuple[str, str, bytes, bytes]]
) -> None:
    one_by_one = [
        event_leaf((producer, source, id_), 7, "key", commit(salt, body))
        for source, id_, salt, body in told
    ]
    assert event_leaves((producer, 7, "key"), *zip(*told, strict=True)) == one_by_one
