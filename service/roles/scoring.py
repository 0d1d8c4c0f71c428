"""The scoring process: asks what is held now, again and again, until it is told to stop."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Final

from approvals.roster import Roster
from quarantine.errors import NotAuthorisedError, StaleError, UnavailableError
from quarantine.ports import Store
from service import duty, wiring
from service.lease import Lease, lease
from service.scoring import Scorer
from service.watch.overview import Overview
from service.watch.teller import Teller

EVERY_S: Final = 1.0
REST: Final = 1.0
"""After a pass, rest at least this share of the time it took: intake shares the machine."""

THOROUGH: Final = 5.0
"""After a thorough pass, passes are quick for as many times as long as it took."""

RANGES: Final = 4
"""Of an old store so many ranges are written up after each pass: verdicts wait for two seconds."""

QUIET_S: Final = 1800.0
"""A pass over many millions takes minutes; one that takes this long hangs."""

_log = logging.getLogger("scoring")


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM; the bus is not this role's business and `--bus` is only taken along."""
    given = duty.begun(duty.words("scoring"), arguments)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signer = wiring.role_signer(given.state, "scoring")
    with wiring.open_store(given.state) as store:
        roster = Roster()
        overview = Overview(store, roster, wiring.now)
        scorer = Scorer(store, roster, signer, *([overview.judged] if given.tell else []))
        figures = overview.figures
        turn = lease(store, "scoring", given.state, wiring.now)
        scorer.require = turn.require
        with Teller(given.tell, "scoring", quiet_s=QUIET_S, figures=figures) as teller:
            while not stopping.is_set():
                complaints = _stood(scorer, stopping, teller, turn)
                overview.forget()
                teller.turn(complaints)  # without one another process has the loop
                stopping.wait(EVERY_S)
    return 0


def _stood(scorer: Scorer, stopping: threading.Event, teller: Teller, turn: Lease) -> list[str]:
    """Run the loop while it is our turn; return why it broke off, where the store went away.

    What was read is kept in mind until the store is back.
    """
    try:
        _watch(scorer, stopping, teller, turn)
    except UnavailableError as error:
        _log.warning("%s", error)
        return [str(error)]
    return []


def _watch(scorer: Scorer, stopping: threading.Event, teller: Teller, turn: Lease) -> None:
    """Judge whenever something moved, while it is our turn; all is heard anew in time, or calm."""
    size, due = -1, 0.0
    while not stopping.is_set() and turn.mine():
        started = time.monotonic()
        now = turn.store.size()
        calm = now == size
        if calm and scorer.settled:
            complaint = _drilled(scorer)
        else:
            quick = not calm and started < due
            complaint = _tried(scorer, quick=quick)
            size = now if not complaint else -1
            took = time.monotonic() - started
            due = due if quick else started + THOROUGH * took
        complaint = complaint or _concorded(turn.store)
        teller.turn([complaint] if complaint else [])
        stopping.wait(max(EVERY_S, REST * (time.monotonic() - started)))


def _concorded(store: Store) -> str:
    """Write up where to find what was named, of what is full by now; return why it was not."""
    try:
        store.concord(RANGES)
    except (UnavailableError, NotAuthorisedError) as error:
        _log.warning("%s", error)
        return str(error)
    return ""


def _drilled(scorer: Scorer) -> str:
    """Drill when nothing else is to be done; what it records is judged like any news."""
    try:
        scorer.drill(wiring.now())
    except (UnavailableError, StaleError) as error:
        _log.warning("%s", error)
        return str(error)
    return ""


def _tried(scorer: Scorer, *, quick: bool) -> str:
    """Judge once; return why the store could not be written, nothing where it could."""
    try:
        scorer.once(wiring.now(), quick=quick)
    except (UnavailableError, StaleError) as error:
        _log.warning("%s", error)
        return str(error)
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
