"""What is installed is whole: every file of the packages that is no Python is taken along."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PACKAGES = ("quarantine", "approvals", "service")


def test_every_file_that_the_packages_read_is_installed_with_them() -> None:
    told = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    taken: dict[str, list[str]] = told["tool"]["setuptools"]["package-data"]
    left = [
        str(file.relative_to(PROJECT))
        for package in PACKAGES
        for file in (PROJECT / package).rglob("*")
        if file.is_file() and file.suffix not in {".py", ".pyc"}
        if not any(
            fnmatch(file.name, pattern)
            for where, patterns in taken.items()
            if where in {"*", ".".join(file.relative_to(PROJECT).parent.parts)}
            for pattern in patterns
        )
    ]
    assert left == []
