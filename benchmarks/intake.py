"""What intake costs, beside the floor nobody can go below, in one run: one Markdown page.

usage: python benchmarks/intake.py [--quick] [--events N] [--out FILE]

CPU is the consumer process's own (all its threads, user and system); the bus and the producers are
other processes. Every figure of CPU is the median of several runs, ours and the floor in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import Final, NamedTuple

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from faststream.redis import RedisBroker  # noqa: E402  found by the line above
from traffic import Site, body_of  # noqa: E402  found by the line above

from service import embedded  # noqa: E402  found by the line above
from service.bus import address  # noqa: E402  found by the line above

WAYS: Final = Path(__file__).with_name("ways.py")
LONGEST_QUEUE: Final = 100_000
"""Events that wait on the bus, at most, while a long stream is sent."""
RATE: Final = 2_000
SMALL: Final = 20
"""Events a batch, when what is measured is how soon they are held."""

Steps = list[dict[str, float]]


class Cost(NamedTuple):
    """What one run cost: CPU µs an event, events a second, and its peak of memory in MB."""

    cpu_us: float
    a_second: float
    rss_mb: float


class Row(NamedTuple):
    """Ours beside both floors, medians of several runs in turn."""

    name: str
    ours: Cost
    floor: Cost
    guarded: Cost


@contextmanager
def _site() -> Iterator[Site]:
    """Give a bus of its own with a state directory beside it, for one run."""
    with tempfile.TemporaryDirectory() as folder, embedded.start(Path(folder) / "bus") as bus:
        yield Site(Path(folder), bus.url)


def _started(way: str, site: Site, events: int, *more: str) -> subprocess.Popen[str]:
    told = ("--bus", site.url, "--state", str(site.state.root), "--events", str(events))
    return subprocess.Popen(
        [sys.executable, str(WAYS), way, *told, *more], stdout=subprocess.PIPE, text=True
    )


def _ended(process: subprocess.Popen[str]) -> Steps:
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{process.args} ended with {process.returncode}")
    steps: Steps = json.loads(said)
    return steps


def _cost(steps: Steps) -> Cost:
    first, last = steps[0], steps[-1]
    events = last["events"] - first["events"]
    return Cost(
        (last["cpu_s"] - first["cpu_s"]) / events * 1e6,
        events / (last["wall_s"] - first["wall_s"]),
        max(step["rss_mb"] for step in steps),
    )


def run(way: str, events: int, size: int, *, mixed: bool = False) -> Cost:
    """Take in what waits on the bus already, one way; batches of one are signed by HMAC."""
    with _site() as site:
        if way == "plain":
            _fill_plain(site, events)
        else:
            (producer,) = site.producers(1, size=size, hmac=size == 1)
            producer.mixed = mixed
            producer.fill(events)
        return _cost(_ended(_started(way, site, events)))


def _fill_plain(site: Site, events: int) -> None:
    async def publish() -> None:
        async with RedisBroker(address(site.url), logger=None) as broker:
            for number in range(events):
                await broker.publish(json.loads(body_of(number)), stream="plain")

    asyncio.run(publish())


def beside_floor(name: str, events: int, size: int, times: int, *, mixed: bool = False) -> Row:
    """Run ours and the floors in turn, `times` each, over the same feedback."""
    ways = ("ours", "floor", "guarded")
    turns = [[run(way, events, size, mixed=mixed) for way in ways] for _ in range(times)]
    ours, floor, guarded = (_middle(costs) for costs in zip(*turns, strict=True))
    return Row(name, ours, floor, guarded)


def _middle(costs: Sequence[Cost]) -> Cost:
    return Cost(*(median(column) for column in zip(*costs, strict=True)))


def processes(count: int, events: int) -> tuple[float, float]:
    """Return events a second, and CPU µs an event, of `count` processes over four streams."""
    with _site() as site:
        producers = list(site.producers(4, size=100))
        for producer in producers:
            producer.fill(events // 4)
        started = [_started("ours", site, events + 1) for _ in range(count)]
        while any(producer.pending() for producer in producers):
            time.sleep(0.05)
        for process in started:
            process.terminate()
        runs = [steps for steps in map(_ended, started) if steps]
        first = min(steps[0]["wall_s"] for steps in runs)
        last = max(steps[-1]["wall_s"] for steps in runs)
        cpu_s = sum(steps[-1]["cpu_s"] - steps[0]["cpu_s"] for steps in runs)
        return events / (last - first), cpu_s / events * 1e6


def delays(seconds: int) -> tuple[float, float]:
    """Return the median and the 99th percentile of ms from publishing to held, at `RATE`."""
    entries = RATE * seconds // SMALL
    with _site() as site:
        times = site.folder / "times.json"
        (producer,) = site.producers(1, size=SMALL)
        producer.fill(SMALL)  # so that the process is seen to run before the clock does
        taking = _started("ours", site, (entries + 1) * SMALL, "--times", str(times))
        while producer.pending():
            time.sleep(0.05)
        sent = {}
        start = time.monotonic()
        for number in range(entries):
            time.sleep(max(0.0, start + number * SMALL / RATE - time.monotonic()))
            at = time.monotonic()
            sent[producer.say()] = at
        _ended(taking)
        held = json.loads(times.read_text(encoding="ascii"))
    waited = [(held[id_] - at) * 1000 for id_, at in sent.items()]
    return median(waited), quantiles(waited, n=100)[98]


def long_stream(events: int) -> Steps:
    """Take in a stream while it is sent, a bounded queue ahead."""
    with _site() as site:
        (producer,) = site.producers(1, size=100)
        producer.fill(10_000)
        taking = _started("ours", site, events)
        while producer.sent < events and taking.poll() is None:
            if producer.pending() < LONGEST_QUEUE:
                producer.fill(min(10_000, events - producer.sent))
            else:
                time.sleep(0.02)
        return _ended(taking)


def main() -> None:
    """Measure all of it and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of it, for a look")
    parser.add_argument("--events", type=int, default=1_000_000, help="of the long stream")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    scale = 10 if given.quick else 1
    lines = []
    for line in _page(scale, given.events // scale):
        print(line, flush=True)
        lines.append(line)
    if given.out:
        given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _page(scale: int, long: int) -> Iterator[str]:
    command = f"python benchmarks/intake.py{' --quick' if scale > 1 else ''}"
    where = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    yield f"# Intake\n\n`{command}`: {len(body_of(0))} bytes an event; {where}.\n"
    yield from _beside_floor(scale)
    yield "\n| intake processes, four producers' streams | events/s | CPU µs an event |"
    yield "|--:|--:|--:|"
    for count in (1, 2):
        a_second, cpu_us = processes(count, 200_000 // scale)
        yield f"| {count} | {a_second:,.0f} | {cpu_us:.1f} |"
    middle, worst = delays(30 // scale)
    yield f"\nFrom published to held at {RATE:,} events/s: median {middle:.0f}, p99 {worst:.0f} ms."
    yield "\n| events held | CPU µs an event | events/s | RSS, MB |\n|--:|--:|--:|--:|"
    for before, after in pairwise(long_stream(long)):
        cost = _cost([before, after])
        yield f"| {after['events']:,.0f} | {_figures(cost)} | {after['rss_mb']:.0f} |"


def _beside_floor(scale: int) -> Iterator[str]:
    yield (
        "| | CPU µs an event | events/s | floor: CPU µs | events/s | **ratio** |"
        " guarded floor: CPU µs | events/s | **ratio** |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    times, packed, single = (1 if scale > 1 else 3), 100_000 // scale, 10_000 // scale
    for row in (
        beside_floor("batches of 100, Ed25519", packed, 100, times),
        beside_floor("the same, every second event spelled unlike", packed, 100, times, mixed=True),
        beside_floor("batches of 1, HMAC", single, 1, times),
    ):
        yield (
            f"| {row.name} | {_figures(row.ours)}"
            f" | {_figures(row.floor)} | **{row.ours.cpu_us / row.floor.cpu_us:.2f}**"
            f" | {_figures(row.guarded)} | **{row.ours.cpu_us / row.guarded.cpu_us:.2f}** |"
        )
    plain = run("plain", 5_000 // scale, 1)
    blank = "| " * 6
    yield f"| the plain way: a message a handler, a commit a row | {_figures(plain)} {blank}|"


def _figures(cost: Cost) -> str:
    return f"{cost.cpu_us:.1f} | {cost.a_second:,.0f}"


if __name__ == "__main__":
    main()
