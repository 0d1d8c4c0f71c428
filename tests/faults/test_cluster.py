"""On a real cluster of three servers: streams spread, intake reads them all, and the law holds."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner

from quarantine.errors import UsageError
from service import health, wiring
from service.bus import DEAD, NOTICES, connect, located
from service.cli import app as commands
from service.cli.rim import ServiceRim
from service.servers import open_bus, streams
from service.settings import State
from service.telling import Telling
from tests.faults import dying
from tests.faults.cluster import Cluster, ClusterSite, cluster
from tests.faults.dying import Fate
from tests.faults.traffic import traffic
from tests.producing import PATIENCE_S, Site, event, until

NAMES = [f"app-{number}" for number in range(12)]


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with cluster(tmp_path / "cluster") as made:
        yield made


@pytest.fixture
def wide(state: State, nodes: Cluster, tmp_path: Path) -> Iterator[Site]:
    """Return a site whose bus is the cluster."""
    with wiring.open_store(state) as store:
        made = ClusterSite(state, nodes.url, store, tmp_path)
        yield made
        made.client.close()


def _apart(nodes: Cluster) -> list[str]:
    """Return three names whose streams lie on three servers."""
    found = {nodes.home(f"feedback:in:{name}"): name for name in NAMES}
    assert len(found) == 3, "streams spread over the servers"
    return [found[number] for number in sorted(found)]


@pytest.mark.slow
async def test_three_producers_on_three_servers_are_taken_in_though_a_consumer_is_killed(
    wide: Site, nodes: Cluster, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        sent = [stack.enter_context(traffic(wide, tmp_path, name=name)) for name in _apart(nodes)]
        for each in sent:
            each.publish(20)
        doomed = dying.started(wide, Fate("committed", 2))
        assert dying.ended(doomed, PATIENCE_S) == -signal.SIGKILL
        assert sum(wide.waiting(each.stream) for each in sent) > 0, "the kill struck nothing"
        survivor = dying.started(wide)
        for each in sent:
            each.publish(20)
            await each.drained()
        malformed = sum(each.malformed for each in sent)
        await until(lambda: wide.client.xlen(DEAD) == malformed, "every dead letter is copied")
        assert dying.told_to_end(survivor, PATIENCE_S) == 0
        for each in sent:
            each.judge()


@pytest.mark.slow
async def test_a_stream_that_moves_to_another_server_is_published_to_and_read_on(
    wide: Site, nodes: Cluster, tmp_path: Path
) -> None:
    with traffic(wide, tmp_path) as sent:
        process = dying.started(wide)
        sent.publish(20)
        await sent.drained()
        await nodes.move(sent.stream, (nodes.home(sent.stream) + 1) % 3)
        sent.publish(20)
        await sent.drained()
        assert dying.told_to_end(process, PATIENCE_S) == 0
        sent.judge()


@pytest.mark.slow
async def test_losses_forged_ids_and_notices_are_seen_on_whichever_server_they_are(
    wide: Site, nodes: Cluster
) -> None:
    first, second, _ = (wide.register(name) for name in _apart(nodes))
    first.say(event(1))
    first.seq += 2
    first.say(event(2))
    second.client.xadd(second.stream, {"junk": "1"}, id="4102444800000-1")
    async with wide.taking_in() as intake:
        intake.reconciler.grace /= 100
        await until(lambda: _kinds(wide)["loss-reported"] == 1, "the loss is told")
        await until(lambda: _kinds(wide)["stream-forged"] == 1, "the forged id is repaired")
    with closing(open_bus(wide.url)) as bus:
        assert {stream.rpartition(":")[2] for stream in streams(bus)} == set(
            wiring.roster_of(wide.store).producers
        )
        Telling(wide.store, wide.state.told).once(bus.of(NOTICES))
    assert wide.store.counts()[first.name].entries_lost == 2
    assert wide.client.xlen(NOTICES) == 2


def _kinds(site: Site) -> Counter[str]:
    return Counter(logged.act.kind for logged in site.store.acts())


@pytest.mark.slow
async def test_every_server_of_a_cluster_is_looked_at_before_anything_runs_on_it(
    wide: Site, nodes: Cluster
) -> None:
    assert health.preflight(nodes.url) == []
    nodes.servers[2].config_set("maxmemory-policy", "allkeys-lru")
    (doubt,) = health.preflight(nodes.url)
    assert "evicts" in doubt.because
    asked = ["doctor", "--state", str(wide.state.root), "--bus", nodes.url, "--json"]
    said = CliRunner().invoke(commands, asked, obj=ServiceRim())
    assert said.exit_code == 1
    checks = {each["check"]: each["doubts"] for each in json.loads(said.stdout)["checks"]}
    assert len(checks["bus: append-only file and eviction"]) == 1
    assert len(checks["bus: everybody's rights"]) == 3, "each server has an open door"


async def test_a_server_of_a_cluster_is_not_taken_for_the_whole_bus(
    site: Site, nodes: Cluster
) -> None:
    single = nodes.url.partition(",")[0].replace("+cluster", "")
    (doubt,) = health.preflight(single)
    assert "redis+cluster://" in doubt.mend
    assert site.url.startswith("unix://")
    assert health.preflight(site.url) == []


async def test_a_cluster_that_does_not_answer_is_an_unavailable_bus() -> None:
    with closing(open_bus("redis+cluster://127.0.0.1:1")) as bus:
        for ask in (bus.primaries, bus.everyone, lambda: bus.of("key")):
            with pytest.raises(redis.ConnectionError):
                ask()


@pytest.mark.parametrize(
    ("url", "form", "places", "first"),
    [
        ("redis://h:7", "", (), "redis://h:7?protocol=2"),
        ("unix:///a/b.sock", "", (), "unix:///a/b.sock?protocol=2"),
        (
            "redis+cluster://u:p@h:7,i/?ssl=1",
            "cluster",
            (("h", 7), ("i", 6379)),
            "redis://u:p@h:7?ssl=1&protocol=2",
        ),
        (
            "rediss+sentinel://[::1]:9,[::2]/main",
            "sentinel",
            (("::1", 9), ("::2", 26379)),
            "rediss://[::1]:9?protocol=2",
        ),
    ],
)
def test_a_bus_of_several_servers_has_a_url(
    url: str, form: str, places: tuple[tuple[str, int], ...], first: str
) -> None:
    found = located(url)
    assert (found.url, found.form, found.places) == (first, form, places)


@pytest.mark.parametrize(
    "url",
    [
        "http://h",
        "unix+cluster:///a",
        "redis+ring://h",
        "redis+sentinel://h",
        "redis+cluster://h:x",
        "redis+cluster://h,,i",
    ],
)
def test_what_is_no_url_of_a_bus_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        located(url)


def test_a_bus_of_several_servers_has_no_one_client() -> None:
    with pytest.raises(UsageError):
        connect("redis+cluster://h:1,i:2")
