"""Strict JSON: what parsers disagree on is refused, each with its own reason."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarantine.errors import MalformedError
from quarantine.strict_json import depth, parse

HOSTILE = {
    '{"a":1,"a":1}': "duplicate_key",
    '{"a":{"b":1,"b":2}}': "duplicate_key",
    '{"a":1,"\\u0061":2}': "duplicate_key",
    '{"a":NaN}': "not_finite",
    '{"a":-Infinity}': "not_finite",
    '{"a":1e999}': "number_out_of_range",
    '{"a":18446744073709551616}': "number_out_of_range",
    '{"a":-9223372036854775809}': "number_out_of_range",
    '{"a":' + "9" * 5000 + "}": "number_out_of_range",
    '{"a":"\\ud800"}': "lone_surrogate",
    '{"\\udfff":1}': "lone_surrogate",
    "\ufeff{}": "bom",
    "[" * 33 + "]" * 33: "too_deep",
    "[" * 100_000: "too_deep",
    '{"a":' * 50_000: "too_deep",
    "": "bad_json",
    "{'a':1}": "bad_json",
    '{"a":1,}': "bad_json",
    '{"a":01}': "bad_json",
    '{"a":"\t"}': "bad_json",
    "{} {}": "bad_json",
}


@pytest.mark.parametrize(("text", "reason"), HOSTILE.items(), ids=lambda each: each[:24])
def test_hostile_input_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(MalformedError) as refused:
        parse(text)
    assert refused.value.reason == reason


def test_the_verdicts_are_the_same_where_orjson_stands_in_the_way() -> None:
    program = (
        "import sys, json\n"
        "for name in ('orjson', 'ujson', 'simplejson', 'msgspec'):\n"
        "    sys.modules[name] = None\n"
        "from quarantine.errors import MalformedError\n"
        "from quarantine.strict_json import parse\n"
        "for text in json.load(sys.stdin):\n"
        "    try:\n        parse(text)\n"
        "    except MalformedError as error:\n        print(error.reason)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(list(HOSTILE)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == list(HOSTILE.values())


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


@given(VALUES)
def test_plain_json_comes_back_as_it_was(value: object) -> None:
    assert parse(json.dumps(value, ensure_ascii=True)) == value


def test_thirty_two_deep_is_deep_enough() -> None:
    assert depth("[" * 32 + "]" * 32) == 32
    parse("[" * 32 + "]" * 32)
    assert depth('{"a":"[[[[{{{{"}') == 1


def test_a_megabyte_of_keys_with_one_twice_is_refused_as_soon_as_it_is_read() -> None:
    # Comparing each key with all would go on for minutes, until the test's time is over.
    keys = ",".join(f'"{number:x}":0' for number in range(120_000))
    with pytest.raises(MalformedError, match="'ff'") as refused:
        parse(f'{{{keys},"ff":0}}')
    assert refused.value.reason == "duplicate_key"


def test_quotes_that_nothing_closes_are_looked_through_once() -> None:
    # Looking for a string's end from each of them would go on for an hour.
    assert depth("[" * 40 + '\\"' * 500_000) == 40
    assert depth('["' + '\\"' * 500_000 + "]" * 40) == 1
    with pytest.raises(MalformedError) as refused:
        parse('{"a":[' * 40 + '\\"' * 30_000)
    assert refused.value.reason == "too_deep"


def test_depth_goes_down_again_and_never_below_nothing() -> None:
    assert depth("[{}][[]]") == 2
    assert depth("]]][") == 0
    assert depth("") == 0
