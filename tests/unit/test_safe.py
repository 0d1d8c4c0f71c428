"""Untrusted text is made visible, whatever it holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quarantine.safe import safe

HOSTILE = {
    "\x1b[2J": "^[[2J",
    "\x1b]52;c;aGk=\x07": "^[]52;c;aGk=^G",
    "\x9b31m": "<U+009B>31m",
    "\x7f": "^?",
    "a\u202egnp.exe": "a<U+202E>gnp.exe",
    "\u2066x\u2069": "<U+2066>x<U+2069>",
    "zero\u200bwidth": "zero<U+200B>width",
    "\U000e0041": "<U+E0041>",
    "a\u00a0b": "a␣b",
    "line\nnext\r": "line^Jnext^M",
    "[red]x[/red]": "[red]x[/red]",
    "a\ufe0fb\U000e0101": "a<U+FE0F>b<U+E0101>",
    "\u3164\u2800": "<U+3164><U+2800>",
}


def test_what_a_terminal_acts_on_is_spelled_out() -> None:
    assert {text: safe(text) for text in HOSTILE} == HOSTILE


@given(st.text(st.characters()))
def test_the_result_is_always_printable(text: str) -> None:
    assert safe(text).isprintable()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


def test_long_text_says_how_much_is_left_out() -> None:
    assert safe("x" * 30, most=10) == "xxxxxxxxxx(+20 chars)"


def test_piles_of_combining_marks_are_cut_down() -> None:
    shown = safe("e" + "\u0301" * 9)
    assert shown.count("\u0301") == 4
    assert shown.count("<U+0301>") == 5
    assert safe("e" + "\u20dd" * 9).count("<U+20DD>") == 5  # enclosing, of combining class 0
