"""How well shilling profiles among real ratings are found: one Markdown table.

usage: python benchmarks/shilling.py --data DIR [--set NAME] [--out FILE] [--attacks NAME …]
                                     [--seeds N] [--shares S …] [--targets N]

DIR holds a folder a set with `events.csv.gz` of ratings, in the format `quarantine backtest` reads.
Each attack of the project that adds profiles is mixed in, to push and to nuke, at several shares of
the sources. Beside it in the same run: PCA-VarSelect (Mehta and Nejdl 2009), RDMA (rating deviation
from mean agreement, Chirita, Nejdl and Zamfir 2005), and a draw as the floor.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from poisoned import (  # noqa: E402  found by the line above
    Base,
    Figure,
    attacks,
    figure,
    judged,
    read_base,
    truth_of,
    with_attackers,
)

from quarantine.scene import Order, Scene  # noqa: E402

OURS = "**quarantine**"
FACTORS = 3
WORST, MARGIN = 0.50, 0.05
AIMS = ("push", "nuke")


def var_select(scene: Scene) -> np.ndarray:
    """Score by how little a source's standardised ratings lie in the first principal components."""
    ratings = np.full((len(scene.sources), len(scene.targets)), np.nan)
    ratings[scene.source, scene.target] = scene.worth[scene.answer]
    spread = np.nanstd(ratings, axis=1, keepdims=True)
    away = (ratings - np.nanmean(ratings, axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)
    known = np.nan_to_num(away)
    _, axes = np.linalg.eigh(known @ known.T)
    return -(axes[:, -FACTORS:] ** 2).sum(axis=1)


def rdma(scene: Scene) -> np.ndarray:
    """Score by the deviation from each target's mean over the number of its ratings."""
    worth, target, size = scene.worth[scene.answer], scene.target, len(scene.sources)
    count = np.bincount(target, minlength=len(scene.targets))
    mean = np.bincount(target, worth, len(count)) / np.maximum(count, 1)
    away = np.abs(worth - mean[target]) / count[target]
    events = np.maximum(np.bincount(scene.source, minlength=size), 1)
    return np.bincount(scene.source, away, size) / events


def drawn(scene: Scene) -> np.ndarray:
    """Score by a seeded draw."""
    return np.random.default_rng(0).random(len(scene.sources))


PEERS = {"PCA-VarSelect": var_select, "RDMA": rdma, "a draw (floor)": drawn}


@dataclass(frozen=True)
class Tried:
    """One attack at one share: figures by method; held attackers, all held, all attackers."""

    attack: str
    aim: str
    share: float
    figures: Mapping[str, Figure]
    held: tuple[int, int, int]


def try_attack(base: Base, name: str, order: Order, seeds: int, targets: int) -> Tried:
    """Mix one attack in with each seed and rank the sources by every method."""
    runs: dict[str, list[tuple[pd.Series, pd.Series]]] = {}
    counts = np.zeros(3, int)
    for seed in range(seeds):
        attack = replace(attacks()[name], targets=targets)
        mixed = attack.play(base.scene, replace(order, seed=seed))
        truth = truth_of(mixed)
        found = judged(base, with_attackers(base, mixed))
        ranked = {OURS: found["overall"]} | {
            peer: pd.Series(method(mixed.scene), index=mixed.scene.sources)
            for peer, method in PEERS.items()
        }
        held = found["alarm"].reindex(truth.index) > 0
        counts += [int(truth[held].sum()), int(held.sum()), int(truth.sum())]
        for method, scores in ranked.items():
            runs.setdefault(method, []).append((truth, scores))
    figures = {method: figure(each) for method, each in runs.items()}
    return Tried(name, order.aim, order.share, figures, (counts[0], counts[1], counts[2]))


def row_of(tried: Tried) -> str:
    """Return the table's row of one attack at one share."""
    ours = tried.figures[OURS]
    right, held, bad = tried.held
    low, high = ours.ap_95
    return (
        f"| {tried.attack}, {tried.aim}, {tried.share:.0%}"
        f" | {ours.ap:.3f} ({low:.3f} to {high:.3f}) | {ours.auc:.3f} | "
        + " | ".join(f"{tried.figures[peer].ap:.3f}" for peer in PEERS)
        + f" | {right} of {bad}, {held - right} | {'**below .50**' if ours.ap < WORST else ''} |"
    )


def summary_of(every: Sequence[Tried]) -> Iterator[str]:
    """Yield what the table comes to: the mean by method, the worst of ours, and the must."""
    mean = {m: float(np.mean([t.figures[m].ap for t in every])) for m in (OURS, *PEERS)}
    worst = min(every, key=lambda t: t.figures[OURS].ap)
    best = max(mean[peer] for peer in PEERS)
    yield "Mean average precision: " + ", ".join(f"{m} {ap:.3f}" for m, ap in mean.items()) + "."
    yield (
        f"Worst of ours: {worst.attack}, {worst.aim}, {worst.share:.0%}:"
        f" {worst.figures[OURS].ap:.3f}. Above the best peer's mean by {mean[OURS] - best:.3f}"
        f" ({MARGIN} is asked), none below {WORST}:"
        f" {'yes' if worst.figures[OURS].ap >= WORST else '**no**'}."
    )


def main() -> None:
    """Try every attack that adds profiles; print the table as it comes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", default="filmtrust")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--attacks", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--shares", nargs="*", type=float, default=[0.01, 0.03, 0.05, 0.10])
    parser.add_argument("--targets", type=int, default=1)
    asked = parser.parse_args()
    base = read_base(asked.data / asked.set)
    lines = [
        f"# Shilling profiles among real ratings ({asked.set})",
        "",
        f"{asked.targets} target(s), {asked.seeds} seeds, shares of the genuine sources; a cold",
        "start without times. Average precision with 95 % intervals, AUC, the peers' average",
        "precision, and who is held: attackers held of all, then genuine sources held.",
        "",
        "| attack | AP (95 %) | AUC | " + " | ".join(PEERS) + " | held, wrongly | |",
        "|---|---|---|" + "---|" * len(PEERS) + "---|---|",
    ]
    print("\n".join(lines), flush=True)
    every, began = [], perf_counter()
    for name, attack in attacks().items():
        if attack.joins != "profiles" or (asked.attacks and name not in asked.attacks):
            continue
        for aim in AIMS:
            for share in asked.shares:
                order = Order(share=share, aim=aim)
                every.append(try_attack(base, name, order, asked.seeds, asked.targets))
                lines.append(row_of(every[-1]))
                print(lines[-1], flush=True)
    end = ["", *summary_of(every), f"{perf_counter() - began:.0f} s in all."]
    print("\n".join(end))
    if asked.out:
        asked.out.write_text("\n".join([*lines, *end, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
