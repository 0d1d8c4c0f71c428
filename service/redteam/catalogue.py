"""The catalogue of attacks: their ids, their names, and what counts as having withstood them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources

from quarantine.record import Record


class Entry(Record):
    """One attack: its `id` (class letter and number), its name, and what is asked for."""

    id: str
    name: str
    wanted: str


class _File(Record):
    classes: dict[str, str]
    attack: tuple[Entry, ...]


def catalogue() -> Mapping[str, Entry]:
    """Return every attack of the catalogue by its id, in its order."""
    return {each.id: each for each in _read().attack}


def classes() -> Mapping[str, str]:
    """Return what each class of attacks is about, by its letter."""
    return _read().classes


def _read() -> _File:
    text = resources.files("service.redteam").joinpath("catalogue.toml").read_text("utf-8")
    return _File.model_validate(tomllib.loads(text))
