"""Pairs of answers with a choice: read from a set, planted with triggers."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from quarantine.writing import coined
from service.redteam.pairs import ANSWERS, Pair

SOURCES = 120


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
