"""Thirty clean days, then each attack: how often anything rings, and how much of it is false.

Days are dealt from real feedback: half of the people of a set are the frozen reference, each day
some of the other half come with all that they said, without those whom the set itself calls bad.
What rings on a clean day is called false, though nobody knows that it is. Then attacks are mixed
into days of their own. At last one person in a hundred of the reference is made an attacker of the
same kind, to see whether the drill (`quarantine.drill`) notices that the alarms have gone blind,
and whether it cries without need. And attackers grow from one in a hundred of those who are scored
together to forty, to see whether they come to look usual.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import stats
from sklearn.metrics import roc_auc_score

sys.path[:0] = [str(Path(__file__).parents[1])]

from quarantine.calibration import large_enough  # noqa: E402  found by the line above
from quarantine.drill import Drill, attacks, drill, lost  # noqa: E402
from quarantine.evidence import evidence_from  # noqa: E402
from quarantine.scene import Order, events_of, scene_of  # noqa: E402
from quarantine.scoring import FALSE_SHARE, weigh  # noqa: E402
from service.backtest.known import coded  # noqa: E402
from service.backtest.reading import read_feedback  # noqa: E402
from service.drilling import FIRST  # noqa: E402

DAYS = 30
LOOKS = 4
"""How often a day is looked at while it fills."""
WATCHED = 5
"""So many days are watched so."""
FEWEST = 5
POISON = 0.01
SHARES = (0.01, 0.1, 0.4)
TRUTHS = {"labels.csv": "label", "quality.csv": "T1", "sources.csv": "platform_bad"}
PLAYED = (
    *("spammer", "majority_class", "first_option", "copying_ring", "love_hate"),
    *("average_filler", "sleeper", "campaign"),
)
MASKED = ("majority_class", "first_option", "love_hate")
MASKED_DAYS = 2


@dataclass(frozen=True)
class Base:
    """A set split by people: the reference's rows, and the rows of everybody else, by source."""

    name: str
    events: pa.Table
    source: np.ndarray
    released: pa.Table
    known: int
    pool: np.ndarray
    timed: bool

    def day(self, chance: np.random.Generator, people: int) -> pa.Table:
        """Return all that some people of the pool said."""
        who = chance.choice(self.pool, min(people, len(self.pool)), replace=False)
        return self.events.filter(np.isin(self.source, who))

    def alarmed(self, held: pa.Table) -> int:
        """Return how many sources ring on such a day."""
        return int(weigh(evidence_from(held, self.released, timed=self.timed)).alarmed.sum())


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
    return Base(folder.name, feedback.events, source, released, half, fit[half:], feedback.timed)


def _bad(folder: Path) -> set[str]:
    found: set[str] = set()
    for name, column in TRUTHS.items():
        if (folder / name).exists():
            known = pd.read_csv(folder / name, dtype={"source": str}).dropna(subset=[column])
            found |= set(known.loc[known[column].astype(float) > 0, "source"])
    return found


def clean(base: Base, people: int) -> tuple[list[int], list[bool]]:
    """Return how many ring on each clean day, and, of some days, whether any look of many rang."""
    days = [base.day(np.random.default_rng(day), people) for day in range(DAYS)]
    rung = [base.alarmed(held) for held in days]
    looked = []
    for held in days[:WATCHED]:
        sizes = np.linspace(0, held.num_rows, LOOKS + 1)[1:-1].astype(int)
        looked.append(any(base.alarmed(held.slice(0, size)) for size in sizes.tolist()))
    return rung, [any_ or last > 0 for any_, last in zip(looked, rung, strict=False)]


def attacked(base: Base, people: int, days: range, name: str) -> list[Drill]:
    """Return what became of one attack, mixed into days of its own."""
    tried = [
        drill(
            base.day(np.random.default_rng(1000 + day), people),
            base.released,
            attack=name,
            seed=day,
            timed=base.timed,
        )
        for day in days
    ]
    return [each for each in tried if each is not None and each.injected]


def poisoned(base: Base, name: str, share: float) -> Base | None:
    """Return the base with a share of its reference turned into attackers."""
    scene = scene_of(base.released, {}, timed=base.timed)
    play = attacks()[name]
    if play.refuses(scene):
        return None
    mixed = play.play(scene, Order(share=share, seed=77))
    return replace(base, released=events_of(mixed.scene, base.released))


def alarm(now: Sequence[Drill], before: Sequence[Drill]) -> str:
    """Say on how many of these days the drill rings, beside the first days of the attack."""
    rang = [lost(each, *before[:FIRST]) for each in now]
    return f"{sum(rang)} of {len(rang)}"


def summed(drills: Sequence[Drill]) -> Drill:
    """Add up drills of one attack; there must be one."""
    return Drill(
        attack=drills[0].attack,
        injected=sum(each.injected for each in drills),
        called=sum(each.called for each in drills),
        rung=sum(each.rung for each in drills),
        false=sum(each.false for each in drills),
        others=sum(each.others for each in drills),
    )


def attack(base: Base, people: int, days: int, name: str) -> tuple[str, list[Drill]] | None:
    """Return the line of one attack, and what its days came to."""
    found = attacked(base, people, range(days), name)
    blind = poisoned(base, name, POISON)
    if len(found) <= FIRST or blind is None:
        return None
    whole = summed(found)
    false = [each.false / max(each.false + each.rung, 1) for each in found]
    after = attacked(blind, people, range(FIRST), name)
    line = (
        f"| {base.name} | {name} | {whole.injected} | {_share(whole.rung, whole.injected)}"
        f" | {_share(whole.called, whole.injected)} | {np.mean(false):.0%} ({_spread(false)})"
        f" | {_share(summed(after).rung, summed(after).injected)}"
        f" | {alarm(after, found)} | {alarm(found[FIRST:], found)} |"
    )
    return line, found


