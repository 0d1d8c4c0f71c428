"""Attackers who add profiles of ratings: whom they push, what they fill up with, and when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from quarantine.evidence import Flags, Floats, Ints
from quarantine.scene import Mixed, Order, Scene
from quarantine.slots import LEAST, paced, strangers

_KNOWN: Final = 5
"""Targets with this many ratings have a mean worth moving."""
_FEWEST: Final = 2


@dataclass(frozen=True, slots=True)
class Market:
    """What attackers know: by target how many rate it, the mean and the spread; and of all."""

    count: Ints
    mean: Floats
    spread: Floats
    overall: float
    around: float

    def popular(self) -> Ints:
        """Return the targets from the most to the least rated; of equals the first seen first."""
        return np.argsort(-self.count, kind="stable").astype(np.int64)


@dataclass(frozen=True, slots=True)
class Profiles:
    """Rows to add, in columns: the attacker's number, the target, and the wished worth (0..1)."""

    who: Ints
    target: Ints
    worth: Floats

    def and_also(self, other: Profiles) -> Profiles:
        """Return both together; what was said first of a target stands."""
        who = np.concatenate([self.who, other.who])
        target = np.concatenate([self.target, other.target])
        worth = np.concatenate([self.worth, other.worth])
        _, first = np.unique(who * (int(target.max(initial=0)) + 1) + target, return_index=True)
        return Profiles(who[np.sort(first)], target[np.sort(first)], worth[np.sort(first)])


def refused(scene: Scene) -> str:
    """Say why no profile of ratings can be added here; empty when it can."""
    if not scene.rated():
        return "not all answers are ratings"
    counts = np.bincount(scene.target)
    return "" if (counts >= _KNOWN).sum() > _KNOWN else f"few targets have {_KNOWN} ratings"


def market(scene: Scene) -> Market:
    """Take from genuine ratings what a well informed attacker would know."""
    worth, target = scene.worth[scene.answer], scene.target
    count = np.bincount(target, minlength=len(scene.targets))
    mean = np.bincount(target, worth, len(count)) / np.maximum(count, 1)
    square = np.bincount(target, (worth - mean[target]) ** 2, len(count))
    return Market(
        count=count,
        mean=mean,
        spread=np.sqrt(square / np.maximum(count - 1, 1)),
        overall=float(worth.mean()),
        around=float(worth.std()),
    )


def aimed_at(known: Market, order: Order, count: int, chance: np.random.Generator) -> Ints:
    """Choose whom to push (little rated, not liked) or to nuke (much rated, liked)."""
    rated = known.count >= _KNOWN
    usual, liked = np.median(known.count[rated]), np.median(known.mean[rated])
    if order.aim == "push":
        fit = rated & (known.count <= usual) & (known.mean <= liked)
    else:
        fit = rated & (known.count >= usual) & (known.mean >= liked)
    able = np.flatnonzero(fit if fit.any() else rated)
    return chance.choice(able, min(count, len(able)), replace=False).astype(np.int64)


def sizes(scene: Scene, order: Order, chance: np.random.Generator) -> Ints:
    """Draw each attacker's number of fillers from the real profiles that are not tiny."""
    real = np.bincount(scene.source, minlength=len(scene.sources))
    speaking = real[real > 0]
    members = max(round(order.share * len(speaking)), _FEWEST)
    fit = speaking[speaking >= min(LEAST, int(speaking.max()))]
    drawn: Ints = chance.choice(fit, members).astype(np.int64)
    return drawn


def filled(per: Ints, among: Ints, chance: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw for each attacker that many different targets `among` these: attackers, targets."""
    chosen = [chance.choice(among, min(int(n), len(among)), replace=False) for n in per]
    who = np.repeat(np.arange(len(per)), [len(each) for each in chosen])
    return who, np.concatenate(chosen).astype(np.int64)


def all_rate(members: int, targets: Ints, worth: float) -> Profiles:
    """Let every attacker give the same to the same targets."""
    who = np.repeat(np.arange(members), len(targets))
    return Profiles(who, np.tile(targets, members), np.full(len(who), worth))


def goal(order: Order) -> float:
    """Return what the targets are given: the top of the scale to push, its end to nuke."""
    return 1.0 if order.aim == "push" else 0.0


def average(known: Market, who: Ints, target: Ints, chance: np.random.Generator) -> Profiles:
    """Fill with ratings around each target's own mean."""
    spread = np.where(known.count > 1, known.spread, known.around)
    drawn = chance.normal(known.mean[target], spread[target])
    return Profiles(who, target, drawn)


def blind(known: Market, who: Ints, target: Ints, chance: np.random.Generator) -> Profiles:
    """Fill with ratings around the mean of all."""
    return Profiles(who, target, chance.normal(known.overall, known.around, len(who)))


def joined(scene: Scene, added: Profiles, chance: np.random.Generator) -> Mixed:
    """Add the profiles among the genuine rows, on the scale's own steps and at a real pace."""
    step = np.flatnonzero(~np.isnan(scene.worth))
    step = step[np.argsort(scene.worth[step], kind="stable")]
    levels = scene.worth[step]
    middle = (levels[1:] + levels[:-1]) / 2
    answer = step[np.searchsorted(middle, added.worth)]
    order = chance.permutation(len(added.who))
    order = order[np.argsort(added.who[order], kind="stable")]
    members = int(added.who.max()) + 1
    count = np.bincount(added.who, minlength=members)
    at = np.concatenate([paced(scene, int(each), chance) for each in count])
    _, example = np.unique(scene.target, return_index=True)
    names = [*scene.sources, *strangers(members, chance)]
    who, target = added.who[order], added.target[order]
    mixed = replace(
        scene,
        row=np.concatenate([scene.row, scene.row[example[target]]]),
        source=np.concatenate([scene.source, len(scene.sources) + who]),
        target=np.concatenate([scene.target, target]),
        answer=np.concatenate([scene.answer, answer[order]]),
        at=np.concatenate([scene.at, at]),
        sources=names,
    )
    return _among(scene, mixed)


def _among(genuine: Scene, mixed: Scene) -> Mixed:
    """Put rows in order of arrival, and say whose are not genuine."""
    bad: Flags = np.arange(len(mixed.sources)) >= len(genuine.sources)
    order = mixed.ordered()
    return Mixed(scene=mixed.at_rows(order), bad=bad, poisoned=bad[mixed.source[order]])
