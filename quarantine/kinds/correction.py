"""Corrections: what the completion should have been."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from quarantine.model import Data, Kind, Origin, Said, short, worded


class CorrectionData(Data):
    """`corrected` is what `completion` should have been as an answer to `prompt`."""

    prompt: str
    completion: str
    corrected: str

    def said(self) -> Said:
        """Say the corrected text."""
        return Said(short(self.corrected))


def _say(data: Mapping[str, Any]) -> Said:
    _, _, corrected = data["prompt"], data["completion"], data["corrected"]
    return Said(short(corrected))


KIND: Kind = Kind(
    name="correction",
    event_type="feedback.correction.v1",
    origin=Origin.HUMAN,
    data=CorrectionData,
    say=_say,
    words=partial(worded, chosen="corrected", other="completion"),
)
