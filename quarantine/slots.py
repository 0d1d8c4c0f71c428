"""Attackers who take slots of real rows: they add no votes, so that counts tell nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from quarantine.evidence import Flags, Floats, Ints
from quarantine.scene import Mixed, Order, Scene

LEAST: Final = 10
"""Attackers take after sources with at least this many events."""
_RARE: Final = 0.05
_SMALLEST: Final = 0.01
_LONG: Final = 5
"""Letters of a word that is not just grammar."""


def hired(scene: Scene, share: float, chance: np.random.Generator, *, fit: Flags) -> Flags:
    """Choose whole sources, by source, whose every slot attackers take, until `share` of events.

    Their number of events, their targets, their times and gaps stay a real person's. Only those
    `fit` are chosen, of them first those with at least `LEAST` events.
    """
    count = np.bincount(scene.source, minlength=len(scene.sources))
    enough = chance.permutation(np.flatnonzero(fit & (count >= min(LEAST, count.max(initial=0)))))
    chosen = np.zeros(len(scene.sources), np.bool_)
    # One who alone would be most of the attack, or more, is passed over.
    wanted = share * len(scene.source)
    small = enough[count[enough] <= max(wanted / 3, count[enough].min(initial=LEAST))]
    before = np.cumsum(count[small]) - count[small]
    chosen[small[before < wanted]] = True
    return chosen


def everybody(scene: Scene) -> Flags:
    """Return that every source is fit to be an attacker."""
    return np.ones(len(scene.sources), np.bool_)


def rewritten(scene: Scene, bad: Flags, where: Flags, answer: Ints) -> Mixed:
    """Let the bad answer so in the rows `where`; elsewhere their slots' own answers stay."""
    poisoned = where & bad[scene.source]
    return Mixed(
        scene=replace(scene, answer=np.where(poisoned, answer, scene.answer)),
        bad=bad,
        poisoned=poisoned,
    )


def seated(
    scene: Scene, crews: Sequence[Ints], answer: Ints, lies: Flags, chance: np.random.Generator
) -> Mixed:
    """Give each attacker its rows; `answer` and `lies` (by row) say what it says there.

    Each attacker is a new source. It gets the gaps of a real source, so that its pace is one.
    """
    first = len(scene.sources)
    source, at, taken = scene.source.copy(), scene.at.copy(), np.zeros(len(scene.row), np.bool_)
    for number, rows in enumerate(crews):
        source[rows], taken[rows] = first + number, True
        if scene.timed:
            ordered = rows[np.argsort(scene.at[rows], kind="stable")]
            at[ordered] = paced(scene, len(rows), chance)
    names = [*scene.sources, *strangers(len(crews), chance)]
    mixed = replace(
        scene, source=source, at=at, sources=names, answer=np.where(taken, answer, scene.answer)
    )
    order = mixed.ordered() if scene.timed else np.arange(len(source))
    bad = np.zeros(len(names), np.bool_)
    bad[first:] = True
    return Mixed(scene=mixed.at_rows(order), bad=bad, poisoned=(taken & lies)[order])


def strangers(count: int, chance: np.random.Generator) -> list[str]:
    """Return names that say nothing."""
    return [f"u_{chance.bytes(6).hex()}" for _ in range(count)]


