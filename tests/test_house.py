"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from quarantine.plugins import offered

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("quarantine", "approvals", "service")
FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
VAGUE = {"utils", "util", "helpers", "helper", "base", "manager", "data", "info", "process"}
LONGEST = 400
HEAVY = (
    *("pandas", "numpy", "sklearn", "scipy", "pyarrow", "faststream", "redis", "pydantic"),
    *("textual", "starlette", "uvicorn", "structlog", "prometheus_client", "psycopg"),
)

REGISTRIES = {
    "quarantine.attacks": "ATTACK",
    "quarantine.kinds": "KIND",
    "quarantine.detectors": "DETECTOR",
    "quarantine.linkers": "LINKER",
    "quarantine.stores": "STORE",
    "approvals.exporters": "EXPORTER",
    "approvals.gauges": "GAUGE",
    "approvals.signers": "SIGNER",
    "service.redteam.trials": "TRIALS",
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_file_opens_with_one_sentence(file: Path) -> None:
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    assert said, "a file says in its first line what it is"
    assert said.splitlines()[0].endswith("."), said
    assert file.read_text(encoding="utf-8").startswith('"""')


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [file for file in FILES if file.stem in VAGUE] == []


def test_every_file_fits_a_few_screens() -> None:
    long = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
        for file in FILES
    }
    assert {name: lines for name, lines in long.items() if lines > LONGEST} == {}


@pytest.mark.parametrize(("package", "name"), sorted(REGISTRIES.items()))
def test_a_file_added_to_a_registry_is_taken_up(
    package: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = importlib.import_module(package)
    before = set(offered(package, name))
    (tmp_path / "newcomer.py").write_text(f'"""A newcomer."""\n\n{name} = "taken up"\n')
    with monkeypatch.context() as patch:
        patch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
        offered.cache_clear()
        found = offered(package, name)
        assert set(found) == before | {"newcomer"}
        assert found["newcomer"] == "taken up"
    offered.cache_clear()
    sys.modules.pop(f"{package}.newcomer", None)
    assert set(offered(package, name)) == before


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, service.cli; print(*sorted({m.split('.')[0] for m in sys.modules}))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(found.stdout.split()).isdisjoint(HEAVY)


def _commands() -> list[list[str]]:
    import typer.main

    from service.cli import app

    def walk(command: object, path: list[str]) -> list[list[str]]:
        below = getattr(command, "commands", None)
        if below is None:
            return [path]
        return [path, *(each for n in sorted(below) for each in walk(below[n], [*path, n]))]

    return walk(typer.main.get_command(app), [])


@pytest.mark.parametrize("path", _commands(), ids=lambda path: " ".join(path) or "quarantine")
def test_every_command_has_help_with_an_example(path: list[str]) -> None:
    from typer.testing import CliRunner

    from service.cli import app

    shown = CliRunner().invoke(app, [*path, "--help"])
    assert shown.exit_code == 0, shown.output
    assert "Example: " in shown.output
    if path and not _is_group(path):
        for option in ("--state", "--json", "--no-input"):
            assert option in shown.output


def _is_group(path: list[str]) -> bool:
    return any(each[: len(path)] == path and len(each) > len(path) for each in _commands())


def test_nothing_is_unpickled() -> None:
    words = ("pickle", "joblib", "marshal", "shelve", "dill")
    for file in FILES:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert not {alias.name.split(".")[0] for alias in node.names} & set(words), file
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in words, file


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_expression_is_possessive(file: Path) -> None:
    """Python before 3.11.5 matches possessive quantifiers wrongly, which lets bad input through."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            if "\\" in text and len(text) < 200:
                assert not re.search(r"[])}][*+?}]\+|[*?]\+", text), text
