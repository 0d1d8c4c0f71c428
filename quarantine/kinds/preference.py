"""Preferences: which of two answers to a prompt is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pydantic import model_validator

from quarantine.model import Data, Origin, Said, place_of, short
from quarantine.ports import Kind


class PreferenceData(Data):
    """`chosen` is better than `rejected` as an answer to `prompt`, by `margin` where that is known."""

    prompt: str
    chosen: str
    rejected: str
    margin: float | None = None

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.chosen == self.rejected:
            raise ValueError("chosen and rejected must differ")
        return self


@dataclass(frozen=True, slots=True)
class Preference:
    """Which of two answers is better."""

    name: str = "preference"
    type: str = "feedback.preference.v1"
    origin: Origin = Origin.HUMAN
    data: type[Data] = PreferenceData

    def said(self, data: Data) -> Said:
        """Say which answer was chosen, and where it was shown."""
        assert isinstance(data, PreferenceData)
        return Said(short(data.chosen), place=place_of(data.chosen, data.shown))


KIND: Kind = Preference()
