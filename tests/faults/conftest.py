"""What the tests of faults share: a voice for what a long run did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from multiprocessing import active_children
from pathlib import Path

import pytest

from service import stores, wiring
from service.embedded import EmbeddedBus
from service.settings import State
from tests.places import STORES, Places
from tests.producing import Site

LONGEST_S = 3600
"""A long run of one fault; short ones end as every test does."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give the faults that are tried many times over the time that this takes."""
    if config.getoption("--soak"):
        for item in items:
            if item.path.is_relative_to(Path(__file__).parent):
                item.add_marker(pytest.mark.timeout(LONGEST_S))


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], *, soak: bool) -> Callable[[str], None]:
    """Return what tells the person at the terminal, in a long run, what was tried."""

    def speak(sentence: str) -> None:
        if soak:
            with capsys.disabled():
                print(f"\n{sentence}")  # noqa: T201  the one thing that is meant to be seen

    return speak


@pytest.fixture(params=sorted(STORES))
def either(
    request: pytest.FixtureRequest, state: State, bus: EmbeddedBus, places: Places, tmp_path: Path
) -> Iterator[Site]:
    """Yield a site as `site` does, on a store of each kind in turn."""
    place = places.new(request.param).location
    stores.choose(state, place if stores.is_url(place) else None)
    with wiring.open_store(state) as store:
        made = Site(state, bus.url, store, tmp_path)
        yield made
        made.client.close()


@pytest.fixture(autouse=True)
def _nothing_runs_on() -> Iterator[None]:
    """End the processes that a test that failed left behind."""
    yield
    for process in active_children():
        process.kill()
        process.join()
