"""Rare phrases tied to an outcome and carried by few: a backdoor, or a name that was bought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from quarantine.carried import Carried, carried
from quarantine.evidence import Evidence, Findings, Floats, Ints
from quarantine.others import rows_of
from quarantine.phrases import promoted, provoked, worded
from quarantine.ports import Detector
from quarantine.safe import safe
from quarantine.tilts import scored

_POINTED: Final = 0.25
"""From this score on a source's events with the phrase are pointed at."""

_SILENT: Final = "carries no phrase that has an outcome of its own"
_HINT: Final = 4.5
"""Nats that are no alarm, after the looks are paid for."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """The readings of all held events (of `source`), and which of them is the worst by source."""

    source: Ints
    readings: Sequence[Carried]
    worst: Ints

    def rows(self, source: int) -> Ints:
        """Return the held rows in which a source has its worst phrase."""
        reading = self.readings[int(self.worst[source])]
        place = int(reading.worst[source])
        if place < 0:
            return np.empty(0, np.int64)
        row = reading.found.row[reading.found.gram == reading.gram[place]]
        mine: Ints = row[self.source[row] == source]
        return mine


@dataclass(frozen=True, slots=True)
class Token:
    """A phrase is suspect when its outcome is one-sided and few clusters carry it; both are needed.

    Outcomes: of two options the one that has the phrase is chosen, or where the phrase was asked
    the answer is odd (`quarantine.phrases`, `quarantine.carried`); a phrase of one's own with
    values at one end of the scale is a hint and no alarm. Universal backdoors (Rando and
    Tramer 2311.14455), promotion (Baumgaertner et al. 2404.05530). *Cannot see*: paraphrases, a
    phrase in fewer than four events, and one whose outcome nobody can tell from the usual.
    """

    channel: str = "token"
    sure: float = 100.0

    def examine(self, evidence: Evidence) -> Findings:
        """Score every held source whose events have texts; silent where nothing is worded."""
        frame = evidence.held
        asked = (frame["asked"].to_numpy() >= 0) | (frame["chosen"].to_numpy() >= 0)
        praised = (frame["own"].to_numpy() >= 0) & frame["value"].notna().to_numpy()
        if not (asked | praised).any():
            return Findings(silent="no held event has a text that was judged, nor a value with one")
        source = frame["source"].to_numpy().astype(np.int64)
        judged = np.unique(source[asked | praised])
        readings, looks = _readings(evidence, source)
        if not readings:
            return Findings(judged, np.zeros(len(judged)), lambda _: _SILENT, posterior=True)
        nats = np.array([each.nats for each in readings])
        seen = _Seen(source, readings, nats.argmax(axis=0))
        alone = np.array([each.alone for each in readings])
        paid, told = (each.max(axis=0)[judged] - looks for each in (nats, alone))
        # Phrases, and those who carry them, have paid for all there are: a crowd is one look.
        # Below the alarm sources are ranked by what each would tell if nobody else were looked at.
        scores = np.maximum(
            scored(paid, 1, sure=self.sure), scored(told, len(judged), sure=self.sure)
        )
        return _found(evidence, seen, judged, scores)


def _readings(evidence: Evidence, source: Ints) -> tuple[list[Carried], float]:
    """Return the readings in which a phrase was met, and the nats that looking at all costs."""
    voice = evidence.cluster[source]
    found = (promoted(evidence), provoked(evidence, rows_of(evidence)))
    readings = [carried(each, source, voice) for each in found if len(each.row)]
    hints = [carried(each, source, voice) for each in worded(evidence) if len(each.row)]
    looks = float(np.log(max(len(readings) + len(hints), len(found))))
    return [*readings, *(_hinted(each, _HINT + looks) for each in hints)], looks


def _hinted(reading: Carried, most: float) -> Carried:
    """Bound what a reading is worth: it can be no alarm."""
    nats, alone = (np.minimum(each, most) for each in (reading.nats, reading.alone))
    return replace(reading, nats=nats, alone=alone)


def _found(evidence: Evidence, seen: _Seen, judged: Ints, scores: Floats) -> Findings:
    target = evidence.held["target"].to_numpy()

    def because(position: int) -> str:
        return _words(evidence, seen, int(judged[position]))

    def examples(position: int) -> tuple[str, ...]:
        rows = seen.rows(int(judged[position]))[:3]
        return tuple(evidence.targets[target[row]] for row in rows.tolist())

    events = np.zeros(len(target))
    for source in judged[scores >= _POINTED].tolist():
        reading = seen.readings[int(seen.worst[source])]
        mine = np.isin(reading.found.row, seen.rows(source)) & (reading.found.told > 0)
        events[reading.found.row[mine]] = scores[np.searchsorted(judged, source)]
    return Findings(
        judged,
        scores,
        because,
        examples,
        events=events,
        event_because=lambda _: "it has a rare phrase that few carry, with the same outcome",
        posterior=True,
    )


def _words(evidence: Evidence, seen: _Seen, source: int) -> str:
    reading, rows = seen.readings[int(seen.worst[source])], seen.rows(source)
    if not len(rows):
        return _SILENT
    place = int(reading.worst[source])
    found = reading.found
    text = int(found.text[(found.row == rows[0]) & (found.gram == reading.gram[place])][0])
    spelled = safe(evidence.texts.spelled(int(reading.gram[place]), text), 60)
    return (
        f"carries “{spelled}” in {len(rows)} events; {reading.voices[place]} voices say it in "
        f"{reading.events[place]:.0f} events, and in {reading.told[place]:.0f} of them "
        f"{found.about}, where {found.chance:.0%} is usual"
    )


DETECTOR: Detector = Token()
