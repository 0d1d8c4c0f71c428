"""Which models were trained on what left: `consumed`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from approvals.cli.command import Call, command

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="URI", help="What was trained on it.")
]
OpenLineageOption = Annotated[
    Path | None,
    typer.Option("--openlineage", metavar="FILE", help="RunEvents (JSON, or one a line)."),
]
MlflowOption = Annotated[
    Path | None, typer.Option("--mlflow", metavar="FILE", help="A run, as MLflow answers it.")
]


def register(root: typer.Typer) -> None:
    """Add this command to `root`."""
    noted = "quarantine consumed helpful-1 --model models:/assistant/7"
    command(root, "consumed", example=noted)(consumed)


def consumed(
    call: Call,
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="A release directory.")
    ] = None,
    *,
    model: ModelOption = None,
    openlineage: OpenLineageOption = None,
    mlflow: MlflowOption = None,
) -> None:
    """Note that a model was trained on a release, so that taking back finds it.

    By the release's directory and the model, or by what OpenLineage or MLflow recorded of the run.
    """
    from approvals.lineage import consume
    from approvals.model import Consumed
    from quarantine.safe import safe

    signer, found = call.rim.role(call.state, "operator"), []
    for name, manifest, made in _used(call, directory, model, openlineage, mlflow):
        record = Consumed(at=call.rim.now(), name=name, manifest=manifest, model=made)
        noted = consume(call.store, record, signer)
        found.append({"release": name, "model": made, "noted": noted})
    call.say(
        found[0] if directory is not None else found,
        [
            f"{safe(str(each['model']))} was trained on {each['release']}"
            + ("" if each["noted"] else ": noted before")
            for each in found
        ],
    )


def _used(
    call: Call,
    directory: Path | None,
    model: str | None,
    openlineage: Path | None,
    mlflow: Path | None,
) -> list[tuple[str, str, str]]:
    """Return which releases (name, manifest) were used for which models."""
    from approvals.runs import matched, of_mlflow, of_openlineage
    from quarantine.errors import UsageError

    given = [each for each in (directory, openlineage, mlflow) if each is not None]
    if len(given) != 1 or (directory is not None and model is None):
        raise UsageError("give DIR and --model, or --openlineage FILE, or --mlflow FILE")
    if directory is not None:
        return [(*_identity(directory), model or "")]
    try:
        spelled = given[0].read_bytes()
    except OSError as error:
        raise UsageError(f"{given[0]} cannot be read: {error.strerror}") from error
    used = of_openlineage(spelled) if openlineage is not None else of_mlflow(spelled)
    return [
        (left.record.name, left.record.manifest, made)
        for left, made in matched(call.store, used, model)
    ]


def _identity(directory: Path) -> tuple[str, str]:
    """Return the name and the manifest's digest of a release directory."""
    import hashlib

    from approvals.manifest import MANIFEST, read_manifest
    from quarantine.errors import UsageError

    try:
        spelled = (directory / MANIFEST).read_bytes()
    except OSError as error:
        raise UsageError(f"{directory} holds no {MANIFEST}: {error.strerror}") from error
    return read_manifest(spelled).predicate.name, hashlib.sha256(spelled).hexdigest()
