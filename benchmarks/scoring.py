"""What scoring costs: a full pass from 100,000 to 3 million events, and a pass on what came since.

The crowd is drawn from a seed: sources and targets with log-normal shares, five answers near each
target's truth, a year of arrivals, and ten rings of 30. Every size runs in a process of its own,
so that its memory is its own. The floor, in the same process, is what nobody can leave out:
reading the same columns from Parquet and summing them by source and by target with pandas.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path[:0] = [str(Path(__file__).parents[1])]

from quarantine.evidence import EVENT_SCHEMA, evidence_from  # noqa: E402  found by the line above
from quarantine.passing import Passes  # noqa: E402
from quarantine.scoring import Scored, score  # noqa: E402

SIZES = (100_000, 300_000, 1_000_000, 3_000_000)
EVENTS_A_SOURCE = 50
NEW = 10_000
YEAR_S = 365 * 86_400
RINGS, MEMBERS, PUSHED = 10, 30, 25


def crowd(events: int, seed: int = 0) -> pa.Table:
    """Draw `events` ratings by a fiftieth as many sources of a twentieth as many targets."""
    rng = np.random.default_rng(seed)
    sources, targets = events // EVENTS_A_SOURCE, events // 20
    loud, popular = rng.lognormal(0, 1.2, sources), rng.lognormal(0, 1.0, targets)
    pushed = RINGS * MEMBERS * PUSHED
    source = rng.choice(sources, events - pushed, p=loud / loud.sum())
    target = rng.choice(targets, events - pushed, p=popular / popular.sum())
    truth = rng.integers(0, 5, targets)
    answer = np.clip(truth[target] + np.rint(rng.normal(0, 1, len(source))), 0, 4).astype(int)
    at = rng.integers(0, YEAR_S, len(source))
    member = np.repeat(np.arange(RINGS * MEMBERS), PUSHED)
    where = rng.integers(0, targets, (RINGS, PUSHED))
    when = rng.integers(0, YEAR_S, (RINGS, PUSHED))
    ring, each = member // MEMBERS, np.tile(np.arange(PUSHED), RINGS * MEMBERS)
    source = np.r_[source, rng.permutation(sources)[: RINGS * MEMBERS][member]]
    target = np.r_[target, where[ring, each]]
    answer = np.r_[answer, (truth[where[ring, each]] + 2) % 5]
    at = np.r_[at, when[ring, each] + rng.integers(0, 600, pushed)]
    return _table(source, target, answer, at)


def _table(source: np.ndarray, target: np.ndarray, answer: np.ndarray, at: np.ndarray) -> pa.Table:
    order = np.argsort(at, kind="stable")
    size = len(order)
    micros = pa.array(at[order] * 1_000_000)
    one = np.zeros(size, np.int32)
    columns = {
        "index": pa.array(np.arange(size)),
        "producer": _words(one, [""]),
        "source": _words(source[order], [f"s{n}" for n in range(source.max() + 1)]),
        "id": pa.array(np.arange(size)).cast(pa.string()),
        "kind": _words(one, ["rating"]),
        "scope": _words(one, ["stars"]),
        "target": _words(target[order], [f"t{n}" for n in range(target.max() + 1)]),
        "question": _words(one, [""]),
        "answer": _words(answer[order], [str(n) for n in range(5)]),
        "value": pa.array(answer[order] / 4.0),
        "place": pa.nulls(size, pa.int32()),
        "arrived": micros,
        "claimed": micros,
    }
    return pa.table([columns[name] for name in EVENT_SCHEMA.names], schema=EVENT_SCHEMA)


def _words(codes: np.ndarray, words: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(words))


def floor(file: Path) -> float:
    """Return the CPU seconds to read the columns that matter and sum them by source and target."""
    started = process_time()
    frame = pq.read_table(file, columns=["source", "target", "value", "arrived"]).to_pandas()
    for name in ("source", "target"):
        frame.groupby(name, observed=True)[["value", "arrived"]].agg(["count", "sum", "max"])
    return process_time() - started


def when_asked(found: Scored) -> float:
    """Return the CPU seconds for the scores of single events, which are made when asked for."""
    started = process_time()
    if not np.isfinite(found.event_scores).all():
        raise ValueError("an event has no score")
    return process_time() - started


def measured(file: Path, *, half: bool) -> dict[str, object]:
    """Score one crowd whole, or beside its first half as the reference; seconds by stage."""
    lowest = floor(file)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    table = pq.read_table(file, schema=EVENT_SCHEMA)
    cut = table.num_rows // 2 if half else 0
    started, worked = perf_counter(), process_time()
    evidence = evidence_from(table.slice(cut), table.slice(0, cut) if cut else None)
    framed = process_time() - worked
    found = score(evidence, clock=process_time)
    took, cpu = perf_counter() - started, process_time() - worked
    return {
        "events": table.num_rows,
        "sources": len(found.dossiers),
        "held": sum(each.verdict == "hold" for each in found.dossiers),
        "floor": lowest,
        "seconds": took,
        "cpu": cpu,
        "asked": when_asked(found),
        "stages": {"frame": framed, **found.seconds},
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "rss_floor": before / 2**20,
    }


def increment(file: Path) -> dict[str, object]:
    """Score all but the last `NEW` events, then time the pass that takes those in as well."""
    lowest = floor(file)
    table = pq.read_table(file, schema=EVENT_SCHEMA)
    passes = Passes()
    score(evidence_from(table.slice(0, table.num_rows - NEW)), ears=passes)
    started, worked = perf_counter(), process_time()
    evidence = evidence_from(table)
    framed = process_time() - worked
    found = score(evidence, ears=passes, clock=process_time)
    took, cpu = perf_counter() - started, process_time() - worked
    return {
        "events": table.num_rows,
        "sources": len(found.dossiers),
        "thorough": passes.thorough,
        "floor": lowest,
        "seconds": took,
        "cpu": cpu,
        "asked": when_asked(found),
        "stages": {"frame": framed, **found.seconds},
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


MODES = {
    "cold": lambda file: measured(file, half=False),
    "reference": lambda file: measured(file, half=True),
    "increment": increment,
}


def apart(mode: str, file: Path) -> dict[str, object]:
    """Run one mode in a process of its own and return what it measured."""
    here = [sys.executable, __file__, "--mode", mode, "--file", str(file)]
    ran = subprocess.run(here, check=True, capture_output=True, text=True)
    return json.loads(ran.stdout)


def row(mode: str, got: dict[str, object]) -> str:
    """Spell one measurement as a line of the table."""
    slow = sorted(got["stages"].items(), key=lambda each: -each[1])[:4]
    cost = got["cpu"] / got["events"] * 1e6
    return (
        f"| {mode} | {got['events']:,} | {got['sources']:,} | {got['cpu']:.1f} s"
        f" | {got['seconds']:.1f} s | {got['asked']:.1f} s"
        f" | {got['floor']:.2f} s | {got['cpu'] / got['floor']:.0f}x | {cost:.1f} µs"
        f" | {got['rss']:.2f} GB | {', '.join(f'{name} {took:.1f}' for name, took in slow)} |"
    )


HEAD = (
    *("pass", "events", "sources", "CPU", "took", "CPU of event scores", "floor", "ratio"),
    *("an event", "memory", "most of it, CPU s"),
)
NOTES = (
    "cold: everything held, nothing released. reference: the first half released."
    f" increment: {NEW:,} events came since a thorough pass over the rest. Scores of single"
    " events are made when somebody asks, and are not part of a pass. CPU seconds count; what a"
    " pass took depends on who else uses the machine."
)


def page(lines: list[str]) -> str:
    """Return the page of the lines so far."""
    return "\n".join(["# What scoring costs", "", *lines, "", NOTES, ""])


def main() -> None:
    """Print the table: full passes by size, one beside a reference, one on what came since."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mode", choices=MODES)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="the largest size to try")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.mode:
        sys.stdout.write(json.dumps(MODES[asked.mode](asked.file)))
        return
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    with tempfile.TemporaryDirectory() as aside:
        for size in (each for each in SIZES if each <= asked.most):
            file = Path(aside) / f"{size}.parquet"
            pq.write_table(crowd(size), file)
            modes = MODES if size == 1_000_000 else ["cold"]
            for mode in modes:
                lines.append(row(mode, apart(mode, file)))
                print(lines[-1], file=sys.stderr)
                if asked.out:
                    asked.out.write_text(page(lines), encoding="utf-8")
            file.unlink()
    sys.stdout.write(page(lines))


if __name__ == "__main__":
    main()
