"""Signals: numbers that no person typed (clicks, guardrail hits, judge scores)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

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
        _require_scale(self.value, self.low, self.high)
        return self

    def said(self) -> Said:
        """Say the value; where the bounds are unknown, squash it to 0..1 keeping its order."""
        return _said(self.name, self.value, self.low, self.high)


def _require_scale(value: float, low: float | None, high: float | None) -> None:
    if low is not None and high is not None and not low < high:
        raise ValueError("low must be below high")
    if low is not None and value < low:
        raise ValueError("value must not lie below low")
    if high is not None and value > high:
        raise ValueError("value must not lie above high")


def _said(name: str, value: float, low: float | None, high: float | None) -> Said:
    if low is not None and high is not None:
        scaled = (value - low) / (high - low)
    else:
        scaled = 0.5 + 0.5 * value / (1 + abs(value))
    return Said(f"{value:g}", scaled, question=name)


def _say(data: Mapping[str, Any]) -> Said:
    low, high = data.get("low"), data.get("high")
    scale = (None if low is None else float(low), None if high is None else float(high))
    value = float(data["value"])
    _require_scale(value, *scale)
    return _said(data["name"], value, *scale)


KIND: Kind = Kind(
    name="signal",
    event_type="feedback.signal.v1",
    origin=Origin.AUTOMATED,
    data=SignalData,
    say=_say,
)
