"""The releasing process: keeps trust, revocations and checkpoint fresh, and tells what changed."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Final

import redis

from quarantine.errors import UnavailableError
from service import duty, wiring
from service.bus import NOTICES
from service.calling import Calling
from service.lease import lease
from service.releasing import Upkeep
from service.servers import open_bus
from service.telling import Telling
from service.watch.teller import Teller

EVERY_S: Final = 1.0
QUIET_S: Final = 300.0
"""To write trust and revocations anew takes seconds; a turn that takes this long hangs."""

_log = logging.getLogger("releasing")


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM."""
    given = duty.begun(duty.words("releasing"), arguments)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with (
        wiring.open_store(given.state) as store,
        contextlib.closing(open_bus(given.bus)) as bus,
        Teller(given.tell, "releasing", quiet_s=QUIET_S) as teller,
        Calling(given.state),
    ):
        upkeep = Upkeep(given.state, store)
        telling = Telling(store, given.state.told)
        turn = lease(store, "telling", given.state, wiring.now)
        while not stopping.wait(EVERY_S):
            try:
                upkeep.once(wiring.now())
                if turn.mine():  # each keeps its own files fresh; on the bus one of them speaks
                    telling.once(bus.of(NOTICES))
                teller.turn()
            except (redis.RedisError, UnavailableError) as error:
                _log.warning("%s", error)
                teller.turn([str(error)])
                with contextlib.suppress(redis.RedisError, OSError):
                    bus.look_again()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
