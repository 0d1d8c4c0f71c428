"""How well poisoned sources are found, beside what else could be installed: one Markdown table.

usage: python benchmarks/detection.py [--data DIR] [--out FILE] [--sets NAME …] [--pass-every N]

Peers that need a package of their own (crowd-kit, pyod) are shown where it is installed.

DIR is a folder of data sets, a directory each: `events.csv.gz` in the format that `quarantine
backtest` reads, and what is known of its sources: `labels.csv` (source,label), `quality.csv`
(source,eligible,T1: whether its answers are at chance), `sources.csv` (source,platform_bad), and
of its events: `event_labels.csv.gz` (row,label). Nothing is tuned here, and nothing left out:
where a peer ranks better, the row says so.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from peers import PEERS, frame_of  # noqa: E402  found by the line above

from service.backtest import BacktestOptions, run  # noqa: E402
from service.backtest.reading import read_feedback  # noqa: E402

OURS = "**quarantine**"
DRAWS = 1000
MOST_AT = 100
SOURCE_TRUTHS = {"labels.csv": "label", "quality.csv": "T1", "sources.csv": "platform_bad"}
STEPS = (3, 5, 10)
FEWEST_BAD = 5
FEWEST_CALLED = 10
MEAN_OF = ("rte", "sent_polarity", "zencrowd_us")
"""Sets of labels whose mean is told besides: of each only few sources are at chance."""


@dataclass(frozen=True)
class Measured:
    """One ranking against one truth: figures with their 95 % intervals (1,000 bootstraps)."""

    auc: float
    auc_95: tuple[float, float]
    ap: float
    ap_95: tuple[float, float]
    p_at: float
    at: int
    known: int
    bad: int


def measure(truth: np.ndarray, scores: np.ndarray) -> Measured:
    """Measure `scores` (higher is worse) against `truth` (0 or 1); intervals by resampling."""
    chance = np.random.default_rng(0)
    ties = chance.random(len(scores))
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) != 0])
    bad = truth[order].astype(float)
    drawn = [
        np.bincount(chance.integers(0, len(truth), len(truth)), minlength=len(truth))[order]
        for _ in range(DRAWS)
    ]
    both = [
        _figures(weight * bad, weight * (1 - bad), starts)
        for weight in drawn
        if 0 < weight @ bad < weight.sum()
    ]
    auc, ap = _figures(bad, 1 - bad, starts)
    (auc_low, ap_low), (auc_high, ap_high) = np.quantile(both, [0.025, 0.975], axis=0)
    at = int(min(MOST_AT, truth.sum()))
    first = np.lexsort((ties, -scores))[:at]
    return Measured(
        auc=auc,
        auc_95=(auc_low, auc_high),
        ap=ap,
        ap_95=(ap_low, ap_high),
        p_at=float(truth[first].mean()),
        at=at,
        known=len(truth),
        bad=int(truth.sum()),
    )


def _figures(bad: np.ndarray, good: np.ndarray, starts: np.ndarray) -> tuple[float, float]:
    """Return AUC and average precision of weights in falling order of score, ties as one step."""
    bads, goods = np.add.reduceat(bad, starts), np.add.reduceat(good, starts)
    above = np.cumsum(bads)
    auc = goods @ (above - bads / 2) / (bads.sum() * goods.sum())
    called = above + np.cumsum(goods)
    precision = np.divide(above, called, out=np.zeros_like(above), where=called > 0)
    return float(auc), float(bads @ precision / bads.sum())


def truths_of(folder: Path) -> Iterator[tuple[str, pd.Series]]:
    """Yield what is known of the sources of a set: the file's name, and 0 or 1 by source."""
    for name, column in SOURCE_TRUTHS.items():
        if not (folder / name).exists():
            continue
        known = pd.read_csv(folder / name, dtype={"source": str})
        if "eligible" in known:
            known = known[known["eligible"].astype(str) == "True"]
        truth = known.dropna(subset=[column]).set_index("source")[column].astype(int)
        if truth.sum() >= FEWEST_BAD and (truth == 0).any():
            yield name, truth
        else:
            print(f"{folder.name}/{name}: {truth.sum()} bad, too few", file=sys.stderr)


