"""The words of the watch: figures by name and labels, and how values spread over bounds."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Labels = tuple[str, ...]
"""The values of a metric's labels, in the order in which the catalogue names them."""


@dataclass(slots=True)
class Spread:
    """How many values lie up to each of the rising `bounds`, and beyond them; `total` is their sum.

    `counts` has one place more than `bounds`; a bound belongs to what lies below it, as in
    Prometheus (`le`).
    """

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        """Start with nothing seen, where no counts are given."""
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def see(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def copy(self) -> Spread:
        """Return what was seen by now, apart from what will be."""
        return Spread(self.bounds, [*self.counts], self.total)


Value = float | Spread
Figures = dict[str, dict[Labels, Value]]
"""What was measured: by the metric's name, then by its labels' values."""


def plain(figures: Mapping[str, float]) -> Figures:
    """Return figures that have no labels."""
    return {name: {(): value} for name, value in figures.items()}


def spread(bounds: tuple[float, ...], values: Iterable[float]) -> Spread:
    """Return how `values` spread over `bounds`."""
    found = Spread(bounds)
    for value in values:
        found.see(value)
    return found
