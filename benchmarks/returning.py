"""Attackers who come back, day after day, beside people who come once: how soon they ring."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from dealt import Base, staged  # noqa: E402  found by the line above

from quarantine.drill import AHEAD, SHARE, attacks, shadow_of  # noqa: E402
from quarantine.evidence import Ints  # noqa: E402
from quarantine.scene import Mixed, Order  # noqa: E402
from quarantine.scoring import weigh  # noqa: E402

RETURNS = 5
"""So many days in a row: nobody is released meanwhile, as while a policy's dwell time lasts."""
LOOKED = (1, 3, 5)
"""After so many of them it is looked at."""
SEED = 5


def returning(base: Base, people: int, name: str) -> str:
    """Return the line of one attack by sources that come back each day; '' where it cannot be.

    Other people come each day with all they ever said, and stay held; an attacker takes the slots
    of one of them each day. By day: attackers that ring, and that lie ahead of nearly all of the
    reference, of those seen so far; and as many of the others.
    """
    chance = np.random.default_rng(3000)
    crowd = chance.permutation(base.pool)[: RETURNS * people]
    day_of = np.full(int(base.source.max()) + 1, -1)
    day_of[crowd] = np.arange(len(crowd)) % RETURNS
    held = base.events.filter(day_of[base.source] >= 0)
    day = day_of[base.source][day_of[base.source] >= 0]
    scene = staged(base, held)
    play = attacks()[name]
    if play.joins != "slots" or play.refuses(scene):
        return ""
    mixed = back(play.play(scene, Order(share=SHARE, seed=SEED)), day)
    cells = []
    for days in LOOKED:
        some = np.flatnonzero(day[mixed.scene.row] < days)
        seen = replace(mixed, scene=mixed.scene.at_rows(some), poisoned=mixed.poisoned[some])
        weighed = weigh(shadow_of(scene, seen, held, base.released, base.setting))
        keys = weighed.linked.sources[: weighed.linked.held_sources]
        names = {mixed.scene.sources[code] for code in np.flatnonzero(mixed.bad).tolist()}
        bad = np.array([key.source in names for key in keys])
        rings, ahead = weighed.alarmed[: len(keys)], weighed.rang.p_values <= AHEAD
        cells.append(
            f"{(rings & bad).sum()} ring, {(ahead & bad).sum()} ahead of {bad.sum()};"
            f" {(rings & ~bad).sum()}, {(ahead & ~bad).sum()} of {(~bad).sum()}"
        )
    return f"| {base.name} | {name} | {' | '.join(cells)} |"


def back(mixed: Mixed, day: Ints) -> Mixed:
    """Make the attackers of all days the same: the n-th of each day is one source.

    `day` is by row of the genuine events. Who speaks on several days already stays as it is. An
    attacker speaks of a target once, the first time.
    """
    after, size = mixed.scene, len(mixed.scene.sources)
    first, last = np.full(size, RETURNS), np.full(size, -1)
    np.minimum.at(first, after.source, day[after.row])
    np.maximum.at(last, after.source, day[after.row])
    if (first[mixed.bad] < last[mixed.bad]).any():
        return mixed
    teams = [np.flatnonzero(mixed.bad & (first == each)) for each in range(RETURNS)]
    same = np.arange(size)
    whole = max(teams, key=len)
    for team in teams:
        same[team] = whole[: len(team)]
    source = same[after.source]
    lies, rows = mixed.bad[source], np.arange(len(source))
    told = source[lies] * len(after.targets) + after.target[lies]
    _, once = np.unique(told, return_index=True)
    kept = np.sort(np.concatenate([rows[~lies], rows[lies][once]]))
    scene = replace(after, source=source).at_rows(kept)
    return replace(mixed, scene=scene, poisoned=mixed.poisoned[kept])
