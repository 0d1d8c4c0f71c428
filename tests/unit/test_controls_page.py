"""The page of controls: each names a command that exists, and every framework is answered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from service.cli import app
from service.redteam.catalogue import catalogue

PAGE = (Path(__file__).parents[2] / "docs" / "controls.md").read_text(encoding="utf-8")
FRAMEWORKS = (
    *("LLM05:2026", "ML08:2023", "AISVS 1.0", "MITRE ATLAS", "NIST AI 100-2", "EU AI Act 10"),
    *("EU AI Act 12", "EU AI Act 14", "EU AI Act 15", "42001"),
)


def rows() -> list[list[str]]:
    table = PAGE.partition("## The other way round")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def commands(text: str) -> list[list[str]]:
    return [each.split() for each in re.findall(r"`quarantine ([^`]+)`", text)]


@pytest.mark.parametrize("words", commands(PAGE), ids=" ".join)
def test_a_command_that_shows_evidence_exists(words: list[str]) -> None:
    command = typer.main.get_command(app)
    while words and not words[0].startswith("-") and hasattr(command, "commands"):
        assert words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
    assert not hasattr(command, "commands"), "a group shows nothing"
    options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= options


def test_every_control_names_its_evidence_a_command_and_its_clauses() -> None:
    assert len(rows()) == 15
    for row in rows():
        assert len(row) == 5, row
        assert all(row), row
        assert commands(row[3]), row


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_every_framework_is_answered(name: str) -> None:
    assert name in PAGE


def test_attacks_that_are_named_are_in_the_catalogue() -> None:
    named = re.findall(r"--only ([A-I0-9,]+)", PAGE)
    assert named
    assert {each for some in named for each in some.split(",")} <= catalogue().keys()


def test_the_last_run_is_told_with_every_attack_once() -> None:
    told = (Path(__file__).parents[2] / "docs" / "redteam.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-I][0-9]+) \| ([^|]*) \|", told, re.MULTILINE)
    assert [id_ for id_, _ in rows] == list(catalogue())
    assert [name.strip() for _, name in rows] == [each.name for each in catalogue().values()]
