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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from dealt import Base, base_of, poisoned, staged  # noqa: E402  found by the line above
from returning import LOOKED, RETURNS, returning  # noqa: E402

from quarantine.calibration import large_enough  # noqa: E402
from quarantine.drill import Drill, attacks, drill, lost, shadow_of, together  # noqa: E402
from quarantine.scene import Order  # noqa: E402
from quarantine.scoring import FALSE_SHARE, weigh  # noqa: E402
from service.drilling import FIRST  # noqa: E402

DAYS = 30
LOOKS = 4
"""How often a day is looked at while it fills."""
WATCHED = 2
"""So many days are watched so."""
POISON = 0.01
SHARES = (0.01, 0.1, 0.4)
PLAYED = (
    *("spammer", "majority_class", "first_option", "copying_ring", "love_hate"),
    *("average_filler", "sleeper", "campaign"),
)
BACKS = ("spammer", "majority_class", "first_option", "sleeper")
MASKED = ("majority_class", "first_option", "love_hate")
MASKED_DAYS = 2
PARTS = ("clean", "attacks", "back", "masked")


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
            setting=base.setting,
        )
        for day in days
    ]
    return [each for each in tried if each is not None and each.injected]


def alarm(now: Sequence[Drill], before: Sequence[Drill]) -> str:
    """Say on how many of these days the drill rings, beside the first days of the attack."""
    rang = [lost(each, *before[:FIRST]) for each in now]
    return f"{sum(rang)} of {len(rang)}"


def fell(now: Sequence[Drill], before: Sequence[Drill]) -> str:
    """Say on how many of these days most of the power is gone, and on how many the drill rings."""
    had = together(*before[:FIRST])
    usual = (had.ahead or 0) / had.injected
    gone = [(each.ahead or 0) / each.injected < usual / 2 for each in now]
    late = "and" if lost(together(*now), *before[:FIRST]) else "not"
    return f"gone on {sum(gone)}, rings on {alarm(now, before)}, {late} for all together"


def attack(base: Base, people: int, days: int, name: str) -> tuple[str, list[Drill]] | None:
    """Return the line of one attack, and what its days came to."""
    found = attacked(base, people, range(days), name)
    blind = poisoned(base, name, POISON)
    if len(found) <= FIRST or blind is None:
        return None
    whole = together(*found)
    false = [each.false / max(each.false + each.rung, 1) for each in found]
    line = (
        f"| {base.name} | {name} | {whole.injected} | {_share(whole.rung, whole.injected)}"
        f" | {_share(whole.ahead or 0, whole.injected)}"
        f" | {np.mean(false):.0%} ({_spread(false)}) | {poisoning(blind, people, found)}"
        f" | {alarm(found[FIRST:], found)} |"
    )
    return line, found


def poisoning(blind: Base, people: int, found: Sequence[Drill]) -> str:
    """Return the cells of what becomes of an attack beside a reference with some of it in it."""
    had = together(*found[:FIRST])
    if not had.rung and not had.ahead:
        return "- | no power to lose"
    after = attacked(blind, people, range(FIRST), found[0].attack)
    whole = together(*after)
    return f"{_share(whole.rung, whole.injected)} | {fell(after, found)}"


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
            scene = staged(base, held)
            if attacks()[name].refuses(scene):
                return ""
            mixed = attacks()[name].play(scene, Order(share=share, seed=seed))
            weighed = weigh(shadow_of(scene, mixed, held, base.released, base.setting))
            known = dict(zip(mixed.scene.sources, mixed.bad.tolist(), strict=True))
            size = weighed.linked.held_sources
            bad = [known.get(key.source, False) for key in weighed.linked.sources[:size]]
            told.append((weighed.rang.scores, np.array(bad)))
        scores, bad = (np.concatenate(each) for each in zip(*told, strict=True))
        aucs.append(f"{roc_auc_score(bad, scores):.3f} of {bad.sum()}" if bad.any() else "none")
    return f"| {base.name} | {name} | {' | '.join(aucs)} |"


@dataclass
class Tables:
    """The lines of the four tables."""

    clean: list[str]
    attacks: list[str]
    back: list[str]
    masked: list[str]


