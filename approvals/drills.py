"""The words of drills: known poison in a shadow copy, what was found of it, and lost power."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from approvals.model import ActRecord

Count = Annotated[int, Field(ge=0)]


class PowerDrilled(ActRecord):
    """Scoring mixed an attack into a copy of what is held and counted what it would find.

    `injected` sources were poison; the calibrated rule called `called` of them, `rung` had any
    alarm, and so had `false` of the `others`; `ahead` of nearly all of the reference were so many
    of the injected, where that was counted.
    """

    act = "power-drilled"

    attack: str
    injected: Count
    called: Count
    rung: Count
    false: Count
    others: Count
    ahead: Count | None = None


class PowerLost(ActRecord):
    """An attack that used to be found is found no more: look at what was released of late."""

    act = "power-lost"

    attack: str
    because: str


DRILLS: Final = (PowerDrilled, PowerLost)
"""Every act about drills."""
