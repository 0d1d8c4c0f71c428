"""Class C: many who act together, in time or by order, and what forged times can do."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from approvals.appeals import appeals
from approvals.caseload import USUAL, Waiting, queue
from approvals.certificate import DOSE, certify
from approvals.rulings import appeal, rule_source
from approvals.windows import WindowHeld
from quarantine.drift import EVERYONE, drifts
from quarantine.model import to_micros
from service import wiring
from service.redteam import crowds
from service.redteam.ground import DAY, PRODUCER, START, crowd
from service.redteam.model import Outcome, Trial, at_most, every, found
from service.redteam.speech import LABELS, batch, label, rating, usual
from service.redteam.wirework import Wire
from service.redteam.yard import Yard

# ruff: noqa: PLR2004  the numbers are the catalogue's

_MINUTE: Final = timedelta(minutes=1)


def brigade(yard: Yard) -> Outcome:
    """C1: a target that gets a rating a day gets 300 within minutes, 20 of them of known people."""
    with yard.ground() as ground:
        names = crowd(ground, 40, 20, usual)
        for day in range(20):
            ground.hear([rating(names[day], f"usual-{day}", "attacked")])
            ground.later(DAY)
        mob = [f"mob/{n}" for n in range(280)]
        ground.hear(rating(s, f"{s}-burst", "attacked", 1) for s in (*mob, *names[20:]))
        ground.judge()
        held = sum(each.act.kind == WindowHeld.act for each in ground.store.acts())
        ground.vet(mob)
        ground.later(2 * DAY)
        ground.clear([*names, *mob])
        rows = ground.ask("rating")[2].members
        out = int((rows["target"].astype(str) == "attacked").sum())
        before = sum(str(s) in mob for s in rows["source"])
        rule_source(
            ground.store,
            ground.named(names[30]),
            "clear",
            because="a regular",
            **ground.hand("ana"),
        )
        again = ground.ask("rating", by="ben")[2].members
        freed = ((again["source"] == names[30]) & (again["target"] == "attacked")).any()
    facts = [
        ("the window is held in the next pass", held == 1),
        ("none of the mob leaves", before == 0),
        ("an honest row leaves after review", bool(freed)),
    ]
    return every(
        facts,
        f"{held} window held, {before} of 280 rows leave, {out} earlier ones do",
        "a rush on one target is held as a whole, and shown",
    )


def _linked(yard: Yard, camouflage: float) -> tuple[float, float]:
    """Return how many of a ring's 30 are one voice, and which share of that voice is the ring's."""
    chance = yard.chance()
    crowd_ = crowds.honest(chance, sources=200, targets=300, each=25)
    aims = chance.choice(300, 25, replace=False)
    ring = crowds.ring(chance, members=30, aims=aims, overlap=0.85)
    extra = round(25 * camouflage)
    if extra:
        honest = crowds.honest(chance, sources=30, targets=300, each=extra, stem="ring")
        ring = ring.and_also(honest)
    joined = crowds.clusters(crowds.judged(crowds.table(crowd_.and_also(ring))))
    voice = max(joined.values(), key=lambda m: sum(s.startswith("ring/") for s in m), default=[])
    members = sum(source.startswith("ring/") for source in voice)
    return members / 30, members / max(1, len(voice))


def lockstep(yard: Yard) -> Outcome:
    """C2: 30 accounts push 25 targets together, 85 % of them each."""
    recall, precision = _linked(yard, 0.0)
    told = f"recall {recall:.2f}, precision {precision:.2f}"
    return found(
        [(recall, 0.95), (precision, 0.95)], told, "answers and times in common: one voice"
    )


def camouflage(yard: Yard) -> Outcome:
    """C3: the same ring, with once, twice and four times as many honest answers beside."""
    seen = {times: _linked(yard, times)[0] for times in (1.0, 2.0, 4.0)}
    told = ", ".join(f"{recall:.2f} at {times:.0f}x" for times, recall in seen.items())
    return found(
        [(seen[1.0], 0.95), (seen[2.0], 0.95)],
        f"recall {told}",
        "rare cells weigh more; overlap beyond chance",
    )


def low_and_slow(yard: Yard) -> Outcome:
    """C4: one label's share grows by 0.001 a day, 400 labels a day, against the first month."""
    chance = yard.chance()

    def days(shares: npt.NDArray[np.float64]) -> pd.DataFrame:
        bad = np.concatenate([chance.random(400) < share for share in shares.tolist()])
        names = np.concatenate([chance.permutation(2000)[:400] for _ in shares])
        return pd.DataFrame(
            {
                "producer": PRODUCER,
                "source": [f"rater/{n}" for n in names.tolist()],
                "answer": np.where(bad, LABELS[0], LABELS[2]),
                "value": np.nan,
            }
        )

    first, now = days(np.full(30, 0.1)), days(np.linspace(0.101, 0.16, 60))
    caught = 0
    for day in range(7, 61):
        window = now.iloc[(day - 7) * 400 : day * 400]
        if any(each.alarm for each in drifts(first, window) if each.group == EVERYONE):
            caught = day
            break
    moved = caught * 0.001
    told = f"caught on day {caught}, after {moved:.3f}" if caught else "not caught in 60 days"
    return at_most(
        moved if caught else 1.0, 0.02, told, "drift against the first accepted baseline"
    )


