"""What a release of many rows costs, beside writing the same Parquet bare: one Markdown page.

usage: python benchmarks/release.py [--rows N] [--out FILE]

Selecting, certifying, signing, writing and proving; verifying; tracing one source. CPU is this
process's own, user and system; memory is its peak.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

ROOT: Final = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

import pyarrow as pa  # noqa: E402  found by the line above
import pyarrow.parquet as pq  # noqa: E402

from approvals.lineage import trace  # noqa: E402
from approvals.rules import load  # noqa: E402
from quarantine.model import Named  # noqa: E402
from tests.press import Printer  # noqa: E402
from tests.room import LOOSE, Room  # noqa: E402

BATCH: Final = 1_000
EACH: Final = 50
"""Events of one source."""
POLICY: Final = LOOSE.replace("rows = 100_000", "rows = 100_000_000")
"""The demonstration's without the budget of the one producer, which would keep most rows back."""
LIMITS: Final = {"release": "30 s", "verify": "10 s", "trace": "5 s", "trace of a target": "5 s"}
Done = TypeVar("Done")


@dataclass
class Laps:
    """Seconds on the wall and of CPU, by step."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    def time(self, step: str, work: Callable[[], Done]) -> Done:
        """Do `work` and note what it took."""
        with self.lap(step):
            return work()

    @contextmanager
    def lap(self, step: str) -> Iterator[None]:
        """Note what the block takes."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall[step] = time.perf_counter() - wall
        self.cpu[step] = time.process_time() - cpu


def body(number: int) -> bytes:
    """Spell one rating of about 350 bytes, by one of many people, of one of many answers."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": f"{number:012x}",
            "source": f"rater/{number // EACH:06}",
            "subject": f"answer/{number * 7919 % 20_011:05}",
            "type": "feedback.rating.v1",
            "time": "2025-12-31T00:00:00Z",
            "scope": "helpful",
            "data": {
                "value": number * 31 % 5 + 1,
                "low": 1,
                "high": 5,
                "prompt": f"What is the answer to question number {number * 7919 % 20_011}?",
                "completion": "The answer depends on what is asked, and by whom it is asked.",
            },
        }
    ).encode()


def fill(printer: Printer, rows: int) -> None:
    """Hold `rows` ratings, of people whom scoring finds clear."""
    for start in range(0, rows, BATCH):
        printer.room.hear([body(number) for number in range(start, min(start + BATCH, rows))])
    printer.room.score([f"rater/{number:06}" for number in range(-(-rows // EACH))])


def bare(directory: Path, to: Path) -> None:
    """Write the rows of a release again, as plain Parquet and nothing else."""
    for number, file in enumerate(sorted((directory / "data").iterdir())):
        pq.write_table(pq.read_table(file), to / f"{number}.parquet", compression="zstd")


def measure(rows: int, folder: Path) -> tuple[Laps, int]:
    """Run every step once on a store of `rows` rows; return the laps and the rows released."""
    laps = Laps()
    printer = Printer(Room(folder, policy=load(POLICY)))
    laps.time("hold", lambda: fill(printer, rows))
    request = laps.time("request: select, freeze", printer.ask)
    laps.time("a vote: every row compared", lambda: printer.room.vote(request, "ben"))
    printer.room.vote(request, "cho")
    out = folder / "release"
    laps.time("release", lambda: printer.make(request, out))
    table = pa.concat_tables([pq.read_table(file) for file in sorted((out / "data").iterdir())])
    plain = folder / "plain"
    plain.mkdir()
    laps.time("floor: the same Parquet bare", lambda: bare(out, plain))
    laps.time("verify", lambda: printer.verify(out))
    store = printer.room.store
    laps.time("where to find it: once", lambda: store.concord(rows))
    source = Named(producer="app", source=str(table.column("source")[0]).removeprefix("app/"))
    target = Named(target=str(table.column("target")[0]))
    laps.time("trace", lambda: trace(store, store.find(source)))
    laps.time("trace of a target", lambda: trace(store, store.find(target)))
    if table.num_rows != rows:
        raise SystemExit(f"{table.num_rows} of {rows} rows left: this measures something else")
    return laps, table.num_rows


def page(rows: int, released: int, laps: Laps) -> str:
    """Return the Markdown page."""
    floor = laps.cpu["floor: the same Parquet bare"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = [
        "# Releases",
        "",
        f"`python benchmarks/release.py --rows {rows}`: {released:,} rows leave of {rows:,};",
        f"{platform.machine()}, Python {platform.python_version()}; peak memory {peak:,.0f} MB.",
        "",
        "| step | CPU s | s | CPU, of the floor | must |",
        "|---|--:|--:|--:|--:|",
        *(
            f"| {step} | {laps.cpu[step]:.2f} | {laps.wall[step]:.2f} |"
            f" {laps.cpu[step] / floor:.1f} | {LIMITS.get(step, '')} |"
            for step in laps.wall
            if step != "hold"
        ),
        "",
        "The limits are for a million rows. `request` freezes what a release will hold: together",
        "they are select, certify, sign, write and prove.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        laps, released = measure(given.rows, Path(folder))
    text = page(given.rows, released, laps)
    sys.stdout.write(text)
    if given.out:
        given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
