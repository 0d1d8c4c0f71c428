"""The witness's process: reads the log's checkpoints, remembers the newest, says what is amiss."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Final

from quarantine.errors import TamperedError, UnavailableError
from service import duty, wiring
from service.watch.teller import Teller
from service.witness import Witness

EVERY_S: Final = 5.0
QUIET_S: Final = 300.0

_log = logging.getLogger("witness")


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM; what is amiss is said again and again, until somebody looks."""
    given = duty.begun(duty.words("witness"), arguments)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    place = given.options.witness or given.state.remembered
    with (
        wiring.open_store(given.state) as store,
        Teller(given.tell, "witness", quiet_s=QUIET_S) as teller,
    ):
        witness = Witness(store, place, wiring.role_publics(given.state))
        while not stopping.is_set():
            complaints = []
            try:
                witness.once()
            except (TamperedError, UnavailableError) as error:
                _log.error("%s", error)
                complaints = [str(error)]
            teller.turn(complaints)
            stopping.wait(EVERY_S)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
