"""A request as it is shown: what would leave, whose voices it holds, what is new in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from approvals.certificate import BAD
from approvals.model import Request
from approvals.screen import activity, samples
from approvals.screen.book import Book
from approvals.screen.change import change
from approvals.screen.model import FINDINGS, Case, Reason, Shown
from approvals.screen.rights import Rights
from quarantine.evidence import Ints
from quarantine.model import Member, SourceKey, Verdict
from quarantine.safe import Safe, safe


def show(book: Book, case: Case, request: Request, rights: Rights) -> Shown:
    """Show a request with the first five samples of all that it holds."""
    members = book.store.members(case.index)
    rows = book.voices.rows_at(member.index for member in members)
    at = book.voices.at[rows]
    picked = samples.chosen(book.voices, rows, examples(book, members))
    shown = {row for _, row in picked}
    drawn = book.voices.rows_at(rights.reading).tolist()
    picked += [("drawn to be read", row) for row in drawn if row not in shown]
    return Shown(
        who=safe(f"request {case.name}"),
        verdict="pending",
        score=f"asked by {safe(request.by, 40)} {request.at:%Y-%m-%d %H:%M}",
        what=safe(
            f"{request.rows:,} {request.kind} of {request.sources:,} sources in"
            f" {request.clusters:,} clusters for {request.scope}; {request.purpose}",
            300,
        ),
        since=safe(f"up to {request.until:%Y-%m-%d %H:%M}"),
        why=_why(book, request, members)[:FINDINGS],
        activity=activity.counted(at),
        pace=activity.pace(at),
        agreement=book.voices.agreement(rows),
        usual=book.usual,
        cluster=_voices(members),
        change=change(book.voices, _left_last(book, request), rows),
        needs=rights.needs,
        hindrance=rights.hindrance,
        samples=samples.shown(book.held, book.voices, picked, named=True),
        events=len(rows),
        more=_more(request, members),
    )


def examples(book: Book, members: Sequence[Member]) -> tuple[str, ...]:
    """Return the targets that findings on the worst thought-of source point at."""
    found = [book.dossiers.get(key) for key in {_key(member) for member in members}]
    worst = max((each for each in found if each), key=lambda each: each.score, default=None)
    return () if worst is None else tuple(x for each in worst.findings for x in each.examples)


def _key(member: Member) -> SourceKey:
    return SourceKey(member.producer, member.source)


def _why(book: Book, request: Request, members: Sequence[Member]) -> tuple[Reason, ...]:
    """Say what speaks for looking closely: doubt, newcomers, large voices, narrow targets."""
    sources = {_key(member) for member in members}
    doubted = [
        key for key in sources if key in book.dossiers and _is_doubted(book.dossiers[key].verdict)
    ]
    rows = sum(_key(member) in set(doubted) for member in members)
    before = _sources_before(book, request)
    new = sources - before
    clusters = _sizes(member.cluster for member in members)
    targets = _sizes(member.target for member in members)
    return tuple(
        Reason(safe(name), float(share), None, safe(because, 300))
        for name, share, because in (
            ("doubt", rows / len(members), f"{len(doubted)} sources on watch say {rows} rows"),
            ("new", len(new) / len(sources), f"{len(new)} of {len(sources)} never left before"),
            ("voices", clusters[0] / len(members), _worst(clusters, len(members))),
            ("targets", targets[0] / len(members), f"{targets[0]} rows on one of {len(targets)}"),
        )
    )


def _is_doubted(verdict: Verdict) -> bool:
    return verdict is not Verdict.CLEAR


def _sizes(names: Iterable[str]) -> list[int]:
    return sorted(Counter(names).values(), reverse=True)


def _worst(sizes: Sequence[int], rows: int) -> str:
    shares = [f"{k}: {sum(sizes[:k]) / rows:.1%}" for k in BAD]
    return f"the most that k bad clusters hold: {', '.join(shares)}"


def _voices(members: Sequence[Member]) -> Safe:
    name, rows = Counter(member.cluster for member in members).most_common(1)[0]
    return safe(f"the largest of its voices has {rows} rows: {name}", 200)


def _left_last(book: Book, request: Request) -> Ints:
    """Return the rows of the newest release of this scope and kind."""
    for left in reversed(book.releases):
        if (left.record.scope, left.record.kind) == (request.scope, request.kind):
            return book.voices.rows_at(left.rows(book.store))
    return np.empty(0, np.int64)


def _sources_before(book: Book, request: Request) -> set[SourceKey]:
    return {
        _key(member)
        for left in book.releases
        if left.record.scope == request.scope
        for member in book.store.members(left.request)
    }


def _more(request: Request, members: Sequence[Member]) -> tuple[Safe, ...]:
    sizes = Counter(member.cluster for member in members).most_common(20)
    lines = [
        f"root {request.root}",
        f"policy {request.policy}",
        f"dossiers {request.dossiers}",
        f"expires {request.expires:%Y-%m-%d %H:%M} UTC",
        "its largest voices:",
        *(f"  {rows} rows {name}" for name, rows in sizes),
    ]
    return tuple(safe(line, 400) for line in lines)
