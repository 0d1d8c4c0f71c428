"""Letting go of what is old: whole partitions of a store, with a signed act that says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable

from approvals.attest import act_of
from approvals.ports import Signer
from approvals.retirements import EventsRetired
from quarantine.errors import UsageError
from quarantine.model import Act, to_micros
from quarantine.ports import Store


@runtime_checkable
class InPartitions(Protocol):
    """A store that can let go of its oldest events by the partition."""

    def retire(self, before: int, act: Callable[[int, int], Act]) -> tuple[int, int]:
        """Let go of what all arrived before `before` (µs), with an act; return its range."""


class Retired(NamedTuple):
    """The range of the log [first, until) whose events were let go; empty where there were none."""

    first: int
    until: int


def retire(
    store: Store, signer: Signer, before: datetime, because: str, *, at: datetime
) -> Retired:
    """Let go of the oldest whole partitions that arrived before `before`; `signer` the operator's.

    Raises `UsageError` for a store that has none, `NotAuthorisedError` where it is another's.
    """
    if not isinstance(store, InPartitions):
        raise UsageError("only a store in PostgreSQL has partitions; here `erase` is the way")

    def said(first: int, until: int) -> Act:
        return act_of(
            EventsRetired(at=at, first=first, until=until, before=before, because=because), signer
        )

    return Retired(*store.retire(to_micros(before), said))