def look(base: Base, people: int, days: int, tables: Tables, parts: Sequence[str]) -> None:
    """Fill the tables with one set."""
    played = []
    for name in PLAYED if {"attacks", "clean"} & {*parts} else ():
        told = attack(base, people, days, name)
        if told is not None:
            tables.attacks.append(told[0])
            played += told[1]
            print(told[0], file=sys.stderr)
    if "clean" in parts:
        tables.clean.append(quiet(base, people, played))
        print(tables.clean[-1], file=sys.stderr)
    for name in BACKS if "back" in parts else ():
        tables.back += [line for line in [returning(base, people, name)] if line]
    for name in MASKED if "masked" in parts else ():
        tables.masked += [line for line in [masked(base, people, name)] if line]


def quiet(base: Base, people: int, played: Sequence[Drill]) -> str:
    """Return the line of the clean days, with what was false on the days of attack besides."""
    rung, looked = clean(base, people)
    needed = next(n for n in range(1, people + 1) if large_enough(base.known, people, n, 0.1))
    false = sum(rung) + sum(each.false for each in played)
    whole = false + sum(each.rung for each in played)
    return (
        f"| {base.name} | {base.known} | {people} | {needed}"
        f" | {_share(sum(each > 0 for each in rung), DAYS)}"
        f" | {sum(looked)} of {len(looked)} | {np.mean(rung):.2f}"
        f" | {false} of {whole} ({false / max(whole, 1):.0%}) |"
    )


CLEAN = (
    "set | in the reference | a day | fewest that can be called | days with an alarm"
    f" | days with one at any of {LOOKS} looks | alarms a day | false of all alarms, over all days"
)
ATTACKS = (
    "set | attack | injected | ring | ahead of 99% of the reference | false among a day's alarms"
    f" | ring, {POISON:.0%} of the reference poisoned | most of the power then, and the drill"
    " | and with nothing poisoned"
)
BACK = f"set | attack | {' | '.join(f'by day {day}' for day in LOOKED)}"
MASKS = f"set | attack | {' | '.join(f'{share:.0%}' for share in SHARES)}"
DRILLED = (
    f"The drill compares each day with the first {FIRST} of its attack. It is asked on as many days"
    " beside a poisoned reference: on how many of them less than half of what used to be ahead of"
    " 99% of the reference is, on how many it says so, and whether it does for these days together,"
    " which it looks at as well. Where less than a fifth was ahead there is too little to lose, and"
    " it cannot ring."
)
COMING = (
    f"Attackers who come back on each of {RETURNS} days, each time in the slots of another person;"
    " nobody is released meanwhile, so that all who came stay held. Attackers that ring, and that"
    " are ahead of 99% of the reference, of those who were seen so far; then the same of others:"
)
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
            COMING,
            _table(BACK, tables.back),
            MASKING,
            _table(MASKS, tables.masked),
            "",
        ]
    )


def _table(head: str, lines: Sequence[str]) -> str:
    return "\n".join([f"| {head} |", f"|{'---|' * (head.count('|') + 1)}", *lines])


def kept(page: Path, sets: Sequence[str], parts: Sequence[str]) -> Tables:
    """Read the lines of other sets, and of other parts, from a page that was made before."""
    told = page.read_text(encoding="utf-8").split("\n\n") if page.exists() else []
    heads = {"clean": CLEAN, "attacks": ATTACKS, "back": BACK, "masked": MASKS}
    found = {}
    for part, head in heads.items():
        table = next((each for each in told if each.startswith(f"| {head} |")), "")
        lines = table.splitlines()[2:]
        anew = part in parts or (part == "attacks" and "clean" in parts)
        found[part] = [line for line in lines if not anew or line.split(" | ")[0][2:] not in sets]
    return Tables(**found)


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
    parser.add_argument("--parts", nargs="*", default=PARTS, help="what to do anew")
    parser.add_argument("--out", type=Path, help="a page; what it says of other sets is kept")
    asked = parser.parse_args()
    tables = kept(asked.out, asked.sets, asked.parts) if asked.out else Tables([], [], [], [])
    for name in asked.sets:
        base = base_of(asked.data / name, asked.most)
        look(base, asked.people, asked.days, tables, asked.parts)
        if asked.out:
            asked.out.write_text(text(tables), encoding="utf-8")
    sys.stdout.write(text(tables))


if __name__ == "__main__":
    main()
