"""The command line without a command: help that can be read, and which version it is."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.cli.rim import ServiceRim


@pytest.mark.parametrize("words", [[], ["policy"], ["release"]])
def test_without_a_command_the_help_is_shown_in_lines(words: list[str]) -> None:
    told = CliRunner().invoke(app, words, obj=ServiceRim())
    assert told.exit_code == 2
    assert told.output == CliRunner().invoke(app, [*words, "--help"]).output
    assert "\nCommands:\n" in told.output


def test_the_version_is_that_of_the_package() -> None:
    told = CliRunner().invoke(app, ["--version"], obj=ServiceRim())
    assert told.exit_code == 0
    assert told.output.startswith("quarantine 0.")


def test_what_was_typed_is_still_made_visible() -> None:
    told = CliRunner().invoke(app, ["no\x1b[2Jsuch\ncommand"], obj=ServiceRim())
    assert told.exit_code == 2
    assert "\x1b" not in told.output
    assert "such\n" not in told.output
