"""Labels: one of a closed set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, model_validator

from quarantine.model import Data, Origin, Said
from quarantine.ports import Kind


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


@dataclass(frozen=True, slots=True)
class Label:
    """Which of a closed set something is."""

    name: str = "label"
    type: str = "feedback.label.v1"
    origin: Origin = Origin.HUMAN
    data: type[Data] = LabelData

    def said(self, data: Data) -> Said:
        """Say the label."""
        assert isinstance(data, LabelData)
        return Said(data.label)


KIND: Kind = Label()