def _share(part: int, whole: int) -> str:
    """Spell a share with its 95 % interval (Wilson 1927)."""
    low, high = stats.binomtest(part, whole).proportion_ci(method="wilson")
    return f"{part / whole:.0%} ({low:.0%}-{high:.0%})"


def _spread(values: Sequence[float]) -> str:
    """Spell the 95 % interval of a mean of days, drawn again 2,000 times."""
    drawn = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return f"{low:.0%}-{high:.0%}"


def masked(base: Base, people: int, name: str) -> str:
    """Return the line of how an attack ranks as its sources grow in number, without more people."""
    aucs = []
    for share in SHARES:
        told = []
        for seed in range(MASKED_DAYS):
            held = base.day(np.random.default_rng(2000 + seed), people)
            scene = scene_of(held, {}, timed=base.timed)
            if attacks()[name].refuses(scene):
                return ""
            mixed = attacks()[name].play(scene, Order(share=share, seed=seed))
            events = events_of(mixed.scene, held)
            weighed = weigh(evidence_from(events, base.released, timed=base.timed))
            known = dict(zip(mixed.scene.sources, mixed.bad.tolist(), strict=True))
            size = weighed.linked.held_sources
            bad = [known.get(key.source, False) for key in weighed.linked.sources[:size]]
            told.append((weighed.rang.scores, np.array(bad)))
        scores, bad = (np.concatenate(each) for each in zip(*told, strict=True))
        aucs.append(f"{roc_auc_score(bad, scores):.3f} of {bad.sum()}" if bad.any() else "none")
    return f"| {base.name} | {name} | {' | '.join(aucs)} |"


@dataclass
class Tables:
    """The lines of the three tables."""

    clean: list[str]
    attacks: list[str]
    masked: list[str]


def look(base: Base, people: int, days: int, tables: Tables) -> None:
    """Fill the tables with one set."""
    rung, looked = clean(base, people)
    needed = next(n for n in range(1, people + 1) if large_enough(base.known, people, n, 0.1))
    played = []
    for name in PLAYED:
        told = attack(base, people, days, name)
        if told is not None:
            tables.attacks.append(told[0])
            played += told[1]
            print(told[0], file=sys.stderr)
    false = sum(rung) + sum(each.false for each in played)
    whole = false + sum(each.rung for each in played)
    tables.clean.append(
        f"| {base.name} | {base.known} | {people} | {needed}"
        f" | {_share(sum(each > 0 for each in rung), DAYS)}"
        f" | {sum(looked)} of {len(looked)} | {np.mean(rung):.2f}"
        f" | {false} of {whole} ({false / max(whole, 1):.0%}) |"
    )
    print(tables.clean[-1], file=sys.stderr)
    tables.masked += [line for name in MASKED if (line := masked(base, people, name))]


CLEAN = (
    "set | in the reference | a day | fewest that can be called | days with an alarm"
    f" | days with one at any of {LOOKS} looks | alarms a day | false of all alarms, over all days"
)
ATTACKS = (
    "set | attack | injected | ring | called | false among a day's alarms"
    f" | ring, {POISON:.0%} of the reference poisoned | the drill rings then"
    " | and with nothing poisoned"
)
MASKS = f"set | attack | {' | '.join(f'{share:.0%}' for share in SHARES)}"
DRILLED = f"The drill compares each day with the first {FIRST} of its attack."
MASKING = (
    "AUC of the score where attackers are so many of all (of events where they take slots, of"
    " sources where they add some), two days together:"
)
INTRO = (
    f"Made by `benchmarks/days.py`. Sources are called at a share of {FALSE_SHARE:.0%} false ones;"
    " intervals are 95 %. What rings on a clean day is called false, and so is who was there before"
    " an attack was mixed in."
)


def text(tables: Tables) -> str:
    """Return the page."""
    return "\n\n".join(
        [
            "# Thirty clean days, then each attack",
            INTRO,
            _table(CLEAN, tables.clean),
            "The last column is over the clean days and all days of attacks together.",
            _table(ATTACKS, tables.attacks),
            DRILLED,
            MASKING,
            _table(MASKS, tables.masked),
            "",
        ]
    )


def _table(head: str, lines: Sequence[str]) -> str:
    return "\n".join([f"| {head} |", f"|{'---|' * (head.count('|') + 1)}", *lines])


def kept(page: Path, sets: Sequence[str]) -> Tables:
    """Read the lines of other sets from a page that was made before."""
    parts = page.read_text(encoding="utf-8").split("\n\n") if page.exists() else []
    found = []
    for head in (CLEAN, ATTACKS, MASKS):
        table = next((part for part in parts if part.startswith(f"| {head} |")), "")
        rows = [line for line in table.splitlines()[2:] if line.split(" | ")[0][2:] not in sets]
        found.append(rows)
    return Tables(*found)


def main() -> None:
    """Print the tables, set by set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument(
        "--sets", nargs="*", default=["md_agreement", "ukpconvarg", "filmtrust", "yelp_chi"]
    )
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--days", type=int, default=4, help="days for each attack")
    parser.add_argument("--most", type=int, default=800, help="people of a set, at most")
    parser.add_argument("--out", type=Path, help="a page; what it says of other sets is kept")
    asked = parser.parse_args()
    tables = kept(asked.out, asked.sets) if asked.out else Tables([], [], [])
    for name in asked.sets:
        look(base_of(asked.data / name, asked.most), asked.people, asked.days, tables)
        if asked.out:
            asked.out.write_text(text(tables), encoding="utf-8")
    sys.stdout.write(text(tables))


if __name__ == "__main__":
    main()
