"""A dossier as one static HTML page: escaped, nothing fetched, no script (`approvals.report`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from approvals.plots import Plot, bars
from approvals.report import Table, page
from approvals.screen import showing
from approvals.screen.book import Book
from approvals.screen.model import Sample, Shown
from approvals.screen.rights import Rights
from approvals.screen.waiting import source_case
from quarantine.model import Dossier
from quarantine.safe import safe

_MOST: Final = 40
"""The most samples on a page, more or less."""


def dossier_page(face: Shown, samples: list[Sample]) -> str:
    """Return the page of a case with `samples`; the same case gives the same bytes."""
    intro = f"{face.verdict}, {face.score}. {face.what}; {face.since}, {face.pace}."
    return page(face.who, intro, list(_sections(face, samples)))


def whole(book: Book, dossier: Dossier) -> tuple[Shown, list[Sample]]:
    """Return a source as it is shown and up to `_MOST` samples of it, chosen as on the screen."""
    case = source_case(dossier)
    face = showing.show(book, case, Rights(safe(""), safe("")))
    samples, page = list(face.samples), 1
    while len(samples) < _MOST and (further := showing.more(book, case, page)):
        samples += further
        page += 1
    return face, samples


def _sections(face: Shown, samples: list[Sample]) -> Iterator[Plot | Table]:
    yield Table(
        "Why",
        ("detector", "score", "above", "because"),
        [(each.detector, each.score, each.above, each.because) for each in face.why],
        "What detectors found, and the share of sources of which they think less.",
    )
    yield Table("Beside others", ("what", "it is"), list(_facts(face)))
    if face.activity:
        yield bars(
            "Activity",
            f"Events in equal parts of its time; {face.pace}.",
            {"events": [float(count) for count in face.activity]},
            names=[str(number) for number in range(1, len(face.activity) + 1)],
            up="events",
        )
    yield Table(
        "Samples",
        ("why this one", "about", "says", "others", "before", "text", "hides"),
        [_row(sample) for sample in samples],
        f"{len(samples)} of {face.events:,} events; hidden characters are spelled out.",
    )
    yield Table("In full", ("",), [(line,) for line in face.more])


def _facts(face: Shown) -> Iterator[tuple[str, str]]:
    if face.agreement is not None:
        usual = "" if face.usual is None else f" ({face.usual:.0%} is usual)"
        yield "agrees with the others", f"{face.agreement:.0%}{usual}"
    yield "company", face.cluster
    yield "since it was approved last", face.change
    if face.needs:
        yield "a decision needs", face.needs


def _row(sample: Sample) -> tuple[str, ...]:
    hides = "; ".join(sample.hidden) or ", ".join(sample.marks)
    said = (sample.about, sample.says, sample.others, sample.before, sample.text)
    return (sample.why, *said, hides)
