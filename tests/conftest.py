"""What many tests stand on: a real bus on a private socket, a state directory, a store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from service import embedded, wiring
from service.embedded import EmbeddedBus
from service.settings import State
from tests.places import Places
from tests.postgres import Server, serving
from tests.producing import Site


def pytest_configure() -> None:
    """Let a slow or busy machine take its time: how long an example took says nothing of ours."""
    settings.register_profile(
        "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="try every fault many times over")


@pytest.fixture
def soak(request: pytest.FixtureRequest) -> bool:
    """Say whether there is time for many repetitions (`make soak`)."""
    return bool(request.config.getoption("--soak"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Run one server for all tests that ask for it, started by the first."""
    with serving() as running:
        yield running


@pytest.fixture
def places(tmp_path: Path, request: pytest.FixtureRequest) -> Places:
    return Places(tmp_path, request)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[EmbeddedBus]:
    with embedded.start(tmp_path / "bus") as running:
        yield running


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path / "state")
    wiring.prepare(made)
    return made


@pytest.fixture
def site(state: State, bus: EmbeddedBus, tmp_path: Path) -> Iterator[Site]:
    with wiring.open_store(state) as store:
        made = Site(state, bus.url, store, tmp_path)
        yield made
        made.client.close()
