"""Plots as inline SVG: made of numbers and escaped words, the same bytes for the same figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from markupsafe import Markup

from quarantine.safe import safe

WIDTH: Final = 640.0
HEIGHT: Final = 260.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 10.0, 26.0, 40.0
_INNER_WIDTH: Final = WIDTH - LEFT - RIGHT
_INNER_HEIGHT: Final = HEIGHT - TOP - BOTTOM
_TICKS: Final = 5
_MOST_LABELS: Final = 8
_GRAIN: Final = 3.0
"""Points closer than this (in px) are drawn as one: a page stays small whatever it shows."""

_COLOURS: Final = 4
_LONGEST: Final = 32
_OPEN: Final = Markup(
    '<svg viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}" xmlns="http://www.w3.org/2000/svg">'
)
_RECT: Final = Markup(
    '<rect class="bar s{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
)
_GRID: Final = Markup('<line class="grid" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>')
_TEXT: Final = Markup('<text text-anchor="{}" x="{:.1f}" y="{:.1f}">{}</text>')

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture with its title and one sentence that says how to read it."""

    title: str
    caption: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class Axis:
    """What a direction means: from `low` to `high`, evenly, by square root, or by tenfold steps."""

    label: str
    low: float = 0.0
    high: float = 1.0
    scale: Literal["even", "root", "log"] = "even"

    def place(self, value: float) -> float:
        """Return where `value` lies, 0 at `low` to 1 at `high`; beyond is at the end."""
        low, high, at = (self._bent(each) for each in (self.low, self.high, value))
        return min(max((at - low) / (high - low), 0.0), 1.0) if high > low else 0.0

    def _bent(self, value: float) -> float:
        match self.scale:
            case "even":
                return value
            case "root":
                return math.sqrt(max(value, 0.0))
            case "log":
                return math.log10(max(value, 1e-12))

    def ticks(self) -> list[float]:
        """Return a few round values to name."""
        if self.scale == "log":
            first, last = math.ceil(self._bent(self.low)), math.floor(self._bent(self.high))
            return [10.0**power for power in range(first, last + 1)]
        if self.scale == "root":
            shares = (0.0, 0.04, 0.16, 0.36, 0.64, 1.0)
            return sorted({_round(self.high * share) for share in shares})
        step = _round((self.high - self.low) / _TICKS) or 1.0
        first = math.ceil(self.low / step)
        return [step * i for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def histogram(
    title: str, caption: str, series: Mapping[str, Sequence[float]], *, axis: Axis, bins: int = 25
) -> Plot:
    """Count how often values fall into `bins` equal parts of `axis`: stacked, one colour a series.

    Heights grow with the square root of the count, so that few stay visible beside many.
    """
    counts = {name: _binned(values, axis, bins) for name, values in series.items()}
    marks = [(axis.place(tick), spelled(tick)) for tick in axis.ticks()]
    up = Axis("count", 0.0, _highest(counts), "root")
    return Plot(title, caption, _bars(title, counts, up, axis.label, marks))


def bars(
    title: str,
    caption: str,
    series: Mapping[str, Sequence[float]],
    *,
    names: Sequence[str],
    up: str,
) -> Plot:
    """Draw a bar for each of `names`, stacked from `series`, a colour each; `up` says of what."""
    every = max(1, math.ceil(len(names) / _MOST_LABELS))
    marks = [
        ((number + 0.5) / len(names), name)
        for number, name in enumerate(names)
        if number % every == 0
    ]
    return Plot(title, caption, _bars(title, series, Axis(up, 0.0, _highest(series)), "", marks))


def lines(
    title: str, caption: str, series: Mapping[str, Points], *, across: Axis, up: Axis
) -> Plot:
    """Draw a line through the points of each series, in their order."""
    shapes = [
        Markup('<polyline class="line s{}" points="{}"/>').format(number % _COLOURS, " ".join(path))
        for number, points in enumerate(series.values())
        if (path := [f"{x:.1f},{y:.1f}" for x, y in _placed(points, across, up)])
    ]
    return Plot(title, caption, _framed(title, shapes, (across, up), _marks(across), list(series)))


def scatter(
    title: str, caption: str, series: Mapping[str, Points], *, across: Axis, up: Axis
) -> Plot:
    """Draw a dot for each point; dots that would lie on each other are drawn once."""
    shapes = []
    for number, points in enumerate(series.values()):
        grains = {
            (round(x / _GRAIN) * _GRAIN, round(y / _GRAIN) * _GRAIN)
            for x, y in _placed(points, across, up)
        }
        shapes += [
            Markup('<circle class="dot s{}" cx="{:.0f}" cy="{:.0f}" r="2.5"/>').format(
                number % _COLOURS, x, y
            )
            for x, y in sorted(grains)
        ]
    return Plot(title, caption, _framed(title, shapes, (across, up), _marks(across), list(series)))


def spelled(number: float) -> str:
    """Spell a number as people read it: 12, 0.25, 1,500, 40k, 2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(number) >= size:
            unit = 1e3 if letter == "k" else size
            return f"{number / unit:.3g}{letter}"
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:.3g}"


def _round(number: float) -> float:
    """Return the round number (1, 2 or 5 times a power of ten) next to `number`."""
    if number <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(number))
    return min((1, 2, 5, 10), key=lambda digit: abs(digit - number / power)) * power


def _binned(values: Sequence[float], axis: Axis, bins: int) -> list[float]:
    counts = [0.0] * bins
    for value in values:
        counts[min(int(axis.place(value) * bins), bins - 1)] += 1
    return counts


def _highest(series: Mapping[str, Sequence[float]]) -> float:
    totals = map(sum, zip(*series.values(), strict=True))
    return max(totals, default=0.0) or 1.0


def _placed(points: Points, across: Axis, up: Axis) -> Iterable[tuple[float, float]]:
    for x, y in points:
        yield (
            LEFT + across.place(x) * _INNER_WIDTH,
            TOP + (1 - up.place(y)) * _INNER_HEIGHT,
        )


def _marks(axis: Axis) -> list[tuple[float, str]]:
    return [(axis.place(tick), spelled(tick)) for tick in axis.ticks()]


def _bars(
    title: str,
    series: Mapping[str, Sequence[float]],
    up: Axis,
    label: str,
    marks: Sequence[tuple[float, str]],
) -> Markup:
    width = _INNER_WIDTH / max(1, *map(len, series.values()), 1)
    shapes = []
    for column, heights in enumerate(zip(*series.values(), strict=True)):
        below = 0.0
        for number, height in enumerate(heights):
            top, foot = up.place(below + height), up.place(below)
            below += height
            if height > 0:
                shapes.append(
                    _RECT.format(
                        number % _COLOURS,
                        LEFT + column * width + 0.5,
                        TOP + (1 - top) * _INNER_HEIGHT,
                        max(width - 1, 0.5),
                        (top - foot) * _INNER_HEIGHT,
                    )
                )
    return _framed(title, shapes, (Axis(label), up), marks, list(series))


def _framed(
    title: str,
    shapes: Sequence[Markup],
    axes: tuple[Axis, Axis],
    marks: Sequence[tuple[float, str]],
    names: Sequence[str],
) -> Markup:
    """Put axes, names and colours round the shapes."""
    across, up = axes
    floor = TOP + _INNER_HEIGHT
    parts = [_OPEN.format(WIDTH, HEIGHT, safe(title))]
    for tick in up.ticks():
        y = TOP + (1 - up.place(tick)) * _INNER_HEIGHT
        parts += [_GRID.format(LEFT, y, WIDTH - RIGHT, y)]
        parts += [_words("end", LEFT - 6, y + 4, spelled(tick))]
    parts += shapes
    parts.append(_GRID.format(LEFT, floor, WIDTH - RIGHT, floor))
    for place, name in marks:
        parts.append(_words("middle", LEFT + place * _INNER_WIDTH, floor + 15, name))
    parts.append(_words("middle", LEFT + _INNER_WIDTH / 2, HEIGHT - 8, across.label))
    parts.append(_words("start", 4, 14, up.label))
    parts.append(_legend(names))
    parts.append(Markup("</svg>"))
    return Markup("\n").join(parts)


def _words(anchor: str, x: float, y: float, words: str) -> Markup:
    return _TEXT.format(anchor, x, y, safe(words, _LONGEST))


def _legend(names: Sequence[str]) -> Markup:
    parts = []
    right = WIDTH - RIGHT
    for number, name in reversed(list(enumerate(names))):
        parts.append(_words("end", right, 14, name))
        right -= 7.0 * len(safe(name, _LONGEST)) + 6
        parts.append(_RECT.format(number % _COLOURS, right - 8, 5, 9, 9))
        right -= 20
    return Markup("\n").join(parts)
