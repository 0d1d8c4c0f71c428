"""Registries: a folder whose every file offers one object under one name."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@cache
def offered(package: str, name: str) -> Mapping[str, object]:
    """Return what each module of `package` offers as `name`, keyed by module name, in name order.

    Raises `AttributeError` when a file in the folder offers nothing: a registry has no other files.
    """
    folder = importlib.import_module(package)
    modules = sorted(found.name for found in pkgutil.iter_modules(folder.__path__))
    found = {
        module: getattr(importlib.import_module(f"{package}.{module}"), name) for module in modules
    }
    return MappingProxyType(found)
