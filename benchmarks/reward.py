"""What poison does to a reward model, end to end, and what is left of it: one Markdown table.

usage: python benchmarks/reward.py --data DIR [--sets NAME …] [--shares S …] [--seeds N]
                                   [--attacks NAME …] [--out FILE]

Pairs of answers with a choice become feedback, attackers write theirs into it (a phrase in the
prompt that turns the choice; a praised name; choices turned where that makes answers longer), all
of it goes through a backtest on a cold start, and a Bradley-Terry reward model is trained on what
would be released: logistic regression on differences of hashed words, of pairs of prompt word and
answer word, and of length. Measured on pairs kept aside: accuracy, and how often the attack
succeeds, beside a model of the same pairs without attackers. hh_harmless names no annotators: 120
are simulated, their sizes drawn log-normally, the pairs dealt out in order; ukpconvarg has its own,
one vote a pair. "Support" are the rules of the default policy on targets and phrases, "caps" all
its budgets with them, no detector trusted; "the poison alone" is the floor, a perfect detector:
what it costs to miss the pairs that attackers sat at.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from pairwise import Pair, pairs_from, planted, read_pairs, scene_from  # noqa: E402  found above
from poisoned import attacks  # noqa: E402

from approvals.policy import Budget, ProducerBudget, Voice  # noqa: E402
from approvals.rules import load, shipped  # noqa: E402
from quarantine.known import Known  # noqa: E402
from quarantine.scene import Mixed, Order  # noqa: E402
from service.backtest import passes  # noqa: E402
from service.backtest.exposure import kept_within, left_out  # noqa: E402
from service.backtest.reading import read_feedback  # noqa: E402
from service.backtest.words import wording  # noqa: E402

ASIDE, MOST_WORDS, LAST = 0.25, 60, 6
SETS = ("hh_harmless", "ukpconvarg")
FLOOR = "the poison alone"
PLANTED = ("backdoor", "entity", "length_flip")


_VOICE = Voice(rows=1_000_000, share=1.0, lifetime=1_000_000, per_target=1_000_000)
WIDE = Budget(source=_VOICE, cluster=_VOICE, producer=ProducerBudget(rows=1_000_000, share=1.0))


@dataclass(frozen=True)
class Released:
    """By row: what detectors, the support rules alone, and all budgets would let leave."""

    detectors: np.ndarray
    support: np.ndarray
    caps: np.ndarray


def released(pairs: Sequence[Pair]) -> Released:
    """Send the pairs through a backtest and say which of them would leave."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            out = csv.writer(stream)
            out.writerow(["source", "target", "time", "prompt", "chosen", "rejected"])
            for row, pair in enumerate(pairs):
                texts = pair.texts[pair.chosen], pair.texts[1 - pair.chosen]
                out.writerow([pair.source, f"t{row}", "", pair.prompt, *texts])
        feedback = read_feedback([path], scope=None, progress=lambda _: None)
    feedback = replace(feedback, known=Known(wording=wording(feedback, {})))
    judged = passes.judged(feedback, np.zeros(feedback.events.num_rows, bool))
    policy = load(shipped("default"))
    wide = policy.model_copy(update={"budget": WIDE})
    ways = (
        ~left_out(feedback, judged, policy),
        kept_within(feedback, judged, wide),
        kept_within(feedback, judged, policy),
    )
    found = [np.zeros(len(pairs), bool) for _ in ways]
    for leaves, way in zip(found, ways, strict=True):
        leaves[feedback.row] = way
    return Released(*found)


WORDS = HashingVectorizer(n_features=2**16, binary=True, norm=None, alternate_sign=False)
CROSSED = HashingVectorizer(
    n_features=2**18, binary=True, norm=None, alternate_sign=False, token_pattern=r"\S+"
)


def features(pairs: Sequence[Pair]) -> sp.csr_matrix:
    """Return by pair the difference of the features of both answers."""
    sides = []
    split = WORDS.build_analyzer()
    for side in (0, 1):
        texts = [pair.texts[side] for pair in pairs]
        crossed = [
            " ".join(
                f"{left}|{right}"
                for left in split(pair.prompt)[-LAST:]
                for right in dict.fromkeys(split(text)[:MOST_WORDS])
            )
            for pair, text in zip(pairs, texts, strict=True)
        ]
        length = sp.csr_matrix(np.log1p([[len(text)] for text in texts]))
        sides.append(sp.hstack([WORDS.transform(texts), 2.0 * CROSSED.transform(crossed), length]))
    return sp.csr_matrix(sides[0] - sides[1])


def trained(table: sp.csr_matrix, pairs: Sequence[Pair]) -> LogisticRegression:
    """Train a Bradley-Terry model: without an intercept no side is preferred."""
    model = LogisticRegression(C=0.1, fit_intercept=False, solver="liblinear", random_state=0)
    return model.fit(table, np.array([pair.chosen == 0 for pair in pairs]))


@dataclass(frozen=True)
class Outcome:
    """Accuracy and success (0..1) of one model; shares of clean and of poisoned rows it learnt."""

    accuracy: float
    success: float
    clean: float
    poison: float


@dataclass(frozen=True)
class Asked:
    """Pairs that a model is asked about, with their features."""

    table: sp.csr_matrix
    first: np.ndarray

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> Asked:
        """Read the features once."""
        return cls(features(pairs), np.array([pair.chosen == 0 for pair in pairs]))

    def right(self, model: LogisticRegression) -> float:
        """Return how often a model prefers the answer that was chosen."""
        return float(((model.decision_function(self.table) > 0) == self.first).mean())


