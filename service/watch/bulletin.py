"""What a process says of itself to the one that answers for all: what does not work, and figures.

It goes through a Unix socket that only this user reaches: a full disk, or a reader who is not
there, must not stop who tells.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from quarantine.record import Record
from service.watch.words import Figures, Labels, Spread, Value

PATIENCE_S: Final = 0.5
"""How long a process waits for its listener, at most; the next bulletin comes soon."""


class Told(Record):
    """One figure; `counts` and `bounds` where it is a spread, whose sum is `value` then."""

    name: str
    labels: Labels = ()
    value: float
    bounds: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()


class Bulletin(Record):
    """A process's word: its `role`, and what does not work.

    Its loop last turned `age_s` ago, and is not expected to take longer than `quiet_s` for a turn.
    """

    role: str
    quiet_s: float
    age_s: float
    complaints: tuple[str, ...] = ()
    figures: tuple[Told, ...] = ()


def spelled(figures: Figures) -> tuple[Told, ...]:
    """Return figures as a bulletin carries them."""
    return tuple(
        _told(name, labels, value)
        for name, found in figures.items()
        for labels, value in found.items()
    )


def figures_of(bulletin: Bulletin) -> Figures:
    """Return the figures that a bulletin carries."""
    found: Figures = {}
    for told in bulletin.figures:
        spread = Spread(told.bounds, [*told.counts], told.value) if told.bounds else None
        found.setdefault(told.name, {})[told.labels] = told.value if spread is None else spread
    return found


def tell(listener: Path, bulletin: Bulletin) -> bool:
    """Send `bulletin` to the socket at `listener`; say whether anybody took it."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(PATIENCE_S)
            line.connect(str(listener))
            line.sendall(bulletin.model_dump_json().encode())
    except OSError:
        return False
    return True


def _told(name: str, labels: Labels, value: Value) -> Told:
    if isinstance(value, Spread):
        return Told(
            name=name,
            labels=labels,
            value=value.total,
            bounds=value.bounds,
            counts=tuple(value.counts),
        )
    return Told(name=name, labels=labels, value=value)
