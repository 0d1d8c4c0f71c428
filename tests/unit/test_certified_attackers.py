"""Attackers who know every rule and no detector in their way: none does more than is certified.

100 of them in every run, 1,000 with `--soak`; seeded, so that one who got further can be met again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from approvals.budget import choose
from approvals.certificate import Certificate, Exposure, certify
from approvals.policy import Policy
from approvals.rules import load, shipped
from approvals.sayings import column_sayings
from tests.leaving import crowd, edited, gone
from tests.room import LOOSE, START

SEED = 20261123
WORDS = [f"word{n}" for n in range(40)]
LABELS = ("good", "bad", "odd")
POLICIES = [
    load(
        edited(
            text,
            budget_source=f"rows = {rows}\nshare = {share}\nlifetime = {2 * rows}\nper_target = 1",
            budget_cluster=f"rows = {2 * rows}\nshare = {share}\nlifetime = {3 * rows}\n"
            "per_target = 3",
            support=f"rows = {most}\nclusters = {most // 3}",
            phrases=f"rows = {most}\nclusters = {most // 3}\nwords = 3\nsmall = {small}",
        )
    )
    for text in (LOOSE, shipped("default"))
    for rows, share in ((6, 1.0), (12, 0.1), (40, 0.3))
    for most, small in ((6, 0), (15, 0), (15, 200))
]


@dataclass
class Town:
    """A crowd of a few dozen voices, some of them bad, which speaks release after release."""

    chance: np.random.Generator
    policy: Policy
    told: list[str] = field(default_factory=list)
    left: list[dict[str, object]] = field(default_factory=list)

    def speaks(self, scope: str) -> list[dict[str, object]]:
        """Let everybody speak: the honest of anything, the bad as each attacker has chosen to."""
        draw, first = self.chance, len(self.told)
        honest = draw.lognormal(1.0, 1.0, int(draw.integers(2, 40))).astype(int) + 1
        bad = draw.integers(1, 60, int(draw.integers(1, 26)))
        bent = draw.random(3) * draw.integers(0, 2, 3)  # to one target, one label, one phrase
        voices = [(f"h{n}", size, np.zeros(3)) for n, size in enumerate(honest.tolist())]
        voices += [(f"bad{n}", size, bent) for n, size in enumerate(bad.tolist())]
        rows = [self._says(name, scope, lean) for name, size, lean in voices for _ in range(size)]
        return [row | {"index": first + n} for n, row in enumerate(rows)]

    def _says(self, voice: str, scope: str, bent: np.ndarray) -> dict[str, object]:
        draw, bends = self.chance, self.chance.random(3) < bent
        words = draw.choice(WORDS, int(draw.integers(1, 6))).tolist()
        self.told.append(" ".join([*words, *(["zorvex", "blim"] if bends[2] else [])]))
        return {
            "source": f"{voice}-{draw.integers(0, 4)}",
            "cluster": voice,
            "target": "aim" if bends[0] else f"t{draw.integers(0, 60)}",
            "label": "odd" if bends[1] else str(draw.choice(LABELS)),
            "scope": scope,
            "kind": "label",
        }

    def release(self, scope: str) -> tuple[pd.DataFrame, Certificate]:
        """Let leave what may; certify it as it is certified in a release."""
        rows = self.speaks(scope)
        sayings = column_sayings([pa.array(self.told, pa.string())])
        before = gone(*self.left) if self.left else gone()
        members = choose(crowd(*rows), self.policy, prior=before, at=START, sayings=sayings).members
        indexes = set(members["index"])
        self.left += [row for row in rows if row["index"] in indexes]
        spoken = sayings.spoken(members["index"].to_numpy())
        found = certify(members, self.policy, spoken=spoken)
        return members, Certificate.parse(found.canonical())


def crews(members: pd.DataFrame, size: int, chance: np.random.Generator) -> Iterator[set[str]]:
    """Yield crews of so many clusters: the attackers', the largest, and some drawn of all."""
    by_size = [name for name, _ in Counter(members["cluster"]).most_common()]
    bad = sorted({name for name in by_size if name.startswith("bad")})
    yield set(bad[:size])
    yield set(by_size[:size])
    for _ in range(3):
        yield set(chance.permutation(by_size)[:size].tolist())


