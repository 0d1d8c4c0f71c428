"""Signals: numbers that no person typed (clicks, guardrail hits, judge scores)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pydantic import model_validator

from quarantine.model import Data, Origin, Said
from quarantine.ports import Kind


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


@dataclass(frozen=True, slots=True)
class Signal:
    """What was measured, not said."""

    name: str = "signal"
    type: str = "feedback.signal.v1"
    origin: Origin = Origin.AUTOMATED
    data: type[Data] = SignalData

    def said(self, data: Data) -> Said:
        """Say the value; where the bounds are unknown, squash it to 0..1 keeping its order."""
        assert isinstance(data, SignalData)
        if data.low is not None and data.high is not None:
            value = (data.value - data.low) / (data.high - data.low)
        else:
            value = 0.5 + 0.5 * data.value / (1 + abs(data.value))
        return Said(f"{data.value:g}", value, question=data.name)


KIND: Kind = Signal()
