"""Class F, the reviewers: who is awake, who colludes, whether known cases tell themselves."""

from __future__ import annotations

from typing import Final

import numpy as np

from approvals.minting import Genuine, made
from approvals.rules import shipped
from approvals.vigilance import GOOD, MISSER, Answer, flagged_after, pairs
from quarantine.drill import attacks
from service.redteam.crowds import labelled
from service.redteam.docket import docket, laid
from service.redteam.model import Outcome, Trial, at_most, every, found
from service.redteam.telltales import Seen, told_apart
from service.redteam.yard import Yard

# ruff: noqa: PLR2004  the numbers are the catalogue's

_PEOPLE: Final = 10
_JOINT: Final = 60
_LET: Final = 0.3
_NEVER: Final = 10**6
_EACH: Final = 20
_QUEUES: Final = 8


def colluders(yard: Yard) -> Outcome:
    """F5: two of ten reviewers let the same 30 % through; all ten answered the same 60 probes."""
    rounds, named, strangers = yard.some(200, 40), 0, 0
    chance = yard.chance()
    for _ in range(rounds):
        let = chance.random(_JOINT) < _LET
        wrong = {f"r{n}": chance.random(_JOINT) < GOOD for n in range(_PEOPLE)}
        for name in ("r0", "r1"):
            wrong[name] |= let
        told = {
            name: [
                Answer(f"{n}", bad=True, attack="a", is_right=not each)
                for n, each in enumerate(answers.tolist())
            ]
            for name, answers in wrong.items()
        }
        rang = [(pair.first, pair.second) for pair in pairs(told)]
        named += ("r0", "r1") in rang
        strangers += any(pair != ("r0", "r1") for pair in rang)
    told_ = f"named in {named} of {rounds} rounds; another pair in {strangers}"
    shares = [(named / rounds, 0.95), (1 - strangers / rounds, 0.95)]
    return found(shares, told_, "exact test on what two miss together")


def rubber_stamps(yard: Yard) -> Outcome:
    """F6: reviewers who miss all, 40 %, and as much as a good one, over 500 probes each."""
    many = 2000
    chance = yard.chance()
    stamp = flagged_after([True] * 9)
    missers = [
        flagged_after(each) or _NEVER for each in (chance.random((many, 100)) < MISSER).tolist()
    ]
    good = [flagged_after(each) for each in (chance.random((many, 500)) < GOOD).tolist()]
    median, late = np.median(missers), np.percentile(missers, 95)
    wrongly = sum(each is not None for each in good) / many
    facts: list[tuple[str, bool]] = [
        ("always-approver after 2", stamp == 2),
        ("median of 8", bool(median <= 8)),
        ("95 % by 20", bool(late <= 20)),
        ("good ones left alone", wrongly <= 0.01),
    ]
    told = f"after {stamp}; {median:.0f} (median), {late:.0f} (95 %); {wrongly:.1%} of good ones"
    return every(facts, told, "a sequential test on hidden probes")


def rare_misses(yard: Yard) -> Outcome:
    """F7: probes of every class of attack that is known here, planted four times, as in a month."""
    known = attacks()
    genuine = Genuine(labelled(yard.chance(), sources=200, targets=150, each=15), known)
    cases = [
        case
        for week in range(4)
        for case in made(genuine, seed=yard.seed + week, each=_EACH, salt=lambda: "00")
    ]
    by_class = {name: sum(case.attack == name for case in cases) for name in known}
    enough = sum(count >= _EACH for count in by_class.values())
    none = [name for name, count in by_class.items() if not count]
    told = f"{enough} of {len(known)} classes get {_EACH} probes, {len(none)} get none"
    return found(
        [(enough / len(known), 1.0)], told, "probes are made of every attack that scoring doubts"
    )


def fingerprints(yard: Yard) -> Outcome:
    """F11: a classifier learns probes from real cases, by all that a reviewer is shown of them."""
    seen = Seen()
    text = shipped("demo").replace("share = 0.05", "share = 1.0")
    for round_ in range(_QUEUES):
        with yard.ground(text) as ground:
            waits = docket(ground, np.random.default_rng(yard.seed + round_))
            seen.look(ground, waits, laid(ground, waits, seed=yard.seed + 100 + round_))
    auc, names = told_apart(seen.told, seen.is_probe, seen.sorts, seen.queues)
    best, probes = ", ".join(list(names)[:3]), sum(seen.is_probe)
    told = f"AUC {auc:.2f} on {probes} probes and {len(seen.told) - probes} real cases; by {best}"
    return at_most(
        max(auc, 0.5), 0.6, told, "probes wait beside real cases, with company and a past"
    )


TRIALS: Final = (
    Trial(id="F5", tried="two of ten let the same 30 % of 60 probes through", run=colluders),
    Trial(id="F6", tried="2,000 simulated reviewers of each sort", run=rubber_stamps),
    Trial(
        id="F7",
        tried="four weeks of probes of 22 attacks, from a crowd's labels",
        run=rare_misses,
        open="what needs texts or ratings is not made from labels",
        slow=True,
    ),
    Trial(
        id="F11",
        tried="a random forest on what is shown of probes and of real cases of every attack",
        run=fingerprints,
        open="a reviewer who looks up in the store who has really spoken",
        slow=True,
    ),
)
