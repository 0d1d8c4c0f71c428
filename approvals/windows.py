"""The words of held windows: a rush on one target, held as a whole, and what people say of it."""

from __future__ import annotations

from typing import Final

from approvals.model import ActRecord
from quarantine.record import Moment


class WindowHeld(ActRecord):
    """Scoring holds all that arrived at one target from `since` until before `until`.

    `target` is spelled with its question in brackets where it has one; `events` were there when it
    was held, and what still arrives in it is held too.
    """

    act = "window-held"

    kind: str
    scope: str
    target: str
    since: Moment
    until: Moment
    events: int
    because: str


class WindowCleared(ActRecord):
    """A person looked into a held window: what its sources' verdicts let pass may leave."""

    act = "window-cleared"

    window: str
    because: str
    by: str


WINDOWS: Final = (WindowHeld, WindowCleared)
"""Every act about windows."""
