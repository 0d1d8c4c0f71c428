"""What a shadow copy is about, and what its rows say in words once attackers have taken them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from quarantine.evidence import Codes, Flags, Ints
from quarantine.known import Known
from quarantine.scene import Item, Scene
from quarantine.wording import COLUMNS, Wording

_SEVERAL: Final = 2
"""A pair of texts that so many speak of was not written for one of them."""
_MOST: Final = 20_000
"""Of so many targets the texts are read at most, the first to come: each is read from the store."""


@dataclass(frozen=True, slots=True)
class Described(Mapping[str, Item]):
    """What is known of the targets of a scene, by name; texts are read when somebody asks.

    Options are told of targets that several rows speak of: no attacker wrote those.
    """

    known: Known
    asked: Mapping[str, int]
    options: Mapping[str, Mapping[str, int]]

    def __getitem__(self, name: str) -> Item:
        """Return what was judged; raises `KeyError` where nothing is known of it."""
        read, topic = self.known.wording.texts.read, self.known.topics.get(name, "")
        if name not in self.asked and not topic:
            raise KeyError(name)
        options = {said: read(code) for said, code in self.options.get(name, {}).items()}
        code = self.asked.get(name, -1)
        return Item(text=read(code) if code >= 0 else "", options=options, topic=topic)

    def __contains__(self, name: object) -> bool:
        """Say whether anything is known of a target, without reading it."""
        return name in self.asked or name in self.known.topics

    def __iter__(self) -> Iterator[str]:
        """Return the names of all targets that something is known of."""
        return iter(dict.fromkeys([*self.asked, *self.known.topics]))

    def __len__(self) -> int:
        """Return the number of targets that something is known of."""
        return len(dict.fromkeys([*self.asked, *self.known.topics]))


def described(scene: Scene, events: pa.Table, known: Known) -> Described:
    """Return what is known of the targets of a scene, which was made of `events`, row by row."""
    words = known.wording.at(events.column("index").to_numpy())
    asked, chosen = words["asked"], words["chosen"]
    size = np.bincount(scene.target, minlength=len(scene.targets))
    told = np.flatnonzero(asked >= 0)
    spoken = np.flatnonzero((chosen >= 0) & (size[scene.target] >= _SEVERAL))
    options: dict[str, dict[str, int]] = {}
    for row in _firsts(scene, spoken).tolist():
        name = scene.targets[int(scene.target[row])]
        options.setdefault(name, {})[scene.answers[int(scene.answer[row])]] = int(chosen[row])
    _, first = np.unique(scene.target[told], return_index=True)
    return Described(
        known=known,
        asked={
            scene.targets[int(scene.target[row])]: int(asked[row]) for row in told[first][:_MOST]
        },
        options=options,
    )


def _firsts(scene: Scene, rows: Ints) -> Ints:
    """Return of these rows the first with each answer to each target."""
    _, first = np.unique(
        scene.target[rows] * len(scene.answers) + scene.answer[rows], return_index=True
    )
    return rows[first]


def reworded(
    wording: Wording, before: Scene, after: Scene, *, genuine: pa.Table, shadow: pa.Table
) -> Wording:
    """Return the wording of a shadow's rows beside that of all other events.

    `before` was made of `genuine`, row by row; `after`, with attackers in it, is `shadow`. A row
    that answers as it did says what it said. One that answers something else speaks for the text
    that this answer names at its target, as far as anybody gave it there; where nobody did, and
    the answer names a text anywhere, for the other of two. What was held at the indexes that the
    shadow takes is forgotten: it is not in the copy.
    """
    if not len(wording.index) or not shadow.num_rows:
        return wording
    index = shadow.column("index").to_numpy()
    kept = int(np.searchsorted(wording.index, index[0]))
    said = wording.at(genuine.column("index").to_numpy())
    here = {name: column[after.row] for name, column in said.items()}
    turned = np.flatnonzero(after.answer != before.answer[after.row])
    here |= _turned(before, after, said, turned)
    return Wording(
        wording.texts,
        np.concatenate([wording.index[:kept], index]),
        {name: np.concatenate([wording.columns[name][:kept], here[name]]) for name in COLUMNS},
        wording.models,
    )


def _turned(
    before: Scene, after: Scene, said: Mapping[str, Codes], turned: Ints
) -> Mapping[str, Codes]:
    """Return the columns of what is spoken for and against, where `turned` rows speak anew."""
    chosen, other = said["chosen"], said["other"]
    width = len(after.answers)
    cells, first = np.unique(before.target * width + before.answer, return_index=True)
    mine = after.target[turned] * width + after.answer[turned]
    place = np.minimum(np.searchsorted(cells, mine), len(cells) - 1)
    given: Flags = cells[place] == mine
    naming = np.bincount(before.answer, chosen >= 0, width) > 0
    speaks: Flags = naming[after.answer[turned]]
    found = {}
    for name, role, against in (("chosen", chosen, other), ("other", other, chosen)):
        column = role[after.row].copy()
        swapped = np.where(speaks, against[after.row[turned]], np.int32(-1))
        column[turned] = np.where(given, role[first[place]], swapped)
        found[name] = column
    return found
