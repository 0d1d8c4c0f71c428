"""A body becomes the same row whether it was read at once with others or strictly by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.rows import Voices, _read_at_once, _read_strictly, rows_of
from quarantine.envelope import kind_named
from quarantine.errors import MalformedError, TamperedError
from quarantine.model import Held, Kind
from tests.press import DATA, HOSTILE
from tests.press import event as body_of

RATING = kind_named("rating")
TEXT = st.text(max_size=20) | st.sampled_from(HOSTILE)
NUMBER = st.floats(min_value=1, max_value=5) | st.integers(min_value=1, max_value=5)


def held(*bodies: bytes) -> list[Held]:
    return [
        Held(n, "app", "rater/1", f"e{n}", 1_000_000, "k1", b"salt", body, b"")
        for n, body in enumerate(bodies)
    ]


def spelled(number: int, kind: str = "rating", **data: object) -> bytes:
    return body_of(kind, "rater/1", f"e{number}", **data)


def both(events: Sequence[Held], kind: Kind) -> tuple[Any, Any]:
    fast = _read_at_once(events, kind)
    slow = _read_strictly(events, kind)
    assert fast is not None
    return {name: column.to_pylist() for name, column in fast.items()}, {
        name: column.to_pylist() for name, column in slow.items()
    }


@pytest.mark.parametrize("kind", sorted(DATA))
def test_every_kind_is_read_at_once_as_it_is_strictly(kind: str) -> None:
    fast, slow = both(held(*(spelled(n, kind) for n in range(5))), kind_named(kind))
    assert fast == slow


@settings(max_examples=60, deadline=None)
@given(said=st.lists(st.tuples(TEXT, NUMBER, st.booleans()), min_size=1, max_size=5))
def test_any_text_and_number_is_read_at_once_as_it_is_strictly(
    said: list[tuple[str, float, bool]],
) -> None:
    bodies = []
    for n, (text, value, pretty) in enumerate(said):
        event = json.loads(spelled(n, text=text, value=value, derived_from=[text]))
        event |= {"aspect": "tone"} if pretty else {}
        bodies.append(
            json.dumps(event, ensure_ascii=pretty, indent=1 if pretty else None).encode(
                errors="surrogatepass"
            )
        )
    fast, slow = both(held(*bodies), RATING)
    assert fast == slow


HOSTILE_BODIES = {
    "a key twice": spelled(0).replace(b'"value": 4', b'"value": 4, "value": 5'),
    "an unknown field": spelled(0).replace(b'"value": 4', b'"value": 4, "extra": 5'),
    "two objects": spelled(0) + b" " + spelled(0),
    "another type": spelled(0).replace(b'"value": 4', b'"value": "4"'),
    "not a number": spelled(0).replace(b'"value": 4', b'"value": NaN'),
    "half a pair": spelled(0, text="X").replace(b"X", rb"\ud800"),
}


@pytest.mark.parametrize("name", HOSTILE_BODIES)
def test_what_intake_would_refuse_makes_no_row(name: str) -> None:
    with pytest.raises((MalformedError, TamperedError)):
        rows_of(held(HOSTILE_BODIES[name]), Voices(["c"], ["human"]), RATING)


def test_a_body_of_another_event_or_kind_is_named() -> None:
    events = held(spelled(0), spelled(7))
    with pytest.raises(TamperedError, match="log row 1"):
        rows_of(events, Voices(["c"] * 2, ["human"] * 2), RATING)
    with pytest.raises(TamperedError, match="log row 0"):
        rows_of(held(spelled(0, "signal")), Voices(["c"], ["human"]), RATING)


def test_no_events_make_no_rows() -> None:
    assert rows_of([], Voices([], []), RATING).num_rows == 0
