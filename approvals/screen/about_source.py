"""A source as it is shown: its score, its findings, its company, its time, its change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from approvals.screen import activity, samples
from approvals.screen.book import Book
from approvals.screen.change import change
from approvals.screen.model import FINDINGS, Reason, Shown
from approvals.screen.rights import Rights
from quarantine.evidence import Ints
from quarantine.model import Dossier, Standing
from quarantine.safe import Safe, safe

_MEMBERS: Final = 30
_UNRULED: Final = Standing()


def open_rows(book: Book, dossier: Dossier) -> Ints:
    """Return the rows of a source that neither left nor were taken back."""
    rows = book.voices.rows_of(dossier.key)
    return rows[book.voices.open[rows]]


def examples(dossier: Dossier) -> tuple[str, ...]:
    """Return the targets that findings point at."""
    return tuple(each for finding in dossier.findings for each in finding.examples)


def show(book: Book, dossier: Dossier, rights: Rights) -> Shown:
    """Show a source with the first five samples."""
    rows = open_rows(book, dossier)
    everything = book.voices.rows_of(dossier.key)
    before = everything[book.voices.released[everything]]
    at = book.voices.at[everything]
    picked = samples.chosen(book.voices, rows, examples(dossier))
    return Shown(
        who=safe(str(dossier.key), 120),
        verdict=dossier.verdict.value,
        score=_score(book, dossier),
        what=_what(book, dossier, rows),
        since=_since(book, dossier, everything),
        why=_why(book, dossier)[:FINDINGS],
        activity=activity.counted(at),
        pace=activity.pace(at),
        agreement=book.voices.agreement(rows),
        usual=book.usual,
        cluster=_cluster(book, dossier),
        change=change(book.voices, before, rows),
        needs=rights.needs,
        hindrance=rights.hindrance,
        samples=samples.shown(book.held, book.voices, picked),
        events=len(rows),
        more=_more(book, dossier),
    )


def _score(book: Book, dossier: Dossier) -> str:
    p_value = "cold start" if dossier.p_value is None else f"p {dossier.p_value:.4f}"
    above = book.ranks.above(dossier.score)
    return f"{dossier.score:.2f}, above {above:.0%} of {book.ranks.sources:,}, {p_value}"


def _what(book: Book, dossier: Dossier, rows: Ints) -> Safe:
    held = book.voices.evidence.held
    kinds = held["kind"].iloc[rows].value_counts()
    said = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count) or "no open"
    scopes = [str(scope) for scope in held["scope"].iloc[rows].unique()]
    targets = len(set(book.voices.target[rows].tolist()))
    tier = book.standings.get(dossier.key, _UNRULED).tier.value
    scope = f" for {', '.join(scopes)}" if scopes else ""
    return safe(f"{said} events on {targets:,} targets{scope}; {tier}", 200)


def _since(book: Book, dossier: Dossier, rows: Ints) -> Safe:
    if not len(rows):
        return safe(f"{dossier.events} events")
    return safe(f"since {activity.day(int(book.voices.at[rows[0]]))}")


def _why(book: Book, dossier: Dossier) -> tuple[Reason, ...]:
    return tuple(
        Reason(
            detector=safe(finding.detector, 24),
            score=finding.score,
            above=book.ranks.above_in(finding.detector, finding.score),
            because=safe(finding.because, 400),
        )
        for finding in dossier.findings
    )


def _cluster(book: Book, dossier: Dossier) -> Safe:
    members = book.clusters.get(dossier.cluster, ())
    if len(members) < 2:  # noqa: PLR2004  one is no company
        return safe("linked to no other source")
    thought = ", ".join(f"{count} {name}" for name, count in _verdicts(members))
    return safe(f"one voice of {len(members)} ({thought}): {dossier.cluster}", 200)


def _verdicts(members: Sequence[Dossier]) -> list[tuple[str, int]]:
    found = [each.verdict.value for each in members]
    return [(name, found.count(name)) for name in sorted(set(found))]


def _more(book: Book, dossier: Dossier) -> tuple[Safe, ...]:
    """Return what the details page adds: every finding whole, and the company it keeps."""
    lines = [
        f"{each.detector} {each.score:.3f}, above {each.above:.1%}: {each.because}"
        for each in _why(book, dossier)
    ]
    members = [str(each.key) for each in book.clusters.get(dossier.cluster, ())]
    if len(members) > 1:
        lines.append(f"the {len(members)} sources of its cluster:")
        lines += [f"  {name}" for name in members[:_MEMBERS]]
        lines += [f"  (+{len(members) - _MEMBERS} more)"] if len(members) > _MEMBERS else []
    return tuple(safe(line, 1000) for line in lines)
