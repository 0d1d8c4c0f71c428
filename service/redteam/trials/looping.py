"""Class I: what machines and the trained model itself feed back into the loop."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from quarantine.drift import EVERYONE, drifts
from quarantine.model import Origin
from service.redteam import pairs
from service.redteam.ground import DAY, PRODUCER, Ground
from service.redteam.model import Outcome, Trial, at_most, every, found, refused
from service.redteam.speech import LABELS, spelled
from service.redteam.yard import Yard

_NOTHING: Final = (":", "Thought process:", "Solution", "...", "Let us think step by step.")


def judge_gaming(yard: Yard) -> Outcome:
    """I1: a judge that rewards a fifth of 100 empty answers, beside one that rewards none."""
    chance = yard.chance()
    honest = pairs.honest_pairs(chance, sources=60, each=15)
    with yard.ground() as ground:
        ground.producer("judges", origin=Origin.AUTOMATED)
        ground.hear(pairs.spoken(honest))
        for name, fooled in (("gamed", 0.2), ("sound", 0.0)):
            usual = pairs.honest_pairs(chance, sources=1, each=400)
            empty = [
                pairs.Pair(
                    pair.prompt,
                    (_NOTHING[n % len(_NOTHING)], pair.texts[0]),
                    int(chance.random() >= fooled),
                    name,
                )
                for n, pair in enumerate(honest[:100])
            ]
            told = [*(replace(pair, source=name) for pair in usual), *empty]
            ground.hear(pairs.spoken(told, name), producer="judges")
        ground.judge()
        verdicts = ground.verdicts()
        reasons = [
            f.because for d in ground.store.dossiers() if d.source == "gamed" for f in d.findings
        ]
    facts = [
        ("the gamed one is held", verdicts["gamed"] == "hold"),
        ("for that reason", any("say nothing" in each for each in reasons)),
        ("the sound one is not", verdicts["sound"] != "hold"),
    ]
    return every(
        facts,
        f"gamed: {verdicts['gamed']}, sound: {verdicts['sound']}",
        "answers that say nothing, rewarded beyond 2 %",
    )


def clicking(yard: Yard) -> Outcome:
    """I2: bots click a hundred thousand times; a release of preferences is asked for."""
    clicks = yard.some(100_000, 5_000)
    data = {"name": "click", "value": 1, "low": 0, "high": 1}
    with yard.ground() as ground:
        ground.producer("meter", origin=Origin.AUTOMATED)
        people = pairs.honest_pairs(yard.chance(), sources=40, each=10)
        ground.hear(pairs.spoken(people))
        names = list(dict.fromkeys(pair.source for pair in people))
        ground.vet(names)
        bots = [f"bot/{n}" for n in range(100)]
        said = (
            spelled("signal", bots[n % 100], f"c{n}", f"pair-p{n % 400}", data)
            for n in range(clicks)
        )
        ground.hear(said, producer="meter")
        ground.vet(bots, producer="meter")
        ground.later(8 * DAY)
        ground.clear(names)
        ground.clear(bots, producer="meter")
        rows = ground.leaving("preference")
        of_bots = sum(source in bots for source in rows)
        alone = refused(lambda: ground.ask("signal", by="ben"))
    told = (
        f"{of_bots} of {len(rows)} rows are of bots; "
        f"a release of their signals: {alone[:60] or 'within its share'}"
    )
    return at_most(of_bots, 0, told, "one kind a release; signals have a share of the scope")


def recirculation(yard: Yard) -> Outcome:
    """I3: what left comes back under people's names; and a loop says what it is, tenfold."""
    chance = yard.chance()
    honest = pairs.honest_pairs(chance, sources=60, each=20)
    with yard.ground() as ground:
        ground.producer("loop", origin=Origin.SELF_TRAINING)
        ground.hear(pairs.spoken(honest))
        names = list(dict.fromkeys(pair.source for pair in honest))
        ground.vet(names)
        ground.later(2 * DAY)
        ground.judge()
        ground.let_leave("preference")
        back = [replace(pair, source=f"back/{n % 20}") for n, pair in enumerate(honest[:200])]
        ground.hear(pairs.spoken(back, "again"))
        ground.judge()
        seen = {s: v for s, v in ground.verdicts().items() if s.startswith("back")}
        known = sum(v != "clear" for v in seen.values()) / len(seen)
        ground.hear(pairs.spoken(pairs.honest_pairs(chance, sources=60, each=5), "more"))
        share = _of_loops(ground, names, honest[200:])
        cap = max(r.share for r in ground.policy.rule if r.name == "models among people")
    told = (
        f"{known:.0%} of 20 sources that say released texts again are doubted; "
        f"declared loops are {share:.0%} of a release (cap {cap:.0%})"
    )
    return found(
        [(known, 0.9), (1.0 if share <= cap else 0.0, 1.0)],
        told,
        "copied words; a share for what a model says",
    )


def _of_loops(ground: Ground, names: list[str], told: list[pairs.Pair]) -> float:
    """Let a declared loop say all this; return its share of what would leave, no detector on."""
    loops = [f"self/{n}" for n in range(20)]
    said = [replace(pair, source=loops[n % len(loops)]) for n, pair in enumerate(told)]
    ground.hear(pairs.spoken(said, "loop"), producer="loop")
    ground.vet(loops, producer="loop")
    ground.later(11 * DAY)
    ground.clear(names)
    ground.clear(loops, producer="loop")
    rows = ground.leaving("preference")
    return sum(source in loops for source in rows) / max(1, len(rows))


def compounding(yard: Yard) -> Outcome:
    """I4: ten rounds, each one hundredth further than the last."""
    chance, rounds = yard.chance(), []
    for step in range(11):
        worse = chance.random(8000) < 0.2 + 0.01 * step
        rounds.append(
            pd.DataFrame(
                {
                    "producer": PRODUCER,
                    "source": [f"rater/{n}" for n in chance.integers(0, 2500, 8000)],
                    "answer": np.where(worse, LABELS[0], LABELS[2]),
                    "value": np.nan,
                }
            )
        )
    first = next((n for n in range(1, 11) if _rings(rounds[0], rounds[n])), 0)
    last = sum(_rings(rounds[n - 1], rounds[n]) for n in range(1, 11))
    told = f"against the first: round {first or 'never'}; against the last: {last} of 10 rounds"
    return at_most(first or 11, 5, told, "drift is against the first accepted baseline")


def _rings(first: pd.DataFrame, now: pd.DataFrame) -> bool:
    return any(each.alarm for each in drifts(first, now) if each.group == EVERYONE)


TRIALS: Final = (
    Trial(id="I1", tried="a judge that rewards 20 % of 100 empty answers", run=judge_gaming),
    Trial(id="I2", tried="100,000 clicks of 100 bots beside 400 preferences", run=clicking),
    Trial(
        id="I3",
        tried="200 released rows come back; a declared loop says 1,000",
        run=recirculation,
        open="an anchor set named in manifests",
    ),
    Trial(id="I4", tried="ten rounds of one hundredth", run=compounding),
)
