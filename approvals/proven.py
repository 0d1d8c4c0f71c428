"""What sources have shown: known answers that each met, and how many of them it got right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from approvals.answers import KnownAnswers
from quarantine.model import short
from quarantine.ports import Store

if TYPE_CHECKING:
    import numpy.typing as npt

    Counts = npt.NDArray[np.int64]

_SOURCE = ["producer", "source"]


def shown(store: Store, events: pd.DataFrame, rows: pd.DataFrame) -> tuple[Counts, Counts]:
    """Return, by row, how many known answers its source met, and how many of them it got right.

    `events` are all that is held, with `producer`, `source`, `target` and `answer`; `rows` name a
    `producer` and a `source` each. Of several words of one source on a target the first counts:
    what it said before it could learn the answer.
    """
    known = KnownAnswers()
    known.follow(store.acts())
    nothing = np.zeros(len(rows), np.int64)
    if not known.answers or rows.empty:
        return nothing, nothing.copy()
    met = events[events["target"].isin(known.answers.keys())].sort_values("index")
    met = met.astype(dict.fromkeys((*_SOURCE, "target", "answer"), str))
    met = met.drop_duplicates([*_SOURCE, "target"])
    right = met["answer"] == met["target"].map(lambda name: short(known.answers[name]))
    count = right.groupby([met["producer"], met["source"]]).agg(["size", "sum"])
    keys = pd.MultiIndex.from_frame(rows[_SOURCE].astype(str))
    found = count.reindex(keys, fill_value=0).to_numpy().astype(np.int64)
    return found[:, 0], found[:, 1]
