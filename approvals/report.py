"""Static pages for reviewers: one file, no script, nothing fetched, untrusted text made visible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from approvals.plots import Plot
from quarantine.safe import safe

Cell = str | int | float | None

LONGEST: Final = 400
"""The most characters of one cell that a page shows."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns; any text in them may come from anyone."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""


def page(title: str, intro: str, sections: Sequence[Plot | Table]) -> str:
    """Return one HTML page with `sections` in their order; the same input gives the same bytes."""
    return _template().render(title=title, intro=intro, sections=sections)


@cache
def _template() -> Template:
    text = resources.files("approvals").joinpath("report.html").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"shown": _shown, "visible": safe}
    environment.tests |= {"plot": _is_plot, "figure": _is_figure}
    return environment.from_string(text)


def _is_plot(section: Plot | Table) -> bool:
    return isinstance(section, Plot)


def _is_figure(cell: Cell) -> bool:
    return isinstance(cell, int | float)


def _shown(cell: Cell, most: int = LONGEST) -> Markup:
    """Show a cell: numbers short, text with its hidden characters visible, in its own direction."""
    if cell is None:
        return Markup("&ndash;")
    if isinstance(cell, int):
        return Markup("{:,}").format(cell)
    if isinstance(cell, float):
        return Markup("{:.3g}").format(cell)
    return Markup("<bdi>{}</bdi>").format(safe(cell, most))
