"""Intake ends even when a loop loses its first cancellation, as Python 3.11's `wait_for` can."""

from __future__ import annotations

import asyncio
import contextlib

from service import intake


async def test_a_loop_that_lost_its_cancellation_is_cancelled_again() -> None:
    lost = 0

    async def stubborn() -> None:
        nonlocal lost
        while True:
            if lost == 0:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
                lost += 1
            await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait_for(intake._ended([task]), 30)
    assert task.cancelled()
    assert lost == 1
