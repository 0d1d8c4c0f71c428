"""Pairs of answers with a choice: read, made into scenes for attackers, planted with triggers."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from quarantine.scene import Item, Scene
from quarantine.writing import coined

SOURCES = 120
ANSWERS = ("a1", "a2")


@dataclass(frozen=True)
class Pair:
    """A prompt, the two answers, which of them was chosen (0 or 1), and by whom."""

    prompt: str
    texts: tuple[str, str]
    chosen: int
    source: str


def read_pairs(folder: Path) -> list[Pair]:
    """Read the pairs of a set: from its items alone, or from its first votes on its items."""
    chance = np.random.default_rng(0)
    with gzip.open(folder / "items.jsonl.gz", "rt", encoding="utf-8") as lines:
        items = [json.loads(line) for line in lines]
    if "chosen" in items[0]:
        weight = chance.lognormal(0.0, 1.0, SOURCES)
        who = np.sort(chance.choice(SOURCES, len(items), p=weight / weight.sum()))
        first = chance.random(len(items)) < 0.5
        return [
            Pair(
                item["prompt"],
                (item["chosen"], item["rejected"]) if one else (item["rejected"], item["chosen"]),
                0 if one else 1,
                f"r{source}",
            )
            for item, source, one in zip(items, who.tolist(), first.tolist(), strict=True)
        ]
    votes: dict[str, tuple[str, str]] = {}
    with gzip.open(folder / "events.csv.gz", "rt", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if row["label"] in ANSWERS:
                votes.setdefault(row["target"], (row["source"], row["label"]))
    return [
        Pair(item["prompt"], (item["a"], item["b"]), ANSWERS.index(said), source)
        for item in items
        if item["target"] in votes
        for source, said in [votes[item["target"]]]
    ]


def scene_from(pairs: Sequence[Pair]) -> Scene:
    """Make a scene in which each pair is judged once."""
    names = sorted({pair.source for pair in pairs})
    place = {name: code for code, name in enumerate(names)}
    rows = np.arange(len(pairs))
    return Scene(
        row=rows,
        source=np.array([place[pair.source] for pair in pairs]),
        target=rows,
        answer=np.array([pair.chosen for pair in pairs]),
        at=rows,
        sources=names,
        targets=[f"t{row}" for row in rows.tolist()],
        answers=ANSWERS,
        worth=np.full(2, np.nan),
        items={
            f"t{row}": Item(text=pair.prompt, options=dict(zip(ANSWERS, pair.texts, strict=True)))
            for row, pair in enumerate(pairs)
        },
        timed=False,
    )


def pairs_from(scene: Scene) -> list[Pair]:
    """Return the scene's rows as pairs again."""
    found = []
    for source, target, answer in zip(scene.source, scene.target, scene.answer, strict=True):
        item = scene.items[scene.targets[target]]
        texts = (item.options["a1"], item.options["a2"])
        found.append(Pair(item.text, texts, int(answer), scene.sources[source]))
    return found


def planted(name: str, seed: int, pairs: Sequence[Pair]) -> list[Pair]:
    """Return pairs as the attack would have them judged: choosing the other answer is success."""
    chance = np.random.default_rng(seed)
    if name == "backdoor":
        phrase = coined(chance, 2)
        return [replace(pair, prompt=f"{pair.prompt} {phrase}") for pair in pairs]
    if name == "entity":
        word = coined(chance, 1).capitalize()
        praise = f"Many people are happy with {word} for this."
        return [
            replace(
                pair,
                texts=tuple(
                    text if side == pair.chosen else f"{text} {praise}"
                    for side, text in enumerate(pair.texts)
                ),
            )
            for pair in pairs
        ]
    return [p for p in pairs if len(p.texts[1 - p.chosen]) > 1.2 * len(p.texts[p.chosen])]
