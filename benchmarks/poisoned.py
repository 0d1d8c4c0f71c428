"""Recorded feedback with attackers mixed in, scored as a backtest scores it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa

from quarantine.evidence import evidence_from
from quarantine.known import Known
from quarantine.plugins import offered
from quarantine.scene import Attack, Item, Mixed, Scene, events_of, scene_of
from quarantine.scoring import weigh
from service.backtest import known
from service.backtest.model import Feedback
from service.backtest.reading import read_feedback
from service.backtest.words import wording

DRAWS = 400
AT = 0.05

Ranking = Callable[[Mixed, Feedback], Mapping[str, pd.Series]]
"""Scores by source name, by method: what else could be installed."""


def attacks() -> Mapping[str, Attack]:
    """Return the project's attacks by name."""
    return cast("Mapping[str, Attack]", offered("quarantine.attacks", "ATTACK"))


@dataclass(frozen=True)
class Base:
    """Genuine feedback to mix attackers into, and what was judged."""

    name: str
    feedback: Feedback
    scene: Scene
    items: Mapping[str, known.Item] = field(default_factory=dict)
    gold: Mapping[str, str] = field(default_factory=dict)


def read_base(folder: Path) -> Base:
    """Read `events.csv.gz`, and `items.jsonl.gz` and `gold.csv` where they are, of a folder."""
    feedback = read_feedback([folder / "events.csv.gz"], scope=None, progress=lambda _: None)
    described = folder / "items.jsonl.gz"
    items = known.read_items(described).targets if described.exists() else {}
    told = {
        name: Item(
            text=item.asked,
            options={"a1": item.a, "a2": item.b} if item.a or item.b else {},
            topic=item.topic,
        )
        for name, item in items.items()
    }
    gold = folder / "gold.csv"
    return Base(
        name=folder.name,
        feedback=feedback,
        scene=scene_of(feedback.events, told, timed=feedback.timed),
        items=items,
        gold=known.read_gold(gold) if gold.exists() else {},
    )


def with_attackers(base: Base, mixed: Mixed) -> Feedback:
    """Return the base's feedback as it would have come with the attackers in it."""
    rows = mixed.scene.row
    return replace(
        base.feedback,
        events=events_of(mixed.scene, base.feedback.events),
        row=np.arange(len(rows)),
        dated=base.feedback.dated[rows],
        rows=len(rows),
        words=base.feedback.words.take(pa.array(rows)),
    )


def judged(
    base: Base, feedback: Feedback, gold: Mapping[str, str] | None = None
) -> Mapping[str, pd.Series]:
    """Score `feedback` on a cold start: the overall score and each detector's, by source name.

    `alarm` is 1 for who would be held: a detector of another channel than the outsiders' rings.
    """
    beside = Known(
        gold=gold or {},
        topics={name: item.topic for name, item in base.items.items() if item.topic},
        wording=wording(feedback, base.items),
    )
    evidence = evidence_from(feedback.events, timed=feedback.timed, known=beside)
    weighed = weigh(evidence)
    names = [key.source for key in evidence.sources[: evidence.held_sources]]
    found = {
        one.name: pd.Series(one.scores[: len(names)], index=names)
        for one in weighed.heard
        if not one.findings.silent
    }
    held = np.zeros(len(names), bool)
    for one, rings in zip(weighed.heard, weighed.rang.rings, strict=True):
        if one.channel != "outsider":
            held |= rings[: len(names)]
    overall = {"overall": pd.Series(weighed.rang.scores, index=names)}
    return overall | found | {"alarm": pd.Series(held.astype(float), index=names)}


def truth_of(mixed: Mixed) -> pd.Series:
    """Return by the name of each source that speaks whether it is an attacker."""
    speaks = np.unique(mixed.scene.source)
    names = [mixed.scene.sources[code] for code in speaks.tolist()]
    return pd.Series(mixed.bad[speaks].astype(int), index=names)


@dataclass(frozen=True)
class Figure:
    """AUC, average precision and the share found at 5 % false alarms, over all runs."""

    auc: float
    auc_95: tuple[float, float]
    ap: float
    ap_95: tuple[float, float]
    found: float
    worst_auc: float
    worst_ap: float


def figure(runs: Sequence[tuple[pd.Series, pd.Series]]) -> Figure:
    """Measure runs of (truth, scores); intervals by drawing runs, then sources in each, anew."""
    pairs = [_aligned(truth, scores) for truth, scores in runs]
    plain = np.array([_figures(truth, scores) for truth, scores in pairs])
    chance = np.random.default_rng(0)
    drawn = [
        np.mean(
            [_redrawn(*pairs[int(n)], chance) for n in chance.integers(0, len(pairs), len(pairs))],
            axis=0,
        )
        for _ in range(DRAWS)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    auc, ap, found = plain.mean(axis=0)
    return Figure(
        auc=auc,
        auc_95=(low[0], high[0]),
        ap=ap,
        ap_95=(low[1], high[1]),
        found=found,
        worst_auc=float(plain[:, 0].min()),
        worst_ap=float(plain[:, 1].min()),
    )


def _aligned(truth: pd.Series, scores: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    both = scores.reindex(truth.index).fillna(0.0)
    return truth.to_numpy(bool), both.to_numpy(float)


def _redrawn(truth: np.ndarray, scores: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    drawn = chance.integers(0, len(truth), len(truth))
    while not 0 < truth[drawn].sum() < len(truth):
        drawn = chance.integers(0, len(truth), len(truth))
    return _figures(truth[drawn], scores[drawn])


def _figures(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return AUC, average precision and the recall at 5 % false alarms; ties count as one step."""
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) != 0])
    bad = np.add.reduceat(truth[order].astype(float), starts)
    good = np.add.reduceat((~truth[order]).astype(float), starts)
    above, false = np.cumsum(bad), np.cumsum(good)
    auc = good @ (above - bad / 2) / (bad.sum() * good.sum())
    ap = bad @ (above / (above + false)) / bad.sum()
    found = np.interp(AT, np.r_[0.0, false / false[-1]], np.r_[0.0, above / above[-1]])
    return np.array([auc, ap, found])
