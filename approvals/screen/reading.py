"""What a reviewer was shown, and for how long: before that, nothing can be let through."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from approvals.screen.model import Case, Shown


@dataclass
class Reading:
    """Which samples (log rows) of which cases stood on the screen, since when; `now` is a clock."""

    now: Callable[[], datetime]
    _seen: dict[str, set[int]] = field(default_factory=dict, init=False)
    _unread: dict[str, set[int]] = field(default_factory=dict, init=False)
    _since: dict[str, datetime] = field(default_factory=dict, init=False)

    def saw(self, case: Case, face: Shown, rows: Iterable[int]) -> None:
        """Note that samples of a case stand on the screen."""
        self._since.setdefault(case.name, self.now())
        seen = self._seen.setdefault(case.name, set())
        seen.update(rows)
        wanted = {sample.row for sample in face.samples}
        self._unread.setdefault(case.name, wanted).difference_update(seen)

    def has_read(self, case: Case) -> bool:
        """Say whether the first samples of a case all stood on the screen."""
        return case.name in self._unread and not self._unread[case.name]

    def rows(self, case: Case) -> tuple[int, ...]:
        """Return the log rows of a case that were shown, rising."""
        return tuple(sorted(self._seen.get(case.name, ())))

    def seconds_on(self, case: Case) -> float:
        """Return for how long a case has been on the screen, or was since it came up first."""
        since = self._since.get(case.name)
        return (self.now() - since).total_seconds() if since else 0.0

    def seconds(self) -> float:
        """Return how long ago the first case came up."""
        return (self.now() - min(self._since.values(), default=self.now())).total_seconds()
