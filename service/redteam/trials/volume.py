"""Class A, by weight: many votes, many voices, many mistakes, and what few of them can bear."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from approvals.desk import find_request
from quarantine.drift import EVERYONE, drifts
from quarantine.errors import UnmetError
from quarantine.evidence import EVENT_SCHEMA, evidence_from
from quarantine.likely import likely
from quarantine.questions import questions
from quarantine.scoring import weigh
from service.demo import people
from service.redteam import corpus, crowds
from service.redteam.ground import DAY, PRODUCER, Ground, crowd
from service.redteam.model import Outcome, Trial, at_most, every, found
from service.redteam.speech import LABELS, SCOPE, rating, usual
from service.redteam.yard import Yard

_FALSE: Final = 0.1


def one_voice(yard: Yard) -> Outcome:
    """A5: one vetted source votes 10,000 times, each time on another thing, with no detector on."""
    votes = yard.some(10_000, 2_000)
    with yard.ground() as ground:
        names = crowd(ground, 40, 10, usual)
        ground.hear(rating("loud", f"l{n}", f"claim-{n}", 5) for n in range(votes))
        ground.vet(["loud"])
        ground.later(2 * DAY)
        ground.clear([*names, "loud"])
        rows = Counter(ground.leaving("rating"))["loud"]
        cap = ground.policy.budget.source.rows
    return at_most(
        rows, cap, f"{rows} of {votes:,} votes leave, the cap is {cap}", "one source's budget"
    )


def noise(yard: Yard) -> Outcome:
    """A6: 35 of 100 raters are always wrong, each in its own way."""
    chance = yard.chance()
    good = crowds.honest(chance, sources=65, targets=200, each=40)
    bad = crowds.honest(chance, sources=35, targets=200, each=40, skill=1.0, stem="wrong")
    step = chance.integers(1, len(LABELS), len(bad.label))
    mixed = good.and_also(replace(bad, label=(bad.label + step) % len(LABELS)))
    error = _error(crowds.table(mixed))
    return at_most(
        error, 0.01, f"{error:.1%} of 200 labels wrong", "likely answers, by how much each tells"
    )


def _error(held: pa.Table, aims: frozenset[str] | None = None, *, linked: bool = False) -> float:
    """Return the share of targets (of `aims`, where given) whose likeliest answer is wrong."""
    evidence = evidence_from(held)
    evidence = weigh(evidence).linked if linked else evidence
    asked = questions(evidence)
    if asked is None:
        return 1.0
    right = likely(asked)
    best: dict[int, tuple[float, int]] = {}
    for cell, chance in enumerate(right.tolist()):
        target = int(asked.cells.target[cell])
        best[target] = max(best.get(target, (-1.0, -1)), (chance, int(asked.cells.said[cell])))
    wrong = [
        evidence.answers[said] != LABELS[int(crowds.truth(np.array([number]))[0])]
        for target, (_, said) in best.items()
        for number in [int(evidence.targets[target].rpartition("t")[2])]
        if aims is None or f"t{number}" in aims
    ]
    return float(np.mean(wrong))


def split_budget(yard: Yard) -> Outcome:
    """A8: a source fills its cap in one release, and again in the next; its lifetime is 60 rows."""
    with yard.ground() as ground:
        text = ground.text.replace("lifetime = 500", "lifetime = 60")
    with yard.ground(text) as ground:
        names = crowd(ground, 60, 30, usual)
        ground.hear(rating("loud", f"l{n}", f"claim-{n}", 5) for n in range(200))
        ground.vet(["loud"])
        ground.later(2 * DAY)
        left = []
        for turn in range(2):
            ground.hear(
                rating(s, f"{s}-r{turn}-{n}", f"r{turn}-{n}") for s in names for n in range(30)
            )
            ground.later(2 * DAY)
            ground.clear([*names, "loud"])
            request, _ = ground.let_leave("rating")
            members = ground.store.members(_place(ground, request.digest))
            left.append(sum(each.source == "loud" for each in members))
    told = f"{left[0]} rows, then {left[1]}: {sum(left)} of a lifetime of 60"
    return at_most(sum(left), 60, told, "a lifetime ledger over all releases")


def _place(ground: Ground, digest: str) -> int:
    return find_request(ground.store, digest)[0]


def shilling(yard: Yard) -> Outcome:
    """A9: average and bandwagon profiles among real people's ratings of teachers."""
    chance = yard.chance()
    genuine = _ratings(people.some(people.ratings(), yard.some(30, 15) / 100, chance), chance)
    shares = (0.01, 0.03, 0.05) if not yard.quick else (0.05,)
    seen = {
        (attack, share): crowds.fared(genuine, attack, share, yard.seed)
        for attack in ("average_filler", "bandwagon")
        for share in shares
    }
    told = "; ".join(
        f"{attack} {share:.0%}: recall {each.recall:.2f}, false {each.false:.2f}"
        for (attack, share), each in seen.items()
    )
    wanted = [pair for e in seen.values() for pair in ((e.recall, 0.8), (1 - e.false, 1 - _FALSE))]
    return found(wanted, told, "who rates alike, and whom they push, beside those who rate as much")


