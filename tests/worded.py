"""Evidence of events that have texts, for tests of what is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from quarantine.evidence import Evidence, evidence_from
from quarantine.known import Known
from quarantine.model import Worded
from quarantine.wording import ROLES, Reader, Wording, table_of
from tests.crowd import START, Said, table


def wording(words: Sequence[Worded]) -> Wording:
    """Read the texts of events, in order, as the service does."""
    kept = [{role: getattr(each, role) for role in ROLES} for each in words]
    reader = Reader(lambda index, role: kept[index][role])
    reader.add(np.arange(len(words)), table_of(words))
    return reader.wording()


def worded(
    events: Sequence[tuple[Said, Worded]],
    *,
    gold: Mapping[str, str] | None = None,
    topics: Mapping[str, str] | None = None,
    released: int = 0,
) -> Evidence:
    """Make evidence of events with their texts, in this order; the first may be `released`."""
    said = [replace(each, at=START + number) for number, (each, _) in enumerate(events)]
    every = table(said)
    known = Known(gold or {}, topics or {}, wording([words for _, words in events]))
    before = every.slice(0, released) if released else None
    return evidence_from(every.slice(released), before, timed=False, known=known)


def scores(evidence: Evidence, found: object) -> dict[str, float]:
    """Return what a detector found by the source's name."""
    return {
        evidence.sources[int(code)].source: float(score)
        for code, score in zip(found.sources, found.scores, strict=True)  # type: ignore[attr-defined]
    }
