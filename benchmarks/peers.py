"""What anyone could install instead: a score for every source, from the same events."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from installed import installed
from sklearn.ensemble import IsolationForest

from service.backtest.known import coded
from service.backtest.model import Feedback

Scores = pd.Series
Peer = Callable[[pd.DataFrame], Scores]
SEED = 0


def frame_of(feedback: Feedback) -> pd.DataFrame:
    """Return the events as plain columns: source, target, answer, value (0..1 or NaN), at (s)."""
    columns = {}
    for name in ("source", "target", "answer"):
        codes, words = coded(feedback.events, name)
        columns[name] = pd.Categorical.from_codes(codes, words)
    value = feedback.events.column("value").to_pandas().astype(float)
    at = feedback.events.column("arrived").to_numpy() / 1e6
    return pd.DataFrame(columns | {"value": value, "at": at})


def departures(events: pd.DataFrame) -> pd.Series:
    """Return how far each event lies from its target's mean, or whether it is not the majority."""
    if events["value"].notna().all():
        mean = events.groupby("target", observed=True)["value"].transform("mean")
        return (events["value"] - mean).abs()
    votes = events.groupby(["target", "answer"], observed=True).size().rename("n").reset_index()
    first = votes.sort_values(["n", "answer"], ascending=[False, True], kind="stable")
    majority = first.drop_duplicates("target").set_index("target")["answer"].astype(str)
    return (events["target"].astype(str).map(majority) != events["answer"].astype(str)).astype(
        float
    )


def disagreement(events: pd.DataFrame) -> Scores:
    """Score by the mean departure from the majority vote (labels) or the mean (ratings)."""
    return departures(events).groupby(events["source"], observed=True).mean()


def isolation_forest(events: pd.DataFrame) -> Scores:
    """Score by a scikit-learn IsolationForest over ten features, fitted on the batch it scores."""
    table = features(events)
    forest = IsolationForest(n_estimators=200, random_state=SEED).fit(table)
    return pd.Series(-forest.score_samples(table), index=table.index)


def features(events: pd.DataFrame) -> pd.DataFrame:
    """Return ten plain figures a source: how much, of what, how far off, how steadily."""
    popular = events.groupby("target", observed=True)["target"].transform("size")
    rated = events["value"].where(events["value"].notna(), events["answer"].cat.codes.astype(float))
    told = events.assign(rated=rated, popular=popular, off=departures(events))
    told["gap"] = told.groupby("source", observed=True)["at"].diff()
    by = told.groupby("source", observed=True)
    shares = by["answer"].value_counts(normalize=True)
    entropy = (
        -(shares * np.log(shares.where(shares > 0, 1.0))).groupby("source", observed=True).sum()
    )
    table = pd.DataFrame(
        {
            "events": np.log1p(by.size()),
            "targets": by["target"].nunique() / by.size(),
            "mean": by["rated"].mean(),
            "spread": by["rated"].std(),
            "off": by["off"].mean(),
            "worst": by["off"].max(),
            "popular": np.log1p(by["popular"].mean()),
            "life": np.log1p(by["at"].max() - by["at"].min()),
            "gap": np.log1p(by["gap"].median()),
            "entropy": entropy,
        }
    )
    return table.fillna(0.0)


def chance(events: pd.DataFrame) -> Scores:
    """Score by a seeded draw."""
    named = events["source"].cat.remove_unused_categories().cat.categories
    return pd.Series(np.random.default_rng(SEED).random(len(named)), index=named)


PEERS: Mapping[str, Peer] = {
    "IsolationForest (scikit-learn, on the batch)": isolation_forest,
    "disagreement with the majority": disagreement,
    "random": chance,
    **installed(features),
}
