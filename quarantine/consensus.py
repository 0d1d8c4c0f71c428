"""What the others say: leave-one-out agreement corrected for chance, each cluster one voice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from quarantine.evidence import Evidence, Floats, Ints
from quarantine.overlap import number

DOUBT: Final = 0.5
"""How many strangers' voices every target starts with: what one other voice proves is halved."""
_ROUNDS: Final = 2
_LEAST_KNOWN: Final = 10
"""Sources with this many events say how much honest sources differ from each other."""
_UNKNOWN_SPREAD: Final = 0.2


@dataclass(frozen=True, slots=True)
class Rows:
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
class Crowd:
    """What agreement is like here.

    By row (held, then released): `got` is the agreement beyond chance, `room` the most that was
    possible given how many others spoke. By source: `kept`, the shrunk agreement, 1 being full and
    0 chance, and how much of that is its own (`known`, 0..1). Overall: what is `typical`, and the
    `spread` between sources that are well known.
    """

    got: Floats
    room: Floats
    kept: Floats
    known: Floats
    typical: float
    spread: float


def consensus(evidence: Evidence) -> Crowd | None:
    """Compare every answer with the other voices at its target; absent when nobody meets anybody.

    Labels, preferences and ratings share one scale: 0 is what chance gives, 1 is full agreement
    (Cohen 1960; for values, squared distance as in Krippendorff's alpha for intervals). Each
    cluster is one voice at a target and never meets itself; voices that agree more weigh more.
    """
    rows = _rows(evidence)
    if rows is None:
        return None
    weight = np.ones(len(evidence.sources))
    crowd = None
    for _ in range(_ROUNDS):
        crowd = _agreement(rows, weight)
        if crowd is None:
            return None
        weight = np.clip(crowd.kept / max(crowd.typical, 1e-3), 0.05, 2.0)
    return crowd


def on_scale(evidence: Evidence) -> Evidence:
    """Return the evidence without what has no value, in all frames."""
    held, released, beside = (
        frame[frame["value"].notna()].reset_index(drop=True) if len(frame) else frame
        for frame in (evidence.held, evidence.released, evidence.beside)
    )
    return replace(evidence, held=held, released=released, beside=beside, dealt=None)


def _agreement(rows: Rows, weight: Floats) -> Crowd | None:
    """Compare every answer with the other voices at its target, each voice weighing once."""
    mine = weight[rows.source]
    share = mine / np.bincount(rows.voice)[rows.voice]
    voice = np.bincount(rows.voice, share)[rows.voice]
    others = np.maximum(np.bincount(rows.target, share)[rows.target] - voice, 0.0)
    same = np.bincount(rows.cell, share)[rows.cell]
    same = same - np.bincount(rows.answered, share)[rows.answered]
    agreed = (np.maximum(same, 0.0) + DOUBT * rows.base) / (others + DOUBT)
    valued = ~np.isnan(rows.value)
    if valued.any():
        value = np.where(valued, rows.value, 0.0)
        total = np.bincount(rows.target, share * value)[rows.target]
        total = total - np.bincount(rows.voice, share * value)[rows.voice]
        mean = (total + DOUBT * rows.middle) / (others + DOUBT)
        agreed = np.where(valued, 1.0 - (value - mean) ** 2, agreed)
    got = (agreed - rows.base) / rows.usual
    room = others / (others + DOUBT) * (1.0 - rows.base) / rows.usual
    return _settled(rows, got, room, len(weight))


def _settled(rows: Rows, got: Floats, room: Floats, sources: int) -> Crowd | None:
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
    spread = (
        _UNKNOWN_SPREAD
        if len(raw) < _LEAST_KNOWN
        else 1.4826 * float(np.median(abs(raw - np.median(raw))))
    )
    spread = max(spread, 0.05)
    typical_room = float(possible.sum()) / len(got)
    prior = float(np.clip(noise / typical_room**2 / spread**2, 2.0, 20.0)) * typical_room
    kept = (gained + prior * typical) / (possible + prior)
    return Crowd(got, room, kept, possible / (possible + prior), typical, spread)


def _rows(evidence: Evidence) -> Rows | None:
    frame = evidence.everything
    if not len(frame):
        return None
    source = frame["source"].to_numpy().astype(np.int64)
    target = frame["target"].to_numpy().astype(np.int64)
    answer = frame["answer"].to_numpy().astype(np.int64)
    value = frame["value"].to_numpy()
    group = number(
        frame["kind"].cat.codes.to_numpy().astype(np.int64),
        frame["scope"].cat.codes.to_numpy().astype(np.int64),
    )
    voice = number(target, evidence.cluster[source])
    cell = number(target, answer)
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
    return Rows(
        source=source,
        target=target,
        voice=voice,
        cell=cell,
        answered=number(voice, answer),
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
    said = number(group, answer)
    share = np.bincount(said)[said] / np.bincount(group)[group]
    first = np.empty(int(cell.max()) + 1, np.int64)
    # Written backwards, the first row of a cell is the one that stays.
    first[cell[::-1]] = np.arange(len(cell) - 1, -1, -1)
    kinds = np.bincount(target[first], minlength=int(target.max()) + 1)[target]
    reach = np.bincount(said[first], minlength=int(said.max()) + 1)[said]
    chance: Floats = np.where(reach == 1, 1.0 / np.maximum(kinds, 2), share)
    return chance
