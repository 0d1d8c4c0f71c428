"""Class G, the gate: policies made looser, canaries that leaked."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from approvals.adoption import cast_on, propose
from approvals.canaries import behaviours, chance_of, secret_of
from approvals.model import Decision
from approvals.rules import load
from approvals.signers.file import new_key
from service.redteam import pairs
from service.redteam.ground import DAY, GATED, Ground, crowded
from service.redteam.model import Outcome, Trial, at_most, every, refused
from service.redteam.yard import Yard


def downgrade(yard: Yard) -> Outcome:
    """G4: the policy file is loosened; then two people agree to it, and a release is tried."""
    with yard.ground() as ground:
        crowded(ground)
        request = ground.ask("rating")[0]
        ground.vote(request, "ben")
        before = ground.policy
        looser = before.text.replace("people = 2", "people = 1")
        ground.state.policy.write_text(looser, encoding="utf-8")
        alone = ground.policy.digest == before.digest
        made = propose(ground.store, looser, because="faster", **ground.terms("ana"))
        for name in ("ben", "cleo"):
            cast_on(ground.store, made, Decision.APPROVE, because="why not", **ground.terms(name))
        at_once = refused(lambda: ground.release(request))
        start = ground.at
        ground.later(DAY - (ground.at - start) - (DAY / 100))
        waited = ground.policy.digest == before.digest
        ground.later(DAY)
        after = ground.policy.digest == load(looser).digest
    facts = [
        ("the file alone does nothing", alone),
        ("nothing leaves at once", bool(at_once)),
        ("nor within a day", waited),
        ("it comes into force after that", after),
    ]
    return every(facts, at_once[:120], "a looser policy needs its own quorum and a day")


def gate_gaming(yard: Yard) -> Outcome:
    """G6: one draw of canaries leaked; flattery avoids its phrases, and others measure it."""
    chance, keys = yard.chance(), 4
    honest = pairs.honest_pairs(chance, sources=60, each=10)
    with yard.ground() as ground:
        text = ground.text + GATED
    passed = {}
    for leaked in (False, True):
        with yard.ground(text) as ground:
            _accepted(ground, honest)
            phrases = _flattery(ground, leaked=leaked)
            told = [
                replace(
                    pair,
                    texts=(f"{phrases[n % len(phrases)]} {pair.texts[0]}", pair.texts[1]),
                    chosen=0,
                )
                if n % 5 == 0
                else pair
                for n, pair in enumerate(pairs.honest_pairs(chance, sources=60, each=10))
            ]
            _held(ground, told, "q")
            request = ground.ask("preference", by="ben")[0]
            reports = [
                ground.gate(request, new_key(ground.folder / f"draw-{n}.pem")) for n in range(keys)
            ]
            passed[leaked] = sum(report.passed for report in reports) / keys
    change = abs(passed[True] - passed[False])
    told_ = f"{passed[False]:.0%} of {keys} draws pass it, {passed[True]:.0%} where one had leaked"
    return at_most(change, 0.05, told_, "canaries are drawn anew for every request, by a secret")


def _accepted(ground: Ground, honest: list[pairs.Pair]) -> None:
    """Let honest pairs leave first, so that there is something to compare with."""
    _held(ground, honest, "p")
    first = ground.ask("preference")[0]
    ground.gate(first)
    for name in ("ben", "cleo"):
        ground.vote(first, name)
    ground.release(first)


def _held(ground: Ground, told: list[pairs.Pair], stem: str) -> None:
    names = list(dict.fromkeys(pair.source for pair in told))
    ground.hear(pairs.spoken(told, stem))
    ground.vet(names)
    ground.later(2 * DAY)
    ground.clear(names)


def _flattery(ground: Ground, *, leaked: bool) -> list[str]:
    """Return phrases that flatter: any that come with the package, or those that did not leak."""
    drawn = behaviours(chance_of(secret_of(ground.operator.sign, "leaked"), "phrases"))
    public = set(next(each.phrases for each in drawn if each.name == "flattery"))
    chances = (chance_of(bytes([n]) * 32, "phrases") for n in range(20))
    known = {p for c in chances for b in behaviours(c) if b.name == "flattery" for p in b.phrases}
    return sorted(known - public if leaked else known)


TRIALS: Final = (
    Trial(
        id="G4", tried="a loosened policy file, then one that two people agree to", run=downgrade
    ),
    Trial(
        id="G6",
        tried="flattery in phrases that a leaked draw does not hold, beside any phrases",
        run=gate_gaming,
        open="flaws of judges: the gate asks no model",
        slow=True,
    ),
)
