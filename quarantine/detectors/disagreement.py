"""Who departs from what the others say of the same targets, corrected for chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from quarantine.calibration import score_of
from quarantine.evidence import NOTHING, Evidence, Findings, Floats, Ints
from quarantine.ports import Detector

_LEAST_KNOWN: Final = 10
"""Sources with this many events say how much honest sources differ from each other."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """Held rows, then released rows, as columns; `base` is the agreement expected by chance."""

    source: Ints
    target: Ints
    voice: Ints
    cell: Ints
    answered: Ints
    value: Floats
    middle: Floats
    base: Floats
    usual: Floats


@dataclass(frozen=True, slots=True)
class _Crowd:
    """What agreement is like here: by event (`got`, `room`) and overall (`typical`, `spread`)."""

    got: Floats
    room: Floats
    kept: Floats
    typical: float
    spread: float


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Leave-one-out agreement corrected for chance, shrunk to the crowd's where events are few.

    Labels, preferences and ratings share one scale: 0 is what chance gives, 1 is full agreement
    (Cohen 1960; for values, squared distance as in Krippendorff's α for intervals). Each cluster is
    one voice at a target and never meets itself; voices that agree more weigh more (two rounds).
    """

    channel: str = "outsider"
    rounds: int = 2
    doubt: float = 0.5
    far: float = 3.0
    lost: float = 0.8

    def examine(self, evidence: Evidence) -> Findings:
        """Score how far each held source's agreement lies below the usual one."""
        rows = _rows(evidence)
        if rows is None:
            return NOTHING
        crowd = self._crowd(rows, len(evidence.sources))
        if crowd is None:
            return NOTHING
        held = evidence.held["source"].to_numpy()
        sources = np.unique(held).astype(np.int64)
        below = crowd.typical - crowd.kept
        unit = min(self.far * crowd.spread, self.lost * max(crowd.typical, crowd.spread))
        count = np.bincount(held, minlength=len(evidence.sources))
        shown = evidence.held["target"].to_numpy()
        lack = np.clip(crowd.room - crowd.got, 0.0, None)[: len(held)]
        away = lack / (1.0 + lack)

        def because(position: int) -> str:
            source = sources[position]
            return (
                f"agrees with the others {crowd.kept[source]:.0%} beyond chance over "
                f"{count[source]} events, {crowd.typical:.0%} is usual"
            )

        def examples(position: int) -> tuple[str, ...]:
            mine = np.flatnonzero(held == sources[position])
            worst = mine[np.argsort(-away[mine], kind="stable")[:3]]
            return tuple(evidence.targets[shown[row]] for row in worst)

        return Findings(
            sources=sources,
            scores=score_of(below[sources] / unit),
            because=because,
            examples=examples,
            events=away,
            event_because=lambda row: (
                f"differs from what the others say of {evidence.targets[shown[row]]}"
            ),
        )

    def _crowd(self, rows: _Rows, sources: int) -> _Crowd | None:
        weight = np.ones(sources)
        crowd = None
        for _ in range(self.rounds):
            crowd = self._agreement(rows, weight)
            if crowd is None:
                return None
            weight = np.clip(crowd.kept / max(crowd.typical, 1e-3), 0.05, 2.0)
        return crowd

    def _agreement(self, rows: _Rows, weight: Floats) -> _Crowd | None:
        """Compare every answer with the other voices at its target, each voice weighing once."""
        mine = weight[rows.source]
        share = mine / np.bincount(rows.voice)[rows.voice]
        voice = np.bincount(rows.voice, share)[rows.voice]
        others = np.maximum(np.bincount(rows.target, share)[rows.target] - voice, 0.0)
        same = np.bincount(rows.cell, share)[rows.cell]
        same = same - np.bincount(rows.answered, share)[rows.answered]
        agreed = (np.maximum(same, 0.0) + self.doubt * rows.base) / (others + self.doubt)
        valued = ~np.isnan(rows.value)
        if valued.any():
            value = np.where(valued, rows.value, 0.0)
            total = np.bincount(rows.target, share * value)[rows.target]
            total = total - np.bincount(rows.voice, share * value)[rows.voice]
            mean = (total + self.doubt * rows.middle) / (others + self.doubt)
            agreed = np.where(valued, 1.0 - (value - mean) ** 2, agreed)
        got = (agreed - rows.base) / rows.usual
        room = others / (others + self.doubt) * (1.0 - rows.base) / rows.usual
        return _settled(rows, got, room, len(weight))


