"""Class B: who speaks, whether it is who they say, and what a bought or stolen name is worth."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Final

import numpy as np

from approvals.attest import act_of
from approvals.model import ProducerRevoked
from approvals.revoke import TakingBack, take_back
from approvals.rulings import rule_source
from quarantine.model import Origin, Tier
from service.redteam import crowds
from service.redteam.ground import DAY, Ground, crowd
from service.redteam.model import Outcome, Trial, at_most, every, found
from service.redteam.speech import batch, label, rating, usual
from service.redteam.wirework import Fields, Wire
from service.redteam.yard import Yard

# ruff: noqa: PLR2004  the numbers are the catalogue's

_WEEK: Final = 7 * DAY


def spoofing(yard: Yard) -> Outcome:
    """B1: entries claim a trusted source by another's key, old bytes, headers, no signature."""
    tries = yard.some(10_000, 1_000)
    with yard.ground() as ground:
        wire = Wire(ground)
        app, thief = wire.sender("app"), wire.sender("thief")
        said = batch(rating("rater/trusted", "1", "answer"))
        true, theirs = app.sealed(said), thief.sealed(said)
        forged: list[Fields] = [
            theirs,
            {**theirs, b"key": true[b"key"]},
            {**true, b"batch": said.replace(b'"value":4', b'"value":1')},
            {**true, b"seq": b"2"},
            {**true, b"producer": b"app"},
            {**true, b"headers": b'{"producer": "app"}'},
            {name: value for name, value in true.items() if name != b"sig"},
            {**true, b"sig": b""},
            {b"batch": said, b"source": b"app", b"verified": b"true"},
        ]
        taken = wire.take(app.stream, [forged[n % len(forged)] for n in range(tries)])
        reasons = Counter(letter.reason for letter in wire.dead())
    facts = [
        ("none is held", taken.stored == 0),
        ("each leaves its reason", sum(reasons.values()) == tries),
    ]
    return every(
        facts,
        f"{taken.stored} of {tries:,} held; {dict(reasons)}",
        "identity is the verified signature and the stream",
    )


def sybils(yard: Yard) -> Outcome:
    """B2: thousands of sources of yesterday, each with a vote, beside people who are known."""
    many = yard.some(5_000, 1_000)
    with yard.ground() as ground:
        names = crowd(ground, 40, 10, usual)
        army = [f"new/{n}" for n in range(many)]
        ground.hear(usual(name, 1) for name in army)
        ground.later(DAY + timedelta(hours=1))
        ground.clear([*names, *army])
        left = Counter(source.partition("/")[0] for source in ground.leaving("rating"))
    return at_most(
        left["new"],
        0,
        f"{left['new']} rows of {many:,} sybils, {left['rater']} of others",
        "a source must be a week old",
    )


def account_takeover(yard: Yard) -> Outcome:
    """B3: trusted raters change hands; from then on a fifth more of their labels are wrong."""
    chance, many, after = yard.chance(), 10, 50
    crowd_ = crowds.honest(chance, sources=60, targets=200, each=60)
    own = crowds.honest(chance, sources=many, targets=200, each=150, stem="taken")
    order = np.argsort(own.at, kind="stable")
    place = {f"taken/{n}": 0 for n in range(many)}
    wrong = own.label.copy()
    for row in order.tolist():
        place[own.source[row]] += 1
        if place[own.source[row]] > 150 - after and chance.random() < 0.2:
            wrong[row] = (crowds.truth(own.target[row : row + 1])[0] + 1) % 3
    held = crowds.held_back(crowds.judged(crowds.table(crowd_.and_also(replace(own, label=wrong)))))
    caught = sum(name in held for name in place)
    with yard.ground() as ground:
        ground.hear(usual("rater/1", n) for n in range(20))
        since = ground.later()
        ground.hear(usual("rater/1", 20 + n) for n in range(after))
        taking = TakingBack(
            source=ground.named("rater/1"),
            because="stolen",
            by="ana",
            at=ground.later(),
            since=since,
        )
        rows = take_back(ground.store, taking, ground.keys["ana"]).rows
    told = (
        f"{caught} of {many} noticed within {after} events; one command took back {rows} of {after}"
    )
    return found(
        [(caught / many, 0.8), (rows / after, 1.0)],
        told,
        "each source against its own past; revoke since a time",
    )


def reputation(yard: Yard) -> Outcome:
    """B4: a source of the best tier turns, and says ten times what anybody may weigh."""
    with yard.ground() as ground:
        names = crowd(ground, 40, 30, usual)
        ground.hear(rating("best", f"b{n}", f"answer-{n}", 1) for n in range(500))
        ground.vet(["best"], Tier.TENURED)
        ground.later(2 * DAY)
        ground.clear([*names, "best"])
        rows = Counter(ground.leaving("rating"))["best"]
        cap = ground.policy.budget.source.rows
    return at_most(
        rows,
        cap,
        f"{rows} of 500 rows leave, the cap of any source is {cap}",
        "trust buys speed of review, never rows",
    )