def paced(scene: Scene, count: int, chance: np.random.Generator) -> Ints:
    """Return `count` rising times with the gaps of one real source, within the scene's span.

    A source with too few gaps lends them several times, in another order each time.
    """
    size = np.bincount(scene.source, minlength=len(scene.sources))
    able = np.flatnonzero(size >= min(max(count // 2, 2), size.max(initial=0)))
    model = np.sort(scene.at[scene.source == chance.choice(able)])
    gaps = np.diff(model) if len(model) > 1 else np.zeros(1, np.int64)
    rounds = -(-max(count - 1, 1) // len(gaps))
    lent = np.concatenate([chance.permutation(gaps) for _ in range(rounds)])[: count - 1]
    begin, end = int(scene.at.min()), int(scene.at.max())
    while int(lent.sum()) > end - begin and lent.max() > lent.min():
        lent[lent.argmax()] = lent.min()
    lent = lent if int(lent.sum()) <= end - begin else np.zeros_like(lent)
    start = int(chance.integers(begin, end - int(lent.sum()) + 1))
    paces: Ints = start + np.concatenate([[0], np.cumsum(lent)]).astype(np.int64)
    return paces


def sizes(scene: Scene, share: float, chance: np.random.Generator, *, of: int = 1) -> list[int]:
    """Draw real sources' numbers of events until `share` of events, `of` attackers to each."""
    count = np.bincount(scene.source, minlength=len(scene.sources))
    wanted = share * len(scene.source)
    least = min(LEAST, int(count.max(initial=1)))
    enough = count[count >= least]
    real = enough[enough <= max(wanted / (3 * of), enough.min())]
    drawn: list[int] = []
    while sum(drawn) * of < wanted:
        drawn.append(int(chance.choice(real)))
    return drawn


def crews_of(
    scene: Scene, order: Order, focus: Flags, weight: float, chance: np.random.Generator
) -> list[Ints]:
    """Draw attackers' rows: of each one's, `weight` in the rows of `focus`, the rest elsewhere.

    Nobody speaks of a target twice. When the rows of `focus` run out, no more attackers come.
    """
    hot = chance.permutation(np.flatnonzero(focus))
    calm = chance.permutation(np.flatnonzero(~focus))
    crews: list[Ints] = []
    for size in sizes(scene, order.share, chance):
        some = max(round(weight * size), 1)
        if some > len(hot) and crews:
            break
        mine = np.concatenate([hot[:some], calm[: size - some]])
        hot, calm = hot[some:], calm[size - some :]
        _, once = np.unique(scene.target[mine], return_index=True)
        crews.append(mine[np.sort(once)])
    return crews


def about(scene: Scene, least: float, most: float, chance: np.random.Generator) -> Flags:
    """Choose a subject and say by target whether it is about that.

    It is a topic where topics are known, of any but the smallest size; else a longer word that
    between `least` and `most` of the texts have; where no text is known, it is drawn, as a subject
    that nothing here tells of.
    """
    told = [scene.items.get(name) for name in scene.targets]
    topics = [{item.topic} - {""} if item else set() for item in told]
    found = _among(topics, _SMALLEST, 0.5)
    if found:
        return _with(topics, found[int(chance.integers(len(found)))])
    return worded(scene, least, most, chance)


def worded(scene: Scene, least: float, most: float, chance: np.random.Generator) -> Flags:
    """Choose a longer word that between `least` and `most` of the texts have: flags by target."""
    told = [scene.items.get(name) for name in scene.targets]
    words = [set(item.words()) if item else set() for item in told]
    found = [word for word in _among(words, least, most) if len(word) >= _LONG]
    if not found:
        return chance.random(len(told)) < (least + most) / 2
    return _with(words, found[int(chance.integers(len(found)))])


def _with(subjects: Sequence[set[str]], subject: str) -> Flags:
    return np.array([subject in each for each in subjects], np.bool_)


def _among(subjects: Sequence[set[str]], least: float, most: float) -> list[str]:
    seen: dict[str, int] = {}
    for each in subjects:
        for subject in each:
            seen[subject] = seen.get(subject, 0) + 1
    count = len(subjects)
    return sorted(word for word, times in seen.items() if least * count <= times <= most * count)


def crowd(scene: Scene) -> Floats:
    """Return how often each answer of the closed set is given, 0 for all others; sums to 1."""
    share = np.zeros(len(scene.answers))
    closed = scene.closed()
    share[closed] = np.bincount(scene.answer, minlength=len(scene.answers))[closed]
    shares: Floats = share / max(share.sum(), 1.0)
    return shares


def pushed(scene: Scene, chance: np.random.Generator) -> int:
    """Choose the answer an attack pushes: not a rare one of the closed set, nor the usual one."""
    share = crowd(scene)
    often = np.flatnonzero(share >= min(_RARE, share.max()))
    others = often[often != share.argmax()]
    return int(chance.choice(others if len(others) else often))


def wrong(scene: Scene, against: Ints, chance: np.random.Generator) -> Ints:
    """Return by row another answer than `against`, drawn as the crowd gives answers."""
    share = crowd(scene)
    found = against.copy()
    for answer in np.unique(against).tolist():
        left = share.copy()
        left[answer] = 0.0
        if left.sum() > 0:
            rows = np.flatnonzero(against == answer)
            found[rows] = chance.choice(len(left), len(rows), p=left / left.sum())
    return found


def majority(scene: Scene) -> Ints:
    """Return by target the answer most give; of equals the one with the lowest code."""
    cell = scene.target * len(scene.answers) + scene.answer
    cells, votes = np.unique(cell, return_counts=True)
    order = np.lexsort((cells, -votes, cells // len(scene.answers)))
    _, first = np.unique((cells // len(scene.answers))[order], return_index=True)
    best: Ints = (cells % len(scene.answers))[order][first].astype(np.int64)
    return best