def overdone(members: pd.DataFrame, certificate: Certificate, town: Town) -> Iterator[str]:
    """Count by hand, row by row, what crews have; say where one has more than is certified."""
    chants = Chants.of(members, town.told)
    rows = list(zip(*(members[name] for name in ("cluster", "target", "label")), strict=True))
    for exposure in certificate.worst:
        for crew in crews(members, exposure.clusters, town.chance):
            theirs = [row for row in rows if row[0] in crew]
            yield from _beyond(theirs, exposure, len(members))
            yield from chants.beyond(crew, exposure)
    sizes = sorted(Counter(members["cluster"]).values(), reverse=True)
    for each in certificate.needed:
        enough = each.clusters or len(sizes) + 1
        if sum(sizes[: enough - 1]) >= each.rows:
            yield f"{enough - 1} clusters hold {each.what}"
        if each.clusters is not None and sum(sizes[:enough]) < each.rows:
            yield f"{enough} clusters do not hold {each.what}"


def _beyond(theirs: list[tuple[str, ...]], exposure: Exposure, size: int) -> Iterator[str]:
    told = (
        (len(theirs), exposure.rows, "rows"),
        (len(theirs) / max(size, 1), exposure.share + 1e-6, "of all"),
        (
            _most(target for _, target, _ in theirs),
            exposure.target.rows if exposure.target else 0,
            "of a target",
        ),
        (
            _most(label for *_, label in theirs),
            exposure.label.rows if exposure.label else 0,
            "of a label",
        ),
    )
    yield from (f"{has} {what}, {most} certified" for has, most, what in told if has > most)


@dataclass(frozen=True)
class Chants:
    """In how many rows each phrase stands, and which clusters say it."""

    rows: Counter[str]
    voices: dict[str, set[str]]

    @classmethod
    def of(cls, members: pd.DataFrame, told: list[str]) -> Chants:
        found = cls(Counter(), {})
        for index, cluster in zip(members["index"], members["cluster"], strict=True):
            words = told[index].split()
            pairs = [" ".join(sorted(pair)) for pair in pairwise(words)]
            runs = [" ".join(words[n : n + 3]) for n in range(len(words) - 2)]
            for phrase in {*words, *pairs, *runs}:
                found.rows[phrase] += 1
                found.voices.setdefault(phrase, set()).add(cluster)
        return found

    def beyond(self, crew: set[str], exposure: Exposure) -> Iterator[str]:
        """Say of each phrase that a crew alone says whether it stands in too many of its rows."""
        for phrase, has in self.rows.items():
            if has > (exposure.phrase or 0) and self.voices[phrase] <= crew:
                yield f"{has} rows with {phrase!r}, {exposure.phrase} certified"


def _most(said: Iterable[str]) -> int:
    return max(Counter(said).values(), default=0)


def over_budget(town: Town, members: pd.DataFrame) -> Iterator[str]:
    """Say which voice has more than its budgets: here, and over all releases in every scope."""
    for name, voice in (
        ("source", town.policy.budget.source),
        ("cluster", town.policy.budget.cluster),
    ):
        ever = Counter(str(row[name]) for row in town.left)
        for who, rows in Counter(members[name]).items():
            if rows > min(voice.rows, voice.share * len(members) + 1e-9):
                yield f"{who} has {rows} rows of {len(members)}"
            if ever[who] > voice.lifetime:
                yield f"{who} has {ever[who]} rows over all releases"


@pytest.mark.slow
def test_no_attacker_ever_has_more_than_is_certified(*, soak: bool) -> None:
    amiss, bad = [], 0
    for number in range(1_000 if soak else 100):
        chance = np.random.default_rng([SEED, number])
        town = Town(chance, POLICIES[number % len(POLICIES)])
        for scope in ("helpful", "harmless", "helpful")[: int(chance.integers(1, 4))]:
            members, certificate = town.release(scope)
            if members.empty:
                continue  # a request for nothing is refused
            said = [*overdone(members, certificate, town), *over_budget(town, members)]
            amiss += [f"attacker {number}: {each}" for each in said]
            bad += int(members["cluster"].str.startswith("bad").sum())
    assert amiss == []
    assert bad > 1_000, "the attackers hardly got a word in: nothing was tried"


def test_a_certificate_that_says_too_little_is_noticed() -> None:
    """The counting by hand must find what it looks for."""
    town = Town(np.random.default_rng([SEED, 1]), POLICIES[4])
    members, certificate = town.release("helpful")
    one = certificate.worst[0]
    less = one.model_copy(update={"rows": one.rows - 1, "phrase": 0})
    needed = [each.model_copy(update={"clusters": 60}) for each in certificate.needed]
    wrong = certificate.model_copy(update={"worst": (less,), "needed": tuple(needed)})
    assert list(overdone(members, certificate, town)) == []
    found = " ".join(overdone(members, wrong, town))
    for each in ("rows, ", "rows with", "clusters hold"):
        assert each in found
