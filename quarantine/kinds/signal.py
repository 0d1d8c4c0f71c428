"""Signals: numbers that no person typed (clicks, guardrail hits, judge scores)."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from quarantine.model import Data, Kind, Origin, Said


class SignalData(Data):
    """The `value` of a named signal, between `low` and `high` where it has bounds."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _on_its_scale(self) -> Self:
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError("low must be below high")
        if self.low is not None and self.value < self.low:
            raise ValueError("value must not lie below low")
        if self.high is not None and self.value > self.high:
            raise ValueError("value must not lie above high")
        return self

    def said(self) -> Said:
        """Say the value; where the bounds are unknown, squash it to 0..1 keeping its order."""
        if self.low is not None and self.high is not None:
            value = (self.value - self.low) / (self.high - self.low)
        else:
            value = 0.5 + 0.5 * self.value / (1 + abs(self.value))
        return Said(f"{self.value:g}", value, question=self.name)


KIND: Kind = Kind(
    name="signal", event_type="feedback.signal.v1", origin=Origin.AUTOMATED, data=SignalData
)
