"""Pairs through the behaviour gate: what it measures, and what leaves once it was listened to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from approvals.canaries import chance_of
from approvals.conditions import Gate
from approvals.gate import Measure
from approvals.gauges.pairs import GAUGE
from approvals.rehearsal import Rehearsal
from approvals.support import as_written
from quarantine.normal import normal
from quarantine.texts import parted, split
from service.redteam.pairs import Pair

GATE = Gate(name="usual", scopes=("*",), kinds=("preference",))
ROUNDS = 4
"""So often at most people ask again for a release that was stopped."""


def rows_of(pairs: Sequence[Pair]) -> pd.DataFrame:
    """Spell pairs in the columns of a release."""
    return pd.DataFrame(
        {
            "prompt": [pair.prompt for pair in pairs],
            "chosen": [pair.texts[pair.chosen] for pair in pairs],
            "rejected": [pair.texts[1 - pair.chosen] for pair in pairs],
            "cluster": [pair.source for pair in pairs],
            "source": [f"app/{pair.source}" for pair in pairs],
            "target": [f"t{row}" for row in range(len(pairs))],
            "aspect": None,
        }
    )


def measured(accepted: Sequence[Pair], candidate: Sequence[Pair], secret: bytes) -> list[Measure]:
    """Run the gate over pairs."""
    rows = pd.concat([rows_of(accepted), rows_of(candidate)], ignore_index=True)
    new = np.repeat([False, True], [len(accepted), len(candidate)])
    return GAUGE.measure(Rehearsal(rows=rows, candidate=new, secret=secret, gate=GATE)).measures


@dataclass(frozen=True)
class Listened:
    """What leaves after the gate: at first (nothing where it was stopped), and in the end.

    `first` and `last` are flags by pair; a release that was stopped to the last leaves nothing.
    """

    first: np.ndarray
    last: np.ndarray
    stops: tuple[str, ...]


def listened(pairs: Sequence[Pair], kept: np.ndarray, secret: bytes) -> Listened:
    """Ask for a first release of the `kept` pairs; leave out what stopped it, and ask again.

    As people do with the report: rows that have the phrase it names, or are of the cluster it
    names. The gate reads as many rows as a policy has it read, drawn by the secret.
    """
    first, stops = np.zeros(len(kept), bool), []
    for round_ in range(ROUNDS):
        rows = np.flatnonzero(kept)
        chance = chance_of(secret, f"rows {round_}")
        read = np.sort(chance.permutation(rows)[: GATE.rows])
        found = measured([], [pairs[row] for row in read.tolist()], secret)
        stopping = [each for each in found if each.stops(GATE.alpha)]
        if not stopping:
            return Listened(kept if not round_ else first, kept, tuple(stops))
        stops += [each.looked for each in stopping]
        kept = kept & ~_named(pairs, stopping)
    return Listened(first, np.zeros(len(kept), bool), tuple(stops))


def _named(pairs: Sequence[Pair], stopping: Sequence[Measure]) -> np.ndarray:
    """Say which pairs a report names: by a phrase that stands in them, or by their cluster."""
    found = np.zeros(len(pairs), bool)
    for each in stopping:
        if each.looked == "catchword":
            words = parted([normal(word) for word in split(each.what)]).to_pylist()
            wanted = [part for parts in words for part in parts]
            found |= [any(_has(text, wanted) for text in _place(pair, each)) for pair in pairs]
        elif each.looked == "cluster":
            found |= [f": {pair.source} alone pulls" in each.because for pair in pairs]
    return found


def _place(pair: Pair, each: Measure) -> Sequence[str]:
    return [pair.prompt] if each.group == "prompts" else pair.texts


def _has(text: str, wanted: Sequence[str]) -> bool:
    plain = normal(text)
    return all(word in plain for word in wanted) and bool(as_written(text, wanted))