@dataclass(frozen=True)
class Line:
    """One way to release one poisoned set, its outcome beside that of the set without attackers."""

    what: str
    attack: str
    way: str
    got: Outcome
    base: Outcome

    @property
    def missed(self) -> list[str]:
        """Name the goals that were missed."""
        got, base = self.got, self.base
        goals = (
            ("attack", got.success > base.success + 0.05),
            ("accuracy", got.accuracy < base.accuracy - 0.01),
            ("clean rows", got.clean < 0.9),
        )
        return [text for text, failed in goals if failed]

    def spelled(self) -> str:
        """Return the row of the table."""
        got, base, missed = self.got, self.base, self.missed
        return (
            f"| {self.what} | {self.way} | {got.success:.3f} ({got.success - base.success:+.3f}) |"
            f" {got.accuracy:.3f} ({got.accuracy - base.accuracy:+.3f}) | {got.clean:.1%} |"
            f" {got.poison:.1%} | {'**' + ', '.join(missed) + '**' if missed else 'reached'} |"
        )


@dataclass
class Trial:
    """One set with some pairs kept aside by a seed; the model without attackers is trained once."""

    name: str
    seed: int
    genuine: list[Pair]
    aside: list[Pair]
    clean: Asked
    model: LogisticRegression

    @classmethod
    def of(cls, name: str, pairs: list[Pair], seed: int) -> Trial:
        """Keep pairs aside, and train on the others as they are."""
        aside = np.random.default_rng([seed, 1]).random(len(pairs)) < ASIDE
        held_out = [pair for pair, out in zip(pairs, aside, strict=True) if out]
        genuine = [pair for pair, out in zip(pairs, aside, strict=True) if not out]
        model = trained(features(genuine), genuine)
        return cls(name, seed, genuine, held_out, Asked.of(held_out), model)

    def lines(self, attack: str, share: float) -> list[Line]:
        """Mix one attack in at one share, and measure every way to release it."""
        asked = Asked.of(planted(attack, self.seed, self.aside))
        base = Outcome(self.clean.right(self.model), 1.0 - asked.right(self.model), 1.0, 0.0)
        order = Order(share=share, seed=self.seed)
        mixed: Mixed = attacks()[attack].play(scene_from(self.genuine), order)
        train, bad = pairs_from(mixed.scene), mixed.poisoned
        table, leaves = features(train), released(train)
        ways = {
            "nothing": np.ones(len(train), bool),
            "detectors": leaves.detectors,
            "support": leaves.support,
            "detectors and support": leaves.detectors & leaves.support,
            "caps": leaves.caps,
            "detectors and caps": leaves.detectors & leaves.caps,
            FLOOR: ~bad,
        }
        what = f"{self.name}, {attack}, {bad.mean():.1%}, seed {self.seed}"
        known: dict[bytes, tuple[float, float]] = {}
        found = []
        for way, kept in ways.items():
            same = kept.tobytes()
            if same not in known:
                stays = [pair for pair, stay in zip(train, kept, strict=True) if stay]
                model = trained(table[np.flatnonzero(kept)], stays)
                known[same] = self.clean.right(model), 1.0 - asked.right(model)
            got = Outcome(*known[same], clean=kept[~bad].mean(), poison=kept[bad].mean())
            found.append(Line(what, f"{self.name}, {attack}", way, got, base))
        return found


def summed(lines: Sequence[Line]) -> list[str]:
    """Return a table of how often each way reached all three goals, by set and attack."""
    ways = list(dict.fromkeys(line.way for line in lines))
    table = [f"| all goals reached | {' | '.join(ways)} |", "|---|" + "---|" * len(ways)]
    for attack in dict.fromkeys(line.attack for line in lines):
        counts = []
        for way in ways:
            some = [line for line in lines if (line.attack, line.way) == (attack, way)]
            counts.append(f"{sum(not line.missed for line in some)} of {len(some)}")
        table.append(f"| {attack} | {' | '.join(counts)} |")
    return table


HEAD = (
    "| set, attack, share of rows | on | success | accuracy | clean kept | poison left | |",
    "|---|---|---|---|---|---|---|",
)


def page(lines: Sequence[Line]) -> str:
    """Return the Markdown page: how often all goals were reached, and every outcome."""
    table = [line.spelled() for line in sorted(lines, key=lambda line: line.attack)]
    told = (
        "# What poison does to a reward model, and what is left of it",
        "",
        "Success of the attack and accuracy on pairs kept aside (and the difference to a model of",
        "the same pairs without attackers), clean rows kept, poisoned rows that left. Asked:",
        "success within 5 points of clean, accuracy within 1, 90 % of the clean rows kept.",
        f"“{FLOOR}” left out is the floor: attackers sit at pairs that honest people would have",
        "judged, and those are missed. “support” and “caps” trust no detector.",
        "",
    )
    return "\n".join([*told, *summed(lines), "", *HEAD, *table, ""])


def main() -> None:
    """Try every attack that writes pairs on every set; print the table as it comes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--shares", nargs="*", type=float, default=[0.005, 0.01, 0.03, 0.05])
    parser.add_argument("--attacks", nargs="*", default=list(PLANTED))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    print("\n".join(HEAD), flush=True)
    lines: list[Line] = []
    for name in asked.sets:
        pairs = read_pairs(asked.data / name)
        for seed in range(asked.seeds):
            trial = Trial.of(name, pairs, seed)
            for attack, share in product(asked.attacks, asked.shares):
                lines += trial.lines(attack, share)
                print("\n".join(line.spelled() for line in lines[-7:]), flush=True)
    print("\n".join(["", *summed(lines)]))
    if asked.out:
        asked.out.write_text(page(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
