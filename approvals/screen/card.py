"""One case on one screen: lines of styled text, cut to the terminal's width, nothing to scroll."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from rich.cells import cell_len, set_cell_size

from approvals.screen.activity import sparkline
from approvals.screen.model import FINDINGS, SAMPLES, Reason, Sample, Shown

Style = Literal["", "strong", "quiet", "bad", "warn", "good", "bar"]
Span = tuple[str, Style]
Line = tuple[Span, ...]

AROUND: Final = 3
"""Lines that the screen needs round a card: progress above, a message and the keys below."""

_FIXED: Final = 7 + FINDINGS
"""Lines of a card besides its samples; findings fill theirs, few of them with more words each."""

_EMPTY: Final[Line] = (("", ""),)
_PER_SAMPLE: Final = 2
_VERDICTS: Final[dict[str, Style]] = {"hold": "bad", "watch": "warn", "clear": "good"}
_BAR: Final = 5
_WHY_WIDTH: Final = 19


def fits(height: int) -> int:
    """Return how many samples a screen of `height` lines shows at once, at least one."""
    return min(SAMPLES, max(1, (height - AROUND - _FIXED) // _PER_SAMPLE))


def card(
    face: Shown, samples: Sequence[Sample], first: int, *, width: int, height: int
) -> list[Line]:
    """Lay out a case with `samples`, of which the first is its `first`-th, on `width` columns."""
    room = height - AROUND - _FIXED
    each = max(_PER_SAMPLE, room // max(len(samples), 1))
    unused = [_EMPTY] * (room - each * len(samples))
    lines = [
        _head(face),
        ((face.what, ""),),
        *_reasons(face.why, width),
        (
            (sparkline(face.activity), "bar"),
            (f" {face.since}, {face.pace}", ""),
        ),
        _company(face),
        (("before ", "quiet"), (face.change, "")),
        _rule(face, len(samples), first, width),
        *(
            line
            for number, sample in enumerate(samples, first)
            for line in _sample(number, sample, width=width, lines=each)
        ),
        *unused,
        _needs(face),
    ]
    return [cut(line, width) for line in lines]


def cut(line: Line, width: int) -> Line:
    """Return a line that fills at most `width` columns; what is left out is told by `…`."""
    if sum(cell_len(text) for text, _ in line) <= width:
        return line
    left, kept = width - 1, []
    for text, style in line:
        size = min(cell_len(text), left)
        kept.append((set_cell_size(text, size), style))
        left -= size
    return (*kept, ("…", "quiet"))


def text_of(line: Line) -> str:
    """Return a line without its styles."""
    return "".join(text for text, _ in line)


def _head(face: Shown) -> Line:
    return (
        (face.who, "strong"),
        ("  ", ""),
        (f" {face.verdict.upper()} ", _VERDICTS.get(face.verdict, "strong")),
        (f" {face.score}", ""),
    )


def _reasons(why: Sequence[Reason], width: int) -> list[Line]:
    """Return exactly as many lines as findings have, their sentences broken where there is room."""
    each, over = divmod(FINDINGS, max(len(why), 1))
    lines = [
        line
        for place, reason in enumerate(why[:FINDINGS])
        for line in _reason(reason, width, each + (place < over))
    ]
    return [*lines, *([_EMPTY] * (FINDINGS - len(lines)))]


def _reason(reason: Reason, width: int, lines: int) -> list[Line]:
    above = "" if reason.above is None else f" >{reason.above:.0%}"
    style: Style = "bad" if reason.score > 0.5 else ""  # noqa: PLR2004  half of the scale
    head: Line = (
        (f"{reason.detector:<11.11} ", "strong"),
        (f"{reason.score:.2f}{above:<6} ", style),
    )
    indent = sum(cell_len(text) for text, _ in head)
    first, *rest = _wrapped(reason.because, max(width - indent, 1), lines)
    kept = [piece for piece in rest if piece]
    return [(*head, (first, "")), *(((" " * indent + piece, ""),) for piece in kept)]


def _company(face: Shown) -> Line:
    if face.agreement is None:
        agreement: Line = (("nobody to agree with", "quiet"),)
    else:
        full = round(face.agreement * _BAR)
        usual = "" if face.usual is None else f" (usual {face.usual:.0%})"
        agreement = (
            ("agrees ", "quiet"),
            ("█" * full + "░" * (_BAR - full), "bar"),
            (f" {face.agreement:.0%}{usual}", ""),
        )
    return (*agreement, ("; ", "quiet"), (face.cluster, ""))


def _rule(face: Shown, count: int, first: int, width: int) -> Line:
    last = first + count - 1
    told = f"── samples {first} to {last} of {face.events:,} " if count else "── no samples "
    return ((told + "─" * max(0, width - cell_len(told)), "quiet"),)


def _sample(number: int, sample: Sample, *, width: int, lines: int) -> list[Line]:
    marks: Line = ((f"! {', '.join(sample.marks)} ", "bad"),) if sample.marks else ()
    head: Line = (
        (f"{number} {sample.why:<{_WHY_WIDTH}}", "strong"),
        *marks,
        (f"{sample.about}: {sample.says}", ""),
    )
    told = " · ".join(part for part in (sample.others, sample.before) if part)
    whole = f"{told} · {sample.text}" if sample.text else told
    indent = "  "
    pieces = _wrapped(whole, width - len(indent), lines - 1)
    return [head, *(((indent, ""), (piece, "quiet")) for piece in pieces)]


def _wrapped(text: str, width: int, lines: int) -> list[str]:
    """Break `text` into exactly `lines` pieces of `width` columns; the last holds the rest."""
    pieces = []
    for _ in range(lines - 1):
        piece = text
        if cell_len(text) > width:
            piece = set_cell_size(text, width).rstrip()
            space = piece.rfind(" ")
            # A long word is broken, or hostile text without spaces would hide what follows it.
            piece = piece[:space] if space > len(piece) // 2 and text[len(piece)] != " " else piece
        pieces.append(piece)
        text = text[len(piece) :].lstrip()
    return [*pieces, text]


def _needs(face: Shown) -> Line:
    if face.hindrance:
        return (("you may not: ", "bad"), (face.hindrance, ""))
    return (("needs ", "quiet"), (face.needs, ""), ("; you may", "good"))
