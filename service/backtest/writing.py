"""What a backtest leaves behind: a directory that is there whole, or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from approvals.landing import landing
from quarantine.errors import UsageError
from quarantine.model import Dossier
from service.backtest.known import coded
from service.backtest.model import Feedback, Flags, Floats
from service.backtest.passes import Judged, kth_events

FILES: Final = (
    "dossiers.jsonl",
    "events.parquet",
    "prequential.jsonl",
    "summary.json",
    "report.html",
)
_TIME: Final = pa.timestamp("us", tz="UTC")


def check_place(out: Path) -> None:
    """Raise `UsageError` unless `out` is free, empty, or holds nothing but an earlier backtest."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if not out.exists() and not out.is_symlink():
            return
    except OSError as error:
        raise UsageError(f"{out} cannot be made: {error.strerror}") from error
    if out.is_symlink() or not out.is_dir():
        raise UsageError(f"{out} is no directory")
    inside = {entry.name for entry in out.iterdir()}
    if inside and not ("summary.json" in inside and inside <= set(FILES)):
        raise UsageError(f"{out} holds something else than an earlier backtest: name another --out")


def write_out(out: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a directory beside `out`, which takes its place when it is complete."""
    check_place(out)
    beside, before = (out.with_name(f".{out.name}.{word}") for word in ("next", "before"))
    for left in (beside, before):
        shutil.rmtree(left, ignore_errors=True)
    with landing(beside) as folder:
        write(folder)
    if out.exists():
        out.rename(before)
    beside.rename(out)
    shutil.rmtree(before, ignore_errors=True)


def write_dossiers(path: Path, dossiers: Sequence[Dossier]) -> None:
    """Write one line per source, with exactly the contract's keys."""
    with path.open("w", encoding="utf-8") as lines:
        for dossier in dossiers:
            lines.write(json.dumps(spelled(dossier), ensure_ascii=False) + "\n")


def spelled(dossier: Dossier) -> dict[str, object]:
    """Return a dossier with exactly the contract's keys."""
    return {
        "producer": dossier.producer or None,
        "source": dossier.source,
        "events": dossier.events,
        "score": dossier.score,
        "p_value": dossier.p_value,
        "cluster": dossier.cluster,
        "verdict": str(dossier.verdict),
        "findings": [
            {"detector": each.detector, "score": each.score, "because": each.because}
            for each in dossier.findings
        ],
    }


def write_events(
    path: Path, feedback: Feedback, judged: Judged, *, at_arrival: Floats, held: Flags
) -> None:
    """Write every event in the order of the rows it was read from."""
    dossiers = {dossier.source: dossier for dossier in judged.dossiers}
    source, names = coded(feedback.events, "source")
    told = np.flatnonzero(held | (judged.event_scores >= judged.alarm))
    because = np.full(len(source), "", dtype=object)
    for at in told.tolist():
        because[at] = judged.because(at) or _because(dossiers[names[source[at]]])
    target, targets = coded(feedback.events, "target")
    table = pa.table(
        {
            "source": pa.array(names).take(source),
            "id": feedback.events.column("id"),
            "target": pa.array(targets).take(target),
            "time": pa.array(
                feedback.events.column("arrived").to_numpy(), mask=~feedback.dated
            ).cast(_TIME),
            "score": judged.event_scores,
            "score_at_arrival": at_arrival,
            "held": held,
            "because": pa.array(because.tolist(), pa.string()),
        }
    )
    pq.write_table(table.take(np.argsort(feedback.row, kind="stable")), path, compression="zstd")


def _because(dossier: Dossier) -> str:
    worst = max(dossier.findings, key=lambda finding: finding.score, default=None)
    return worst.because if worst is not None else ""


def write_prequential(
    path: Path, feedback: Feedback, in_force: Floats, steps: Sequence[int]
) -> None:
    """Write, for each k, the score in force at each source's k-th event."""
    with path.open("w", encoding="utf-8") as lines:
        for k in steps:
            at, names = kth_events(feedback.events, k)
            for place, name in zip(at.tolist(), names, strict=True):
                line = {"source": name, "k": k, "score": float(in_force[place])}
                lines.write(json.dumps(line, ensure_ascii=False) + "\n")


def write_summary(path: Path, summary: Mapping[str, object]) -> None:
    """Write the summary as JSON."""
    text = json.dumps(summary, ensure_ascii=False, indent=1, sort_keys=False)
    path.write_text(text + "\n", encoding="utf-8")
