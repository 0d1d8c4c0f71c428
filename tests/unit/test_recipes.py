"""The recipes for new parts, done as they are told: each file lands in its folder and passes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
RECIPES = PROJECT / "docs" / "adding.md"
FILE = re.compile(r"^```\w+ (\S+/\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SUITES = ("detectors", "exporters", "gauges", "adapter_bodies")
LEAST = '    "signal": {"name"'


def copied(to: Path) -> Path:
    """Copy what a newcomer would change."""
    left_out = shutil.ignore_patterns("__pycache__", "stories", "faults", "unit")
    for name in ("quarantine", "approvals", "service", "tests"):
        shutil.copytree(PROJECT / name, to / name, ignore=left_out)
    shutil.copy(PROJECT / "pyproject.toml", to)
    return to


def follow(tree: Path) -> list[str]:
    """Do what the page says in a copy of the tree; return the new parts' names."""
    files = FILE.findall(RECIPES.read_text(encoding="utf-8"))
    for path, text in files:
        assert not (tree / path).exists(), path
        (tree / path).write_text(text, encoding="utf-8")
    for policy in (tree / "approvals" / "policies").glob("*.toml"):
        policy.write_text(policy.read_text().replace('"correction"]', '"correction", "flag"]'))
    press = tree / "tests" / "press.py"
    press.write_text(press.read_text().replace(LEAST, f'    "flag": {{"flag": "rude"}},\n{LEAST}'))
    return sorted({Path(path).stem for path, _ in files})


@pytest.mark.slow
def test_every_recipe_passes_the_contracts_of_its_folder(tmp_path: Path) -> None:
    tree = copied(tmp_path)
    names = follow(tree)
    assert names == ["flag", "flags", "ranked", "single", "thumbs"]
    suites = [f"tests/contracts/test_{suite}.py" for suite in SUITES]
    chosen = ["-q", "-rA", "-p", "no:cacheprovider", "-k", " or ".join(names)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *chosen, *suites],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    passed = re.findall(r"^PASSED \S+\[(\S+)\]", done.stdout, re.MULTILINE)
    for name in ("flag", "ranked", "single", "thumbs"):
        assert any(name in each.split("-") for each in passed), f"{name} was not asked"
