"""While rows are made by the million, Python's collector of cycles waits: rows make no cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unswept() -> Iterator[None]:
    """Let the collector of cycles wait until the block (or the decorated function) ends.

    It would walk every row that lives, over and over, as more are made: a fifth of what a release
    costs. What is counted is freed as ever. Whoever ends first, of threads that overlap, turns it
    on again; it is never left off.
    """
    swept = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if swept:
            gc.enable()
