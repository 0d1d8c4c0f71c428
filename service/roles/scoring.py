"""The scoring process: asks what is held now, again and again, until it is told to stop."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from approvals.roster import Roster
from quarantine.errors import UnavailableError
from quarantine.ports import Store
from service import wiring
from service.scoring import Scorer
from service.settings import State

EVERY_S: Final = 1.0
REST: Final = 1.0
"""After a pass, rest at least this share of the time it took: intake shares the machine."""

THOROUGH: Final = 5.0
"""After a thorough pass, passes are quick for as many times as long as it took."""


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM; the bus is not this role's business and `--bus` is only taken along."""
    parser = argparse.ArgumentParser(prog="service.roles.scoring")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--bus", default="")
    state = State(parser.parse_args(arguments).state)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signer = wiring.role_signer(state, "scoring")
    with wiring.open_store(state) as store:
        _watch(store, Scorer(store, Roster(), signer), stopping)
    return 0


def _watch(store: Store, scorer: Scorer, stopping: threading.Event) -> None:
    """Judge whenever something moved; all is heard anew when it is its time, or calm."""
    size, due = -1, 0.0
    while not stopping.is_set():
        started = time.monotonic()
        now = store.size()
        calm = now == size
        if calm and scorer.settled:
            _drilled(scorer)
        else:
            quick = not calm and started < due
            size = now if _tried(scorer, quick=quick) else -1
            took = time.monotonic() - started
            due = due if quick else started + THOROUGH * took
        stopping.wait(max(EVERY_S, REST * (time.monotonic() - started)))


def _drilled(scorer: Scorer) -> None:
    """Drill when nothing else is to be done; what it records is judged like any news."""
    try:
        scorer.drill(wiring.now())
    except UnavailableError as error:
        sys.stderr.write(f"scoring: {error}\n")


def _tried(scorer: Scorer, *, quick: bool) -> bool:
    """Judge once; say whether the store could be written."""
    try:
        scorer.once(wiring.now(), quick=quick)
    except UnavailableError as error:
        sys.stderr.write(f"scoring: {error}\n")
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