def splitting(yard: Yard) -> Outcome:
    """C5: 250 rows split over as many voices as it takes, under a cap of 20 a cluster."""
    text = ""
    with yard.ground() as ground:
        text = ground.text.replace("rows = 50", "rows = 20")
    with yard.ground(text) as ground:
        names = crowd(ground, 60, 30, usual)
        ground.clear(names)
        members = ground.ask("rating")[2].members
    certificate = certify(members)
    needed = [each for each in certificate.needed if each.rows == DOSE]
    most = next((each.clusters or 0 for each in needed), 0)
    facts = [("the certificate prints it", bool(needed)), ("13 or more", most >= 13)]
    return every(
        facts,
        f"{most} clusters are needed for {DOSE} rows of {len(members)}",
        "caps by cluster; the certificate says k*",
    )


def replays(yard: Yard) -> Outcome:
    """C6: every tenth entry comes again, and events come again in other entries."""
    tries = yard.some(1_000, 200)
    with yard.ground() as ground:
        wire = Wire(ground)
        app = wire.sender("app")
        entries = [app.entry(*(usual(f"r/{seq}", n) for n in range(20))) for seq in range(tries)]
        again = entries[::10]
        last = app.entry(*(usual("r/7", n) for n in range(20)))
        order = yard.chance().permutation(len(entries) + len(again))
        every_ = [*entries, *again]
        wire.take(app.stream, [*(every_[int(n)] for n in order), last])
        counts = wire.counts(app)
    facts = [
        ("each event is held once", counts.stored == 20 * tries),
        ("replays are counted", counts.duplicates == 20 * (len(again) + 1)),
        ("none is lost", counts.dead_lettered == 0),
    ]
    return every(
        facts,
        f"{counts.stored:,} of {20 * tries:,} events held once, {counts.duplicates:,} replays",
        "identity is producer, source, id; same bytes count once",
    )


def forged_times(yard: Yard) -> Outcome:
    """C7: events dated 1970, minutes ahead and 2100; entries whose id says 2100."""
    with yard.ground() as ground:
        wire = Wire(ground)
        app = wire.sender("app")
        ahead = (wiring.now() + 6 * _MINUTE).strftime("%Y-%m-%dT%H:%M:%SZ")
        times = {"old": "1970-01-01T00:00:00Z", "ahead": ahead, "far": "2100-01-01T00:00:00Z"}
        said = [rating("rater/1", name, name, time=time) for name, time in times.items()]
        before = to_micros(wiring.now())
        taken = wire.door.take(app.stream, [("4102444800000-0", app.sealed(batch(*said)))])
        after = to_micros(wiring.now())
        held = list(ground.store.held(range(ground.store.size())))
        arrived = [each.arrived for each in held]
    reasons = [letter.reason for letter in taken.dead]
    facts = [
        ("what is ahead is put aside", reasons == ["time_ahead"] * 2),
        ("time is ours", all(before <= each <= after for each in arrived)),
    ]
    return every(
        facts,
        f"{len(reasons)} of 2 put aside, {len(held)} held by our clock",
        "arrival is stamped here; ids are no times",
    )


def front_running(yard: Yard) -> Outcome:
    """C8: a surge an hour before the request, and one just before the dwell time is over."""
    with yard.ground() as ground:
        names = crowd(ground, 40, 10, usual)
        ground.hear(rating(name, f"late-{name}", f"late-{n}") for n, name in enumerate(names))
        ground.later(timedelta(hours=23))
        ground.hear(rating(name, f"now-{name}", f"now-{n}") for n, name in enumerate(names))
        ground.clear(names)
        ground.later(_MINUTE)
        members = ground.ask("rating")[2].members
        young = sum(not str(target).startswith("answer-") for target in members["target"])
    return at_most(
        young,
        0,
        f"{young} of 80 fresh rows leave, {len(members)} others do",
        "everything waits a day before it can leave",
    )


