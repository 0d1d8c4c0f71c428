"""Class H: attacks on the detectors themselves, and what holds when they see nothing."""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import redis
from sklearn.metrics import roc_auc_score

from approvals.certificate import certify
from quarantine.drill import Drill, drill, lost
from service import wiring
from service.bus import DEAD, NOTICES, connect
from service.redteam import crowds
from service.redteam.ground import DAY, crowd
from service.redteam.model import Outcome, Result, Trial, at_most, every
from service.redteam.speech import rating
from service.redteam.wirework import Wire
from service.redteam.yard import Yard

# ruff: noqa: PLR2004  the numbers are the catalogue's

_WEEK_S: Final = 7 * 86_400
_PLANS: Final = (
    (0.85, 0.0, 600),
    (0.85, 2.0, 4 * _WEEK_S),
    (0.4, 4.0, 4 * _WEEK_S),
    (0.85, 0.0, 4 * _WEEK_S),
    (0.4, 0.0, 4 * _WEEK_S),
    (0.2, 4.0, 4 * _WEEK_S),
)
_SOURCE_FILES: Final = frozenset(
    {
        ".py",
        ".pyc",
        ".toml",
        ".sql",
        ".html",
        ".typed",
        ".gz",
        ".css",
        ".tcss",
        ".json",
        ".md",
        ".txt",
    }
)


def _reference(chance: np.random.Generator, sources: int = 200) -> pa.Table:
    return crowds.table(crowds.honest(chance, sources=sources, targets=300, each=20, stem="old"))


def masking(yard: Yard) -> Outcome:
    """H1: people who answer at chance, from 1 % to 40 % of those who are scored together."""
    chance = yard.chance()
    released = _reference(chance)
    seen = {}
    for share in (0.01, 0.1, 0.4):
        bad = max(3, round(200 * share))
        told = crowds.honest(chance, sources=200 - bad, targets=300, each=20).and_also(
            crowds.honest(chance, sources=bad, targets=300, each=20, skill=0.0, stem="blind")
        )
        scored = crowds.judged(crowds.table(told, released.num_rows), released)
        is_bad = [each.source.startswith("blind") for each in scored.dossiers]
        seen[share] = float(roc_auc_score(is_bad, [each.score for each in scored.dossiers]))
    change = seen[0.01] - min(seen.values())
    told_ = ", ".join(f"{auc:.3f} at {share:.0%}" for share, auc in seen.items())
    return at_most(
        max(0.0, change), 0.02, f"AUC {told_}", "judged against what was released before"
    )


def calibration(yard: Yard) -> Outcome:
    """H2: 1 % of what was released is the work of blind raters; then the daily drill looks."""
    chance = yard.chance()
    clean = _reference(chance)
    held = crowds.table(crowds.honest(chance, sources=200, targets=300, each=20), clean.num_rows)
    bad = crowds.honest(chance, sources=2, targets=300, each=20, skill=0.0, stem="blind")
    good = crowds.honest(chance, sources=198, targets=300, each=20, stem="old")
    poisoned = crowds.table(good.and_also(bad))
    before, after = _drilled(held, clean), _drilled(held, poisoned)
    told = (
        f"of {before.injected} blind raters that the daily drill adds, {before.rung} ring beside a"
        f" clean reference and {after.rung} beside one with two such raters in it"
    )
    if after.rung / after.injected >= before.rung / before.injected - 0.05:
        return Outcome(Result.STOPPED, told, "alarms lose no power")
    rang = lost(after, before)
    result = Result.CONTAINED if rang else Result.GOT_THROUGH
    alarm = "rings that same day" if rang else "stays silent"
    return Outcome(result, f"{told}; the alarm on lost power {alarm}", "known poison, daily")


def _drilled(held: pa.Table, released: pa.Table) -> Drill:
    found = drill(held, released, attack="spammer", seed=1)
    if found is None:
        raise ValueError("the drill could not be played")
    return found