@dataclass(frozen=True)
class Tried:
    """One set after its backtest."""

    name: str
    events: int
    seconds: float
    dossiers: pd.DataFrame
    prequential: pd.DataFrame
    written: pd.DataFrame
    timed: bool
    peers: Mapping[str, pd.Series]


def try_set(folder: Path, pass_every: int) -> Tried:
    """Run the backtest and the peers on one set."""
    file = folder / "events.csv.gz"
    feedback = read_feedback([file], scope=None, progress=lambda _: None)
    events = frame_of(feedback)
    every = pass_every or max(1000, len(events) // 50)
    with tempfile.TemporaryDirectory() as aside:
        out = Path(aside) / "out"
        options = BacktestOptions(out=out, prequential=STEPS, pass_every=every)
        started = perf_counter()
        summary = run([file], options, progress=lambda _: None)
        seconds = perf_counter() - started
        return Tried(
            name=folder.name,
            events=len(events),
            seconds=seconds,
            dossiers=_lines(out / "dossiers.jsonl").set_index("source"),
            prequential=_lines(out / "prequential.jsonl"),
            written=pq.read_table(out / "events.parquet").to_pandas(),
            timed=bool(summary["timed"]),
            # A peer that knows nothing of this kind of feedback has no row.
            peers={name: found for name, peer in PEERS.items() if len(found := peer(events))},
        )


def _lines(file: Path) -> pd.DataFrame:
    return pd.DataFrame([json.loads(line) for line in file.read_text("utf-8").splitlines()])


Rankings = Mapping[str, Mapping[str, Measured]]
"""By what is known of which set, how each method ranks."""


def rankings(tried: Tried, folder: Path) -> Iterator[tuple[str, dict[str, Measured]]]:
    """Yield, for each thing that is known of a set, how each method ranks."""
    for name, truth in truths_of(folder):
        methods = {OURS: tried.dossiers["score"], **tried.peers}
        yield (
            f"{tried.name}, {name}",
            {method: _ranked(truth, scores) for method, scores in methods.items()},
        )
        for k in STEPS if tried.timed and name == "labels.csv" else ():
            at_k = tried.prequential[tried.prequential["k"] == k].set_index("source")["score"]
            if truth.reindex(at_k.index).dropna().nunique() == 2:
                yield f"{tried.name}, stream at event {k}", {OURS: _ranked(truth, at_k)}
    file = folder / "event_labels.csv.gz"
    if file.exists():
        truth = pd.read_csv(file).set_index("row")["label"]
        by_row = tried.written.set_index(tried.written["id"].astype(int))
        for column in ("score", "score_at_arrival"):
            yield f"{tried.name}, events, {column}", {OURS: _ranked(truth, by_row[column])}


def _ranked(truth: pd.Series, scores: pd.Series) -> Measured:
    scores = scores.copy()
    scores.index = scores.index.astype(truth.index.dtype)
    both = pd.DataFrame({"truth": truth, "score": scores}).dropna()
    return measure(both["truth"].to_numpy(int), both["score"].to_numpy(float))


def ranking_rows(found: Rankings) -> Iterator[str]:
    """Yield the table's rows for one set; a peer that ranks better is told in ours."""
    for what, methods in found.items():
        best = max((m.auc for method, m in methods.items() if method != OURS), default=0.0)
        for method, m in methods.items():
            yield (
                "| "
                + " | ".join(
                    [
                        what if method == OURS else "",
                        f"{m.bad:,} of {m.known:,}" if method == OURS else "",
                        method,
                        f"{m.auc:.3f} ({m.auc_95[0]:.3f} to {m.auc_95[1]:.3f})",
                        f"{m.ap:.3f} ({m.ap_95[0]:.3f} to {m.ap_95[1]:.3f})",
                        f"{m.p_at:.2f} @{m.at}",
                        _remark(m, best) if method == OURS else "",
                    ]
                )
                + " |"
            )


def mean_rows(found: Rankings) -> Iterator[str]:
    """Yield the mean of some sets by method, where all of them were tried."""
    several = [found.get(f"{name}, quality.csv", {}) for name in MEAN_OF]
    for method in several[0]:
        if all(method in methods for methods in several):
            some = [methods[method] for methods in several]
            bad, known = (sum(getattr(each, name) for each in some) for name in ("bad", "known"))
            auc, ap, p_at = (
                float(np.mean([getattr(each, name) for each in some]))
                for name in ("auc", "ap", "p_at")
            )
            what, of = (
                (f"mean of {', '.join(MEAN_OF)}", f"{bad:,} of {known:,}")
                if method == OURS
                else ("", "")
            )
            yield f"| {what} | {of} | {method} | {auc:.3f} | {ap:.3f} | {p_at:.2f} |  |"


def _remark(ours: Measured, best: float) -> str:
    remarks = []
    if ours.auc_95[1] < 0.5:
        remarks.append("**inverted**")
    if ours.auc < best - 0.02:
        remarks.append(f"**{best - ours.auc:.3f} below the best peer**")
    return ", ".join(remarks)


def alarm_rows(tried: Tried, folder: Path) -> Iterator[str]:
    """Yield, for each verdict and each detector's findings, how many of the known were bad."""
    for name, truth in truths_of(folder):
        known = tried.dossiers.join(truth.rename("truth"), how="inner")
        usual = known["truth"].mean()
        called = {f"verdict {v}": known["verdict"] == v for v in ("hold", "watch")}
        for detector in sorted({f["detector"] for each in known["findings"] for f in each}):
            called[f"finding of {detector}"] = known["findings"].map(
                lambda found, detector=detector: any(
                    f["detector"] == detector and f["score"] >= 0.5 for f in found
                )
            )
        for what, flags in called.items():
            if flags.any():
                share = known.loc[flags, "truth"].mean()
                recall = known.loc[flags, "truth"].sum() / known["truth"].sum()
                remark = _alarm_remark(int(flags.sum()), share, usual)
                yield (
                    f"| {tried.name}, {name} | {what} | {int(flags.sum()):,} | {share:.2f} |"
                    f" {usual:.2f} | {recall:.2f} | {remark} |"
                )


def _alarm_remark(called: int, share: float, usual: float) -> str:
    if share >= usual:
        return ""
    return "**inverted**" if called >= FEWEST_CALLED else "too few to say"


def main() -> None:
    """Try every set that has a truth; print the tables at the end, write them after every set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sets", nargs="*", default=[])
    parser.add_argument("--pass-every", type=int, default=0)
    asked = parser.parse_args()
    folders = [file.parent for file in sorted(asked.data.glob("*/events.csv.gz"))]
    lines = [
        "| set, truth | bad of known | method | AUC (95 %) | AP (95 %) | P@k | |",
        "|---|---|---|---|---|---|---|",
    ]
    alarms = [
        "| set, truth | alarm | sources | bad | usual | recall | |",
        "|---|---|---|---|---|---|---|",
    ]
    times: list[str] = []
    found: dict[str, Mapping[str, Measured]] = {}
    for folder in folders:
        if (asked.sets and folder.name not in asked.sets) or not any(truths_of(folder)):
            continue
        print(f"{folder.name} …", file=sys.stderr)
        tried = try_set(folder, asked.pass_every)
        here = dict(rankings(tried, folder))
        found |= here
        lines += ranking_rows(here)
        alarms += alarm_rows(tried, folder)
        times.append(f"{folder.name} {tried.events:,} events {tried.seconds:.1f} s")
        if asked.out:
            # After every set: a run that is cut short leaves what it had.
            asked.out.write_text(told([*lines, *mean_rows(found)], alarms, times), encoding="utf-8")
    sys.stdout.write(told([*lines, *mean_rows(found)], alarms, times))


def told(lines: list[str], alarms: list[str], times: list[str]) -> str:
    """Put the tables together."""
    note = (
        "Bootstrap intervals over sources, 1,000 draws, seed 0. k is the number of known bad"
        " sources, at most 100. Peers are fitted on the batch, as installed."
    )
    return "\n".join(
        [
            "# Detection, cold start, nothing shown but the feedback",
            "",
            *lines,
            "",
            "## Alarms: how many of the sources called were bad, beside how many usually are",
            "",
            *alarms,
            "",
            "Backtests, all passes and all files written: " + "; ".join(times) + ".",
            note,
            "",
        ]
    )


if __name__ == "__main__":
    main()
