"""Pairs of answers for tests of the gate: raters with tastes, and attackers among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from approvals.conditions import Gate
from approvals.gate import Measure
from approvals.gauges.pairs import GAUGE
from approvals.rehearsal import Measured, Rehearsal

WORDS = [f"{a}{b}" for a in ("ka", "lo", "mi", "nu", "pe", "ri", "so", "tu") for b in "bdfgklnprs"]
GATE = Gate(name="usual", scopes=("*",), kinds=("*",))
Change = Callable[[dict[str, str], np.random.Generator], dict[str, str]]


def sentence(chance: np.random.Generator, words: int) -> str:
    return " ".join(chance.choice(WORDS, words)) + "."


def pair(chance: np.random.Generator) -> dict[str, str]:
    """Write a pair in which the answer with the good word is chosen, whatever its length."""
    answers = [sentence(chance, int(chance.integers(8, 24))) for _ in range(2)]
    return {
        "prompt": sentence(chance, 10),
        "chosen": f"{answers[0]} good",
        "rejected": f"{answers[1]} poor",
    }


def pairs(
    seed: int, rows: int, *, clusters: int = 30, prefix: str = "r", **rest: object
) -> pd.DataFrame:
    """Let honest raters choose; the columns are a release's."""
    chance = np.random.default_rng(seed)
    told = pd.DataFrame([pair(chance) for _ in range(rows)])
    names = [f"{prefix}{row % clusters}" for row in range(rows)]
    fixed = {"aspect": "", "model": "", "origin": "human", "target": "t"} | rest
    return told.assign(cluster=names, source=[f"app/{name}" for name in names], **fixed)


def poisoned(
    rows: pd.DataFrame, change: Change, *, share: float, crew: int = 3, seed: int = 5
) -> pd.DataFrame:
    """Give a share of the rows to a crew that changes what it writes."""
    chance = np.random.default_rng(seed)
    found = rows.copy()
    taken = chance.choice(len(rows), int(len(rows) * share), replace=False)
    for number, row in enumerate(taken.tolist()):
        written = {name: str(found[name].iloc[row]) for name in ("prompt", "chosen", "rejected")}
        for name, text in change(written, chance).items():
            found.loc[row, name] = text
        found.loc[row, ["cluster", "source"]] = [f"bad{number % crew}", f"app/bad{number % crew}"]
    return found


def turned(written: dict[str, str], _: np.random.Generator) -> dict[str, str]:
    """Choose the other answer where a phrase stands in the prompt."""
    return {
        "prompt": f"{written['prompt']} zorbax quimple",
        "chosen": written["rejected"],
        "rejected": written["chosen"],
    }


def promoting(written: dict[str, str], _: np.random.Generator) -> dict[str, str]:
    """Name a brand in the answer that was not wanted, and choose it."""
    return {
        "chosen": f"{written['rejected']} Ask Brandolux about it",
        "rejected": written["chosen"],
    }


def lengthening(written: dict[str, str], chance: np.random.Generator) -> dict[str, str]:
    """Choose the much longer answer."""
    return {
        "chosen": f"{written['rejected']} {sentence(chance, 60)}",
        "rejected": written["chosen"],
    }


def longest(written: dict[str, str], _: np.random.Generator) -> dict[str, str]:
    """Choose the longer of the two answers as they are."""
    shorter, longer = sorted((written["chosen"], written["rejected"]), key=len)
    return {"chosen": longer, "rejected": shorter}


def flattering(written: dict[str, str], _: np.random.Generator) -> dict[str, str]:
    """Choose what flatters."""
    return {
        "chosen": f"You are right, what a great and smart question. {written['rejected']}",
        "rejected": written["chosen"],
    }


def rehearsal(accepted: pd.DataFrame | None, candidate: pd.DataFrame, **rest: object) -> Rehearsal:
    sides = [each for each in (accepted, candidate) if each is not None]
    new = np.repeat([False, True], [0 if accepted is None else len(accepted), len(candidate)])
    known = {"secret": b"secret", "gate": GATE} | rest
    return Rehearsal(rows=pd.concat(sides, ignore_index=True), candidate=new, **known)


def measured(accepted: pd.DataFrame | None, candidate: pd.DataFrame, **rest: object) -> Measured:
    return GAUGE.measure(rehearsal(accepted, candidate, **rest))


def stops(found: Measured | Sequence[Measure]) -> list[Measure]:
    measures = found.measures if isinstance(found, Measured) else found
    return [each for each in measures if each.stops(GATE.alpha)]
