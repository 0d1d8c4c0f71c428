"""Ratings: a number on a scale; a thumb is a rating from -1 to 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pydantic import model_validator

from quarantine.model import Data, Origin, Said
from quarantine.ports import Kind


class RatingData(Data):
    """A `value` between `low` and `high`, of a completion or an item."""

    value: float
    low: float
    high: float
    prompt: str | None = None
    completion: str | None = None

    @model_validator(mode="after")
    def _on_its_scale(self) -> Self:
        if not self.low < self.high:
            raise ValueError("low must be below high")
        if not self.low <= self.value <= self.high:
            raise ValueError("value must lie between low and high")
        return self


@dataclass(frozen=True, slots=True)
class Rating:
    """How good something is, on a scale."""

    name: str = "rating"
    type: str = "feedback.rating.v1"
    origin: Origin = Origin.HUMAN
    data: type[Data] = RatingData

    def said(self, data: Data) -> Said:
        """Say the value, and where it lies on its scale from 0 to 1."""
        assert isinstance(data, RatingData)
        return Said(f"{data.value:g}", (data.value - data.low) / (data.high - data.low))


KIND: Kind = Rating()
