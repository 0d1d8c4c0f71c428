"""The intake process: takes in what the bus brings until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

from quarantine.errors import BrokenError
from service import duty, logs, wiring
from service.door import Door, Passed
from service.intake import IDLE_MS, Intake
from service.readiness import PATIENCE_S
from service.reconcile import Reconciler
from service.servers import open_bus
from service.watch.teller import EVERY_S, Teller
from service.watch.timing import Timing

SWITCH_S: Final = 0.001
"""How long a thread computes while another one waits to; Python's own 5 ms add up."""
OBJECTS: Final = 20_000
"""Objects that are made before the collector looks for cycles among them."""


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM: then stop reading, finish what is in hand, acknowledge it, end with 0."""
    # Until the loop listens nothing is in hand.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    parser = duty.words("intake")
    parser.add_argument("--idle-ms", type=int, default=IDLE_MS)
    given = duty.begun(parser, arguments)
    # Entries that this process leaves behind are told apart from those of its next life.
    consumer = f"{os.uname().nodename}-{os.getpid()}-{wiring.nonce()[:8]}"
    timing = Timing()
    with wiring.open_store(given.state) as store, wiring.traces(given.options, "intake") as spans:

        def told(what: Passed) -> None:
            timing.passed(what)
            logs.passed(what)
            spans.passed(what)

        signer = wiring.role_signer(given.state, "intake")
        reconciler = Reconciler(store, open_bus(given.bus), signer, wiring.now)
        door = Door(store, given.state.secrets, wiring.now, told)
        intake = Intake(given.bus, door, reconciler, consumer, given.said.idle_ms)
        teller = Teller(given.tell, "intake", quiet_s=PATIENCE_S, figures=timing.figures)
        look_for_garbage_rarely()
        let_threads_alternate()
        with teller:
            asyncio.run(_until_told(intake, teller))
    return 0


def look_for_garbage_rarely() -> None:
    """Let the collector of cycles pass over what was imported, and over single batches.

    A batch is thousands of objects that are freed by count; to look through them again and again
    costs a twentieth of intake's time. Cycles are still found, after so many more objects.
    """
    gc.freeze()
    gc.set_threshold(OBJECTS, 20, 20)


def let_threads_alternate() -> None:
    """Let the loop that reads hear of an entry soon, while a thread computes for another stream."""
    sys.setswitchinterval(SWITCH_S)


async def _until_told(intake: Intake, teller: Teller) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    # An interrupt reaches every process of the terminal; only the supervisor's word counts.
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    telling = asyncio.create_task(_turning(intake, teller))
    try:
        await intake.run(stopping)
    except BrokenError as error:
        # At once: closing the store in order would write to the disk that just failed.
        sys.stderr.write(f"intake: {error}\n")
        sys.stderr.flush()
        os._exit(1)
    finally:
        telling.cancel()


async def _turning(intake: Intake, teller: Teller) -> None:
    """Say every second that the event loop turns, and what does not work."""
    loop = asyncio.get_running_loop()
    while True:
        teller.turn(intake.readiness.complaints(loop.time()))
        await asyncio.sleep(EVERY_S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
