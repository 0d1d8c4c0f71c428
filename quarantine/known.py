"""What is known beside the events: hidden right answers, topics of targets, and what is worded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from quarantine.model import short
from quarantine.wording import Wording

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside events: `gold` and `topics` by the target's name, and the `wording`.

    Gold are hidden right answers, spelled as an answer would be; a topic groups targets.
    """

    gold: Mapping[str, str] = field(default_factory=dict)
    topics: Mapping[str, str] = field(default_factory=dict)
    wording: Wording = field(default_factory=Wording)

    def answers(self, targets: Sequence[str], answers: list[str]) -> Ints:
        """Return the code of the right answer by target, -1 where nobody knows it.

        A right answer that nobody gave is added to `answers`.
        """
        found = np.full(len(targets), -1, np.int64)
        if not self.gold:
            return found
        place = {answer: code for code, answer in enumerate(answers)}
        for code, target in enumerate(targets):
            if target in self.gold:
                found[code] = right_answer(self.gold[target], place)
                if found[code] < 0:
                    found[code] = place[short(self.gold[target])] = len(answers)
                    answers.append(short(self.gold[target]))
        return found

    def by_topic(self, targets: Sequence[str]) -> tuple[Ints, list[str]]:
        """Return a code of the topic by target, -1 where it has none, and the topics."""
        place: dict[str, int] = {}
        codes = [
            -1 if topic is None else place.setdefault(topic, len(place))
            for topic in (map(self.topics.get, targets) if self.topics else ())
        ]
        return np.array(codes or [-1] * len(targets), np.int64), list(place)


def right_answer(label: str, place: Mapping[str, int]) -> int:
    """Return the code in `place` of a right answer, however a number is spelled; -1: not there."""
    for spelling in (label, short(label), _as_number(label)):
        if spelling in place:
            return place[spelling]
    return -1


def _as_number(label: str) -> str:
    try:
        return f"{float(label):g}"
    except ValueError:
        return label


NOTHING: Final = Known()
"""Nothing but the events is known."""
