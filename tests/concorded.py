"""Stores for tests of the concordance: few words, in many rows, and what may be asked of them."""

from __future__ import annotations

import random
from dataclasses import replace

from quarantine.model import Act, Event, Named
from quarantine.ports import Store
from tests.holding import entry, said

WIDE = 256
"""Rows in a range: in the service they are 65,536."""
RARE = 4
ASKED = (
    *(Named(target=f"answer/{n}") for n in range(4)),
    *(Named(key=f"k{n}") for n in range(3)),
    *(Named(producer="app", source=f"rater/{n}") for n in range(3)),
    Named(source="rater/1"),
    Named(source="nobody"),
    Named(target="answer/1", key="k1", source="rater/2"),
    Named(target="answer/1", key="k0", source="rater/2"),
    Named(target="answer/3", source="rater/0"),
    Named(target="answer/2", since=1_000_004, until=1_000_007),
    Named(source="rater/1", since=1_000_004),
    Named(since=1_000_003, until=1_000_005),
    Named(until=1_000_002),
    Named(target="answer/1", scope="helpful", kind="rating"),
    Named(target="answer/1", scope="another"),
    Named(key="k1", event="e3-7"),
    Named(producer="app"),
    Named(),
)


def fill(store: Store, numbers: range) -> None:
    """Hold a hundred events for each number, by anybody of anything, with an act between."""
    chance = random.Random(numbers.start)
    for n in numbers:
        events = [_said(n, i, chance) for i in range(100)]
        key = "rare" if n == RARE else f"k{chance.randrange(3)}"
        store.take([replace(entry(n, *events), key=key)])
        store.record([Act("tried", n, b"x")])


def _said(number: int, place: int, chance: random.Random) -> Event:
    rare = (number, place) == (RARE, RARE)
    source = "rare" if rare else f"rater/{chance.randrange(3)}"
    target = "rare" if rare else f"answer/{chance.randrange(4)}"
    return said(f"e{number}-{place}", source=source)._replace(target=target)


def found(store: Store) -> list[list[int]]:
    return [store.find(named) for named in ASKED]
