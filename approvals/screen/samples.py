"""Five events that say most: the two weightiest, a random, a nearest and a most flagged one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from approvals.screen.marks import code_points, marks
from approvals.screen.model import SAMPLES, Sample
from approvals.screen.voices import Voices
from quarantine.envelope import opened
from quarantine.evidence import Floats, Ints
from quarantine.model import Data, Held, SourceKey
from quarantine.safe import safe

_LONGEST: Final = 600
_SHORTEST_TEXT: Final = 24
"""A field this short is said in the first line of a sample; longer ones are its text."""

Look = Callable[[Sequence[int]], Mapping[int, Held]]
"""What returns the events at log indexes (rising), whole."""


def chosen(voices: Voices, rows: Ints, examples: Iterable[str]) -> list[tuple[str, int]]:
    """Choose up to five of `rows`, each once, with why; `examples` are targets that were flagged.

    Nobody outside can tell which the random one will be: it hangs on `voices.seed`.
    """
    if not len(rows):
        return []
    flagged = _flagged(voices, rows, frozenset(examples))
    near = voices.near[rows]
    trusted = not np.isnan(near).all()
    wanted = (
        ("weightiest", -voices.pull[rows]),
        ("weightiest", -voices.pull[rows]),
        ("random", _draw(voices, rows)),
        ("nearest to trusted" if trusted else "nearest to others", near if trusted else None),
        ("most flagged", -flagged),
    )
    taken: list[tuple[str, int]] = []
    for why, rank in wanted:
        ranked = voices.away[rows] if rank is None else rank
        left = [row for row in _best(rows, ranked) if row not in {row for _, row in taken}]
        taken += [(why, row) for row in left[:1]]
    return taken


def following(voices: Voices, rows: Ints, taken: Sequence[int], page: int) -> list[tuple[str, int]]:
    """Return the `page`-th further five (from 1), in an order nobody outside can foresee."""
    drawn = [int(row) for row in rows[np.argsort(_draw(voices, rows), kind="stable")]]
    left = [row for row in drawn if row not in set(taken)]
    return [("more", row) for row in left[(page - 1) * SAMPLES : page * SAMPLES]]


def shown(
    held: Look, voices: Voices, picked: Sequence[tuple[str, int]], *, named: bool = False
) -> tuple[Sample, ...]:
    """Make the picked rows, read whole by `held`, ready to be shown; `named`: with their source."""
    bodies = held(sorted(int(voices.index[row]) for _, row in picked))
    return tuple(
        _sample(voices, row, why, bodies[int(voices.index[row])], named=named)
        for why, row in picked
        if int(voices.index[row]) in bodies
    )


def _best(rows: Ints, rank: Floats) -> Iterator[int]:
    """Yield rows by rank, lowest first; those without one last."""
    order = np.argsort(np.nan_to_num(rank, nan=np.inf), kind="stable")
    yield from (int(row) for row in rows[order[: 2 * SAMPLES]])


def _draw(voices: Voices, rows: Ints) -> Floats:
    draws = [
        int.from_bytes(hashlib.sha256(voices.seed + b"%d" % index).digest()[:6], "big")
        for index in voices.index[rows].tolist()
    ]
    return np.asarray(draws, np.float64)


def _flagged(voices: Voices, rows: Ints, examples: frozenset[str]) -> Floats:
    """Return how bad each row looks: those about a flagged target first, then those far away."""
    targets = voices.evidence.targets
    named = [float(targets[code] in examples) for code in voices.target[rows].tolist()]
    return np.asarray(np.nan_to_num(voices.away[rows]) + named, np.float64)


def _sample(voices: Voices, row: int, why: str, held: Held, *, named: bool) -> Sample:
    event, data = opened(held.body)
    facts, texts = _words(data)
    who = f"{SourceKey(held.producer, held.source)} on " if named else ""
    whole = f"{who}{event.subject}\n{facts}\n{texts}"
    return Sample(
        row=held.index,
        why=why,
        about=safe(f"{who}{event.subject}", 160),
        says=safe(facts, 120),
        others=safe(_others(voices, row)),
        before=safe(_before(voices, row)),
        text=safe(texts, _LONGEST),
        marks=marks(whole),
        hidden=code_points(whole),
    )


def _words(data: Data) -> tuple[str, str]:
    """Return what is short to say, and the longer texts, each with its field's name."""
    short, long = [], []
    for name, value in data.model_dump(exclude_none=True).items():
        said = " | ".join(map(str, value)) if isinstance(value, list) else _spelled(value)
        if len(said) <= _SHORTEST_TEXT and name not in {"text", "item"}:
            short.append(f"{name} {said}")
        else:
            long.append(f"{name}: {said}")
    return ", ".join(short), " · ".join(long)


def _spelled(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _others(voices: Voices, row: int) -> str:
    count, away = int(voices.others[row]), float(voices.away[row])
    if not count:
        return "no other voice speaks of it"
    if np.isnan(voices.value[row]) or np.isnan(voices.level[row]):
        return f"{1 - away:.0%} of what {count} other voices say is the same"
    level = f"{voices.level[row]:.2f} on 0..1, this {voices.value[row]:.2f}"
    return f"{count} other voice{'s' if count > 1 else ''}: {level}"


def _before(voices: Voices, row: int) -> str:
    """Say what the same source said of the same target in what was approved, where it did."""
    own = voices.rows_by(int(voices.source[row]))
    left = own[(voices.target[own] == voices.target[row]) & voices.released[own]]
    if not len(left):
        return ""
    code = int(voices.answer[left[-1]])
    kept = code == int(voices.answer[row])
    answer = voices.evidence.answers[code]
    return "as approved before" if kept else f"approved before: {answer}"
