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
from service import wiring
from service.scoring import Scorer
from service.settings import State

EVERY_S: Final = 1.0
REST: Final = 1.0
"""After a pass, rest at least this share of the time it took: intake shares the machine."""


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
        scorer = Scorer(store, Roster(), signer)
        size = -1
        while not stopping.is_set():
            started = time.monotonic()
            now = store.size()
            if now != size:
                size = now if _tried(scorer) else -1
            stopping.wait(max(EVERY_S, REST * (time.monotonic() - started)))
    return 0


def _tried(scorer: Scorer) -> bool:
    """Judge once; say whether the store could be written."""
    try:
        scorer.once(wiring.now())
    except UnavailableError as error:
        sys.stderr.write(f"scoring: {error}\n")
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
