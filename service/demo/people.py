"""Real people's ratings, and what the demo mixes in: a ring, a signal, the model's own labels."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

import numpy as np

SCOPE: Final = "lectures"
LOW, HIGH = 1.0, 5.0
MOODS: Final = ("poor", "fair", "good")


@dataclass(frozen=True, slots=True)
class Given:
    """One rating on the scale 1 to 5; `poison` is the truth that only the demo knows."""

    source: str
    target: str
    value: float
    poison: bool = False


@dataclass(frozen=True, slots=True)
class Ring:
    """An average attack (Lam & Riedl, WWW 2004): pushes, nukes, filler, by few in a short time.

    Every member rates every one of the `push` targets best and the `nuke` targets worst, and
    `filler` popular targets near their mean, so that it looks like anybody.
    """

    members: int
    push: int
    nuke: int
    filler: int


def ratings() -> list[Given]:
    """Read the ratings that are shipped with the project, in file order."""
    packed = resources.files("service.demo") / "feedback" / "insteval.csv.gz"
    text = gzip.decompress(packed.read_bytes()).decode()
    return [
        Given(row["source"], row["target"], float(row["value"]))
        for row in csv.DictReader(io.StringIO(text))
    ]


def some(crowd: Sequence[Given], share: float, rng: np.random.Generator) -> list[Given]:
    """Return all that a `share` of the sources said; all of it where `share` is 1."""
    sources = sorted({given.source for given in crowd})
    chosen = set(rng.choice(sources, round(share * len(sources)), replace=False).tolist())
    return [given for given in crowd if given.source in chosen]


def ring_of(
    ring: Ring, crowd: Sequence[Given], rng: np.random.Generator, skip: int = 0
) -> list[Given]:
    """Make a ring's ratings for targets of `crowd`; accounts get unused numbers, after `skip`."""
    targets, inverse, counts = np.unique(
        [given.target for given in crowd], return_inverse=True, return_counts=True
    )
    means = np.bincount(inverse, [given.value for given in crowd]) / counts
    popular = targets[np.argsort(-counts)[: 10 * ring.filler]]
    mean_of = dict(zip(targets.tolist(), means.tolist(), strict=True))
    aims = rng.choice(targets, ring.push + ring.nuke, replace=False)
    highest = max(int(given.source.rpartition("-")[2]) for given in crowd)
    given = []
    for member in range(ring.members):
        source = f"student-{highest + 1 + skip + member}"
        wanted = [(str(aim), HIGH if n < ring.push else LOW) for n, aim in enumerate(aims)]
        for target in rng.choice(popular, ring.filler, replace=False):
            near = float(np.clip(np.rint(rng.normal(mean_of[str(target)], 0.6)), LOW, HIGH))
            wanted.append((str(target), near))
        order = rng.permutation(len(wanted))
        given += [Given(source, wanted[n][0], wanted[n][1], poison=True) for n in order]
    return given


def mixed(crowd: Sequence[Given], ring: Sequence[Given], rng: np.random.Generator) -> list[Given]:
    """Shuffle the crowd as if over time, and let the ring speak within a twentieth of it."""
    order = [crowd[n] for n in rng.permutation(len(crowd))]
    start = int(rng.integers(len(order) // 4, len(order) // 2))
    places = np.sort(rng.integers(start, start + max(1, len(order) // 20), len(ring)))
    whole: list[Given] = []
    before = 0
    for place, given in zip(places, (ring[n] for n in rng.permutation(len(ring))), strict=True):
        whole += order[before:place]
        whole.append(given)
        before = int(place)
    return whole + order[before:]


def spoken(given: Sequence[Given], at: str, start: int = 0) -> Iterator[bytes]:
    """Spell ratings as CloudEvents (contract, 1)."""
    for number, each in enumerate(given, start):
        said = {"value": each.value, "low": LOW, "high": HIGH}
        yield _event("feedback.rating.v1", f"r{number:08}", each.source, each.target, said, at)


def clicks(
    targets: Sequence[str], count: int, at: str, rng: np.random.Generator
) -> Iterator[bytes]:
    """Spell an automated signal: how long a page about a target was looked at."""
    for number in range(count):
        value = float(np.round(rng.beta(2, 3), 3))
        said = {"name": "dwell", "value": value, "low": 0.0, "high": 1.0}
        target = targets[int(rng.integers(len(targets)))]
        source = f"bot/dwell-{number % 10}"
        yield _event("feedback.signal.v1", f"s{number:08}", source, target, said, at)


def pseudo_labels(
    targets: Sequence[str], count: int, at: str, rng: np.random.Generator
) -> Iterator[bytes]:
    """Spell the model's own labels of targets, of its second generation."""
    for number in range(count):
        said = {
            "label": MOODS[int(rng.integers(len(MOODS)))],
            "labels": list(MOODS),
            "confidence": float(np.round(rng.uniform(0.5, 1), 3)),
            "model": "demo-model",
            "generation": 2,
        }
        target = targets[int(rng.integers(len(targets)))]
        source = f"loop/self-train-{number % 5}"
        yield _event("feedback.pseudo_label.v1", f"p{number:08}", source, target, said, at)


def _event(  # noqa: PLR0913, PLR0917  these are the attributes of one event
    type_: str, id_: str, source: str, subject: str, said: Mapping[str, object], at: str
) -> bytes:
    event = {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "subject": subject,
        "type": type_,
        "time": at,
        "scope": SCOPE,
        "data": said,
    }
    return json.dumps(event, separators=(",", ":")).encode()
