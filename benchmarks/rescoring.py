"""An archive judged here, and on one and two worker processes of Dask: the same, and what it costs.

usage: python benchmarks/rescoring.py [--events N] [--out FILE]

The crowd is that of `scoring.py`, half of it released before, taken into a real store and archived.
The floor reads the archive's columns and sums them by source and target. CPU is this process's,
and that of the workers with what they begin with subtracted; a run whose dossiers differ is an
error, not a row.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

import distributed  # noqa: E402  found by the line above
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from scoring import crowd  # noqa: E402

from approvals.ports import Signer  # noqa: E402
from approvals.signers.file import new_key  # noqa: E402
from quarantine.arrivals import Arrival  # noqa: E402
from quarantine.envelope import read  # noqa: E402
from quarantine.ports import Store  # noqa: E402
from quarantine.scoring import Scored  # noqa: E402
from quarantine.stores.sqlite import SqliteStore  # noqa: E402
from service import archive as archives  # noqa: E402
from service import spread  # noqa: E402
from service.archive import archive  # noqa: E402
from service.holdings import NAME as MANIFEST  # noqa: E402
from service.holdings import Manifest, seal_manifest  # noqa: E402
from service.rescoring import Window, rescored  # noqa: E402

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
BATCH: Final = 1000


class Cost(NamedTuple):
    """CPU seconds here and of the workers, and seconds that passed."""

    here: float
    there: float
    took: float


def filled(store: Store, events: int) -> None:
    """Take the crowd in, as its producer would say it."""
    table = crowd(events).select(["source", "target", "answer", "arrived"])
    for start in range(0, events, BATCH):
        some = table.slice(start, BATCH).to_pylist()
        at = some[-1]["arrived"] + 1_700_000_000_000_000
        said = [_body(start + n, each) for n, each in enumerate(some)]
        arrival = Arrival(
            producer="app",
            stream="feedback:in:app",
            entry=f"{start + 1}-0",
            arrived=at,
            seq=start // BATCH + 1,
            key="k1",
            digest=hashlib.sha256(b"%d" % start).digest(),
            events=[read(body, position=n, arrived=at) for n, body in enumerate(said)],
        )
        store.take([arrival])


def _body(number: int, each: dict[str, object]) -> bytes:
    event = {
        "specversion": "1.0",
        "id": f"{number:012x}",
        "source": each["source"],
        "subject": each["target"],
        "type": "feedback.rating.v1",
        "time": "2023-01-01T00:00:00Z",
        "scope": "stars",
        "data": {"value": int(str(each["answer"])), "low": 0, "high": 4},
    }
    return json.dumps(event).encode()


def floor(folder: Path) -> float:
    """Return the CPU seconds to read the columns that matter and sum them."""
    started = time.process_time()
    frame = pq.read_table(
        folder / "events", columns=["source", "target", "value", "arrived"]
    ).to_pandas()
    for name in ("source", "target"):
        frame.groupby(name, observed=True)[["value", "arrived"]].agg(["count", "sum", "max"])
    return time.process_time() - started


def here(window: Window) -> tuple[Scored, Cost]:
    """Judge the archive in this process."""
    started, worked = time.perf_counter(), time.process_time()
    found = rescored(window)
    return found, Cost(time.process_time() - worked, 0.0, time.perf_counter() - started)


def there(window: Window, workers: int) -> tuple[Scored, Cost]:
    """Judge the archive on so many worker processes."""
    with (
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        spread.cluster(cluster.scheduler_address) as client,
    ):
        before = sum(client.run(time.process_time).values())
        started, worked = time.perf_counter(), time.process_time()
        found = spread.rescored(window, client)
        took, cpu = time.perf_counter() - started, time.process_time() - worked
        return found, Cost(cpu, sum(client.run(time.process_time).values()) - before, took)


def page(events: int) -> Iterator[str]:
    """Yield the page's lines."""
    where = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    yield "# Scoring an archive\n"
    yield f"`python benchmarks/rescoring.py --events {events}`: {events:,} ratings, half of them"
    yield f"released before; Dask {distributed.__version__}; {where}; load before: {load}.\n"
    with tempfile.TemporaryDirectory() as folder:
        place, signer = Path(folder) / "archive", new_key(Path(folder) / "releasing.pem")
        with SqliteStore(Path(folder) / "store.db") as store:
            filled(store, events)
            started = time.process_time()
            window = Window(place, _archived(store, place, events // 2, signer))
            yield f"Written in {time.process_time() - started:.1f} s of CPU.\n"
        least = floor(window.folder)
        yield "| judged | CPU here, s | CPU of workers, s | together, over the floor | took, s |"
        yield "|---|--:|--:|--:|--:|"
        yield f"| floor: columns read and summed | {least:.2f} | | 1 | |"
        wanted, cost = here(window)
        yield _line("in one process", cost, least)
        for workers in (1, 2):
            found, cost = there(window, workers)
            if found.dossiers != wanted.dossiers:
                raise SystemExit("the cluster thinks otherwise")
            yield _line(f"on {workers} worker{'s' * (workers > 1)}", cost, least)
    yield f"\n{len(wanted.dossiers):,} dossiers, the same in every run."


def _archived(store: Store, folder: Path, released: int, signer: Signer) -> Manifest:
    """Archive the store; its older half counts as released, which nobody asked for here."""
    manifest = archive(store, folder, AT, signer)
    old = [index for index in store.frame()["index"].to_pylist() if index < released]
    rows = [{"index": index, "fate": "released"} for index in old]
    table = pa.Table.from_pylist(rows, schema=archives.FATE_SCHEMA)
    fates = archives.written(folder, "beside", table, (0, manifest.size))
    beside = {**manifest.beside, "fates": fates}
    changed = manifest.model_copy(update={"beside": beside})
    (folder / MANIFEST).write_bytes(seal_manifest(changed, signer))
    return changed


def _line(name: str, cost: Cost, least: float) -> str:
    over = (cost.here + cost.there) / least
    return f"| {name} | {cost.here:.1f} | {cost.there:.1f} | {over:.0f} | {cost.took:.1f} |"


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    lines = []
    for line in page(given.events):
        print(line, flush=True)
        lines.append(line)
    if given.out:
        given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
