"""Crowds for tests: honest ones, liars and rings, drawn from a seed, as tables of events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from quarantine.evidence import EVENT_SCHEMA, Evidence, evidence_from

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
START = 1_750_000_000 * SECOND
"""When every crowd begins to speak (µs since 1970)."""


@dataclass(frozen=True, slots=True)
class Said:
    """One event, as little of it as scoring reads; `value` makes it a rating."""

    source: str
    target: str
    answer: str
    value: float | None = None
    at: int = START
    producer: str = "p"
    kind: str = "label"
    scope: str = "s"
    question: str = ""
    place: int | None = None


def rating(source: str, target: str, value: float, at: int = START) -> Said:
    """Say a rating; `value` is 0..1."""
    return Said(source, target, f"{value:g}", value=value, at=at, kind="rating")


def table(events: Iterable[Said]) -> pa.Table:
    """Put events in order of arrival into the store's columns."""
    rows = [
        {
            "index": index,
            "id": f"e{index}",
            "arrived": event.at,
            "claimed": event.at,
            **{
                name: getattr(event, name)
                for name in (
                    *("producer", "source", "kind", "scope", "target"),
                    *("question", "answer", "value", "place"),
                )
            },
        }
        for index, event in enumerate(sorted(events, key=lambda event: event.at))
    ]
    return pa.Table.from_pylist(rows, schema=EVENT_SCHEMA)


def evidence(
    held: Iterable[Said], released: Iterable[Said] = (), *, timed: bool = True
) -> Evidence:
    """Make evidence of what is held and what was released before."""
    before = list(released)
    return evidence_from(table(held), table(before) if before else None, timed=timed)


@dataclass(frozen=True, slots=True)
class World:
    """What there is to judge: targets, each with its true label, over a span of days."""

    targets: int = 120
    labels: int = 3
    days: int = 30
    kind: str = "label"

    def truth(self, target: int) -> int:
        """Return the true label of a target."""
        return (target * 7 + target // 3) % self.labels

    def says(self, source: str, target: int, label: int, at: int) -> Said:
        """Say a label, or the same as a rating where this world rates."""
        if self.kind == "rating":
            return rating(source, f"t{target}", label / (self.labels - 1), at)
        if self.kind == "preference":
            return Said(source, f"t{target}", f"t{target}/{label}", at=at, kind="preference")
        return Said(source, f"t{target}", str(label), at=at)

    def moments(self, rng: np.random.Generator, count: int) -> list[int]:
        """Draw arrival times, bunched as people's are."""
        days = rng.integers(0, self.days, count)
        return [int(START + day * DAY + rng.integers(0, DAY)) for day in days]


def honest(
    rng: np.random.Generator,
    world: World,
    sources: int = 60,
    *,
    each: int = 25,
    skill: float = 0.85,
    name: str = "honest",
) -> list[Said]:
    """Let people judge random targets, right with `skill`, else at random."""
    return _judged(rng, world, [f"{name}-{n}" for n in range(sources)], each, skill)


def guessers(
    rng: np.random.Generator, world: World, sources: int = 5, *, each: int = 25
) -> list[Said]:
    """Let sources answer at chance."""
    return _judged(rng, world, [f"guesser-{n}" for n in range(sources)], each, 0.0)


def liars(
    rng: np.random.Generator, world: World, sources: int = 5, *, each: int = 25
) -> list[Said]:
    """Let sources say the opposite, each for itself and in its own time."""
    found = _judged(rng, world, [f"liar-{n}" for n in range(sources)], each, 1.0)
    return [_contrary(world, event) for event in found]


def ring(
    rng: np.random.Generator,
    world: World,
    members: int = 12,
    *,
    each: int = 20,
    overlap: float = 0.85,
    within: int = 10 * 60 * SECOND,
) -> list[Said]:
    """Let members push the same wrong answers on the same targets, each target within moments."""
    chosen = rng.choice(world.targets, each, replace=False).tolist()
    begin = {target: world.moments(rng, 1)[0] for target in chosen}
    return [
        world.says(
            f"ring-{member}",
            target,
            (world.truth(target) + 1) % world.labels,
            begin[target] + int(rng.integers(0, within)),
        )
        for member in range(members)
        for target in chosen
        if rng.random() < overlap
    ]


def untimed(events: Iterable[Said]) -> list[Said]:
    """Take the times away: only the order stays, a second apart."""
    ordered = sorted(events, key=lambda event: event.at)
    return [replace(event, at=START + n * SECOND) for n, event in enumerate(ordered)]


def _judged(
    rng: np.random.Generator, world: World, sources: Sequence[str], each: int, skill: float
) -> list[Said]:
    found = []
    for source in sources:
        targets = rng.choice(world.targets, min(each, world.targets), replace=False).tolist()
        for target, at in zip(targets, world.moments(rng, len(targets)), strict=True):
            right = rng.random() < skill
            label = world.truth(target) if right else int(rng.integers(0, world.labels))
            found.append(world.says(source, target, label, at))
    return found


def _contrary(world: World, event: Said) -> Said:
    target = int(event.target[1:])
    return world.says(event.source, target, (world.truth(target) + 1) % world.labels, event.at)
