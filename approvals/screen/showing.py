"""A case made ready to be shown, when it is looked at."""

from __future__ import annotations

from approvals.model import Request
from approvals.screen import about_request, about_source, samples
from approvals.screen.book import Book
from approvals.screen.model import Case, Sample, Shown
from approvals.screen.rights import Rights
from quarantine.evidence import Ints
from quarantine.safe import safe


def show(book: Book, case: Case, rights: Rights) -> Shown:
    """Show a case with the first five samples; `rights` says what this reviewer may."""
    if isinstance(case.subject, Request):
        return about_request.show(book, case, case.subject, rights)
    if case.appeal:
        rights = rights._replace(needs=safe(f"another person's word; {case.appeal}", 300))
    return about_source.show(book, case.subject, rights)


def more(book: Book, case: Case, page: int) -> tuple[Sample, ...]:
    """Return the `page`-th further five samples (from 1); none when all were shown."""
    rows, examples = _rows(book, case)
    taken = [row for _, row in samples.chosen(book.voices, rows, examples)]
    picked = samples.following(book.voices, rows, taken, page)
    return samples.shown(book.held, book.voices, picked, named=case.is_request)


def _rows(book: Book, case: Case) -> tuple[Ints, tuple[str, ...]]:
    if isinstance(case.subject, Request):
        members = book.store.members(case.index)
        rows = book.voices.rows_at(member.index for member in members)
        return rows, about_request.examples(book, members)
    return about_source.open_rows(book, case.subject), about_source.examples(case.subject)
