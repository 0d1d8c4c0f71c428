"""When a source spoke: counts in equal parts of time, and a sparkline of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import numpy as np

from quarantine.evidence import Ints
from quarantine.model import from_micros
from quarantine.safe import Safe, safe

PARTS: Final = 24
_HOUR: Final = 3_600_000_000
_DAY: Final = 24 * _HOUR
_BLOCKS: Final = "▁▂▃▄▅▆▇█"


def counted(at: Ints, parts: int = PARTS) -> tuple[int, ...]:
    """Count times (µs) in `parts` equal parts from the first to the last."""
    if not len(at):
        return ()
    span = max(int(at.max() - at.min()), 1)
    part = (at - at.min()) * parts // (span + 1)
    return tuple(np.bincount(part, minlength=parts).tolist())


def sparkline(counts: Sequence[int]) -> str:
    """Draw counts as blocks of eighths, the highest full; a part with nothing in it is a dot."""
    most = max(counts, default=0)
    return "".join(
        _BLOCKS[(count * len(_BLOCKS) - 1) // most] if count else "·" for count in counts
    )


def pace(at: Ints) -> Safe:
    """Say over how long a source spoke, and how much in its busiest hour."""
    if not len(at):
        return safe("no events")
    busiest = int(np.unique(at // _HOUR, return_counts=True)[1].max())
    return safe(f"{lasted(int(at.max() - at.min()))}, at most {busiest} an hour")


def lasted(micros: int) -> str:
    """Spell a duration in its largest sensible unit."""
    for name, unit in (("days", _DAY), ("hours", _HOUR), ("minutes", 60_000_000)):
        if micros >= 2 * unit:
            return f"{micros / unit:.0f} {name}"
    return f"{micros / 1_000_000:.0f} seconds"


def day(micros: int) -> str:
    """Spell a time (µs) as its day and minute, UTC."""
    return f"{from_micros(micros):%Y-%m-%d %H:%M}"


def minutes(seconds: float) -> str:
    """Spell how long something takes, to the minute; hours where there are any."""
    whole = timedelta(minutes=max(1, round(seconds / 60)))
    hours, rest = divmod(int(whole.total_seconds()) // 60, 60)
    return f"{hours} h {rest:02} min" if hours else f"{rest} min"
