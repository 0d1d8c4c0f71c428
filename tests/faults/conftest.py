"""What the tests of faults share: a voice for what a long run did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from multiprocessing import active_children

import pytest


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], *, soak: bool) -> Callable[[str], None]:
    """Return what tells the person at the terminal, in a long run, what was tried."""

    def speak(sentence: str) -> None:
        if soak:
            with capsys.disabled():
                print(f"\n{sentence}")  # noqa: T201  the one thing that is meant to be seen

    return speak


@pytest.fixture(autouse=True)
def _nothing_runs_on() -> Iterator[None]:
    """End the processes that a test that failed left behind."""
    yield
    for process in active_children():
        process.kill()
        process.join()
