"""Corrections: what the completion should have been."""

from __future__ import annotations

from dataclasses import dataclass

from quarantine.model import Data, Origin, Said, short
from quarantine.ports import Kind


class CorrectionData(Data):
    """`corrected` is what `completion` should have been as an answer to `prompt`."""

    prompt: str
    completion: str
    corrected: str


@dataclass(frozen=True, slots=True)
class Correction:
    """What should have been said instead."""

    name: str = "correction"
    type: str = "feedback.correction.v1"
    origin: Origin = Origin.HUMAN
    data: type[Data] = CorrectionData

    def said(self, data: Data) -> Said:
        """Say the corrected text."""
        assert isinstance(data, CorrectionData)
        return Said(short(data.corrected))


KIND: Kind = Correction()
