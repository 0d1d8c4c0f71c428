"""The scorecard: every attack by its id, as one JSON document, as Markdown, as a page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from approvals.landing import write_whole
from approvals.report import Table, page
from quarantine.record import spell_time
from service.redteam.catalogue import classes
from service.redteam.model import Result, Row

JSON: Final = "scorecard.json"
MARKDOWN: Final = "scorecard.md"
PAGE: Final = "scorecard.html"
_HEADS: Final = (
    "id",
    "attack",
    "tried",
    "result",
    "measured",
    "asked for",
    "control",
    "not tried here",
)


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The rows of one run, with when it was made (aware), its seed, and whether it was quick."""

    rows: Sequence[Row]
    at: datetime
    seed: int
    quick: bool

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how many attacks had each result, every result named."""
        found = Counter(row.result for row in self.rows)
        return {result.value: found[result] for result in Result}

    def document(self) -> dict[str, object]:
        """Return all of it as JSON takes it."""
        return {
            "at": spell_time(self.at),
            "version": version("feedback-quarantine"),
            "seed": self.seed,
            "quick": self.quick,
            "counts": self.counts,
            "cpu_s": round(sum(row.cpu_s for row in self.rows), 1),
            "attacks": [asdict(row) for row in self.rows],
        }

    def summary(self) -> str:
        """Say the counts in one line."""
        return ", ".join(f"{count} {name}" for name, count in self.counts.items())

    def markdown(self) -> str:
        """Return one Markdown table a class, the counts before them."""
        quick = ", a quick run" if self.quick else ""
        which = f"{len(self.rows)} attacks on version {version('feedback-quarantine')}"
        told = [
            "# The attack catalogue, tried",
            "",
            f"{which}, seed {self.seed}{quick}: {self.summary()}.",
        ]
        for letter, about in classes().items():
            rows = [row for row in self.rows if row.id.startswith(letter)]
            if rows:
                told += [
                    "",
                    f"## {letter}: {about}",
                    "",
                    _line(_HEADS),
                    _line(["---"] * len(_HEADS)),
                ]
                told += [_line(_cells(row)) for row in rows]
        return "\n".join(told) + "\n"

    def page(self) -> str:
        """Return one static page, a table a class."""
        tables = [
            Table(
                title=f"{letter}: {about}",
                columns=_HEADS,
                rows=[_cells(row) for row in self.rows if row.id.startswith(letter)],
            )
            for letter, about in classes().items()
            if any(row.id.startswith(letter) for row in self.rows)
        ]
        intro = f"Version {version('feedback-quarantine')}, seed {self.seed}: {self.summary()}."
        return page("The attack catalogue, tried", intro, tables)


def write(card: Scorecard, out: Path) -> list[Path]:
    """Write the three files into the directory `out`, made where it is not there; return them."""
    out.mkdir(parents=True, exist_ok=True)
    files = {
        out / JSON: json.dumps(card.document(), indent=1, ensure_ascii=False) + "\n",
        out / MARKDOWN: card.markdown(),
        out / PAGE: card.page(),
    }
    for file, text in files.items():
        write_whole(file, text.encode())
    return list(files)


def _cells(row: Row) -> list[str]:
    return [
        *(row.id, row.attack, row.tried, row.result.value, row.measured),
        *(row.wanted, row.control, row.open),
    ]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
