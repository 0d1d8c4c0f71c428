"""From alarms to a verdict: the union of channels decides, consensus alone never holds."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from quarantine.model import Finding, Standing, Verdict

CONSENSUS: Final = "outsider"
"""The channel that only says "differs from the others": where most are fooled it is inverted."""
_RULED: Final = {"hold": Verdict.HOLD, "clear": Verdict.CLEAR}
_SAID: Final = {"hold": "held", "clear": "cleared"}
_LIKE: Final = 20


def verdict(alarms: Collection[str], standing: Standing) -> Verdict:
    """Propose what to do about a source whose `alarms` are the channels that rang.

    A person's ruling always wins. Consensus alone makes a source watched, never held.
    """
    if standing.ruling:
        return _RULED[standing.ruling]
    if set(alarms) - {CONSENSUS}:
        return Verdict.HOLD
    return Verdict.WATCH if alarms else Verdict.CLEAR


def ruling(standing: Standing) -> Finding | None:
    """Return the finding that tells of a person's ruling, absent when nobody ruled."""
    if not standing.ruling:
        return None
    because = f"{_SAID[standing.ruling]} by a person: {standing.because or 'no reason was given'}"
    return Finding(
        detector="person", score=1.0 if standing.ruling == "hold" else 0.0, because=because
    )


def called(p_value: float, known: int, false_share: float) -> Finding:
    """Return the finding that tells what a calibrated alarm means, beside `known` sources."""
    above = round(p_value * (known + 1)) - 1
    because = (
        f"more is seen against it than against all but {above} of {known} reviewed sources: of "
        f"{_LIKE} called like this, at most {_LIKE * false_share:.0f} are expected to be innocent"
    )
    return Finding(detector="reference", score=1.0 - p_value, because=because)


def uncalibrated(p_value: float, known: int) -> Finding:
    """Return the finding that tells that nobody knows how often such an alarm is false."""
    because = (
        f"{known} reviewed sources are too few to say how many with such an alarm are innocent"
    )
    return Finding(detector="reference", score=1.0 - p_value, because=because)
