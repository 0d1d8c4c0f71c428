"""How well attackers are found who take slots among real labels: one Markdown table.

usage: python benchmarks/injection.py --data DIR [--out FILE] [--sets NAME …] [--attacks NAME …]
                                      [--seeds N] [--share S]

DIR holds a folder a set with `events.csv.gz` and, where there are such, `items.jsonl.gz` and
`gold.csv`, in the format that `quarantine backtest` reads. Each attack of the project that takes
slots is mixed in with several seeds: attackers take the places of real rows, so that they add no
votes. The items are given; in the rows "with gold" the right answers to a fifth of the targets too
(of `gold.csv`, else what most genuine voices say). Peers see the same rows. The floor is a draw.
Goals are in the table; what misses one says so, and a ranking below chance is called inverted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from peers import PEERS, frame_of  # noqa: E402  found by the line above
from poisoned import (  # noqa: E402
    Base,
    Figure,
    attacks,
    figure,
    judged,
    read_base,
    truth_of,
    with_attackers,
)

from quarantine.scene import Order  # noqa: E402
from quarantine.slots import majority  # noqa: E402

SETS = ("md_agreement", "ukpconvarg")
GOALS = {
    "sleeper": 0.98,
    "first_option": 0.97,
    "verbosity": 0.94,
    "copying_ring": 0.90,
    "campaign with gold": 0.80,
    "trigger with gold": 0.80,
}
WITH_GOLD = ("campaign", "trigger", "topic_flip")
OF_TARGETS = 0.2
OURS = "**quarantine**"


@dataclass(frozen=True)
class Tried:
    """One attack on one set: figures by method, and how many were held."""

    what: str
    figures: Mapping[str, Figure]
    held: int
    held_bad: int
    bad: int
    seconds: float


def some_gold(base: Base, seed: int) -> Mapping[str, str]:
    """Return right answers to a fifth of the targets; where none are known, the real majority's."""
    chance = np.random.default_rng([seed, 20])
    chosen = chance.random(len(base.scene.targets)) < OF_TARGETS
    most = majority(base.scene)
    told = {
        name: base.gold.get(name, "") if base.gold else base.scene.answers[int(most[code])]
        for code, name in enumerate(base.scene.targets)
        if chosen[code]
    }
    return {name: label for name, label in told.items() if label}


def try_attack(base: Base, name: str, seeds: int, share: float, *, gold: bool) -> Tried:
    """Mix one attack in with each seed, and rank the sources by every method."""
    runs: dict[str, list[tuple[pd.Series, pd.Series]]] = {}
    held = held_bad = bad = 0
    began = perf_counter()
    for seed in range(seeds):
        mixed = attacks()[name].play(base.scene, Order(share=share, seed=seed))
        truth, feedback = truth_of(mixed), with_attackers(base, mixed)
        found = dict(judged(base, feedback, some_gold(base, seed) if gold else None))
        alarm = found.pop("alarm").reindex(truth.index) > 0
        held, held_bad = held + int(alarm.sum()), held_bad + int(truth[alarm].sum())
        bad += int(truth.sum())
        ranked = {OURS: found.pop("overall")} | {f"· {each}": one for each, one in found.items()}
        if not gold:
            events = frame_of(feedback)
            ranked |= {peer: method(events) for peer, method in PEERS.items()}
        for method, scores in ranked.items():
            runs.setdefault(method, []).append((truth, scores))
    what = f"{name} with gold" if gold else name
    figures = {method: figure(each) for method, each in runs.items()}
    return Tried(what, figures, held, held_bad, bad, perf_counter() - began)


def rows_of(base: Base, tried: Tried) -> Iterator[str]:
    """Yield the table's rows: ours, the channel that ranks best alone, and the peers."""
    ours = tried.figures[OURS]
    single = {m: f for m, f in tried.figures.items() if m.startswith("·")}
    best = max(single, key=lambda m: single[m].auc, default=None)
    shown = [OURS, *([best] if best else []), *(m for m in tried.figures if m in PEERS)]
    for method in shown:
        f = tried.figures[method]
        mine = method == OURS
        yield (
            "| "
            + " | ".join(
                [
                    f"{base.name}, {tried.what}" if mine else "",
                    method,
                    f"{f.auc:.3f} ({f.auc_95[0]:.3f} to {f.auc_95[1]:.3f})",
                    f"{f.ap:.3f}",
                    f"{f.found:.2f}",
                    f"{tried.held_bad} of {tried.bad}, {tried.held - tried.held_bad}"
                    if mine
                    else "",
                    _remark(tried.what, ours) if mine else "",
                ]
            )
            + " |"
        )


def _remark(what: str, ours: Figure) -> str:
    remarks = []
    if ours.auc_95[1] < 0.5:
        remarks.append("**inverted**")
    goal = GOALS.get(what)
    if goal is not None:
        met = "reached" if ours.auc >= goal else f"**{goal - ours.auc:.3f} missing**"
        remarks.append(f"goal {goal:.2f}: {met}")
    return ", ".join(remarks)


def asked_for(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--attacks", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.05)
    return parser.parse_args(arguments)


def head(share: float, seeds: int) -> list[str]:
    """Return what stands above the table."""
    return [
        "# Attackers who take slots among real labels",
        "",
        f"At {share:.0%} of the events, {seeds} seeds; no vote is added. AUC with 95 % intervals",
        "(runs, then sources, drawn anew), average precision, the share of attackers found where",
        "5 % of the honest are accused too, and who is held: attackers held of all, then honest",
        "ones held. Of our own detectors the one that alone ranks best stands below ours.",
        "",
        "| set, attack | method | AUC (95 %) | AP | found at 5 % | held, wrongly | |",
        "|---|---|---|---|---|---|---|",
    ]


def every_try(base: Base, asked: argparse.Namespace) -> Iterator[Tried]:
    """Try each attack that takes slots and can be played here, some with gold besides."""
    for attack, played in attacks().items():
        passed = asked.attacks and attack not in asked.attacks
        if passed or played.joins != "slots" or played.refuses(base.scene):
            continue
        for gold in (False, True) if attack in WITH_GOLD else (False,):
            yield try_attack(base, attack, asked.seeds, asked.share, gold=gold)


def main() -> None:
    """Try every attack that takes slots on every set; print the table as it comes."""
    asked = asked_for()
    lines = head(asked.share, asked.seeds)
    print("\n".join(lines), flush=True)
    for name in asked.sets:
        base = read_base(asked.data / name)
        for tried in every_try(base, asked):
            lines += rows_of(base, tried)
            print("\n".join(rows_of(base, tried)), flush=True)
            print(f"{name}, {tried.what}: {tried.seconds:.0f} s", file=sys.stderr)
    if asked.out:
        asked.out.write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