def oracle(yard: Yard) -> Outcome:
    """H3: a producer sends what is held and what is put aside, and asks for any sign of it."""
    tries = yard.some(300, 60)
    rights = ("resetkeys", "resetchannels", "-@all", "+xadd")
    with yard.ground() as ground:
        wire = Wire(ground, yard.bus, ground.folder.name)
        app = wire.sender("app")
        with connect(yard.bus) as admin:
            words = (*rights, f"%W~{app.stream}")
            admin.execute_command("ACL", "SETUSER", app.name, "on", ">x", *words)
        signs = Counter[str]()
        with connect(yard.bus.replace("unix://", f"unix://{app.name}:x@")) as client:
            for number in range(tries):
                fields = app.entry(rating("rater/1", f"{number}", "answer"))
                if number % 2:
                    fields = {**fields, b"sig": b""}
                reply = client.xadd(app.stream, {name.decode(): fields[name] for name in fields})
                signs[type(reply).__name__] += 1
            asked = _answered(client, app.stream)
        with connect(yard.bus) as admin:
            admin.acl_deluser(app.name)
            admin.delete(app.stream)
    told = f"{len(asked)} of 9 questions answered; {len(signs)} shape of reply over {tries} entries"
    facts = [("no question is answered", not asked), ("every reply looks alike", len(signs) == 1)]
    return every(facts, told, "producers cannot read; nothing tells them what became of an event")


def _answered(client: redis.Redis, stream: str) -> list[str]:
    """Return the questions about its own entries that the bus answers to this user."""
    answered = []
    for words in (
        ("XRANGE", stream, "-", "+"),
        ("XLEN", stream),
        ("XINFO", "STREAM", stream),
        ("XPENDING", stream, "quarantine"),
        ("XREAD", "STREAMS", stream, "0"),
        ("XRANGE", DEAD, "-", "+"),
        ("XRANGE", NOTICES, "-", "+"),
        ("KEYS", "*"),
        ("MONITOR",),
    ):
        try:
            client.execute_command(*words)  # type: ignore[no-untyped-call]
        except redis.exceptions.NoPermissionError:
            continue
        answered.append(" ".join(words))
    return answered


def blinded(yard: Yard) -> Outcome:
    """H4: five bad voices of the best kind, 300 rows each, and no detector sees anything."""
    with yard.ground() as ground:
        names = crowd(ground, 60, 30, lambda s, n: rating(s, f"{s}-{n}", f"answer-{n}"))
        bad = [f"bad/{n}" for n in range(5)]
        ground.hear(rating(s, f"{s}-{n}", f"aim-{n}-{s}", 1) for s in bad for n in range(300))
        ground.vet(bad)
        ground.later(2 * DAY)
        ground.clear([*names, *bad])
        members = ground.ask("rating")[2].members
        worst = next(e for e in certify(members, ground.policy).worst if e.clusters == len(bad))
    rows = sum(str(source) in bad for source in members["source"])
    told = (
        f"{rows} of 1,500 rows leave, the certificate says {worst.rows} at most ({worst.share:.1%})"
    )
    return at_most(
        rows, worst.rows, told, "caps need no detection; the certificate counts the worst"
    )


def fatigue(yard: Yard) -> Outcome:
    """H5: clean days of 60 people beside a clean reference; then days with spammers among them."""
    days, chance = yard.some(30, 6), yard.chance()
    released = _reference(chance, 150)
    rang, caught, wronged = 0, 0, 0
    shares: list[float] = []
    for day in range(days):
        clean = crowds.honest(chance, sources=60, targets=300, each=20)
        rang += bool(
            crowds.held_back(crowds.judged(crowds.table(clean, released.num_rows), released))
        )
        if day % 3 == 0:
            bad = crowds.honest(chance, sources=6, targets=300, each=20, skill=0.0, stem="blind")
            mixed = crowds.table(clean.and_also(bad), released.num_rows)
            held = crowds.held_back(crowds.judged(mixed, released))
            called = sum(each.startswith("blind") for each in held)
            caught, wronged = caught + called, wronged + len(held) - called
            shares.append((len(held) - called) / max(1, len(held)))
    false = float(np.mean(shares))
    told = (
        f"{rang} of {days} clean days with an alarm; under attack {caught} called, "
        f"{wronged} wrongly ({false:.0%} of a day's, the mean of {len(shares)} days)"
    )
    if false > 0.12:
        return Outcome(Result.GOT_THROUGH, told, "calibrated alarms")
    return at_most(rang / days, 0.05, told, "conformal p-values, false discoveries bounded")


