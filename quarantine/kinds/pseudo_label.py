"""Pseudo-labels: the model's own labels or preferences (self-training)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Self

from pydantic import Field, model_validator

from quarantine.model import Data, Kind, Origin, Said, place_of, short, worded


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

    def said(self) -> Said:
        """Say the label, or which answer was chosen."""
        if self.chosen is None:
            return Said(self.label or "")
        return Said(short(self.chosen), place=place_of(self.chosen, self.shown))


KIND: Kind = Kind(
    name="pseudo_label",
    event_type="feedback.pseudo_label.v1",
    origin=Origin.SELF_TRAINING,
    data=PseudoLabelData,
    words=partial(worded, chosen="chosen", other="rejected"),
)
