"""The word of retention: whole ranges of the log whose events were let go, oldest first."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from approvals.model import ActRecord
from quarantine.record import Moment


class EventsRetired(ActRecord):
    """The events at [first, until) of the log were let go: all of them arrived before `before`.

    Their identities and leaves stay, and so does every act in between.
    """

    act = "events-retired"

    first: Annotated[int, Field(ge=0)]
    until: Annotated[int, Field(gt=0)]
    before: Moment
    because: str


RETIREMENTS: Final = (EventsRetired,)
"""Every act of retention."""
