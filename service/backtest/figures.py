"""The page a reviewer reads: how scores lie, when what came, who is worst and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from approvals.certificate import Certificate
from approvals.plots import Axis, Plot, bars, histogram, scatter
from approvals.report import Cell, Table, page
from quarantine.model import Dossier, Verdict, from_micros
from service.backtest.known import GoldScore
from service.backtest.model import Feedback, Flags
from service.backtest.passes import Judged

WORST: Final = 25
_BUCKETS: Final = 30
_SENTENCES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All that the page tells of."""

    feedback: Feedback
    judged: Judged
    held: Flags
    exposures: Mapping[str, Certificate]
    gold: Sequence[GoldScore]


def report(shown: Shown) -> str:
    """Return the page (HTML); the same backtest gives the same bytes."""
    sections: list[Plot | Table] = [
        _scores(shown.judged.dossiers),
        _volume(shown.feedback, shown.held),
        _sizes_and_scores(shown.judged.dossiers),
        _clusters(shown.judged.dossiers),
        _worst(shown.judged.dossiers),
        _exposure(shown.exposures),
        *_gold(shown.gold),
        *_bad(shown.feedback),
    ]
    return page("Backtest", _intro(shown), sections)


def _intro(shown: Shown) -> str:
    dossiers, feedback = shown.judged.dossiers, shown.feedback
    verdicts = Counter(dossier.verdict for dossier in dossiers)
    start = (
        "Nothing counts as released, so this is a cold start: thresholds are robust and no share"
        " of false alarms is promised."
        if shown.judged.scored.cold_start
        else "Alarms are calibrated against what counts as released."
    )
    counted = (
        f"{feedback.events.num_rows:,} events by {len(dossiers):,} sources:"
        f" {verdicts[Verdict.HOLD]:,} on hold, {verdicts[Verdict.WATCH]:,} watched,"
        f" {verdicts[Verdict.CLEAR]:,} clear; {int(shown.held.sum()):,} events would stay behind."
    )
    parts = [
        counted,
        start,
        *shown.judged.scored.notes,
    ]
    if not feedback.timed:
        parts.append("The events have no times: only their order is known.")
    return " ".join(parts)


def _by_verdict(dossiers: Sequence[Dossier]) -> dict[str, list[Dossier]]:
    return {
        str(verdict): [dossier for dossier in dossiers if dossier.verdict is verdict]
        for verdict in (Verdict.CLEAR, Verdict.WATCH, Verdict.HOLD)
    }


def _scores(dossiers: Sequence[Dossier]) -> Plot:
    groups = _by_verdict(dossiers).items()
    return histogram(
        "How the scores lie",
        "Sources by score (0 to 1, higher is worse); heights by the square root of the count.",
        {name: [dossier.score for dossier in group] for name, group in groups},
        axis=Axis("score of the source"),
    )


def _volume(feedback: Feedback, held: Flags) -> Plot:
    at = (
        feedback.events.column("arrived").to_numpy()
        if feedback.timed
        else np.arange(feedback.events.num_rows)
    )
    first, last = int(at[0]), int(at[-1])
    width = max((last - first + 1) / _BUCKETS, 1)
    bucket = np.minimum(((at - first) / width).astype(np.int64), _BUCKETS - 1)
    count = np.bincount(bucket, minlength=_BUCKETS)
    stays = np.bincount(bucket[held], minlength=_BUCKETS)
    starts = [int(first + width * number) for number in range(_BUCKETS)]
    names = [
        from_micros(start).strftime("%Y-%m-%d") if feedback.timed else f"{start:,}"
        for start in starts
    ]
    return bars(
        "When it came, and what would stay behind",
        "Events by time of arrival." if feedback.timed else "Events in the order of the file.",
        {"passes": (count - stays).tolist(), "held": stays.tolist()},
        names=names,
        up="events",
    )


def _sizes_and_scores(dossiers: Sequence[Dossier]) -> Plot:
    most = max(dossier.events for dossier in dossiers)
    groups = _by_verdict(dossiers).items()
    return scatter(
        "How much a source says, and how it scores",
        "A dot is a source; sources that would lie on each other are drawn once.",
        {name: [(each.events, each.score) for each in group] for name, group in groups},
        across=Axis("events of the source", 1.0, float(max(most, 10)), "log"),
        up=Axis("score"),
    )


def _clusters(dossiers: Sequence[Dossier]) -> Plot:
    sizes = Counter(Counter(dossier.cluster for dossier in dossiers).values())
    named = [("1", 1, 1), ("2", 2, 2), ("3-5", 3, 5), ("6-10", 6, 10), ("11-50", 11, 50)]
    named.append(("more", 51, len(dossiers) + 51))
    return bars(
        "How many sources count as one voice",
        "Sources by the size of the cluster they belong to; a cluster is one voice everywhere.",
        {
            "sources": [
                float(sum(size * n for size, n in sizes.items() if low <= size <= high))
                for _, low, high in named
            ]
        },
        names=[name for name, _, _ in named],
        up="sources",
    )


def _worst(dossiers: Sequence[Dossier]) -> Table:
    ordered = sorted(dossiers, key=lambda each: (-each.score, each.source))
    rows: list[Sequence[Cell]] = [
        (
            each.source,
            str(each.verdict),
            float(each.score),
            each.p_value,
            each.events,
            each.cluster,
            "; ".join(
                f"{finding.detector}: {finding.because}"
                for finding in sorted(each.findings, key=lambda one: -one.score)[:_SENTENCES]
            ),
        )
        for each in ordered[:WORST]
    ]
    columns = ("source", "verdict", "score", "p-value", "events", "cluster", "because")
    return Table(
        "The worst sources", columns, rows, f"The {len(rows)} highest of {len(dossiers):,} scores."
    )


def _exposure(exposures: Mapping[str, Certificate]) -> Table:
    rows: list[Sequence[Cell]] = [
        (name, each.clusters, each.rows, f"{each.share:.2%}", certificate.rows)
        for name, certificate in exposures.items()
        for each in certificate.worst
    ]
    return Table(
        "What bad clusters could hold",
        ("of", "bad clusters", "rows at most", "share", "of rows"),
        rows,
        "The worst case, whichever clusters are bad: a bound on rows, not on harm. 'everything'"
        " trusts no detector and no budget, 'passed' is what would not stay behind, and"
        " 'within_budgets' is what the policy's budgets let leave of everything, no detector"
        " trusted, as if every source was vetted.",
    )


def _gold(gold: Sequence[GoldScore]) -> list[Table]:
    if not gold:
        return []
    ordered = sorted(gold, key=lambda each: (each.right / each.answered, -each.answered))
    rows: list[Sequence[Cell]] = [
        (each.source, each.answered, each.right, f"{each.right / each.answered:.0%}")
        for each in ordered[:WORST]
    ]
    columns = ("source", "answered", "right", "share")
    caption = "Sources furthest from the known answers, which the gold channel saw as well."
    return [Table("Against known answers", columns, rows, caption)]


def _bad(feedback: Feedback) -> list[Table]:
    if not feedback.bad:
        return []
    rows = [(each.file, each.row, each.reason, each.detail) for each in feedback.bad[:WORST]]
    return [
        Table(
            "Rows that could not be read",
            ("file", "row", "reason", "detail"),
            rows,
            f"{len(feedback.bad):,} rows; all are named in summary.json.",
        )
    ]
