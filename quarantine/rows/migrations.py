"""The numbered SQL scripts that make a store's schema, and which of them a store still lacks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import NamedTuple

from quarantine.errors import TamperedError


class Migration(NamedTuple):
    """One script; `number` counts from 0, `digest` is the SHA-256 of its text in hex."""

    number: int
    name: str
    digest: str
    script: str


def shipped(package: str) -> list[Migration]:
    """Return the scripts in the folder `migrations` of `package`, in the order of their names."""
    folder = resources.files(package) / "migrations"
    texts = sorted(
        (each.name, each.read_text(encoding="utf-8"))
        for each in folder.iterdir()
        if each.name.endswith(".sql")
    )
    return [
        Migration(number, name, hashlib.sha256(text.encode()).hexdigest(), text)
        for number, (name, text) in enumerate(texts)
    ]


def pending(
    known: Sequence[Migration], applied: Sequence[tuple[str, str]], place: str
) -> Iterator[Migration]:
    """Yield the scripts that `place` lacks, whose `applied` are given by name and digest, in order.

    Raises `TamperedError` when one that was applied is not the one that is known, or there are more
    of them than are known.
    """
    if len(applied) > len(known):
        raise TamperedError(
            f"{place} has {len(applied)} migrations, this program knows {len(known)}:"
            " run the newer program"
        )
    for script, (name, digest) in zip(known, applied, strict=False):
        if (script.name, script.digest) != (name, digest):
            raise TamperedError(f"migration {script.name} is not the one that was applied")
    yield from known[len(applied) :]
