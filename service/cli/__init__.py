"""The command line's root: every command by its name, errors as one sentence and an exit code."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from approvals.cli import (
    drift,
    erasing,
    gate,
    glass,
    lineage,
    policies,
    receipts,
    releases,
    requests,
    review,
    reviewers,
    sources,
    vigilance,
    votes,
    windows,
)
from quarantine.errors import QuarantineError
from service.cli import (
    adapters,
    archives,
    audits,
    bus,
    config,
    dead,
    doctor,
    evidence,
    gold,
    keeping,
    operator,
    producers,
    redteam,
    storing,
)
from service.cli.rim import ServiceRim
from service.cli.visible import VisibleGroup

EPILOG = (
    "Exit codes: 0 ok, 1 error, 2 usage, 3 declined, 4 not authorised, 5 verification failed, "
    "6 policy or quorum not met, 7 stale, 8 pending, 130 interrupted. "
    "Example: quarantine demo"
)

app = typer.Typer(
    name="quarantine",
    cls=VisibleGroup,
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (
    bus,
    doctor,
    config,
    operator,
    audits,
    keeping,
    storing,
    archives,
    producers,
    adapters,
    dead,
    gold,
    reviewers,
    vigilance,
    sources,
    windows,
    requests,
    votes,
    review,
    glass,
    policies,
    releases,
    lineage,
    receipts,
    erasing,
    drift,
    gate,
    redteam,
    evidence,
):
    part.register(app)


def _version(asked: bool) -> None:  # noqa: FBT001  an option's value comes so
    if asked:
        typer.echo(f"quarantine {version('feedback-quarantine')}")
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version.")
]


@app.callback()
def root(*, _: VersionOption = False) -> None:
    """Hold feedback in quarantine until people approve what may train a model."""


def main() -> None:
    """Run the command line; what went wrong is one sentence on standard error and an exit code."""
    try:
        app(obj=ServiceRim())
    except QuarantineError as error:
        from quarantine.safe import safe  # noqa: PLC0415  only an error needs it

        sys.stderr.write(f"quarantine: {safe(str(error), 4000)}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from quarantine.safe import safe  # noqa: PLC0415  only an error needs it
        from service.cli.machine import refused  # noqa: PLC0415

        sentence = refused(error)
        if sentence is None:
            raise  # a defect of ours: let it crash, and be seen
        sys.stderr.write(f"quarantine: {safe(sentence, 4000)}\n")
        sys.exit(1)
