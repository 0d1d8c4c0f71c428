"""Names that nobody has, of the same shape and range as those that people have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np

_NUMBERED: Final = re.compile(r"(.*?)([0-9]+)([^0-9]*)", re.DOTALL)


class Aliases:
    """Gives each source another name like the genuine ones; none twice, and none that is taken.

    A number is the next free one beside one that people have: a name is none the newer, and none
    the stranger, for being made up.
    """

    def __init__(self, genuine: Sequence[str], chance: np.random.Generator) -> None:
        """Make names like these."""
        self._genuine = sorted(genuine)
        self._taken = set(genuine)
        self._chance = chance

    def like(self, name: str) -> str:
        """Return a new name of the shape of `name`."""
        match = _NUMBERED.fullmatch(name)
        tries = (self._beside(match, step) if match else self._shaped(name) for step in count(1))
        made = next(each for each in tries if each not in self._taken)
        self._taken.add(made)
        return made

    def another(self) -> str:
        """Return a new name like one of the genuine ones, whichever."""
        return self.like(self._genuine[int(self._chance.integers(len(self._genuine)))])

    def _beside(self, match: re.Match[str], step: int) -> str:
        """Return the name whose number lies about `step` away, filled up to the same width."""
        away = int(self._chance.integers(-step, step + 1))
        number = abs(int(match[2]) + away)
        width = len(match[2]) if match[2].startswith("0") else 0
        return f"{match[1]}{number:0{width}d}{match[3]}"

    def _shaped(self, name: str) -> str:
        """Return a name with a number behind it."""
        return f"{name}-{int(self._chance.integers(1, 100))}"
