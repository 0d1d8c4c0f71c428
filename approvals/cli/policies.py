"""Policy as code: `policy check`, `policy explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from approvals.cli.command import Call, command

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A policy, in TOML.")]


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        app, name="policy", help="Policy as code.", epilog="Example: policy check policy.toml"
    )
    command(app, "check", example="quarantine policy check policy.toml")(check)
    command(app, "explain", example="quarantine policy explain policy.toml")(explain)


def check(call: Call, file: FileArgument) -> None:
    """Refuse typos, empty rules and quorums that nobody can reach; exit 6 names what is wrong."""
    from approvals import rules
    from quarantine.errors import UnmetError

    policy = rules.load(_text(file))
    reviewers = list(call.roster.reviewers.values()) if (call.state / "store.db").exists() else None
    problems = rules.check(policy, reviewers)
    if problems:
        raise UnmetError(f"{file}: " + "; ".join(problems))
    call.say({"file": str(file), "digest": policy.digest, "problems": []}, [f"{file} is sound"])


def explain(call: Call, file: FileArgument) -> None:
    """Say on one screen what a policy lets through, how much, and who must agree."""
    from approvals import rules

    policy = rules.load(_text(file))
    text = rules.explain(policy)
    call.say({"file": str(file), "digest": policy.digest, "text": text}, text.splitlines())


def _text(file: Path) -> str:
    from quarantine.errors import UsageError

    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
