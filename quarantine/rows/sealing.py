"""Events made ready to be held: a salt and a leaf each, in columns."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import chain, groupby
from typing import Final, NamedTuple

from quarantine.arrivals import Alike, Arrival, Columns, columns_of
from quarantine.log import event_leaves
from quarantine.model import Event

SALT: Final = 16


class Sealed(NamedTuple):
    """Events with their leaves, of one or of several arrivals that came together.

    `by` is the producer, when they came (µs) and the key that vouched; `columns` are those of the
    table `event` from `id` on, in its order, each with a value an event.
    """

    by: tuple[str, int, str]
    sources: Sequence[str]
    leaves: Sequence[bytes]
    columns: Sequence[Sequence[object]]


def sealed(told: Iterable[tuple[Arrival, Sequence[Event]]]) -> list[Sealed]:
    """Give each event of each arrival, in this order, its salt and its leaf."""
    found = []
    for (by, _), some in groupby(told, key=_together):
        events = [each for _, each in some]
        only = events[0] if len(events) == 1 else [*chain.from_iterable(events)]
        if only:
            found.append(_sealed(by, columns_of(only)))
    return found


def _together(each: tuple[Arrival, Sequence[Event]]) -> tuple[tuple[str, int, str], int]:
    """Return by what an arrival's events can be sealed with its neighbours'."""
    arrival, events = each
    alone = id(events) if isinstance(events, Alike) else 0
    return (arrival.producer, arrival.arrived, arrival.key), alone


def _sealed(by: tuple[str, int, str], told: Columns) -> Sealed:
    many, (_, arrived, key) = len(told.id), by
    answers, values, questions, places = zip(*told.said, strict=True)
    chance = os.urandom(SALT * many)
    salts = [chance[at : at + SALT] for at in range(0, len(chance), SALT)]
    leaves = event_leaves(by, told.source, told.id, salts, told.body)
    vouched = ([arrived] * many, [key] * many)
    derived = (told.kind, told.scope, told.target, told.aspect, told.claimed)
    columns = (told.id, *vouched, salts, told.body, leaves, *derived)
    return Sealed(by, told.source, leaves, (*columns, questions, answers, values, places))
