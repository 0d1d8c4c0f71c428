"""Paths into JSON, as a mapping file spells them: `$.user.id`, `$.spans[0].name`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from quarantine.errors import UsageError

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d{1,6})\]")
_WHOLE: Final = "$"


def at_path(value: object, path: str) -> object:
    """Return what stands at `path` in `value`, nothing where nothing stands there.

    A path is `$`, then `.name` and `[number]`: the part of JSONPath (RFC 9535) that names one
    place. Raises `UsageError` for any other spelling.
    """
    for step in steps(path):
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


@lru_cache(maxsize=256)
def steps(path: str) -> tuple[str | int, ...]:
    """Return the steps of `path`; `UsageError` where it is none."""
    found: list[str | int] = []
    end = len(_WHOLE)
    while path.startswith(_WHOLE) and (match := _STEP.match(path, end)):
        found.append(int(match[2]) if match[2] else match[1])
        end = match.end()
    if not path.startswith(_WHOLE) or end != len(path):
        raise UsageError(f"{path!r} is no path: write $.user.id or $.spans[0].name")
    return tuple(found)
