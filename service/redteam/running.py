"""Running the catalogue: every attack once, in its order; what breaks is told, not hidden."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from quarantine.errors import UsageError
from quarantine.plugins import offered
from service.redteam.catalogue import Entry, catalogue
from service.redteam.model import Outcome, Result, Row, Trial
from service.redteam.yard import Yard

NOBODY = "nothing here tries it"


def trials() -> Mapping[str, Trial]:
    """Return every trial by the catalogue's id; `UsageError` where an id stands twice."""
    tables = cast("Mapping[str, Sequence[Trial]]", offered("service.redteam.trials", "TRIALS"))
    every = [trial for table in tables.values() for trial in table]
    known = {trial.id: trial for trial in every}
    if len(known) != len(every):
        raise UsageError("an attack of the catalogue has two trials")
    return known


def chosen(only: Iterable[str]) -> list[Entry]:
    """Return the attacks that `only` names (ids, or letters of classes), all where it names none.

    Raises `UsageError` for a name that the catalogue does not have.
    """
    entries, names = catalogue(), [name.strip().upper() for name in only if name.strip()]
    for name in names:
        if name not in entries and not any(each[0] == name for each in entries):
            raise UsageError(f"the catalogue has no attack {name}: A1 to I4, or a class A to I")
    return [
        each for each in entries.values() if not names or each.id in names or each.id[0] in names
    ]


def run(
    entries: Sequence[Entry],
    *,
    seed: int,
    quick: bool,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """Try each of `entries` in a private directory; return the scorecard's rows in that order."""
    known = trials()
    rows = []
    with _hushed(), tempfile.TemporaryDirectory(prefix="redteam-") as folder:
        yard = Yard(Path(folder), seed=seed, quick=quick)
        try:
            for entry in entries:
                rows.append(_row(entry, known.get(entry.id), yard))
                tell(f"{entry.id}: {rows[-1].result}")
        finally:
            yard.close()
    return rows


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep the service's logs still meanwhile: attacks make it complain, and rightly."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _row(entry: Entry, trial: Trial | None, yard: Yard) -> Row:
    started = time.process_time()
    outcome = _outcome(trial, yard)
    return Row(
        id=entry.id,
        attack=entry.name,
        tried=trial.tried if trial else "",
        result=outcome.result,
        measured=outcome.measured,
        wanted=entry.wanted,
        control=outcome.control,
        open=trial.open if trial else "",
        cpu_s=round(time.process_time() - started, 2),
    )


def _outcome(trial: Trial | None, yard: Yard) -> Outcome:
    if trial is None or trial.run is None:
        because = trial.because if trial else NOBODY
        return Outcome(Result.NOT_TRIED, because, "")
    if trial.slow and yard.quick:
        return Outcome(Result.NOT_TRIED, "left out of a quick run", "")
    try:
        return trial.run(yard)
    except Exception as error:  # noqa: BLE001  a trial that breaks shows nothing
        broke = f"the trial itself broke: {type(error).__name__}: {error}"
        return Outcome(Result.NOT_TRIED, broke[:300], "")
