"""Recorded feedback through the same detectors, policy and code path as the service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from service.backtest import passes, writing
from service.backtest.exposure import exposures, left_out
from service.backtest.figures import Shown, report
from service.backtest.model import BacktestOptions
from service.backtest.passes import InForce
from service.backtest.reading import read_feedback
from service.backtest.summary import read_beside, summary_of

__all__ = ["BacktestOptions", "run"]


def run(
    files: Sequence[Path], options: BacktestOptions, *, progress: Callable[[str], None]
) -> dict[str, object]:
    """Run recorded `files` and write what came out to `options.out`; return the summary.

    `progress` is told, line by line, what a person waiting wants to know (safe text). Raises
    `UsageError` for files and columns that have no meaning here, and for a place that is taken.
    """
    laps = _Laps()
    writing.check_place(options.out)
    feedback = read_feedback(files, scope=options.scope, progress=progress)
    beside = read_beside(feedback, options)
    feedback = replace(feedback, known=beside.known)
    laps.end("read")
    then = passes.in_force(feedback, beside.released, options.pass_every, progress)
    laps.end("passes")
    judged = passes.judged(feedback, beside.released)
    laps.end("score")
    if judged.scored.cold_start:
        progress("cold start: nothing counts as released, so no p-values; thresholds are robust")
    shown = Shown(
        feedback=feedback,
        judged=judged,
        held=left_out(feedback, judged, beside.policy),
        exposures=exposures(feedback, judged, beside.policy),
        gold=beside.gold,
    )
    laps.end("bound")
    summary = summary_of(files, options, shown, beside)

    def write(folder: Path) -> None:
        _write(folder, shown, then, options)
        laps.end("write")
        summary["seconds"] = {**laps.seconds, "last_pass": judged.scored.seconds}
        writing.write_summary(folder / "summary.json", summary)

    writing.write_out(options.out, write)
    return summary


def _write(folder: Path, shown: Shown, then: InForce, options: BacktestOptions) -> None:
    writing.write_dossiers(folder / "dossiers.jsonl", shown.judged.dossiers)
    writing.write_events(
        folder / "events.parquet",
        shown.feedback,
        shown.judged,
        at_arrival=passes.at_arrival(shown.feedback, then, options.pass_every),
        held=shown.held,
    )
    writing.write_prequential(
        folder / "prequential.jsonl", shown.feedback, then.scores, options.prequential
    )
    (folder / "report.html").write_text(report(shown), encoding="utf-8")


class _Laps:
    """How long each stage took, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = perf_counter()

    def end(self, stage: str) -> None:
        """Say that `stage` ends now, and that the next begins."""
        now = perf_counter()
        self.seconds[stage] = round(now - self._since, 3)
        self._since = now
