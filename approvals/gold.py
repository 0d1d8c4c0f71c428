"""The word of hidden known answers: the act that adds them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from approvals.model import ActRecord

MOST: Final = 1000
"""Answers in one act; more become several."""


class GoldAdded(ActRecord):
    """The operator says what the right answers are: `answers` by target, never shown to sources."""

    act = "gold-added"

    answers: dict[str, str]


def gold_acts(answers: Mapping[str, str], at: datetime) -> list[GoldAdded]:
    """Return the acts that add these right answers, by target."""
    told = sorted(answers.items())
    return [
        GoldAdded(at=at, answers=dict(told[first : first + MOST]))
        for first in range(0, len(told), MOST)
    ]
