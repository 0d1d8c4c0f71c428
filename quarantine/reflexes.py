"""Rules that can be followed without reading: a place, a length, one answer to all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.evidence import Evidence, Flags, Floats, Ints
from quarantine.others import Rows, expected
from quarantine.safe import safe

_ANSWERS: Final = 12
"""So many of the most usual answers are looked at as a constant answer."""
_LENGTHS: Final = 2
"""So many of them are looked at as the answer to long texts."""
_SPARSE: Final = 8
"""So many cells an event are marked; where there could be more, those that are there are sorted."""
_HINT: Final = 2.9
"""Nats that are no alarm however many sources there are: about even odds."""


@dataclass(frozen=True, slots=True)
class Reflex:
    """A rule: the rows it is about, which follow it (`did`), and how often an honest other would.

    `most` bounds the nats that it can be worth.
    """

    name: str
    among: Flags
    did: Flags
    chance: Floats
    most: float = np.inf


def reflexes(evidence: Evidence, rows: Rows) -> list[Reflex]:
    """Return the rules that something held can follow."""
    constants = _constants(evidence, rows)
    found = [
        *_places(evidence, rows),
        *_lengths(evidence, rows),
        *constants,
        *_by_length(evidence, rows, constants[:_LENGTHS]),
    ]
    return [each for each in found if each.among[: rows.held].any()]


def _told(name: str, rows: Rows, among: Flags, did: Flags) -> Reflex:
    return Reflex(name, among, did & among, expected(rows, did, among))


def _places(evidence: Evidence, rows: Rows) -> list[Reflex]:
    """Return the rules of place; who reads chooses what others choose, wherever it stood."""
    place = evidence.everything["place"].to_numpy()
    among = ~np.isnan(place)
    if not among.any():
        return []
    first = among & (place == 0.0)
    same = _same(rows, among)
    chance = np.where(first, same, 1.0 - same)
    return [
        Reflex("chose what was shown first", among, first, chance),
        Reflex("chose what was not shown first", among, among & ~first, 1.0 - chance),
    ]


def _same(rows: Rows, among: Flags) -> Floats:
    """Return, by row, how probable its answer is, given what the other voices there chose."""
    others = rows.others(among.astype(np.float64))
    cell = rows.cell
    said = np.bincount(cell, rows.share * among)[cell]
    mine = rows.mine(np.ones(len(rows.source)))
    return np.asarray(
        np.clip((np.maximum(said - mine, 0.0) + 1.0) / (others + 2.0), 0.05, 0.95), np.float64
    )


def _lengths(evidence: Evidence, rows: Rows) -> list[Reflex]:
    frame, size = evidence.everything, np.append(evidence.texts.characters, 0)
    chosen, other = frame["chosen"].to_numpy(), frame["other"].to_numpy()
    among = (chosen >= 0) & (other >= 0) & (size[chosen] != size[other])
    if not among.any():
        return []
    longer = size[chosen] > size[other]
    return [
        _told("chose the longer text", rows, among, longer),
        _told("chose the shorter text", rows, among, ~longer),
    ]


def _constants(evidence: Evidence, rows: Rows) -> list[Reflex]:
    """Return the rules "always this answer" for the usual answers of closed sets.

    On a scale some honest people rate all alike: that is a hint and no alarm.
    """
    reach = _reach(rows, len(evidence.answers), len(evidence.targets) + 1)
    often = np.bincount(rows.answer, minlength=len(evidence.answers))
    closed = np.flatnonzero(reach > 1)
    usual = closed[np.argsort(-often[closed], kind="stable")][:_ANSWERS]
    among = (reach > 1)[rows.answer]
    scaled = bool(evidence.everything["value"].notna().any())
    return [
        Reflex(
            name=f"answered {safe(evidence.answers[code], 40)}",
            among=among,
            did=rows.answer == code,
            chance=expected(rows, rows.answer == code, among),
            most=_HINT if scaled else np.inf,
        )
        for code in usual.tolist()
    ]


def _reach(rows: Rows, answers: int, targets: int) -> Ints:
    """Return at how many targets each answer is given."""
    cell = rows.answer * targets + rows.target
    if answers * targets <= _SPARSE * len(cell):
        given = np.zeros(answers * targets, np.bool_)
        given[cell] = True
        return np.asarray(given.reshape(answers, targets).sum(axis=1), np.int64)
    # Of answers that are texts nearly each stands at one target: too many cells to mark.
    return np.bincount(np.unique(cell) // targets, minlength=answers).astype(np.int64)


def _by_length(evidence: Evidence, rows: Rows, constants: Sequence[Reflex]) -> list[Reflex]:
    """Return the rules "this answer to the long texts, and only to them", for lone texts."""
    frame, size = evidence.everything, np.append(evidence.texts.characters, 0)
    asked = frame["asked"].to_numpy()
    alone = (asked >= 0) & (frame["chosen"].to_numpy() < 0)
    if not alone.any():
        return []
    long = size[asked] > np.median(size[asked][alone])
    return [
        _told(f"{rule.name} to the long texts only", rows, rule.among & alone, rule.did == long)
        for rule in constants
    ]
