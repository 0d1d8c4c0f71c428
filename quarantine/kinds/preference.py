"""Preferences: which of two answers to a prompt is better."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

from pydantic import model_validator

from quarantine.model import Data, Kind, Origin, Said, place_of, short, worded


class PreferenceData(Data):
    """`chosen` is better than `rejected` as an answer to `prompt`, by `margin` if known."""

    prompt: str
    chosen: str
    rejected: str
    margin: float | None = None

    @model_validator(mode="after")
    def _differ(self) -> Self:
        _require_difference(self.chosen, self.rejected)
        return self

    def said(self) -> Said:
        """Say which answer was chosen, and where it was shown."""
        return Said(short(self.chosen), place=place_of(self.chosen, self.shown))


def _require_difference(chosen: str, rejected: str) -> None:
    if chosen == rejected:
        raise ValueError("chosen and rejected must differ")


def _say(data: Mapping[str, Any]) -> Said:
    _, chosen, rejected = data["prompt"], data["chosen"], data["rejected"]
    _require_difference(chosen, rejected)
    return Said(short(chosen))


KIND: Kind = Kind(
    name="preference",
    event_type="feedback.preference.v1",
    origin=Origin.HUMAN,
    data=PreferenceData,
    say=_say,
    words=partial(worded, chosen="chosen", other="rejected"),
)
