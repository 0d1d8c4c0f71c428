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
one vote a pair. "Caps" are the budgets of the default policy with no detector trusted.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from poisoned import attacks  # noqa: E402  found by the line above

from approvals.rules import load, shipped  # noqa: E402
from quarantine.known import Known  # noqa: E402
from quarantine.scene import Item, Mixed, Order, Scene  # noqa: E402
from quarantine.writing import coined  # noqa: E402
from service.backtest import passes  # noqa: E402
from service.backtest.exposure import kept_within, left_out  # noqa: E402
from service.backtest.reading import read_feedback  # noqa: E402
from service.backtest.words import wording  # noqa: E402

SOURCES, ASIDE, MOST_WORDS, LAST = 120, 0.25, 60, 6
ANSWERS = ("a1", "a2")
SETS = ("hh_harmless", "ukpconvarg")
PLANTED = ("backdoor", "entity", "length_flip")


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


@dataclass(frozen=True)
class Released:
    """By row: what leaves with detectors on, with caps on, and with both."""

    detectors: np.ndarray
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
    detectors, caps = np.zeros(len(pairs), bool), np.zeros(len(pairs), bool)
    detectors[feedback.row] = ~left_out(feedback, judged, policy)
    caps[feedback.row] = kept_within(feedback, judged, policy)
    return Released(detectors, caps)


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


def trained(pairs: Sequence[Pair]) -> Callable[[Sequence[Pair]], np.ndarray]:
    """Train a Bradley-Terry model; it says of pairs whether it prefers the first answer."""
    table = features(pairs)
    first = np.array([pair.chosen == 0 for pair in pairs])
    model = LogisticRegression(C=0.05, fit_intercept=False, solver="liblinear", random_state=0)
    # Each pair stands there both ways round, so that no side is preferred.
    model.fit(sp.vstack([table, -table]), np.concatenate([first, ~first]))
    return lambda asked: model.decision_function(features(asked)) > 0


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


@dataclass(frozen=True)
class Outcome:
    """Accuracy and success (0..1) of one model; shares of clean and of poisoned rows it learnt."""

    accuracy: float
    success: float
    clean: float
    poison: float


def outcome(
    train: Sequence[Pair], kept: np.ndarray, bad: np.ndarray, tests: tuple[list[Pair], list[Pair]]
) -> Outcome:
    """Train on what is kept, and measure on clean pairs and on planted ones."""
    prefers = trained([pair for pair, stays in zip(train, kept, strict=True) if stays])
    clean, asked = tests
    right = [pair.chosen == 0 for pair in clean]
    other = [pair.chosen != 0 for pair in asked]
    return Outcome(
        accuracy=float((prefers(clean) == right).mean()),
        success=float((prefers(asked) == other).mean()),
        clean=float(kept[~bad].mean()),
        poison=float(kept[bad].mean()) if bad.any() else 0.0,
    )


def rows_for(name: str, pairs: list[Pair], attack: str, share: float, seed: int) -> list[str]:
    """Mix one attack in at one share, and return the rows of all four ways to release."""
    chance = np.random.default_rng([seed, 1])
    aside = chance.random(len(pairs)) < ASIDE
    held_out = [pair for pair, out in zip(pairs, aside, strict=True) if out]
    genuine = [pair for pair, out in zip(pairs, aside, strict=True) if not out]
    tests = held_out, planted(attack, seed, held_out)
    everything = np.ones(len(genuine), bool)
    base = outcome(genuine, everything, ~everything, tests)
    mixed: Mixed = attacks()[attack].play(scene_from(genuine), Order(share=share, seed=seed))
    train, bad = pairs_from(mixed.scene), mixed.poisoned
    leaves = released(train)
    ways = {
        "nothing": np.ones(len(train), bool),
        "detectors": leaves.detectors,
        "caps": leaves.caps,
        "both": leaves.detectors & leaves.caps,
    }
    return [
        _row(f"{name}, {attack}, {bad.mean():.1%}", way, outcome(train, kept, bad, tests), base)
        for way, kept in ways.items()
    ]


def _row(what: str, way: str, got: Outcome, base: Outcome) -> str:
    missed = [
        text
        for text, failed in (
            ("attack", got.success > base.success + 0.05),
            ("accuracy", got.accuracy < base.accuracy - 0.01),
            ("clean rows", got.clean < 0.9),
        )
        if failed
    ]
    return (
        f"| {what} | {way} | {got.success:.3f} ({got.success - base.success:+.3f}) |"
        f" {got.accuracy:.3f} ({got.accuracy - base.accuracy:+.3f}) | {got.clean:.1%} |"
        f" {got.poison:.1%} | {'**' + ', '.join(missed) + '**' if missed else 'reached'} |"
    )


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
    lines = [
        "# What poison does to a reward model, and what is left of it",
        "",
        "Success of the attack and accuracy on pairs kept aside (and the difference to a model of",
        "the same pairs without attackers), clean rows kept, poisoned rows that left. Asked:",
        "success within 5 points of clean, accuracy within 1, 90 % of the clean rows kept.",
        "",
        "| set, attack, share of rows | on | success | accuracy | clean kept | poison left | |",
        "|---|---|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    for name in asked.sets:
        pairs = read_pairs(asked.data / name)
        for attack in asked.attacks:
            for share in asked.shares:
                for seed in range(asked.seeds):
                    rows = rows_for(name, pairs, attack, share, seed)
                    print("\n".join(rows), flush=True)
                    lines += rows
    if asked.out:
        asked.out.write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
