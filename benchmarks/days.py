"""Thirty clean days, then each attack: how often anything rings, and how much of it is false.

Days are dealt from real feedback: half of the people of a set are the frozen reference, each day
some of the other half come with all that they said, without those whom the set itself calls bad.
Then attacks are mixed into days, and at last one person in a hundred of the reference is made an
attacker of the same kind, to see whether the drill (`quarantine.drill`) notices that the alarms
have gone blind. What rings on a clean day is called false, though nobody knows that it is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

sys.path[:0] = [str(Path(__file__).parents[1])]

from quarantine.calibration import discoveries  # noqa: E402  found by the line above
from quarantine.drill import Drill, attacks, drill, lost  # noqa: E402
from quarantine.evidence import evidence_from  # noqa: E402
from quarantine.scene import Order, events_of, scene_of  # noqa: E402
from quarantine.scoring import FALSE_SHARE, weigh  # noqa: E402
from service.backtest.known import coded  # noqa: E402
from service.backtest.reading import read_feedback  # noqa: E402

DAYS = 30
FEWEST = 5
TRUTHS = {"labels.csv": "label", "quality.csv": "T1", "sources.csv": "platform_bad"}
PLAYED = ("spammer", "copying_ring", "first_option", "takeover", "average_filler", "love_hate")


@dataclass(frozen=True)
class Base:
    """A set split by people: the reference's rows, and the rows of everybody else, by source."""

    name: str
    events: pa.Table
    source: np.ndarray
    reference: np.ndarray
    pool: np.ndarray
    timed: bool

    @property
    def released(self) -> pa.Table:
        """Return the frozen reference."""
        return self.events.filter(np.isin(self.source, self.reference))

    def day(self, chance: np.random.Generator, people: int) -> pa.Table:
        """Return all that some people of the pool said."""
        who = chance.choice(self.pool, min(people, len(self.pool)), replace=False)
        return self.events.filter(np.isin(self.source, who))


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
    return Base(folder.name, feedback.events, source, fit[:half], fit[half:], feedback.timed)


def _bad(folder: Path) -> set[str]:
    found: set[str] = set()
    for name, column in TRUTHS.items():
        if (folder / name).exists():
            known = pd.read_csv(folder / name, dtype={"source": str}).dropna(subset=[column])
            found |= set(known.loc[known[column].astype(float) > 0, "source"])
    return found


def clean(base: Base, people: int) -> dict[str, float]:
    """Score clean days; return the share with any alarm, calibrated and of all kinds."""
    rung, called = [], []
    for day in range(DAYS):
        held = base.day(np.random.default_rng(day), people)
        weighed = weigh(evidence_from(held, base.released, timed=base.timed))
        rung.append(int(weighed.alarmed.sum()))
        called.append(int(discoveries(weighed.rang.p_values, FALSE_SHARE).sum()))
    return {
        "any": float(np.mean([each > 0 for each in rung])),
        "called": float(np.mean([each > 0 for each in called])),
        "rings": float(np.mean(rung)),
    }


def attacked(base: Base, people: int, days: int, name: str) -> list[Drill]:
    """Return what became of one attack, mixed into `days` days of its own."""
    tried = [
        drill(
            base.day(np.random.default_rng(1000 + day), people),
            base.released,
            attack=name,
            seed=day,
            timed=base.timed,
        )
        for day in range(days)
    ]
    return [each for each in tried if each is not None]


def poisoned(base: Base, name: str, share: float) -> Base | None:
    """Return the base with a share of its reference turned into attackers."""
    released = base.released
    scene = scene_of(released, {}, timed=base.timed)
    play = attacks()[name]
    if play.refuses(scene):
        return None
    mixed = play.play(scene, Order(share=share, seed=77))
    reference = events_of(mixed.scene, released)
    return PoisonedBase(
        base.name, base.events, base.source, base.reference, base.pool, base.timed, reference
    )


@dataclass(frozen=True)
class PoisonedBase(Base):
    """A base whose reference has attackers in it."""

    reference_rows: pa.Table

    @property
    def released(self) -> pa.Table:
        """Return the poisoned reference."""
        return self.reference_rows


def summed(name: str, found: list[Drill]) -> Drill:
    """Add several drills of one attack up."""
    return Drill(
        attack=name,
        injected=sum(each.injected for each in found),
        called=sum(each.called for each in found),
        rung=sum(each.rung for each in found),
        false=sum(each.false for each in found),
        others=sum(each.others for each in found),
    )


def rows(base: Base, people: int, days: int) -> Iterator[str]:
    """Yield the lines of one set."""
    calm = clean(base, people)
    head = f"{base.name}: {len(base.reference)} in the reference, {people} a day"
    yield (
        f"| {head} | {DAYS} clean days | | | {calm['rings']:.2f} rings a day |"
        f" any alarm on {calm['any']:.0%} of days, calibrated on {calm['called']:.0%} |"
    )
    for name in PLAYED:
        found = attacked(base, people, days, name)
        if not found:
            continue
        whole = summed(name, found)
        fdr = np.mean([each.false / max(each.false + each.rung, 1) for each in found])
        blind = poisoned(base, name, 0.01)
        told = "" if blind is None else after(blind, whole, people, days)
        yield (
            f"| | {name} | {whole.injected} | {whole.called} called, {whole.rung} rung |"
            f" false {fdr:.0%} | {told} |"
        )


def after(blind: Base, before: Drill, people: int, days: int) -> str:
    """Say what the drill finds once the reference is poisoned, and whether it rings for that."""
    now = summed(before.attack, attacked(blind, people, days, before.attack))
    rings = "alarm" if lost(now, before) else "no alarm"
    return f"1 % of the reference poisoned: {now.called} called, {now.rung} rung; {rings}"


def main() -> None:
    """Print the table, set by set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--sets", nargs="*", default=["md_agreement", "filmtrust", "yelp_chi"])
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--days", type=int, default=3, help="days for each attack")
    parser.add_argument("--most", type=int, default=2000, help="people of a set, at most")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    lines = [
        "| set | day | injected | found | false | and then |",
        "|---|---|---|---|---|---|",
    ]
    for name in asked.sets:
        for line in rows(base_of(asked.data / name, asked.most), asked.people, asked.days):
            lines.append(line)
            print(line, file=sys.stderr)
    text = "\n".join(["# Thirty clean days, then each attack", "", *lines, ""])
    sys.stdout.write(text)
    if asked.out:
        asked.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
