"""The forest of habits compares like with like."""

from __future__ import annotations

import numpy as np

from quarantine.detectors.pattern import DETECTOR
from tests.crowd import HOUR, START, Said, World, evidence, honest


def bots(count: int) -> list[Said]:
    """Say many signals evenly, as no person rates."""
    return [
        Said(
            f"bot/{bot}",
            f"t{n}",
            "1",
            value=1.0,
            at=START + n * HOUR,
            kind="signal",
            question="click",
        )
        for bot in range(count)
        for n in range(200)
    ]


def test_bots_are_not_taken_for_odd_people() -> None:
    rng = np.random.default_rng(2)
    crowd = honest(rng, World(), 90)
    judged = evidence([*honest(rng, World(), 10, name="new"), *bots(5)], crowd)
    found = DETECTOR.examine(judged)
    names = {judged.sources[int(code)].source for code in found.sources}
    assert not any(name.startswith("bot/") for name in names)
    assert any(name.startswith("new-") for name in names)


def test_people_who_rate_like_nobody_reviewed_stand_out() -> None:
    rng = np.random.default_rng(2)
    crowd = honest(rng, World(), 90)
    odd = [
        Said("odd", f"t{n % 120}", "0", at=START + n * HOUR // 100, kind="label")
        for n in range(3000)
    ]
    judged = evidence([*honest(rng, World(), 10, name="new"), *odd], crowd)
    found = DETECTOR.examine(judged)
    scores = {
        judged.sources[int(c)].source: s for c, s in zip(found.sources, found.scores, strict=True)
    }
    assert max(scores, key=lambda name: scores[name]) == "odd"
