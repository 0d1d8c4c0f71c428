"""New places for stores of every kind that is offered, so that one test runs on all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import cast

import pytest

from quarantine.plugins import offered
from quarantine.ports import Store
from tests.postgres import Server

STORES = cast("dict[str, Callable[[str], Store]]", dict(offered("quarantine.stores", "STORE")))


@dataclass(frozen=True)
class Place:
    """Where one store is, or can be: its kind, and its location as that kind spells it."""

    kind: str
    location: str

    def open(self) -> Store:
        """Open the store that is there, made where there is none."""
        return STORES[self.kind](self.location)


class Places:
    """Makes places that nobody else uses."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest) -> None:
        """Make files in `folder`, and databases on the server of the tests, started when needed."""
        self._folder = folder
        self._request = request
        self._numbers = count()

    def new(self, kind: str) -> Place:
        """Return a place for a store of this kind, where there is none yet."""
        if kind == "postgres":
            server: Server = self._request.getfixturevalue("postgres")
            return Place(kind, server.new())
        return Place(kind, str(self._folder / f"store-{next(self._numbers)}.db"))
