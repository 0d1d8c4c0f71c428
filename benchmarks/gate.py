"""What the behaviour gate catches alone, every detector off, and what it costs: Markdown tables.

usage: python benchmarks/gate.py --data DIR [--sets NAME …] [--shares S …] [--seeds N]
                                 [--clean N] [--most ROWS] [--out FILE]

Pairs of answers with a choice are split at random into an accepted release and a candidate one;
attackers take slots of the candidate (a phrase in the prompt that turns the choice; a praised name;
choices turned where that makes answers longer). The gate measures the candidate beside the accepted
rows, and once more as a first release, with nothing before it. The floor is the share of candidates
without any attacker that are stopped all the same. hh_harmless names no annotators: 120 are
simulated; ukpconvarg has its own. At last an attacker who tries several variants against canaries
that leaked (threat G6): how many pass the canaries that are drawn for the release.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import stats

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from gated import GATE, measured  # noqa: E402  found by the line above
from pairwise import read_pairs  # noqa: E402
from poisoned import attacks  # noqa: E402
from reward import PLANTED, SETS  # noqa: E402

from approvals.gate import Measure  # noqa: E402
from quarantine.scene import Order  # noqa: E402
from service.redteam.pairs import Pair, pairs_from, scene_from  # noqa: E402

LEAKED = (("length_flip", 0.03), ("backdoor", 0.01))
VARIANTS, SECRETS, TRIED = 6, 3, 3

HEAD = """\
# What the behaviour gate catches alone

Every detector and every cap off. Stopped: releases that the gate stops, with an exact 95 %
interval; the rows of *nobody* are clean, and what is stopped there is the cost. By: what stopped
it, in how many runs. Accuracy: how agreement with accepted pairs moved, on average. At most {most}
pairs, half of them accepted before; an attacker has ten rows or more, so that shares below that
are one line; CPU seconds for both columns.

| set | attacker, share of the candidates | stopped | by | accuracy | a first release | by | s |
|---|---|---|---|---|---|---|---|"""
LEAKS = """
## What leaked canaries are worth

{variants} variants of an attack on the first set under {secrets} secrets. Passed: by an attacker
who knows nothing; by one who tries {tried} variants on leaked canaries while others are in force;
by the same, were the leaked ones in force. Asked: the second within 5 points of the first.

| attack | passed, untold | leaked, others in force | leaked and in force | |
|---|---|---|---|---|"""


@dataclass
class Runs:
    """Runs of one kind: in how many the gate stopped it, by what, and how accuracy moved."""

    stopped: list[bool] = field(default_factory=list)
    by: Counter[str] = field(default_factory=Counter)
    accuracy: list[float] = field(default_factory=list)

    def add(self, measures: Sequence[Measure]) -> None:
        """Count a run."""
        stops = [each for each in measures if each.stops(GATE.alpha)]
        self.stopped.append(bool(stops))
        self.by.update({each.looked for each in stops})
        known = [each for each in measures if each.looked == "accuracy" and each.before is not None]
        self.accuracy += [each.after - (each.before or 0.0) for each in known]

    def told(self) -> str:
        """Spell the runs: how many were stopped, with an exact 95 % interval, and by what."""
        hit, size = sum(self.stopped), len(self.stopped)
        sure = stats.binomtest(hit, size).proportion_ci()
        by = ", ".join(f"{name} {count}" for name, count in sorted(self.by.items()))
        moved = f"{np.mean(self.accuracy):+.3f}" if self.accuracy else ""
        return f"{hit} of {size} ({sure.low:.0%} to {sure.high:.0%}) | {by or '-'} | {moved}"


def split(pairs: Sequence[Pair], most: int, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Draw at most `most` pairs, and deal them to both sides at random, in their order."""
    chance = np.random.default_rng([seed, 7])
    drawn = np.sort(chance.permutation(len(pairs))[:most])
    new = chance.random(len(drawn)) < 0.5
    sides = [[pairs[row] for row in drawn[side]] for side in (~new, new)]
    return sides[0], sides[1]


def poisoned(
    pairs: Sequence[Pair], attack: str, share: float, seed: int
) -> tuple[list[Pair], float]:
    """Let attackers take slots; return the pairs and the share of them that is poison."""
    mixed = attacks()[attack].play(scene_from(pairs), Order(share=share, seed=seed))
    return pairs_from(mixed.scene), float(mixed.poisoned.mean())


