"""Who gathers at one answer with others, all of them unlike the crowd in the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.calibration import ALARM, score_of
from quarantine.evidence import Evidence, Findings, Floats, Ints
from quarantine.gatherings import Gatherings, crowded, gatherings
from quarantine.habits import Habits, habits
from quarantine.overlap import Answers, answers, nearly, number
from quarantine.ports import Detector

_LIKELY: Final = 0.5
"""From such a probability on a source counts as a member."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """See rings by the target they are about: group shilling detection by target analysis.

    Filler, copied and invented profiles are each a little odd, and so are honest people; but those
    who give the same answer to one target are not odd in the same way, unless they are one hand
    (target item analysis, Zhou et al. 2015; here with a test of all habits at once). It needs no
    times, and no knowledge of how the profiles were made.
    """

    channel: str = "ring"
    nats: float = 5.0
    unlike: float = 2.0
    clear: float = 3.5
    clearest: float = 3.0
    least_unlike: float = 1.7
    weakest: float = 0.5
    several: float = 5.0
    tail: float = 0.15
    more: float = 0.7
    own: float = 1.0

    def examine(self, evidence: Evidence) -> Findings:
        """Score every held source by the most conspicuous gathering that it belongs to."""
        known = evidence.whole.once("habits", lambda: habits(evidence.whole))
        if known is None:
            return Findings(silent="nobody can be compared with anybody")
        said, size = answers(evidence), len(evidence.sources)
        answer = nearly(evidence, said)
        cell = number(said.target, answer)
        found = evidence.whole.once(
            "gatherings", lambda: gatherings(said.source, cell, answer, known.scores)
        )
        strength, best = self._loudest(found, size)
        copied, many = self._copying(said, cell, known)
        held = np.bincount(evidence.held["source"].to_numpy(), minlength=size) > 0
        sources = np.flatnonzero(held)
        strong = np.maximum(strength, copied)[sources]
        scores = np.where(strong < 1.0, ALARM * strong, score_of(strong))

        def because(position: int) -> str:
            source = int(sources[position])
            if copied[source] > strength[source]:
                return (
                    f"gives one answer with {many[source]} others who, more than sources as busy "
                    "do, repeat most of what somebody else says"
                )
            return _words(evidence, found, known, int(best[source]))

        return Findings(sources, scores, because)

    def _loudest(self, found: Gatherings, sources: int) -> tuple[Floats, Ints]:
        """Return by source its strength (1 rings) and the row of the gathering it comes from."""
        clear = found.clear[found.group].clip(0.0)
        apart = self._apart(found.unlike[found.group], clear)
        # The fewer the members, the more one odd person moves what they have in common.
        members = np.bincount(found.group, found.member > _LIKELY, len(found.own))[found.group]
        sure = found.nats / self.nats
        firm = (np.maximum(members, 1.0) / self.several) ** self.tail
        # Surer evidence makes up for members who are less clear, and the other way round.
        both = firm * np.sqrt(sure * clear / self.clear)
        # Where ways of the crowd are as loud as a ring, clear members make up for nothing.
        crowd = found.own[found.group] < self.own
        least = 1.0 if (sure[crowd] >= 1.0).any() else self.weakest
        both = np.minimum(both, np.minimum(apart, firm * sure / least))
        # Where more of the crowd is like the members than there are members, they are no ring.
        both = np.minimum(both, found.own[found.group] / self.own)
        # How loud it is goes by the evidence, once the group is set apart at all.
        value = found.member * np.where(both >= 1.0, np.maximum(both, sure), both)
        order = np.argsort(value, kind="stable")
        strength, best = np.zeros(sources), np.zeros(sources, np.int64)
        strength[found.source[order]] = value[order]
        best[found.source[order]] = order
        return strength, best

    def _apart(self, unlike: Floats, clear: Floats) -> Floats:
        """Return how far members stand apart: a little less far will do where they are of a mind.

        What makes them clear beyond their distance is that they are closer to each other than
        people are, as those are whom one hand made.
        """
        both = np.sqrt(unlike / self.unlike * clear / self.clearest)
        least = np.minimum(unlike / self.least_unlike, clear / self.clearest)
        return np.asarray(np.minimum(both, least), np.float64)

    def _copying(self, said: Answers, cell: Ints, known: Habits) -> tuple[Floats, Ints]:
        """Return by source its strength as one of many copies at one answer, and how many.

        Who was copied repeats as much as who copies; but those who copy also gather. One who
        gathers with them and repeats nobody does not ring.
        """
        octave = np.log2(np.maximum(known.count, 1)).astype(np.int64)
        repeats = known.repeats[said.source]
        nats, more = crowded(said.source, cell, known.repeats, octave)
        share = np.bincount(cell, repeats)[cell] / np.bincount(cell)[cell]
        # Where others as busy repeat somebody nearly as often, most of those who do are no copies.
        sure = np.where(more >= self.more, nats / self.nats, more * np.minimum(nats / self.nats, 1))
        value = np.where(repeats, sure, share * np.minimum(sure, 1.0) * ALARM)
        strength, many = np.zeros(said.sources), np.zeros(said.sources, np.int64)
        order = np.argsort(value, kind="stable")
        strength[said.source[order]] = value[order]
        many[said.source[order]] = np.bincount(cell, repeats)[cell][order].astype(np.int64)
        return strength, many


def _words(evidence: Evidence, found: Gatherings, known: Habits, row: int) -> str:
    mine = found.group == found.group[row]
    others = found.source[mine & (found.source != found.source[row])]
    names = ", ".join(str(evidence.sources[one]) for one in others[:3].tolist())
    which = int(found.group[row])
    return (
        f"gives one answer with {len(others)} others who are unlike the crowd in the same way "
        f"({known.names[int(found.habit[which])]}: {found.by[which]:+.1f} deviations), as {names}"
    )


DETECTOR: Detector = Gathering()
