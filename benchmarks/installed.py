"""Peers that need a package of their own: crowd-kit's and PyOD's, where they are installed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
import pandas as pd

Scores = pd.Series
Table = Callable[[pd.DataFrame], pd.DataFrame]
MOST_LABELS = 50
"""With more different answers they are texts, of which crowd-kit's models know nothing."""
MOST_SOURCES = 50_000
"""PyOD's nearest neighbours take minutes beyond."""
NOBODY = pd.Series(dtype=float)


def dawid_skene(events: pd.DataFrame) -> Scores:
    """Score by the share of answers that Dawid and Skene's model (crowd-kit) thinks wrong."""
    from crowdkit.aggregation import DawidSkene

    said = _labels(events)
    if said is None:
        return NOBODY
    likely = DawidSkene(n_iter=100).fit_predict_proba(said)
    rows, columns = (
        likely.index.get_indexer(said["task"]),
        likely.columns.get_indexer(said["label"]),
    )
    right = pd.Series(likely.to_numpy()[rows, columns], index=said.index)
    return 1.0 - right.groupby(said["worker"]).mean()


def mace(events: pd.DataFrame) -> Scores:
    """Score by how rarely MACE (crowd-kit) thinks that a source knows what it says."""
    from crowdkit.aggregation import MACE

    said = _labels(events)
    if said is None:
        return NOBODY
    fitted = MACE(n_restarts=3, n_iter=50, random_state=0).fit(said)
    knows = fitted.spamming_ / fitted.spamming_.sum(axis=1, keepdims=True)
    return pd.Series(1.0 - knows[:, 1], index=pd.factorize(said["worker"])[1])


def _labels(events: pd.DataFrame) -> pd.DataFrame | None:
    if events["value"].notna().any() or events["answer"].nunique() > MOST_LABELS:
        return None
    return pd.DataFrame(
        {
            "task": events["target"].astype(str),
            "worker": events["source"].astype(str),
            "label": events["answer"].astype(str),
        }
    )


def outliers(model: str, features: Table, events: pd.DataFrame) -> Scores:
    """Score by a PyOD model over the plain features, fitted on the batch it scores."""
    table = features(events)
    if len(table) > MOST_SOURCES:
        return NOBODY
    module = importlib.import_module(f"pyod.models.{model.lower()}")
    spread = table.std().where(lambda each: each > 0, 1.0)
    fitted = getattr(module, model)().fit(((table - table.mean()) / spread).to_numpy())
    return pd.Series(np.asarray(fitted.decision_scores_), index=table.index)


def installed(features: Table) -> Mapping[str, Callable[[pd.DataFrame], Scores]]:
    """Return those peers whose package is here; the absent ones are told on standard error."""
    found: dict[str, Callable[[pd.DataFrame], Scores]] = {}
    if _here("crowdkit", "crowd-kit"):
        found |= {"Dawid-Skene (crowd-kit)": dawid_skene, "MACE (crowd-kit)": mace}
    if _here("pyod", "pyod"):
        for model in ("ECOD", "KNN"):
            found[f"{model} (PyOD, on the batch)"] = partial(outliers, model, features)
    return MappingProxyType(found)


def _here(module: str, package: str) -> bool:
    here = importlib.util.find_spec(module) is not None
    if not here:
        print(f"{package} is not installed: its peers are left out", file=sys.stderr)
    return here