def table_of(name: str, pairs: Sequence[Pair], asked: argparse.Namespace) -> Iterator[str]:
    """Yield the rows of one set: clean first, then each attack at each share."""
    cases = [("nobody", 0.0, asked.clean)]
    cases += [(each, share, asked.seeds) for each in PLANTED for share in asked.shares]
    before: tuple[str, list[float]] = ("", [])
    for attack, share, seeds in cases:
        sides = [split(pairs, asked.most, seed) for seed in range(seeds)]
        bad = [0.0] * seeds
        if share:
            found = [poisoned(new, attack, share, seed) for seed, (_, new) in enumerate(sides)]
            sides = [(old, new) for (old, _), (new, _) in zip(sides, found, strict=True)]
            bad = [each for _, each in found]
        if (attack, bad) != before:
            yield f"| {name} | {attack}, {np.mean(bad):.1%} | {run(name, sides)} |"
        before = (attack, bad)


def run(name: str, sides: Sequence[tuple[list[Pair], list[Pair]]]) -> str:
    """Run the gate on each pair of sides, and on each candidate alone; spell what came of it."""
    beside, first, began = Runs(), Runs(), time.process_time()
    for seed, (accepted, candidate) in enumerate(sides):
        secret = f"{name} {seed}".encode()
        beside.add(measured(accepted, candidate, secret))
        first.add(measured([], candidate, secret))
    took = (time.process_time() - began) / len(sides)
    alone = first.told().split(" | ")
    return f"{beside.told()} | {alone[0]} | {alone[1]} | {took:.1f}"


def leaked(pairs: Sequence[Pair], most: int) -> Iterator[str]:
    """Yield what knowing canaries is worth to an attacker who may try `TRIED` variants.

    Every variant is measured under every secret; then for each pair of secrets, one leaked and one
    in force, the attacker takes a variant that passes the leaked canaries, if one of those it tries
    does.
    """
    for attack, share in LEAKED:
        passed = np.zeros((VARIANTS, SECRETS), bool)
        for variant in range(VARIANTS):
            accepted, candidate = split(pairs, most, 0)
            candidate, _ = poisoned(candidate, attack, share, variant)
            for secret in range(SECRETS):
                found = measured(accepted, candidate, f"secret {secret}".encode())
                passed[variant, secret] = not any(each.stops(GATE.alpha) for each in found)
        untold, told = passed.mean(), _tuned(passed, same=False)
        same = _tuned(passed, same=True)
        verdict = "reached" if told - untold <= 0.05 else "**missed**"
        yield (
            f"| {attack}, {share:.1%} | {untold:.1%} | {told:.1%} ({told - untold:+.1%}) |"
            f" {same:.1%} | {verdict} |"
        )


def _tuned(passed: np.ndarray, *, same: bool) -> float:
    """Return how often what passes leaked canaries passes those in force."""
    chance, found = np.random.default_rng(0), []
    for leak in range(passed.shape[1]):
        for force in range(passed.shape[1]):
            if (leak == force) != same:
                continue
            for _ in range(200):
                tries = chance.choice(len(passed), TRIED, replace=False)
                best = tries[np.argmax(passed[tries, leak])]
                found.append(passed[best, force])
    return float(np.mean(found))


def main() -> None:
    """Run the gate on every set, clean and poisoned; print the tables as they come."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--shares", nargs="*", type=float, default=[0.005, 0.01, 0.03, 0.05])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--clean", type=int, default=10)
    parser.add_argument("--most", type=int, default=3000)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    known = {name: read_pairs(asked.data / name) for name in asked.sets}
    lines: list[str] = []

    def keep(line: str) -> None:
        """Print a line, and write all there are: a run that is ended early has told so far."""
        print(line, flush=True)
        lines.append(line)
        if asked.out:
            asked.out.write_text("\n".join([*lines, ""]), encoding="utf-8")

    keep(HEAD.format(most=asked.most))
    for name, pairs in known.items():
        for line in table_of(name, pairs, asked):
            keep(line)
    keep(LEAKS.format(variants=VARIANTS, secrets=SECRETS, tried=TRIED))
    for line in leaked(known[asked.sets[0]], asked.most):
        keep(line)


if __name__ == "__main__":
    main()
