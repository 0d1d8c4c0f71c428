"""Values: where ratings and signals lie on their scale, for everyone and on each target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from approvals.ports import Gauge
from approvals.proxies import Floats
from approvals.rehearsal import Measured, Rehearsal
from approvals.shares import Shares, measured_shares, measured_targets


@dataclass(frozen=True, slots=True)
class Values:
    """Ratings and signals, a place from 0 to 1 on the scale that they name.

    The mean is compared with the accepted rows', for everyone, each subgroup and each target that
    both sides speak of; one cluster must not pull alone, nor make what is said of a target.
    """

    def fits(self, rows: pd.DataFrame) -> bool:
        """Say whether these rows are values."""
        return "value" in rows

    def measure(self, rehearsal: Rehearsal) -> Measured:
        """Measure what the candidate rows change."""
        told = _placed(rehearsal.rows)
        names = ["the mean value", "the share of highest values"]
        shares = Shares(np.column_stack([told, told >= 1.0]).astype(np.float64), names)
        first = Shares(shares.told[:, :1], names[:1])
        return Measured(
            [*measured_shares(rehearsal, shares), *measured_targets(rehearsal, first)],
            notes=("values have no text to train on: means and shares are measured",),
        )


def _placed(rows: pd.DataFrame) -> Floats:
    """Return where each value lies between its bounds; squashed to 0..1 where it names none."""
    value = rows["value"].to_numpy(np.float64)
    low, high = (rows[name].to_numpy(np.float64) for name in ("low", "high"))
    bounded = np.isfinite(low) & np.isfinite(high)
    width = np.where(bounded, high - low, 1.0)
    squashed = 0.5 + 0.5 * value / (1.0 + np.abs(value))
    return np.asarray(np.where(bounded, (value - low) / width, squashed), np.float64)


GAUGE: Gauge = Values()
