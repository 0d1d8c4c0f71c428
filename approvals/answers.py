"""Which right answers are known now: folded from the acts that added them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from approvals.attest import record_of
from approvals.gold import GoldAdded
from quarantine.model import Logged


@dataclass(slots=True)
class KnownAnswers:
    """The right answers by target, as the log has them below `size`; the newest word counts."""

    answers: dict[str, str] = field(default_factory=dict)
    size: int = 0

    def follow(self, acts: Iterable[Logged]) -> None:
        """Take in acts that came since `size`; others than those of gold are passed over."""
        for logged in acts:
            if logged.act.kind == GoldAdded.act:
                record = record_of(logged.act)
                assert isinstance(record, GoldAdded)  # noqa: S101  record_of goes by the kind
                self.answers.update(record.answers)
            self.size = logged.index + 1
