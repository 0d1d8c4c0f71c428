"""Labels: one of a closed set."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from quarantine.model import Data, Kind, Origin, Said, place_of


class LabelData(Data):
    """A `label` out of the closed set `labels`."""

    label: str
    labels: Annotated[list[str], Field(min_length=1)]

    @model_validator(mode="after")
    def _in_the_set(self) -> Self:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels must differ from each other")
        if self.label not in self.labels:
            raise ValueError("label must be one of labels")
        return self

    def said(self) -> Said:
        """Say the label, and where it was shown."""
        return Said(self.label, place=place_of(self.label, self.shown))


KIND: Kind = Kind(name="label", event_type="feedback.label.v1", origin=Origin.HUMAN, data=LabelData)
