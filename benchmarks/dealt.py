"""Days dealt from real feedback: half of a set's people reviewed and frozen, the others to come."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

sys.path[:0] = [str(Path(__file__).parents[1])]

from quarantine.drill import Setting, attacks, counted_from  # noqa: E402  found by the line above
from quarantine.evidence import Evidence, evidence_from  # noqa: E402
from quarantine.known import Known  # noqa: E402
from quarantine.scene import Order, Scene, events_of, scene_of  # noqa: E402
from quarantine.scoring import weigh  # noqa: E402
from quarantine.shadow import described, reworded  # noqa: E402
from service.backtest.known import coded, read_items  # noqa: E402
from service.backtest.model import Feedback  # noqa: E402
from service.backtest.reading import read_feedback  # noqa: E402
from service.backtest.words import wording  # noqa: E402

FEWEST = 5
TRUTHS = {"labels.csv": "label", "quality.csv": "T1", "sources.csv": "platform_bad"}


@dataclass(frozen=True)
class Base:
    """A set split by people: the reference's rows, and the rows of everybody else, by source."""

    name: str
    events: pa.Table
    source: np.ndarray
    released: pa.Table
    known: int
    pool: np.ndarray
    setting: Setting

    def day(self, chance: np.random.Generator, people: int) -> pa.Table:
        """Return all that some people of the pool said."""
        who = chance.choice(self.pool, min(people, len(self.pool)), replace=False)
        return self.events.filter(np.isin(self.source, who))

    def alarmed(self, held: pa.Table) -> int:
        """Return how many sources ring on such a day."""
        return int(weigh(self.evidence(held)).alarmed.sum())

    def evidence(self, held: pa.Table) -> Evidence:
        """Return what is seen of such a day beside the reference."""
        told = self.setting
        return evidence_from(held, self.released, timed=told.timed, known=told.known)


def base_of(folder: Path, most: int) -> Base:
    """Read a set; of very large ones `most` people that say enough are kept."""
    chance = np.random.default_rng(0)
    feedback = read_feedback([folder / "events.csv.gz"], scope=None, progress=lambda _: None)
    source, names = coded(feedback.events, "source")
    bad = _bad(folder)
    enough = np.flatnonzero(np.bincount(source, minlength=len(names)) >= FEWEST)
    fit = np.array([code for code in enough.tolist() if names[code] not in bad])
    fit = chance.permutation(fit)[:most]
    half = len(fit) // 2
    released = feedback.events.filter(np.isin(source, fit[:half]))
    setting = Setting(known=_described(folder, feedback), timed=feedback.timed)
    return Base(folder.name, feedback.events, source, released, half, fit[half:], setting)


def _described(folder: Path, feedback: Feedback) -> Known:
    """Return what the set tells of the items that were judged; no right answer is shown."""
    file = folder / "items.jsonl.gz"
    items = read_items(file).targets if file.exists() else {}
    return Known(
        topics={name: item.topic for name, item in items.items() if item.topic},
        wording=wording(feedback, items),
    )


def _bad(folder: Path) -> set[str]:
    found: set[str] = set()
    for name, column in TRUTHS.items():
        if (folder / name).exists():
            known = pd.read_csv(folder / name, dtype={"source": str}).dropna(subset=[column])
            found |= set(known.loc[known[column].astype(float) > 0, "source"])
    return found


def poisoned(base: Base, name: str, share: float) -> Base | None:
    """Return the base with a share of its reference turned into attackers."""
    setting = base.setting
    scene = staged(base, base.released)
    play = attacks()[name]
    if play.refuses(scene):
        return None
    mixed = play.play(scene, Order(share=share, seed=77))
    # Beyond all indexes that are known to say something.
    shadow = counted_from(base.events.num_rows, events_of(mixed.scene, base.released))
    words = reworded(
        setting.known.wording, scene, mixed.scene, genuine=base.released, shadow=shadow
    )
    known = replace(setting.known, wording=words)
    return replace(base, released=shadow, setting=replace(setting, known=known))


def staged(base: Base, events: pa.Table) -> Scene:
    """Return a scene of some of the base's events, with what is known of their targets."""
    scene = scene_of(events, {}, timed=base.setting.timed)
    return replace(scene, items=described(scene, events, base.setting.known))
