"""Whether probes tell on themselves: a classifier on what a reviewer sees, one Markdown table.

usage: python benchmarks/probes.py [--queues N] [--seed S] [--out FILE]

Each queue is a store with a month of labels that left and a month that waits, in which every attack
that labels allow is played on real slots; probes are laid beside it as `probe plant` does. A random
forest learns probes from real cases by what the screen shows, of some queues, and is asked of
others (five folds). Sorts of cases are weighed to the same mix on both sides: nobody can know which
attacks are really about. The floor is the same forest on real cases alone, half of them called
probes by chance.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1])]

from approvals.rules import shipped  # noqa: E402  found by the line above
from service.redteam.docket import docket, laid  # noqa: E402
from service.redteam.ground import Ground  # noqa: E402
from service.redteam.telltales import Seen, told_apart  # noqa: E402

ENOUGH = 20
"""With fewer real cases or probes of a sort, an AUC of it alone says nothing."""
LOOSE = shipped("demo").replace("share = 0.05", "share = 1.0")


def seen_in(queues: int, seed: int) -> Seen:
    """Look at every case of some queues, probes among them."""
    seen = Seen()
    for number in range(queues):
        with tempfile.TemporaryDirectory() as folder:
            ground = Ground(Path(folder), LOOSE)
            waits = docket(ground, np.random.default_rng(seed + number))
            seen.look(ground, waits, laid(ground, waits, seed=seed + 100 + number))
            ground.store.close()
    return seen


def floor(seen: Seen, rounds: int = 5) -> list[float]:
    """Return the AUC of telling real cases from real cases, called probes by chance."""
    real = [number for number, probe in enumerate(seen.is_probe) if not probe]
    told, sorts = [seen.told[n] for n in real], [seen.sorts[n] for n in real]
    queues = [seen.queues[n] for n in real]
    chance = np.random.default_rng(0)
    return [
        told_apart(told, (chance.random(len(told)) < 0.5).tolist(), sorts, queues)[0]
        for _ in range(rounds)
    ]


def lines(seen: Seen) -> list[str]:
    """Return the table, and what tells most."""
    auc, names = told_apart(seen.told, seen.is_probe, seen.sorts, seen.queues)
    raw, _ = told_apart(seen.told, seen.is_probe, [""] * len(seen.told), seen.queues)
    low = floor(seen)
    probes = sum(seen.is_probe)
    sides = [
        Counter(s or "honest" for s, p in zip(seen.sorts, seen.is_probe, strict=True) if p == side)
        for side in (False, True)
    ]
    return [
        "| what | figure |",
        "|---|---|",
        f"| real cases, probes | {len(seen.told) - probes}, {probes} |",
        f"| AUC, same mix of sorts | {auc:.2f} |",
        f"| AUC, as they come | {raw:.2f} |",
        *_by_sort(seen),
        f"| floor: real from real cases, {len(low)} draws | {min(low):.2f} to {max(low):.2f} |",
        f"| tells most | {', '.join(f'{n} {share:.2f}' for n, share in list(names.items())[:5])} |",
        *(
            f"| {name} | {', '.join(f'{sort} {count}' for sort, count in side.most_common())} |"
            for name, side in zip(("real", "probes"), sides, strict=True)
        ),
    ]


def _by_sort(seen: Seen) -> Iterator[str]:
    """Yield a line for each sort of which there are enough on both sides."""
    for sort in sorted(set(seen.sorts)):
        of_it = [number for number, name in enumerate(seen.sorts) if name == sort]
        flags = [seen.is_probe[n] for n in of_it]
        if min(sum(flags), len(flags) - sum(flags)) < ENOUGH:
            continue
        told, queues = [seen.told[n] for n in of_it], [seen.queues[n] for n in of_it]
        auc, _ = told_apart(told, flags, [""] * len(flags), queues)
        yield f"| AUC, {sort or 'honest'} alone ({len(flags)} cases) | {auc:.2f} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queues", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    told = lines(seen_in(asked.queues, asked.seed))
    print("\n".join(told))
    if asked.out:
        command = f"`python benchmarks/probes.py --queues {asked.queues} --seed {asked.seed}`"
        head = ["# Do probes tell on themselves?", "", f"{command}; see the program for how.", ""]
        asked.out.write_text("\n".join([*head, *told]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
