"""Which windows are held now: folded from the acts, and asked of the rows that could leave."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, Unpack

import numpy as np

from approvals.attest import act_of, record_of
from approvals.hands import Hand, require_seat
from approvals.roster import Roster
from approvals.windows import WINDOWS, WindowCleared, WindowHeld
from quarantine.errors import UsageError
from quarantine.model import Logged, from_micros, to_micros
from quarantine.ports import Store
from quarantine.rushes import Rush
from quarantine.safe import safe

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    Flags = npt.NDArray[np.bool_]

_NAMED: Final = 12
_KINDS: Final = frozenset(each.act for each in WINDOWS)


@dataclass(slots=True)
class Windows:
    """The held windows by name, and what people cleared, as the log has it below `size`."""

    held: dict[str, WindowHeld] = field(default_factory=dict)
    cleared: dict[str, WindowCleared] = field(default_factory=dict)
    size: int = 0

    @property
    def closed(self) -> list[WindowHeld]:
        """Return the windows that nobody has cleared, oldest first."""
        return [each for name, each in self.held.items() if name not in self.cleared]

    def follow(self, acts: Iterable[Logged]) -> None:
        """Take in acts that came since `size`; others than those of windows are passed over."""
        for logged in acts:
            if logged.act.kind in _KINDS:
                match record_of(logged.act):
                    case WindowHeld() as held:
                        self.held.setdefault(window_id(held), held)
                    case WindowCleared() as cleared:
                        self.cleared[cleared.window] = cleared
                    case _:  # pragma: no cover  by its kind it is one of both
                        raise AssertionError(logged.act.kind)
            self.size = logged.index + 1

    def new(self, rushes: Sequence[Rush], at: datetime) -> list[WindowHeld]:
        """Return the acts that hold those `rushes` that are not held, or cleared, already."""
        acts = [
            WindowHeld(
                at=at,
                kind=each.kind,
                scope=each.scope,
                target=each.target,
                since=from_micros(each.since),
                until=from_micros(each.until),
                events=each.events,
                because=each.because,
            )
            for each in rushes
        ]
        return [each for each in acts if window_id(each) not in self.held]


def window_id(window: WindowHeld) -> str:
    """Return the short name of a window: the same target and span are the same window."""
    plain = window.model_copy(update={"at": window.since, "events": 0, "because": ""})
    return plain.digest[:_NAMED]


def read_windows(store: Store) -> Windows:
    """Return the windows as the whole log has them."""
    windows = Windows()
    windows.follow(store.acts())
    return windows


def within(rows: pd.DataFrame, windows: Collection[WindowHeld]) -> Flags:
    """Say of each row (`kind`, `scope`, `target`, `question`, `arrived`) whether it lies in one."""
    inside = np.zeros(len(rows), np.bool_)
    if not windows or not len(rows):
        return inside
    asked = rows["question"].astype(str)
    named = rows["target"].astype(str)
    target = named.where(asked == "", named + " (" + asked + ")").to_numpy()
    kind, scope = rows["kind"].astype(str).to_numpy(), rows["scope"].astype(str).to_numpy()
    arrived = rows["arrived"].to_numpy()
    for each in windows:
        at_it = (target == each.target) & (kind == each.kind) & (scope == each.scope)
        inside |= at_it & (arrived >= to_micros(each.since)) & (arrived < to_micros(each.until))
    return inside


def clear_window(store: Store, name: str, *, because: str, **hand: Unpack[Hand]) -> WindowCleared:
    """Record that a person looked into a held window and lets the honest part of it pass.

    Raises `UsageError` for a window that is not held or a reason that is none, and
    `NotAuthorisedError` as `require_seat` does.
    """
    windows = read_windows(store)
    if name not in windows.held or name in windows.cleared:
        raise UsageError(f"no window {safe(name)} is held: quarantine windows list")
    if not because.strip():
        raise UsageError("a reason is needed: --because")
    roster = Roster()
    roster.follow(store.acts())
    require_seat(roster, hand["by"], hand["signer"], hand["at"])
    act = WindowCleared(at=hand["at"], window=name, because=because, by=hand["by"].name)
    store.record([act_of(act, hand["signer"])])
    return act
