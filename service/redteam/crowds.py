"""Crowds whose truth is known, as columns that scoring reads: honest ones, and rings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from quarantine.drill import attacks
from quarantine.evidence import EVENT_SCHEMA, Ints, evidence_from
from quarantine.model import Verdict
from quarantine.scene import Order, events_of, scene_of
from quarantine.scoring import Scored, score
from service.redteam.ground import PRODUCER, Speak
from service.redteam.speech import LABELS, SCOPE, label

SECOND: Final = 1_000_000
DAY_US: Final = 86_400 * SECOND
START_US: Final = 1_750_000_000 * SECOND
DAYS: Final = 30
SKILL: Final = 0.85


@dataclass(frozen=True, slots=True)
class Told:
    """Events in columns: who, about which target, which label (a number), when (µs)."""

    source: Sequence[str]
    target: Ints
    label: Ints
    at: Ints

    def and_also(self, other: Told) -> Told:
        """Return both together."""
        return Told(
            [*self.source, *other.source],
            np.concatenate([self.target, other.target]),
            np.concatenate([self.label, other.label]),
            np.concatenate([self.at, other.at]),
        )


def truth(target: Ints) -> Ints:
    """Return the right label of targets."""
    return (target * 7 + target // 3) % len(LABELS)


def honest(  # noqa: PLR0913  the words of a crowd
    chance: np.random.Generator,
    *,
    sources: int,
    targets: int,
    each: int,
    skill: float = SKILL,
    stem: str = "rater",
) -> Told:
    """Let people label random targets over a month, right with `skill`, else at random."""
    target = np.concatenate(
        [chance.choice(targets, min(each, targets), replace=False) for _ in range(sources)]
    )
    guess = chance.integers(0, len(LABELS), len(target))
    label = np.where(chance.random(len(target)) < skill, truth(target), guess)
    names = [f"{stem}/{n}" for n in range(sources) for _ in range(min(each, targets))]
    return Told(names, target, label, moments(chance, len(target)))


def moments(chance: np.random.Generator, count: int, days: int = DAYS) -> Ints:
    """Draw times over some days."""
    return START_US + chance.integers(0, days * DAY_US, count)


def ring(  # the five words of a ring
    chance: np.random.Generator, *, members: int, aims: Ints, overlap: float, within_s: int = 600
) -> Told:
    """Let members push the same wrong labels on the same targets, each target within moments."""
    begin = dict(zip(aims.tolist(), moments(chance, len(aims)).tolist(), strict=True))
    who, what = np.nonzero(chance.random((members, len(aims))) < overlap)
    target = aims[what]
    at = np.array([begin[each] for each in target.tolist()]) + chance.integers(
        0, within_s * SECOND, len(target)
    )
    return Told([f"ring/{n}" for n in who.tolist()], target, (truth(target) + 1) % len(LABELS), at)


def table(told: Told, first: int = 0) -> pa.Table:
    """Return events as the store's columns, in order of arrival, indexes from `first` on."""
    order = np.argsort(told.at, kind="stable")
    rows: list[Mapping[str, object]] = [
        {
            "index": first + place,
            "id": f"e{first + place}",
            "producer": PRODUCER,
            "source": told.source[row],
            "kind": "label",
            "scope": SCOPE,
            "target": f"t{told.target[row]}",
            "question": "",
            "answer": LABELS[told.label[row]],
            "arrived": int(told.at[row]),
            "claimed": int(told.at[row]),
        }
        for place, row in enumerate(order.tolist())
    ]
    return pa.Table.from_pylist(rows, schema=EVENT_SCHEMA)


def labelled(chance: np.random.Generator, *, sources: int, targets: int, each: int) -> pa.Table:
    """Return an honest crowd's labels as columns."""
    return table(honest(chance, sources=sources, targets=targets, each=each))


def judged(held: pa.Table, released: pa.Table | None = None) -> Scored:
    """Score what is held beside what was released."""
    return score(evidence_from(held, released))


def clusters(scored: Scored) -> dict[str, list[str]]:
    """Return the members of each cluster of two or more."""
    found: dict[str, list[str]] = {}
    for dossier in scored.dossiers:
        found.setdefault(dossier.cluster, []).append(dossier.source)
    return {name: members for name, members in found.items() if len(members) > 1}


def held_back(scored: Scored) -> set[str]:
    """Return the sources on hold."""
    return {each.source for each in scored.dossiers if each.verdict is Verdict.HOLD}


@dataclass(frozen=True, slots=True)
class Fared:
    """How one attack fared: attackers and others, and how many of each were held."""

    attackers: int
    caught: int
    others: int
    wronged: int

    @property
    def recall(self) -> float:
        """Return the share of attackers held."""
        return self.caught / max(1, self.attackers)

    @property
    def false(self) -> float:
        """Return the share of the held who are no attackers."""
        return self.wronged / max(1, self.caught + self.wronged)


def fared(genuine: pa.Table, attack: str, share: float, seed: int) -> Fared:
    """Mix an attack of the registry into genuine events and score all of it, on a cold start."""
    scene = scene_of(genuine, {}, timed=True)
    mixed = attacks()[attack].play(scene, Order(share=share, seed=seed))
    held = held_back(judged(events_of(mixed.scene, genuine)))
    return counted(held, zip(mixed.scene.sources, mixed.bad.tolist(), strict=True))


def counted(held: set[str], known: Iterable[tuple[str, bool]]) -> Fared:
    """Count who is held against what is known of each source."""
    pairs = list(known)
    return Fared(
        attackers=sum(bad for _, bad in pairs),
        caught=sum(bad and name in held for name, bad in pairs),
        others=sum(not bad for _, bad in pairs),
        wronged=sum(not bad and name in held for name, bad in pairs),
    )


def speaking(chance: np.random.Generator, targets: int = 200, **rest: str) -> Speak:
    """Return how honest people label targets at random; no two alike, and no target twice each."""
    own: dict[str, Ints] = {}

    def speak(source: str, n: int) -> bytes:
        mine = own.setdefault(source, chance.permutation(targets))
        aim = mine[n : n + 1]
        said = truth(aim) if chance.random() < SKILL else chance.integers(0, len(LABELS), 1)
        stem = rest.get("stem", "answer")
        return label(source, f"{source}-{stem}-{n}", f"{stem}-{aim[0]}", int(said[0]))

    return speak
