"""Preferences: which of two answers to a prompt is better."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from quarantine.model import Data, Kind, Origin, Said, place_of, short


class PreferenceData(Data):
    """`chosen` is better than `rejected` as an answer to `prompt`, by `margin` if known."""

    prompt: str
    chosen: str
    rejected: str
    margin: float | None = None

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.chosen == self.rejected:
            raise ValueError("chosen and rejected must differ")
        return self

    def said(self) -> Said:
        """Say which answer was chosen, and where it was shown."""
        return Said(short(self.chosen), place=place_of(self.chosen, self.shown))


KIND: Kind = Kind(
    name="preference", event_type="feedback.preference.v1", origin=Origin.HUMAN, data=PreferenceData
)
