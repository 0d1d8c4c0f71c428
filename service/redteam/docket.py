"""A store in which real attackers of every sort wait for review, to lay known cases among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa

from approvals.attest import act_of
from approvals.desk import released_indexes
from approvals.minting import Genuine, called_now, made
from approvals.model import Released
from approvals.probes import Probe
from quarantine.drill import attacks
from quarantine.model import Dossier, Verdict, from_micros, to_micros
from quarantine.scene import Order, events_of, scene_of
from service import wiring
from service.redteam import crowds
from service.redteam.ground import Ground
from service.redteam.speech import LABELS, label
from service.scoring import split

_SHARE: Final = 0.03
_HOUR_US: Final = 3_600_000_000
_PERIOD: Final = 30
_TARGETS: Final = 150


@dataclass(frozen=True, slots=True)
class Docket:
    """What waits: everything held and released as frames, and the dossiers that scoring doubts.

    `sorts` is the truth: by which attack a source is bad, nothing for honest people.
    """

    held: pa.Table
    released: pa.Table
    doubted: list[Dossier]
    now: int
    sorts: Mapping[str, str]


def docket(ground: Ground, chance: np.random.Generator, *, people: int = 120) -> Docket:
    """Fill a ground: a month of honest labels that left, then a month with every attack in it.

    Half of the people are vetted; in the second month some are gone and some are new.
    """
    start = to_micros(ground.at)
    ids = iter(chance.permutation(20_000).tolist())
    names = [f"rater/{next(ids)}" for _ in range(people + people // 3)]
    first = _month(chance, names[:people])
    _tell(ground, crowds.table(first), start)
    ground.vet(names[:people:2])
    ground.judge()
    _let_leave(ground)
    second = start + _PERIOD * crowds.DAY_US
    told = crowds.table(_month(chance, names[people // 6 :]))
    sorts: dict[str, str] = {}
    _tell(ground, _poisoned(told, chance, ids, sorts), second)
    ground.judge()
    revoked = ground.store.revoked()
    released, held = split(ground.store.frame(), released_indexes(ground.store), revoked)
    assert released is not None  # noqa: S101  it just left
    doubted = [each for each in ground.store.dossiers() if each.verdict is not Verdict.CLEAR]
    return Docket(held, released, doubted, to_micros(ground.at), sorts)


def _month(chance: np.random.Generator, names: list[str]) -> crowds.Told:
    """Let people label as much as people do, a few of them much: a month of it."""
    sizes = np.clip(chance.lognormal(np.log(14), 0.6, len(names)).astype(int), 5, 70)
    source = [name for name, size in zip(names, sizes.tolist(), strict=True) for _ in range(size)]
    target = np.concatenate([chance.choice(_TARGETS, size, replace=False) for size in sizes])
    guess = chance.integers(0, len(LABELS), len(target))
    right = chance.random(len(target)) < crowds.SKILL
    label_ = np.where(right, crowds.truth(target), guess)
    return crowds.Told(source, target, label_, crowds.moments(chance, len(target)))


def _poisoned(
    told: pa.Table, chance: np.random.Generator, ids: Iterator[int], sorts: dict[str, str]
) -> pa.Table:
    """Play every attack that can be played here, one on top of the other, under usual names."""
    for attack in _in_any_order(chance):
        scene = scene_of(told, {}, timed=True)
        play = attacks()[attack]
        if play.refuses(scene):
            continue
        mixed = play.play(scene, Order(share=_SHARE, seed=int(chance.integers(2**31))))
        known = set(scene.sources)
        names = [each if each in known else f"rater/{next(ids)}" for each in mixed.scene.sources]
        pairs = zip(names, mixed.bad.tolist(), strict=True)
        sorts |= {name: attack for name, is_bad in pairs if is_bad}
        told = events_of(replace(mixed.scene, sources=names), told)
    return told


def _in_any_order(chance: np.random.Generator) -> list[str]:
    names = list(attacks())
    return [names[int(each)] for each in chance.permutation(len(names))]


def _tell(ground: Ground, told: pa.Table, start: int) -> None:
    """Let events come in hour by hour, in the order and at the pace of the table."""
    rows = told.select(["source", "target", "answer", "arrived"]).to_pylist()
    rows.sort(key=lambda row: row["arrived"])
    hours: dict[int, list[bytes]] = {}
    for number, row in enumerate(rows):
        hour = (row["arrived"] - crowds.START_US) // _HOUR_US
        said = LABELS.index(row["answer"])
        event = label(row["source"], f"{start}-{number}", row["target"], said)
        hours.setdefault(hour, []).append(event)
    for hour, events in hours.items():
        ground.at = max(ground.at, from_micros(start + hour * _HOUR_US))
        ground.hear(events)


def _let_leave(ground: Ground) -> None:
    """Release what policy and budgets allow, as if two people had approved it."""
    request, _, _ = ground.ask("label")
    left = Released(
        at=ground.later(),
        request=request.digest,
        scope=request.scope,
        kind=request.kind,
        name="first",
        manifest="00",
        rows=request.rows,
        log_size=ground.store.size(),
    )
    ground.store.record([act_of(left, ground.operator)])


def laid(ground: Ground, waits: Docket, *, seed: int, each: int = 6) -> list[Probe]:
    """Make probes beside what waits, as `probe plant` does."""
    genuine = Genuine(
        waits.released,
        attacks(),
        waits.held,
        ground.roster.standings,
        called_now(ground.store.dossiers()),
    )
    return made(genuine, seed=seed, each=each, salt=wiring.nonce)