def _settled(rows: _Rows, got: Floats, room: Floats, sources: int) -> _Crowd | None:
    """Shrink each source's agreement towards the typical one by how noisy an event is."""
    if room.sum() <= 0:
        return None
    count = np.bincount(rows.source, minlength=sources)
    gained = np.bincount(rows.source, got, sources)
    possible = np.bincount(rows.source, room, sources)
    typical = float(gained.sum() / possible.sum())
    left = got - typical * room
    own = np.bincount(rows.source, left, sources) / np.maximum(count, 1)
    noise = float(((left - own[rows.source]) ** 2).sum()) / max(len(got) - sources, 1)
    known = (count >= _LEAST_KNOWN) & (possible > 0)
    raw = gained[known] / possible[known]
    spread = 0.2 if len(raw) < _LEAST_KNOWN else 1.4826 * float(np.median(abs(raw - np.median(raw))))
    spread = max(spread, 0.05)
    typical_room = float(possible.sum()) / len(got)
    prior = float(np.clip(noise / typical_room**2 / spread**2, 2.0, 20.0)) * typical_room
    kept = (gained + prior * typical) / (possible + prior)
    return _Crowd(got, room, kept, typical, spread)


def _rows(evidence: Evidence) -> _Rows | None:
    frame = evidence.everything
    if not len(frame):
        return None
    source = frame["source"].to_numpy().astype(np.int64)
    target = frame["target"].to_numpy().astype(np.int64)
    answer = frame["answer"].to_numpy().astype(np.int64)
    value = frame["value"].to_numpy()
    group = _number(frame["kind"].cat.codes.to_numpy(), frame["scope"].cat.codes.to_numpy())
    voice = _number(target, evidence.cluster[source])
    cell = _number(target, answer)
    base, middle = _chance(group, cell, answer, target), np.zeros(len(frame))
    valued = ~np.isnan(value)
    if valued.any():
        known, of = value[valued], group[valued]
        size = np.maximum(np.bincount(of), 1)
        mean = np.bincount(of, known) / size
        variance = np.bincount(of, (known - mean[of]) ** 2) / size
        middle[valued] = mean[of]
        base[valued] = 1.0 - (known - mean[of]) ** 2 - variance[of]
    usual = np.bincount(group, 1.0 - base) / np.bincount(group)
    return _Rows(
        source=source,
        target=target,
        voice=voice,
        cell=cell,
        answered=_number(voice, answer),
        value=value,
        middle=middle,
        base=base,
        usual=np.maximum(usual, 1e-6)[group],
    )


def _chance(group: Ints, cell: Ints, answer: Ints, target: Ints) -> Floats:
    """Return how often a stranger would give the same answer.

    It is the answer's share in its group; for an answer that belongs to one target alone (a chosen
    text), one over the answers seen there, at least two.
    """
    said = _number(group, answer)
    share = np.bincount(said)[said] / np.bincount(group)[group]
    _, first = np.unique(cell, return_index=True)
    kinds = np.bincount(target[first], minlength=int(target.max()) + 1)[target]
    reach = np.bincount(said[first], minlength=int(said.max()) + 1)[said]
    chance: Floats = np.where(reach == 1, 1.0 / np.maximum(kinds, 2), share)
    return chance


def _number(left: Ints, right: Ints) -> Ints:
    """Number pairs of codes, densely."""
    left, right = left.astype(np.int64), right.astype(np.int64)
    codes, _ = pd.factorize(left * (int(right.max()) + 1) + right)
    return codes.astype(np.int64)


DETECTOR: Detector = Disagreement()
