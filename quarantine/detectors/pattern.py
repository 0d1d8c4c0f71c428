"""Whose habits are unlike those of the reviewed sources: an isolation forest on profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np
import pandas as pd

from quarantine.calibration import score_of
from quarantine.evidence import Evidence, Findings, Floats
from quarantine.ports import Detector
from quarantine.profile import Profile, by_kind, features, merge, spoken


@dataclass(frozen=True, slots=True)
class Pattern:
    """An isolation forest (Liu, Ting and Zhou 2008) fitted on released profiles only.

    It never sees what it scores: fitted on its own batch, the more attackers there are the more
    usual they look. Silent on a cold start, and while fewer than `least` released sources have
    `events` events.
    """

    channel: str = "pattern"
    least: int = 50
    events: int = 5
    trees: int = 100
    seed: int = 0
    far: float = 6.0

    def examine(self, evidence: Evidence) -> Findings:
        """Score held sources with enough events by how easily the forest isolates them."""
        kinds = self._known_kinds(evidence.released)
        usual, held = (
            self._habits(evidence.once(f"profiles of {name}", partial(by_kind, frame)), kinds)
            for name, frame in (("released", evidence.released), ("held", evidence.held))
        )
        if len(usual) < self.least or not len(held):
            return Findings(
                silent=f"it knows the habits of {len(usual)} released sources, "
                f"and needs {self.least} with {self.events} events"
            )
        if not evidence.timed:
            usual = usual.drop(columns=["busiest", "span"])
        known = usual.dropna(axis="columns", how="all")
        middle = known.median()
        held = held[known.columns].fillna(middle)
        odd, ease = self._isolate(known.fillna(middle), held)
        spread = (known.fillna(middle) - middle).abs().median().clip(lower=0.05)
        away = (held - middle) / spread

        def because(position: int) -> str:
            most = str(away.columns[int(np.argmax(np.abs(away.to_numpy()[position])))])
            return (
                f"its habits differ from those of {len(usual)} reviewed sources, most in {most}: "
                f"{held[most].iloc[position]:.2f}, {middle[most]:.2f} is usual"
            )

        middling = float(np.median(ease))
        scale = 1.4826 * float(np.median(np.abs(ease - middling)))
        strength = (odd - middling) / max(scale, 1e-3) / self.far
        return Findings(held.index.to_numpy().astype(np.int64), score_of(strength), because)

    def _known_kinds(self, released: pd.DataFrame) -> list[str]:
        """Return the kinds that enough released sources spoke: bots are not odd people."""
        sources = released.groupby("kind", observed=True)["source"].nunique()
        return [str(kind) for kind in sources.index[sources >= self.least]]

    def _habits(self, told: Mapping[str, Profile], kinds: Sequence[str]) -> pd.DataFrame:
        """Describe the sources that have enough events of these kinds to have habits."""
        some = [told[kind] for kind in kinds if kind in told]
        return features(spoken(reduce(merge, some), self.events)) if some else pd.DataFrame()

    def _isolate(self, usual: pd.DataFrame, held: pd.DataFrame) -> tuple[Floats, Floats]:
        """Return how easily held, and how easily released sources are isolated (0..1)."""
        # Imported here: it takes seconds, and a cold start never needs it.
        from sklearn.ensemble import IsolationForest  # noqa: PLC0415

        forest = IsolationForest(n_estimators=self.trees, random_state=self.seed)
        forest.fit(usual.to_numpy())
        return -forest.score_samples(held.to_numpy()), -forest.score_samples(usual.to_numpy())


DETECTOR: Detector = Pattern()
