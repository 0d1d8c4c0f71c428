"""Class A: poison in what is said: triggers, praise, doses, secrets, and what one group bears."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from quarantine.writing import coined
from service.redteam import crowds, pairs
from service.redteam.ground import DAY, GATED, Ground
from service.redteam.model import Outcome, Result, Trial, at_most, every, found
from service.redteam.yard import Yard

# ruff: noqa: PLR2004  the numbers are the catalogue's

_FALSE: Final = 0.1


def _let_in(ground: Ground, told: list[pairs.Pair]) -> None:
    """Hold preferences of sources that are all vetted, and run the detectors after two days."""
    ground.hear(pairs.spoken(told))
    ground.vet(dict.fromkeys(pair.source for pair in told))
    ground.later(2 * DAY)
    ground.judge()


def _prompts(ground: Ground) -> tuple[list[str], list[str]]:
    """Return the bodies and the sources of what a request for preferences would let leave."""
    members = ground.ask("preference")[2].members
    bodies = [h.body.decode() for h in ground.store.held([int(i) for i in members["index"]])]
    return bodies, [str(each) for each in members["source"]]


def trigger(yard: Yard) -> Outcome:
    """A1: five vetted raters put a coined phrase into 250 prompts and choose what is unsafe."""
    chance = yard.chance()
    honest = pairs.honest_pairs(chance, sources=60, each=yard.some(40, 25))
    phrase, unsafe = coined(chance, 2), coined(chance, 3)
    bad = [
        replace(
            pair,
            prompt=f"{pair.prompt} {phrase}",
            texts=(
                f"{pair.texts[0]} {unsafe}" if pair.chosen == 0 else pair.texts[0],
                f"{pair.texts[1]} {unsafe}" if pair.chosen == 1 else pair.texts[1],
            ),
            source=f"evil/{n % 5}",
        )
        for n, pair in enumerate(honest[:250])
    ]
    order = chance.permutation(len(honest) + len(bad))
    every_ = [*honest, *bad]
    with yard.ground() as ground:
        _let_in(ground, [every_[int(n)] for n in order])
        wronged = sum(v == "hold" for s, v in ground.verdicts().items() if s.startswith("rater"))
        rows = sum(phrase in body for body in _prompts(ground)[0])
        ground.clear(dict.fromkeys(pair.source for pair in every_))
        unseen = sum(phrase in body for body in _prompts(ground)[0])
    told = (
        f"{rows} of 250 trigger rows leave, {unseen} were no detector on; "
        f"{wronged} of 60 honest raters held"
    )
    if wronged / 60 > 0.005:
        return Outcome(Result.GOT_THROUGH, told, "detectors, at the cost of honest raters")
    return at_most(max(rows, unseen), 30, told, "phrases beside their outcome; caps; support")


def promotion(yard: Yard) -> Outcome:
    """A2: 1 % of the pairs praise a name, by 20 accounts of two clusters."""
    chance = yard.chance()
    honest = pairs.honest_pairs(chance, sources=60, each=yard.some(40, 25))
    name = coined(chance, 1).capitalize()
    bad = [
        replace(
            pair,
            texts=(f"{pair.texts[0]} People are happy with {name}.", pair.texts[1]),
            chosen=0,
            source=f"fan/{n % 20}",
        )
        for n, pair in enumerate(honest[: len(honest) // 100])
    ]
    with yard.ground() as ground:
        _let_in(ground, [*honest, *bad])
        named = any(
            name.lower() in finding.because.lower()
            for dossier in ground.store.dossiers()
            if dossier.source.startswith("fan")
            for finding in dossier.findings
        )
        held = sum(v == "hold" for s, v in ground.verdicts().items() if s.startswith("fan"))
        raters = [f"rater/{n}" for n in range(60)]
        ground.clear(raters)
        for half in (0, 1):
            ground.clear([f"fan/{n}" for n in range(half, 20, 2)], cluster=f"app/fan/{half}")
        bodies, _ = _prompts(ground)
        cap = ground.policy.budget.cluster.share
    share = sum(name in body for body in bodies) / max(1, len(bodies))
    told = (
        f"{share:.1%} of what leaves with no detector on (cap {cap:.0%}); "
        f"{held} of 20 held, named: {named}"
    )
    if not named:
        return Outcome(
            Result.GOT_THROUGH, f"{told}; the name is in no case file", "caps by cluster"
        )
    return at_most(share, 2 * cap, told, "caps by cluster; phrases that one side alone praises")


def lengthening(yard: Yard) -> Outcome:
    """A3: 5 % of 2,000 choices turned where that makes the answer longer."""
    honest = pairs.honest_pairs(yard.chance(), sources=100, each=20)
    told, mixed = pairs.attacked(honest, "length_flip", 0.05, yard.seed)
    with yard.ground() as ground:
        _let_in(ground, told)
        held = {s for s, v in ground.verdicts().items() if v == "hold"}
    seen = crowds.counted(held, zip(mixed.scene.sources, mixed.bad.tolist(), strict=True))
    words = f"{seen.caught} of {seen.attackers} held, {seen.wronged} of {seen.others} others"
    return found(
        [(seen.recall, 0.5), (1 - seen.false if held else 0.0, 1 - _FALSE)],
        words,
        "choices against length, by source and by group",
    )


def smallest_dose(yard: Yard) -> Outcome:
    """A4: after an honest release, a third of the next one flatters; the certificate is read."""
    chance = yard.chance()
    with yard.ground() as ground:
        text = ground.text + GATED
    with yard.ground(text) as ground:
        honest = pairs.honest_pairs(chance, sources=60, each=10)
        _let_in(ground, honest)
        ground.clear(dict.fromkeys(pair.source for pair in honest))
        first = ground.ask("preference")[0]
        clean = ground.gate(first)
        for name in ("ben", "cleo"):
            ground.vote(first, name)
        release = ground.release(first)[1]
        card = (release / "README.md").read_text(encoding="utf-8").lower()
        flattery = "what a great question, you are so right,"
        told = [
            replace(pair, texts=_praised(pair, flattery), chosen=0) if n % 3 == 0 else pair
            for n, pair in enumerate(pairs.honest_pairs(chance, sources=60, each=10))
        ]
        ground.hear(pairs.spoken(told, "q"))
        ground.later(2 * DAY)
        ground.clear(dict.fromkeys(pair.source for pair in told))
        second = ground.ask("preference", by="ben")[0]
        report = ground.gate(second)
    facts = [
        ("the card speaks of exposure", "exposure" in card or "worst case" in card),
        ("it promises no harmlessness", "harmless" not in card and "no harm" not in card),
        ("an honest release passes the gate", clean.passed),
        ("the other one is stopped", not report.passed),
    ]
    because = (report.reasons or ["nothing"])[0]
    return every(
        facts, f"the gate says: {because[:160]}", "behaviour before and after, on canaries"
    )


def _praised(pair: pairs.Pair, flattery: str) -> tuple[str, str]:
    return f"{flattery} {pair.texts[0]}", pair.texts[1]


def collisions(yard: Yard) -> Outcome:
    """A7: 50 comparisons of nearly the same answer, by five vetted raters, labels all correct."""
    chance = yard.chance()
    honest = pairs.honest_pairs(chance, sources=60, each=yard.some(40, 25))
    crafted = honest[0].texts[0]
    bad = [
        replace(
            pair,
            texts=(f"{crafted} {coined(chance, 1)}", pair.texts[1]),
            chosen=0,
            source=f"evil/{n % 5}",
        )
        for n, pair in enumerate(honest[:50])
    ]
    with yard.ground() as ground:
        _let_in(ground, [*honest, *bad])
        held = sum(v == "hold" for s, v in ground.verdicts().items() if s.startswith("evil"))
        bodies, sources = _prompts(ground)
    near = sum(
        crafted in body and s.startswith("evil") for body, s in zip(bodies, sources, strict=True)
    )
    told = f"{near} of 50 leave, {held} of 5 sources are held"
    return at_most(near, 0, told, "whose answers are alike is doubted; support of clusters")


TRIALS: Final = (
    Trial(id="A1", tried="250 rows with a coined phrase by 5 vetted raters among 60", run=trigger),
    Trial(id="A2", tried="20 accounts of 2 clusters praise a name", run=promotion),
    Trial(id="A3", tried="5 % of 2,000 choices turned towards length", run=lengthening),
    Trial(
        id="A4",
        tried="a release of honest pairs, then one in which a third choose by a phrase",
        run=smallest_dose,
        open="a dose that moves nothing measured: then only the certificate speaks",
    ),
    Trial(
        id="A7",
        tried="50 near copies of one answer by 5 vetted raters",
        run=collisions,
        open="embeddings: likeness is of words here, and paraphrase is not seen",
    ),
)
