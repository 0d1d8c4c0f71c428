"""The releasing process: keeps trust, revocations and checkpoint fresh, and tells what changed."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import redis

from quarantine.errors import UnavailableError
from service import wiring
from service.bus import NOTICES
from service.releasing import Upkeep
from service.servers import open_bus
from service.settings import State
from service.telling import Telling

EVERY_S: Final = 1.0


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(prog="service.roles.releasing")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--bus", required=True)
    asked = parser.parse_args(arguments)
    state = State(asked.state)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with wiring.open_store(state) as store, contextlib.closing(open_bus(asked.bus)) as bus:
        upkeep = Upkeep(state, store)
        telling = Telling(store, state.told)
        while not stopping.wait(EVERY_S):
            try:
                if upkeep.once(wiring.now()):
                    telling.once(bus.of(NOTICES))
            except (redis.RedisError, UnavailableError) as error:
                sys.stderr.write(f"releasing: {error}\n")
                with contextlib.suppress(redis.RedisError, OSError):
                    bus.look_again()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
