"""The board: the newest bulletin of every role, and who has not been heard of for too long."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from service.watch.bulletin import Bulletin, figures_of
from service.watch.words import Figures


@dataclass(slots=True)
class Board:
    """Keeps what the `roles` of this machine say; times are the event loop's, in seconds."""

    roles: tuple[str, ...]
    _newest: dict[str, tuple[float, Bulletin]] = field(default_factory=dict)

    def hear(self, bulletin: Bulletin, at: float) -> None:
        """Put up a bulletin in the place of the role's last one; strangers' are passed over."""
        if bulletin.role in self.roles:
            self._newest[bulletin.role] = (at, bulletin)

    def missing(self) -> list[str]:
        """Return one sentence for each role that has not said anything yet."""
        return [f"{role}: not started yet" for role in self.roles if role not in self._newest]

    def silent(self, at: float) -> dict[str, list[str]]:
        """Return, by role, that its loop has not turned for longer than it said it would take."""
        ages = {
            role: (at - heard + bulletin.age_s, bulletin.quiet_s)
            for role, (heard, bulletin) in self._newest.items()
        }
        return {
            role: [f"{role}: its loop has not turned for {age:.0f} s"]
            for role, (age, quiet) in ages.items()
            if age > quiet
        }

    def complaints(self, at: float) -> dict[str, list[str]]:
        """Return, by role, one sentence for each thing that does not work, if any."""
        silent = self.silent(at)
        return {role: silent.get(role, [*self._said(role)]) for role in self.roles}

    def figures(self, at: float) -> Figures:
        """Return the figures of all roles that are heard of."""
        found: Figures = {}
        for role in self._newest.keys() - self.silent(at).keys():
            found.update(figures_of(self._newest[role][1]))
        return found

    def _said(self, role: str) -> Iterable[str]:
        if role not in self._newest:
            return [f"{role}: not started yet"]
        return [f"{role}: {said}" for said in self._newest[role][1].complaints]