def whitewashing(yard: Yard) -> Outcome:
    """B5: ten banned sources come back under 100 new names, each with its old words and aims."""
    chance = yard.chance()
    words = [
        [" ".join(f"w{chance.integers(500)}" for _ in range(25)) for _ in range(5)]
        for _ in range(10)
    ]

    def spoken(source: str, n: int, who: int) -> bytes:
        target = who * 5 + n
        return label(
            source, f"{source}-{n}", f"answer-{target}", (target + 1) % 3, text=words[who][n]
        )

    with yard.ground() as ground:
        names = crowd(ground, 40, 20, crowds.speaking(chance))
        old = [f"banned/{n}" for n in range(10)]
        ground.hear(spoken(s, n, who) for who, s in enumerate(old) for n in range(5))
        for name in old:
            rule_source(
                ground.store, ground.named(name), "hold", because="a ring", **ground.hand("ana")
            )
        ground.later(30 * DAY)
        fresh = [f"fresh/{n}" for n in range(100)]
        ground.hear(spoken(s, n, who % 10) for who, s in enumerate(fresh) for n in range(5))
        ground.judge()
        linked = [d for d in ground.store.dossiers() if d.source in fresh and "banned" in d.cluster]
        ground.later(2 * DAY)
        ground.clear([*names, *fresh])
        rows = sum(source in fresh for source in ground.leaving("label"))
    told = f"{rows} rows leave; {len(linked)} of 100 linked to the banned"
    shares = [(1.0 if rows == 0 else 0.0, 1.0), (len(linked) / 100, 0.8)]
    return found(shares, told, "new names weigh nothing for a week; copied words link them")


def stolen_producer(yard: Yard) -> Outcome:
    """B6: a gateway's key is stolen: a wave of invented sources, which wait until they are old."""
    many = yard.some(5_000, 1_000)
    with yard.ground() as ground:
        ground.producer("gateway")
        names = crowd(ground, 40, 20, usual)
        since = ground.at
        army = [f"made/{n}" for n in range(many)]
        ground.hear((usual(name, 1) for name in army), producer="gateway")
        ground.later(_WEEK + DAY)
        ground.clear(names)
        ground.clear(army, producer="gateway")
        before = Counter(source.partition("/")[0] for source in ground.leaving("rating"))
        cap = _cap(ground, sum(before.values()))
        act = ProducerRevoked(at=ground.later(), name="gateway", since=since)
        ground.store.record([act_of(act, ground.operator)])
        after = Counter(source.partition("/")[0] for source in ground.leaving("rating"))
    told = (
        f"{before['made']} rows of {many:,} sources before it is noticed ({cap} is the most); "
        f"{after['made']} after the key is revoked"
    )
    if after["made"]:
        return at_most(after["made"], 0, told, "revoked keys")
    return at_most(
        before["made"], cap, told, "newcomers' share, the producer's budget, revoked keys"
    )


def _cap(ground: Ground, rows: int) -> int:
    """Return the most that newcomers of one producer may be of so many rows."""
    policy = ground.policy
    share = min(each.share for each in policy.rule if "unvetted" in each.tiers)
    return min(policy.budget.producer.rows, int(share * rows))


def farm(yard: Yard) -> Outcome:
    """B7: ten people with one answer sheet of 40 items, 85 % of it each."""
    chance = yard.chance()
    crowd_ = crowds.honest(chance, sources=60, targets=120, each=25)
    aims = chance.choice(120, 40, replace=False)
    sheet = crowds.ring(chance, members=10, aims=aims, overlap=0.85, within_s=1800)
    scored = crowds.judged(crowds.table(crowd_.and_also(sheet)))
    joined = crowds.clusters(scored)
    largest = max((sum(m.startswith("ring/") for m in each) for each in joined.values()), default=0)
    wronged = sum(not m.startswith("ring/") for each in joined.values() for m in each)
    told = f"{largest} of 10 are one voice after 40 items, {wronged} honest ones with any"
    return found(
        [(largest / 10, 0.8), (1.0 if not wronged else 0.0, 1.0)],
        told,
        "answers that echo, in time: one voice",
    )


def machine_written(yard: Yard) -> Outcome:
    """B8: a machine's ratings, declared as such, beside people's: five times as many."""
    with yard.ground() as ground:
        ground.producer("machine", origin=Origin.AUTOMATED)
        names = crowd(ground, 40, 10, usual)
        bots = [f"bot/{n}" for n in range(50)]
        ground.hear((usual(s, n) for s in bots for n in range(40)), producer="machine")
        ground.vet(bots, producer="machine")
        ground.later(_WEEK + DAY)
        ground.clear(names)
        ground.clear(bots, producer="machine")
        left = Counter(source.partition("/")[0] for source in ground.leaving("rating"))
        share = left["bot"] / max(1, sum(left.values()))
        cap = max(r.share for r in ground.policy.rule if r.name == "machines among people")
    return at_most(
        share,
        cap,
        f"{share:.1%} of a release, the cap is {cap:.0%}",
        "origin follows from the registry; machines have a share",
    )


TRIALS: Final = (
    Trial(id="B1", tried="10,000 entries forged in nine ways", run=spoofing),
    Trial(id="B2", tried="5,000 sources of yesterday, no detector on", run=sybils),
    Trial(
        id="B3",
        tried="10 raters change hands, 20 % more wrong labels, 50 events",
        run=account_takeover,
    ),
    Trial(id="B4", tried="a source of the best tier says 500 things", run=reputation),
    Trial(id="B5", tried="100 new names with a banned ring's words", run=whitewashing),
    Trial(id="B6", tried="5,000 invented sources under a stolen key", run=stolen_producer),
    Trial(id="B7", tried="10 people share 85 % of 40 answers", run=farm),
    Trial(
        id="B8",
        tried="2,000 ratings of a declared machine beside 400 of people",
        run=machine_written,
        open="machines that do not say so: nothing infers it",
    ),
)
