"""Ratings: a number on a scale; a thumb is a rating from -1 to 1."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

from pydantic import model_validator

from quarantine.model import Data, Kind, Origin, Said, worded


class RatingData(Data):
    """A `value` between `low` and `high`, of a completion or an item."""

    value: float
    low: float
    high: float
    prompt: str | None = None
    completion: str | None = None

    @model_validator(mode="after")
    def _on_its_scale(self) -> Self:
        _said(self.value, self.low, self.high)
        return self

    def said(self) -> Said:
        """Say the value, and where it lies on its scale from 0 to 1."""
        return _said(self.value, self.low, self.high)


def _said(value: float, low: float, high: float) -> Said:
    if not low < high:
        raise ValueError("low must be below high")
    if not low <= value <= high:
        raise ValueError("value must lie between low and high")
    return Said(f"{value:g}", (value - low) / (high - low))


def _say(data: Mapping[str, Any]) -> Said:
    return _said(float(data["value"]), float(data["low"]), float(data["high"]))


KIND: Kind = Kind(
    name="rating",
    event_type="feedback.rating.v1",
    origin=Origin.HUMAN,
    data=RatingData,
    say=_say,
    words=partial(worded, chosen="completion"),
)
