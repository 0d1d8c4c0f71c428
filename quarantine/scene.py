"""What an attack plays in: genuine feedback in columns, what was judged, and who is bad after."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from quarantine.evidence import Flags, Floats, Ints

_WORD: Final = re.compile(r"\w+")
_SPOKEN_OF: Final = 2
"""An answer given at this many targets is one of a closed set, not a text of one target."""
_NAME: Final = ("producer", "kind", "scope", "target", "question")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What was judged: its text or prompt, the text of each option by answer, and its topic."""

    text: str = ""
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    topic: str = ""

    def words(self) -> frozenset[str]:
        """Return the words of the text and of all options, in small letters."""
        return frozenset(_WORD.findall(" ".join([self.text, *self.options.values()]).lower()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What an attack is told: how much, what for, and the seed of all its chance.

    `share` is of events where attackers take slots, of sources where they add profiles.
    """

    share: float = 0.05
    seed: int = 0
    aim: Literal["push", "nuke"] = "push"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Feedback in columns, a row an event, in order of arrival.

    `row` is the genuine event whose place the row takes (its kind, scope and target). `source`,
    `target` and `answer` are codes into the lists; `at` is µs since 1970 and means only an order
    where the scene is not `timed`. `worth` is what an answer is on its scale (0..1), NaN without
    one. `items` tells of targets by name, as far as anything is known.
    """

    row: Ints
    source: Ints
    target: Ints
    answer: Ints
    at: Ints
    sources: Sequence[str]
    targets: Sequence[str]
    answers: Sequence[str]
    worth: Floats
    items: Mapping[str, Item] = field(default_factory=lambda: MappingProxyType({}))
    timed: bool = True

    def ordered(self) -> Ints:
        """Return the rows' order of arrival; what came at once keeps its order."""
        return np.argsort(self.at, kind="stable").astype(np.int64)

    def at_rows(self, rows: Ints) -> Scene:
        """Return the same with these rows alone, in this order."""
        return replace(
            self,
            row=self.row[rows],
            source=self.source[rows],
            target=self.target[rows],
            answer=self.answer[rows],
            at=self.at[rows],
        )

    def closed(self) -> Ints:
        """Return the answers that are given at several targets: labels, places on a scale."""
        cells = np.unique(self.target * len(self.answers) + self.answer) % len(self.answers)
        return np.flatnonzero(np.bincount(cells, minlength=len(self.answers)) >= _SPOKEN_OF)

    def rated(self) -> bool:
        """Say whether every answer lies on a scale."""
        return len(self.answer) > 0 and not np.isnan(self.worth[self.answer]).any()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """A scene with its attackers, and the truth: `bad` by source, `poisoned` by row.

    A row is poisoned where the attack speaks, not where an attacker plays an honest part.
    """

    scene: Scene
    bad: Flags
    poisoned: Flags


class Attack(Protocol):
    """One way to poison feedback: pure, its chance is the order's seed, the same seed the same."""

    @property
    def joins(self) -> Literal["slots", "profiles"]:
        """Say whether attackers take slots of real rows, or add profiles of their own."""

    def refuses(self, scene: Scene) -> str:
        """Say why this cannot be played here; empty when it can."""

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Mix attackers into genuine feedback."""


def scene_of(events: pa.Table, items: Mapping[str, Item], *, timed: bool) -> Scene:
    """Make a scene of a table in `EVENT_SCHEMA`, row by row; `items` by target name."""
    coded = {name: _coded(events, name) for name in ("source", "answer", *_NAME)}
    target = np.zeros(events.num_rows, np.int64)
    for name in _NAME:
        target = pd.factorize(target * max(len(coded[name][1]), 1) + coded[name][0])[0]
    _, first = np.unique(target, return_index=True)
    named, words = coded["target"]
    answer, answers = coded["answer"]
    value = events.column("value").to_numpy().astype(np.float64)
    count = np.bincount(answer, minlength=len(answers))
    scaled = np.bincount(answer, np.where(np.isnan(value), 0.0, value), len(answers))
    unscaled = np.bincount(answer, np.isnan(value), len(answers)) > 0
    worth = np.where(unscaled | (count == 0), np.nan, scaled / np.maximum(count, 1))
    return Scene(
        row=np.arange(events.num_rows),
        source=coded["source"][0],
        target=target.astype(np.int64),
        answer=answer,
        at=events.column("arrived").to_numpy().astype(np.int64),
        sources=coded["source"][1],
        targets=[words[code] for code in named[first].tolist()],
        answers=answers,
        worth=worth,
        items=items,
        timed=timed,
    )


def events_of(scene: Scene, genuine: pa.Table) -> pa.Table:
    """Write a scene back into the columns of the genuine events that its rows stand on.

    Ids and log indexes are counted anew; where an answer is another than the row's was, the place
    it was shown at is that of the other option of two, and unknown among more.
    """
    table = genuine.take(pa.array(scene.row))
    told = pa.array(scene.answers).take(pa.array(scene.answer))
    same = pa.compute.equal(table.column("answer").cast(pa.string()), told).to_numpy()
    kept = np.isnan(scene.worth[scene.answer]) | same
    value = np.where(kept, table.column("value").to_numpy(), scene.worth[scene.answer])
    place = table.column("place").to_numpy().astype(np.float64)
    two = len(scene.closed()) == _SPOKEN_OF
    place = np.where(same, place, 1.0 - place if two else np.nan)
    made = {
        "index": np.arange(len(scene.row)),
        "id": pa.array([str(number) for number in range(len(scene.row))]),
        "source": pa.array(scene.sources).take(pa.array(scene.source)),
        "answer": told,
        "value": pa.array(value, pa.float64(), from_pandas=True),
        "place": pa.array(place, pa.float64(), from_pandas=True).cast(pa.int32()),
        "arrived": scene.at,
        "claimed": scene.at,
    }
    for name, column in made.items():
        field_ = table.schema.field(name)
        table = table.set_column(
            table.schema.get_field_index(name), field_, _as(pa.array(column), field_.type)
        )
    return table


def _as(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else column


def _coded(events: pa.Table, name: str) -> tuple[Ints, list[str]]:
    column = events.column(name).unify_dictionaries().combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    codes = column.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, column.dictionary.to_pylist()
