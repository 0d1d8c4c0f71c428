"""What changed: a source's open events against what of it was approved last."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from approvals.screen.activity import day
from approvals.screen.voices import Voices
from quarantine.evidence import Ints
from quarantine.safe import Safe, safe

_DAY = 24 * 3_600_000_000

Measure = Callable[[Voices, Ints], float | None]


def change(voices: Voices, before: Ints, now: Ints) -> Safe:
    """Say how the rows `now` differ from the rows `before`, that were approved; one line."""
    if not len(before):
        return safe("nothing of it was approved before")
    until = day(int(voices.at[before].max()))
    found = [
        f"{name} {spell(was)} → {spell(is_)}"
        for name, measure, spell in (
            ("mean", _level, _figure),
            ("agrees", Voices.agreement, _percent),
            ("one answer", _sameness, _percent),
            ("a day", _pace, _rate),
        )
        if (was := measure(voices, before)) is not None
        and (is_ := measure(voices, now)) is not None
    ]
    return safe(f"{len(before):,} approved to {until}: {', '.join(found) or 'nothing new'}")


def _level(voices: Voices, rows: Ints) -> float | None:
    value = voices.value[rows]
    known = value[~np.isnan(value)]
    return float(known.mean()) if len(known) else None


def _sameness(voices: Voices, rows: Ints) -> float | None:
    """Return the share of the commonest answer; it says little of rows about many questions."""
    counts = np.unique(voices.answer[rows], return_counts=True)[1]
    return float(counts.max() / len(rows)) if len(rows) else None


def _pace(voices: Voices, rows: Ints) -> float | None:
    if not len(rows):
        return None
    at = voices.at[rows]
    return float(len(rows) / max((int(at.max()) - int(at.min())) / _DAY, 1.0))


def _figure(value: float) -> str:
    return f"{value:.2f}"


def _percent(value: float) -> str:
    return f"{value:.0%}"


def _rate(value: float) -> str:
    return f"{value:,.0f}"
