"""Automated judges who are shown two answers in both orders: who is held, and is it the biased.

Whether a judge is led by the place is told from the known right answers, which the detectors are
not shown: how much more often it is right where the right answer stands first than where it stands
second. The floor is a judge that tosses a coin; beside it stands what the majority says of each.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import roc_auc_score

sys.path[:0] = [str(Path(__file__).parents[1])]

from quarantine.calibration import ALARM  # noqa: E402  found by the line above
from service.backtest import BacktestOptions, run  # noqa: E402

LED = 0.2
"""So much more often right where the right answer stands at one place: led by the place."""
SURE = 0.01


def led_by_place(folder: Path) -> pd.DataFrame:
    """Return by judge: pairs, accuracy, `lean` (right where it stands first, less second), `led`.

    A judge is led where its lean is beyond `LED` and is not likely chance (Fisher's exact test).
    """
    events = pd.read_csv(folder / "events.csv.gz", dtype=str)
    gold = pd.read_csv(folder / "gold.csv", dtype=str).set_index("target")["label"]
    events["gold"] = events["target"].map(gold)
    events = events.dropna(subset=["gold"])
    events["right"] = events["label"] == events["gold"]
    events["first"] = events["shown"].str.split("|").str[0] == events["gold"]
    others = events.groupby("target")["label"].agg(lambda told: told.mode().iloc[0])
    events["usual"] = events["label"] == events["target"].map(others)
    found = {}
    for judge, told in events.groupby("source"):
        table = pd.crosstab(told["first"], told["right"]).reindex(
            index=[True, False], columns=[True, False], fill_value=0
        )
        share = table[True] / table.sum(axis=1)
        lean = float(share[True] - share[False])
        chance = float(stats.fisher_exact(table.to_numpy()).pvalue)
        found[judge] = {
            "answers": len(told),
            "accuracy": told["right"].mean(),
            "usual": told["usual"].mean(),
            "lean": lean,
            "led": abs(lean) > LED and chance < SURE,
        }
    return pd.DataFrame.from_dict(found, orient="index")


def dossiers(folder: Path) -> pd.DataFrame:
    """Return the verdict, the score and the detectors that ring, by judge; no gold is shown."""
    with tempfile.TemporaryDirectory() as aside:
        out = Path(aside) / "out"
        options = BacktestOptions(out=out, items=folder / "items.jsonl.gz")
        run([folder / "events.csv.gz"], options, progress=lambda _: None)
        lines = (out / "dossiers.jsonl").read_text("utf-8").splitlines()
    found = pd.DataFrame([json.loads(line) for line in lines]).set_index("source")
    found["rung"] = [
        ", ".join(sorted({each["detector"] for each in one if each["score"] >= ALARM}))
        for one in found["findings"]
    ]
    return found[["verdict", "score", "rung"]]


def page(told: pd.DataFrame) -> str:
    """Return the page: the table by judge, best first, and what it comes to."""
    held, led = told["verdict"] == "hold", told["led"].astype(bool)
    best = str(told["accuracy"].idxmax())
    coin = np.random.default_rng(0).random(len(told))
    rows = [
        f"| {name} | {row.answers:,} | {row.accuracy:.0%} | {row.usual:.0%} | {row.lean:+.2f}"
        f" | {'yes' if row.led else ''} | {row.verdict} | {row.rung} |"
        for name, row in told.sort_values("accuracy", ascending=False).iterrows()
    ]
    intro = (
        "Made by `benchmarks/judges.py`. Real automated judges, each pair shown in both orders; a"
        " cold start, and the right answers are not shown. Led: right more often by"
        f" {LED:.0%} or more where the right answer stands at one place (p < {SURE})."
    )
    found = (
        f"- led by the place: {led.sum()} of {len(told)}; held of them: **{(held & led).sum()}**;"
        f" held of the others: {(held & ~led).sum()} of {(~led).sum()}"
    )
    spared = (
        f"- the best judge ({best}, right in {told.loc[best, 'accuracy']:.0%}):"
        f" **{told.loc[best, 'verdict']}**"
    )
    ranked = (
        f"- AUC of the score for being led: {roc_auc_score(led, told['score']):.3f}; of differing"
        f" from what most say: {roc_auc_score(led, -told['usual']):.3f}; of a draw (the floor):"
        f" {roc_auc_score(led, coin):.3f}"
    )
    head = "| judge | answers | right | as most say | lean to the first | led | verdict | rung |"
    lines = ["# Judges who are led by the place", "", intro, "", found, spared, ranked, "", head]
    return "\n".join([*lines, "|---" * head.count(" | ") + "|---|", *rows, ""])


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--set", default="llmbar_judges")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    folder = asked.data / asked.set
    told = led_by_place(folder).join(dossiers(folder), how="inner")
    if asked.out:
        asked.out.write_text(page(told), encoding="utf-8")
    sys.stdout.write(page(told))


if __name__ == "__main__":
    main()
