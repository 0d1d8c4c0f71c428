"""Archives: `archive` writes what is held as Parquet, `score` judges it again from there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, command

if TYPE_CHECKING:
    from quarantine.scoring import Scored
    from service.holdings import Keys
    from service.rescoring import Window

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    command(root, "archive", example="quarantine archive --out /archives/house")(archive)
    again = "quarantine score --archive /archives/house --out dossiers.jsonl --trust trust.toml"
    command(root, "score", example=f"{again} --dask tls://scheduler:8786")(score)


def archive(
    call: Call,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New, or an archive already.")],
) -> None:
    """Write all that is held, in Parquet by day of arrival; again, only what came or was erased.

    Its manifest is signed with the releasing role's key, as checkpoints of the log are. The store
    is only read. An archive holds everything that was said: guard it like the store, and run this
    after `erase` wherever there is one.
    """
    from service.archive import archive as write

    done = write(call.store, out, call.rim.now(), call.rim.role(call.state, "releasing"))
    rows = sum(part.rows for part in done.events)
    call.say(
        {
            "directory": str(out),
            "manifest": done.digest,
            "size": done.size,
            "root": done.root,
            "events": rows,
            "files": len(done.events),
        },
        [
            f"{rows} events of {done.size} log rows in {len(done.events)} files in {out}",
            f"root {done.root}",
            f"manifest {done.digest}",
        ],
    )


def score(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    *,
    archive: Annotated[Path, typer.Option("--archive", metavar="DIR", help="From `archive`.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Dossiers, a line each.")],
    trust: Annotated[
        Path | None,
        typer.Option("--trust", metavar="FILE", help="Who may sign; else this state's own roles."),
    ] = None,
    scope: Annotated[str, typer.Option("--scope", help="Of this scope alone.")] = "",
    dask: Annotated[
        str | None,
        typer.Option("--dask", metavar="ADDRESS", help="The scheduler of a Dask cluster."),
    ] = None,
) -> None:
    """Judge an archive anew, all channels; no store is opened, and nothing is put into force.

    Its manifest must be signed, and every file what it names; exit 5 names what is not.
    With `--dask` on a cluster whose workers have the archive at the same path: the same dossiers.
    """
    import json

    from approvals.landing import write_whole
    from quarantine.errors import UsageError
    from service.backtest.writing import spelled
    from service.holdings import read_manifest
    from service.rescoring import Window

    if out.is_dir() or not out.absolute().parent.is_dir():
        raise UsageError(f"{out} cannot be a file there: name another --out")
    folder, keys = archive.absolute(), _keys(call, trust)
    scored = _scored(Window(folder, read_manifest(folder, keys), scope), dask)
    lines = [json.dumps(spelled(each), ensure_ascii=False) for each in scored.dossiers]
    write_whole(out, "".join(f"{line}\n" for line in lines).encode())
    verdicts = [str(each.verdict) for each in scored.dossiers]
    counts = {word: verdicts.count(word) for word in ("clear", "watch", "hold")}
    call.say(
        {"out": str(out), "sources": len(lines), "cold_start": scored.cold_start, **counts},
        [f"{len(lines)} dossiers in {out}: " + ", ".join(f"{n} {w}" for w, n in counts.items())],
    )


def _keys(call: Call, trust: Path | None) -> Keys:
    """Return whose signature counts: as the trust file says, else this house's own role's."""
    from functools import partial

    from approvals.keys import key_id
    from approvals.trust import load_trust
    from quarantine.errors import UsageError

    if trust is not None:
        return partial(load_trust(trust).keys_for, "log")
    own = call.rim.publics(call.state).get("releasing")
    if own is None:
        raise UsageError("give --trust FILE: whom to trust is never asked of the archive itself")
    return lambda _: {key_id(own): own}


def _scored(window: Window, dask: str | None) -> Scored:
    from quarantine.errors import UsageError
    from service.rescoring import rescored

    if dask is None:
        return rescored(window)
    try:
        from service import spread
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--dask needs {error.name}: pip install 'feedback-quarantine[dask]'"
        ) from error
    with spread.cluster(dask) as client:
        return spread.rescored(window, client)