def flood(yard: Yard) -> Outcome:
    """C9: 15,000 sybils a day ask for review beside 300 known people, for five days."""
    days, sybils, most = 5, yard.some(15_000, 3_000), 0
    waits: list[float] = []
    backlog: list[Waiting] = []
    for day in range(days):
        now = START + day * DAY
        backlog += [
            Waiting(name=f"known-{day}-{n}", since=now, is_known=True, voice=(PRODUCER, f"k{n}"))
            for n in range(300)
        ]
        backlog += [
            Waiting(
                name=f"sybil-{day}-{n}",
                since=now,
                is_known=False,
                voice=(PRODUCER, f"s{n}"),
                harm=9,
            )
            for n in range(sybils)
        ]
        shown = queue(backlog, USUAL, now).shown
        most = max(most, len(shown))
        waits += [(now - each.since) / DAY for each in shown if each.is_known]
        done = {each.name for each in shown}
        backlog = [each for each in backlog if each.name not in done]
    left = [each for each in backlog if each.is_known]
    late = float(np.percentile([*waits, *([days] * len(left))], 99))
    facts = [("p99 within a day", late <= 1), ("no more than the budget", most <= USUAL.cases)]
    return every(
        facts,
        f"p99 {late:.1f} days, {most} shown a day of {USUAL.cases}",
        "places are reserved for known sources; voices take turns",
    )


def framing(yard: Yard) -> Outcome:
    """C10: 20 sybils say what one honest rater says, minutes later, so that it looks theirs."""
    with yard.ground() as ground:
        names = crowd(ground, 40, 20, crowds.speaking(yard.chance()))
        victim = names[0]
        for n in range(15):
            ground.hear([label(victim, f"v-{n}", f"own-{n}", (n + 1) % 3)])
            ground.hear(
                label(f"shadow/{m}", f"s-{m}-{n}", f"own-{n}", (n + 1) % 3) for m in range(20)
            )
            ground.later(timedelta(hours=5))
        ground.judge()
        verdict = ground.verdicts()[victim]
        key = ground.named(victim)
        if verdict == "hold":
            appeal(ground.store, key, because="known for years", **ground.hand("ben"))
        rule_source(ground.store, key, "clear", because="shadowed", **ground.hand("cleo"))
        ground.later(2 * DAY)
        ground.judge()
        free = victim in ground.leaving("label")
        decided = [each.outcome for each in appeals(ground.store.acts())]
        banned = any(each.act.kind == "revoked" for each in ground.store.acts())
    facts = [
        ("its rows leave once a person cleared it", free),
        ("the appeal is decided", verdict != "hold" or decided == ["cleared"]),
        ("nothing was banned", not banned),
    ]
    return every(
        facts,
        f"scoring said {verdict} of the victim; cleared by a person it stays cleared",
        "a hold is no verdict of guilt; a machine overrules nobody",
    )


TRIALS: Final = (
    Trial(
        id="C1",
        tried="300 ratings in minutes where one a day is usual",
        run=brigade,
        open="how soon: the window is held in the next scoring pass",
    ),
    Trial(id="C2", tried="30 accounts, 25 targets, 85 % overlap, among 200 people", run=lockstep),
    Trial(id="C3", tried="the same with 1, 2 and 4 times as many honest answers", run=camouflage),
    Trial(id="C4", tried="0.001 a day at 400 labels a day, weekly windows", run=low_and_slow),
    Trial(id="C5", tried="a cap of 20 rows a cluster, 60 voices", run=splitting),
    Trial(id="C6", tried="20,000 events, every tenth entry twice, in disorder", run=replays),
    Trial(id="C7", tried="events dated 1970, 6 minutes ahead and 2100", run=forged_times),
    Trial(
        id="C8",
        tried="surges an hour and a minute before the cut",
        run=front_running,
        open="a cut drawn by chance: who asks chooses it, the dwell time stands against it",
    ),
    Trial(id="C9", tried="15,000 sybils a day beside 300 known people", run=flood),
    Trial(id="C10", tried="20 sybils shadow one honest rater", run=framing),
)