def rehearsed(yard: Yard) -> Outcome:
    """H6: 20 accounts and 25 targets; who has the detectors tries each plan on a crowd of its own.

    The plan under which fewest of its own are held is then played on the real crowd.
    """
    plans = [Plan(*each) for each in _PLANS[: yard.some(len(_PLANS), 3)]]
    own = [_caught(plan, np.random.default_rng(yard.seed + 1)) for plan in plans]
    best = plans[int(np.argmin(own))]
    blind, seeing = (_caught(plan, yard.chance()) for plan in (plans[0], best))
    told = (
        f"{blind:.0%} of the ring held where it knows nothing, {seeing:.0%} where it rehearsed: a"
        f" gap of {blind - seeing:.0%}, by {best.said}"
    )
    control = "the gap is told; caps do not depend on it (H4)"
    return Outcome(Result.STOPPED if seeing >= 1 else Result.CONTAINED, told, control)


class Plan(NamedTuple):
    """How a ring goes about it: of its targets, honest answers beside, over how many seconds."""

    overlap: float
    camouflage: float
    within_s: int

    @property
    def said(self) -> str:
        """Say it in words."""
        spread = "minutes" if self.within_s < _WEEK_S else "weeks"
        return (
            f"{self.overlap:.0%} of the targets each, {self.camouflage:.0f} times as many honest"
            f" answers, within {spread}"
        )


def _caught(plan: Plan, chance: np.random.Generator) -> float:
    """Return which share of a ring is held beside what a month of honest people left."""
    before = crowds.labelled(chance, sources=200, targets=300, each=25)
    told = crowds.honest(chance, sources=200, targets=300, each=25, stem="new")
    aims = chance.choice(300, 25, replace=False)
    ring = crowds.ring(chance, members=20, aims=aims, overlap=plan.overlap, within_s=plan.within_s)
    told = told.and_also(ring)
    extra = round(25 * plan.camouflage)
    if extra:
        beside = crowds.honest(chance, sources=20, targets=300, each=extra, stem="ring")
        told = told.and_also(beside)
    held = crowds.held_back(crowds.judged(crowds.table(told, before.num_rows), before))
    members = {name for name in told.source if name.startswith("ring/")}
    return len(members & held) / len(members)


def swapped_artefacts(_: Yard) -> Outcome:
    """H7: a file of learned parameters is looked for, that could be swapped for another."""
    folders = [find_spec(name) for name in ("quarantine", "approvals", "service")]
    files = [
        file
        for spec in folders
        if spec and spec.submodule_search_locations
        for file in Path(spec.submodule_search_locations[0]).rglob("*")
        if file.is_file()
    ]
    learned = [file.name for file in files if file.suffix not in _SOURCE_FILES]
    settings = wiring.detector_settings()
    facts = [
        ("no file holds learned parameters", not learned),
        ("settings are told", bool(settings)),
    ]
    return every(
        facts,
        f"{len(learned)} of {len(files)} files are; every manifest has {len(settings)} settings",
        "detectors are code; they learn anew from the released",
    )


TRIALS: Final = (
    Trial(id="H1", tried="blind raters as 1, 10 and 40 % of 200", run=masking),
    Trial(
        id="H2",
        tried="2 of 200 released sources answered blindly; the drill is played beside them",
        run=calibration,
    ),
    Trial(id="H3", tried="300 entries, good and bad, and nine questions", run=oracle),
    Trial(id="H4", tried="5 bad voices of 300 rows, all judged clear", run=blinded),
    Trial(id="H5", tried="30 clean days of 60 people, 10 with blind raters", run=fatigue),
    Trial(
        id="H6",
        tried="a ring that rehearses six plans on the installed detectors, and one that does not",
        run=rehearsed,
        open="better plans than these six; a secret seed: detectors have none, caps need none (H4)",
    ),
    Trial(
        id="H7",
        tried="files of learned parameters looked for",
        run=swapped_artefacts,
        open="the installed code itself: the package index and its hashes vouch for that",
    ),
)
