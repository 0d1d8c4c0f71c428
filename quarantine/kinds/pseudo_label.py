"""Pseudo-labels: the model's own labels or preferences (self-training)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, model_validator

from quarantine.model import Data, Origin, Said, place_of, short
from quarantine.ports import Kind


class PseudoLabelData(Data):
    """A label or a preference that `model`, of that `generation`, gave with this `confidence`."""

    label: str | None = None
    labels: Annotated[list[str], Field(min_length=1)] | None = None
    prompt: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    confidence: Annotated[float, Field(ge=0, le=1)]
    model: str
    generation: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        as_label = (self.label, self.labels)
        as_preference = (self.prompt, self.chosen, self.rejected)
        if None not in as_label and not any(part is not None for part in as_preference):
            if self.label not in (self.labels or []):
                raise ValueError("label must be one of labels")
        elif None not in as_preference and not any(part is not None for part in as_label):
            if self.chosen == self.rejected:
                raise ValueError("chosen and rejected must differ")
        else:
            raise ValueError("either label and labels, or prompt, chosen and rejected")
        return self


@dataclass(frozen=True, slots=True)
class PseudoLabel:
    """What the model itself would have said."""

    name: str = "pseudo_label"
    type: str = "feedback.pseudo_label.v1"
    origin: Origin = Origin.SELF_TRAINING
    data: type[Data] = PseudoLabelData

    def said(self, data: Data) -> Said:
        """Say the label, or which answer was chosen."""
        assert isinstance(data, PseudoLabelData)
        if data.chosen is None:
            return Said(data.label or "")
        return Said(short(data.chosen), place=place_of(data.chosen, data.shown))


KIND: Kind = PseudoLabel()
