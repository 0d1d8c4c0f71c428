"""The intake process: takes in what the bus brings until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from service import wiring
from service.bus import connect
from service.door import Door
from service.intake import IDLE_MS, Intake
from service.reconcile import Reconciler
from service.settings import State


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM: then stop reading, finish what is in hand, acknowledge it, end with 0."""
    parser = argparse.ArgumentParser(prog="service.roles.intake")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--bus", required=True)
    parser.add_argument("--idle-ms", type=int, default=IDLE_MS)
    given = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    state = State(given.state)
    # Entries that this process leaves behind are told apart from those of its next life.
    consumer = f"{os.uname().nodename}-{os.getpid()}-{wiring.nonce()[:8]}"
    with wiring.open_store(state) as store:
        signer = wiring.role_signer(state, "intake")
        reconciler = Reconciler(store, connect(given.bus), signer, wiring.now)
        door = Door(store, state.secrets, wiring.now)
        asyncio.run(_until_told(Intake(given.bus, door, reconciler, consumer, given.idle_ms)))
    return 0


async def _until_told(intake: Intake) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    # An interrupt reaches every process of the terminal; only the supervisor's word counts.
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    await intake.run(stopping)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
