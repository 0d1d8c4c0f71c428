"""How long a good producer waits beside one that floods or sends rubbish: delays and their ratio.

usage: python benchmarks/flood.py [--seconds N] [--times N] [--out FILE]

One intake process takes in from both. The good producer publishes at a steady rate; its delay is
from published to durably held. The floor is the same producer alone, in the same run, in turn with
the others. The neighbour is a process of its own that signed all it has before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Final, NamedTuple

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from traffic import Producer, Site  # noqa: E402  found by the line above

from service import embedded  # noqa: E402  found by the line above
from service.producer import open_key  # noqa: E402  found by the line above

WAYS: Final = Path(__file__).with_name("ways.py")
RATE: Final = 1_000
"""Events a second of the good producer."""
SMALL: Final = 20
"""Events in one of its batches."""
TIMES_FASTER: Final = 50
"""How many times its rate the neighbour tries to publish at."""
OWN: Final = 9_000
"""Where the second half of the good producer's ids begins: the bus gives none so high itself."""
BAD: Final = 0.95
ENOUGH: Final = 2.0

Neighbours = {
    "alone": (0, 0.0),
    f"beside {TIMES_FASTER} times its rate": (TIMES_FASTER, 0.0),
    f"beside its rate, {BAD:.0%} malformed": (1, BAD),
    f"beside {TIMES_FASTER} times its rate, {BAD:.0%} malformed": (TIMES_FASTER, BAD),
}


class Delay(NamedTuple):
    """What a good producer saw in one run (ms), and how many of the neighbour's were taken in."""

    median: float
    p99: float
    beside: int
    sent_beside: int


@contextmanager
def _taking(site: Site, times: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run one intake process that notes when each entry is held, until it is told to end."""
    told = ("--bus", site.url, "--state", str(site.state.root), "--events", str(10**9))
    process = subprocess.Popen(
        [sys.executable, str(WAYS), "ours", *told, "--times", str(times)],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _neighbour(site: Site, producer: Producer, name: str, seconds: int) -> Iterator[Path]:
    """Let a process publish meanwhile; yield the file that it makes when it begins."""
    faster, bad = Neighbours[name]
    said = site.folder / "neighbour"
    if not faster:
        said.touch()
        yield said
        return
    words = (site.url, producer.name, str(site.folder / f"{producer.name}.pem"))
    rest = (faster * RATE, bad, seconds, said)
    process = subprocess.Popen([sys.executable, __file__, "--neighbour", *words, *map(str, rest)])
    try:
        yield said
    finally:
        process.kill()
        process.wait()


def be_neighbour(words: Sequence[str]) -> None:
    """Sign all that is to be sent, say so, and publish it at the rate, or as fast as it goes."""
    url, name, key, rate, bad, seconds, said = words
    producer = Producer(url, name, open_key(Path(key)), 100, bad=float(bad))
    entries = [producer.fields() for _ in range(int(rate) * int(seconds) // 100)]
    Path(said).touch()
    started = time.monotonic()
    for number, fields in enumerate(entries):
        time.sleep(max(0.0, started + number * 100 / int(rate) - time.monotonic()))
        producer.client.xadd(producer.stream, fields)


def run(name: str, seconds: int) -> Delay:
    """Measure one neighbourhood on a bus and a store of its own."""
    with tempfile.TemporaryDirectory() as folder, embedded.start(Path(folder) / "bus") as bus:
        site = Site(Path(folder), bus.url)
        good, other = site.producers(2, size=SMALL)
        times = site.folder / "times.json"
        with _neighbour(site, other, name, seconds) as ready, _taking(site, times):
            good.fill(SMALL)
            while good.pending() or not ready.exists():
                time.sleep(0.05)
            sent = _published(good, seconds)
            while good.pending():
                time.sleep(0.05)
        held = json.loads(times.read_text(encoding="ascii"))
        waited = [(held[id_] - at) * 1000 for id_, at in sent.items()]
        sent_beside = int(other.client.xinfo_stream(other.stream)["entries-added"])
        beside = sum(int(id_.partition("-")[2]) < OWN for id_ in held)
        return Delay(median(waited), quantiles(waited, n=100)[98], beside, sent_beside)


def _published(good: Producer, seconds: int) -> dict[str, float]:
    """Publish at the steady rate; return when each entry was (monotonic seconds), by its id."""
    sent: dict[str, float] = {}
    started = time.monotonic()
    for number in range(RATE * seconds // SMALL):
        time.sleep(max(0.0, started + number * SMALL / RATE - time.monotonic()))
        fields, at = good.fields(), time.monotonic()
        id_ = f"{time.time_ns() // 1_000_000}-{OWN + number}"
        sent[good.client.xadd(good.stream, fields, id=id_).decode()] = at
    return sent


def main() -> None:
    """Measure every neighbourhood in turn and print one page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=20, help="of publishing in each run")
    parser.add_argument("--times", type=int, default=3, help="runs of each neighbourhood")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--neighbour", nargs=7, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.neighbour:
        be_neighbour(given.neighbour)
        return
    lines = []
    for line in _page(given.seconds, given.times):
        print(line, flush=True)
        lines.append(line)
    if given.out:
        given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _page(seconds: int, times: int) -> Iterator[str]:
    where = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    yield "# A flood beside a good producer\n"
    yield (
        f"`python benchmarks/flood.py --seconds {seconds} --times {times}`: {RATE:,} good events/s"
        f" in batches of {SMALL}; {where}. Medians of {times} runs, in turn.\n"
    )
    yield "| the good producer | median ms | p99 ms | over alone | neighbour's entries taken in |"
    yield "|---|--:|--:|--:|--:|"
    runs = [[run(name, seconds) for name in Neighbours] for _ in range(times)]
    alone = median(each[0].p99 for each in runs)
    for place, name in enumerate(Neighbours):
        found = [each[place] for each in runs]
        p99 = median(each.p99 for each in found)
        ratio = f"**{p99 / alone:.2f}**" if place else "1 (the floor)"
        beside = f"{sum(each.beside for each in found)} of {sum(e.sent_beside for e in found)}"
        yield (
            f"| {name} | {median(each.median for each in found):.1f} | {p99:.1f} | {ratio} "
            f"| {beside} |"
        )
    yield f"\nAimed at is a ratio of at most {ENOUGH:.0f}."


if __name__ == "__main__":
    main()