def _ratings(given: list[people.Given], chance: np.random.Generator) -> pa.Table:
    at = np.sort(crowds.moments(chance, len(given)))
    order = chance.permutation(len(given)).tolist()
    rows = [
        {
            "index": place,
            "id": f"e{place}",
            "producer": PRODUCER,
            "source": given[row].source,
            "kind": "rating",
            "scope": SCOPE,
            "target": given[row].target,
            "question": "",
            "answer": f"{given[row].value:g}",
            "value": (given[row].value - people.LOW) / (people.HIGH - people.LOW),
            "arrived": int(at[place]),
            "claimed": int(at[place]),
        }
        for place, row in enumerate(order)
    ]
    return pa.Table.from_pylist(rows, schema=EVENT_SCHEMA)


def sleepers(yard: Yard) -> Outcome:
    """A10: a tenth of the raters is right everywhere but on 10 targets, where they lie together."""
    chance = yard.chance()
    good = crowds.honest(chance, sources=90, targets=200, each=20)
    bad = crowds.honest(chance, sources=10, targets=200, each=20, skill=1.0, stem="ring")
    aims = chance.choice(200, 10, replace=False)
    lies = crowds.ring(chance, members=10, aims=aims, overlap=0.9)
    held = crowds.table(good.and_also(bad).and_also(lies))
    named = frozenset(f"t{each}" for each in aims.tolist())
    error = _error(held, named, linked=True)
    alone = _error(held, named)
    told = f"{error:.2f} of their targets wrong, {alone:.2f} were they not one voice"
    return at_most(
        error, 0.35, told, "answers weigh by how much they tell; a linked ring is one voice"
    )


def applause(yard: Yard) -> Outcome:
    """A11: 400 thumbs and clicks that speak of safety and refusal."""
    with yard.ground() as ground:
        names = crowd(
            ground,
            40,
            5,
            lambda s, n: rating(s, f"{s}-{n}", f"a-{n}", aspect=("safety", "refusal")[n % 2]),
        )
        crowd(ground, 40, 5, lambda s, n: rating(s, f"plain-{s}-{n}", f"p-{n}"))
        ground.clear(names)
        targets = [str(each) for each in ground.ask("rating")[2].members["target"]]
    leaving = sum(each.startswith("a-") for each in targets)
    return at_most(
        leaving,
        0,
        f"{leaving} of 200 leave, {len(targets)} that speak of nothing else do",
        "the policy says which kind may speak of what",
    )


def planted_secrets(yard: Yard) -> Outcome:
    """A12: 200 secrets of ten kinds in what vetted people write, each leaked by two of them."""
    leaks = corpus.secrets(200, yard.chance())

    def speak(source: str, n: int) -> bytes:
        number = int(source.rpartition("/")[2]) * 5 + n
        return rating(
            source, f"{source}-{n}", f"answer-{number}", text=f"see {leaks[number % 200]} please"
        )

    with yard.ground() as ground:
        names = crowd(ground, 40, 5, speak)
        ground.judge()
        ground.later(DAY)
        held = 200 - _leaving(ground, names)
    return found([(held / 200, 0.99)], f"{held} of 200 held", "nothing looks for secrets")


def _leaving(ground: Ground, names: list[str]) -> int:
    try:
        return sum(source in names for source in ground.leaving("rating"))
    except UnmetError:
        return 0


def blind_spot(yard: Yard) -> Outcome:
    """A13: one of ten producers, a tenth of the feedback, is poisoned; drift is asked of all."""
    chance = yard.chance()

    def some(bad: str = "") -> pd.DataFrame:
        rows = 6000
        producer = np.array([f"p{n}" for n in chance.integers(0, 10, rows)])
        worse = chance.random(rows) < np.where(producer == bad, 0.35, 0.1)
        return pd.DataFrame(
            {
                "producer": producer,
                "source": [f"rater/{n}" for n in chance.integers(0, 1500, rows)],
                "answer": np.where(worse, LABELS[0], LABELS[2]),
                "value": np.nan,
            }
        )

    seen = drifts(some(), some("p3"))
    rang = {each.group for each in seen if each.alarm}
    facts = [
        ("the subgroup's alarm rings", "producer p3" in rang),
        ("no other one does", rang <= {"producer p3", EVERYONE}),
    ]
    of_all = "rings too" if EVERYONE in rang else "does not ring"
    return every(
        facts,
        f"alarms: {', '.join(sorted(rang)) or 'none'}; the one of all {of_all}",
        "drift is asked of each producer too",
    )


TRIALS: Final = (
    Trial(
        id="A5",
        tried="10,000 votes of one vetted source, no detector on",
        run=one_voice,
        open="claims in free text",
    ),
    Trial(id="A6", tried="35 of 100 raters always wrong", run=noise),
    Trial(id="A8", tried="two releases at the cap, a lifetime of 60 rows", run=split_budget),
    Trial(
        id="A9", tried="two shilling attacks at 1, 3 and 5 % of 880 people's ratings", run=shilling
    ),
    Trial(
        id="A10",
        tried="10 % sleepers lie together on 10 targets",
        run=sleepers,
        open="trust by stratum: there is no trust that raises influence",
    ),
    Trial(id="A11", tried="200 thumbs that speak of safety and refusal", run=applause),
    Trial(
        id="A12",
        tried="200 secrets of 10 kinds in 200 ratings",
        run=planted_secrets,
        open="canaries for later exposure tests",
    ),
    Trial(id="A13", tried="one of ten producers poisoned", run=blind_spot),
)
