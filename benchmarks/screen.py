"""What a key press at the reviewers' screen costs, with many dossiers loaded, beside its floor.

usage: python benchmarks/screen.py [--sources N] [--events N] [--keys N] [--out FILE]

The floor is an empty Textual application's key press in the same run, the presses taken in turn:
both are measured from the key's arrival to the end of the frame that follows it. Times are the
wall clock's and, beside it, this process's own CPU; both hold the test driver's share.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path
from statistics import median, quantiles
from typing import Final, NamedTuple

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from hall import Hall  # noqa: E402  found by the line above
from textual.app import App, ComposeResult  # noqa: E402  found by the line above
from textual.pilot import Pilot  # noqa: E402  found by the line above
from textual.widgets import Static  # noqa: E402  found by the line above

from approvals.rules import shipped  # noqa: E402  found by the line above
from approvals.screen.app import Screen  # noqa: E402  found by the line above
from approvals.screen.book import Book  # noqa: E402  found by the line above
from approvals.screen.interview import begin, settle  # noqa: E402  found by the line above
from approvals.screen.talk import Talk  # noqa: E402  found by the line above
from approvals.screen.waiting import waiting  # noqa: E402  found by the line above
from quarantine.model import Dossier, Finding, Verdict, to_micros  # noqa: E402
from service.demo import people  # noqa: E402  found by the line above

KEYS: Final = ("h", "s", "space", "j", "g", "d", "escape", "u", "k", "n", "r", "4")
ALL_DAY: Final = """
[workload]
cases = 1_000_000
reserved = 0.5
patience = "365d"
"""
"""A policy's day holds some hundred cases; here all of them are to be loaded."""
MUST_MS: Final = 100.0


class Press(NamedTuple):
    """One key press: ms by the wall clock, and ms of CPU."""

    wall: float
    cpu: float


class Empty(App[None]):
    """The floor: one line of text, drawn anew at every key."""

    presses = 0

    def compose(self) -> ComposeResult:
        """Lay out the line."""
        yield Static(id="line")

    def on_key(self) -> None:
        """Count, and draw the count."""
        self.presses += 1
        self.query_one("#line", Static).update(str(self.presses))


def main() -> None:
    """Build, press, write."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--sources", type=int, default=10_000)
    asked.add_argument("--events", type=int, default=200_000)
    asked.add_argument("--keys", type=int, default=240)
    asked.add_argument("--out", type=Path)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        hall = Hall(Path(folder), text=shipped("demo") + ALL_DAY)
        crowd(hall, given.sources, given.events)
        started = time.perf_counter()
        talk = opened(hall)
        settle()
        seconds = time.perf_counter() - started
        ours, floor = asyncio.run(pressed(hall, talk, given.keys))
        first = (f"{given.sources:,} dossiers, {given.events:,} events", len(talk.sitting.cases))
        text = page(first, seconds, ours, floor)
    print(text)
    if given.out:
        given.out.write_text(text, encoding="utf-8")


def crowd(hall: Hall, sources: int, events: int) -> None:
    """Fill the store: everybody says as much, and every source waits for review."""
    each = max(events // sources, 1)
    said = [
        people.Given(f"rater-{n}", f"answer-{(n * 7 + m * 13) % 997}", 1.0 + (n + m) % 5)
        for m in range(each)
        for n in range(sources)
    ]
    hall.hear(said, timedelta(days=30))
    dossiers = [
        Dossier(
            producer="app",
            source=f"rater-{n}",
            events=each,
            score=0.5 + (n % 499) / 1000,
            cluster=f"app/rater-{n - n % 4}",
            verdict=Verdict.HOLD if n % 3 else Verdict.WATCH,
            findings=(
                Finding(detector="lockstep", score=0.9, because=f"agrees with {n % 40} others"),
                Finding(detector="tempo", score=0.6, because=f"{n % 90} events in one hour"),
            ),
        )
        for n in range(sources)
    ]
    hall.store.judge(dossiers, to_micros(hall.at), hall.store.size())


def opened(hall: Hall) -> Talk:
    """Open a review as the command does."""
    seat = hall.seat("ben")
    book = Book.read(hall.store, seat.roster().standings)
    talk = begin(seat, book, waiting(seat))
    talk.press("/")
    talk.answer("rater-1")
    return talk


async def pressed(hall: Hall, talk: Talk, count: int) -> tuple[list[Press], list[Press]]:
    """Press keys at both, in turn; the first of each are to warm up."""
    keys = list(islice(cycle(KEYS), count))
    ours, floor = [], []
    size = (80, 24)
    async with (
        Screen(talk, "ben").run_test(size=size) as pilot,
        Empty().run_test(size=size) as empty,
    ):
        for key in keys:
            hall.at += timedelta(seconds=9)
            ours.append(await one(pilot, key))
            floor.append(await one(empty, "x"))
    warm = len(KEYS)
    return ours[warm:], floor[warm:]


async def one(pilot: Pilot[object] | Pilot[bool] | Pilot[None], key: str) -> Press:
    """Press one key and wait until its frame was drawn."""
    drawn = asyncio.Event()
    app = pilot.app
    app.screen.refresh()
    await settled(app)
    wall, cpu = time.perf_counter(), time.process_time()
    app.simulate_key(key)
    app.call_after_refresh(drawn.set)
    await drawn.wait()
    await settled(app)
    return Press((time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3)


async def settled(app: App[object] | App[bool] | App[None]) -> None:
    """Wait until an application has nothing left to do or to draw."""
    for _ in range(2):
        done = asyncio.Event()
        app.screen.call_after_refresh(done.set)
        await done.wait()


def page(
    about: tuple[str, int], seconds: float, ours: Sequence[Press], floor: Sequence[Press]
) -> str:
    """Return the figures as Markdown."""
    load = f"load {os.getloadavg()[0]:.1f}"
    slow = max(range(len(ours)), key=lambda place: ours[place].wall)
    lines = [
        "# A key press at the reviewers' screen",
        "",
        f"{about[0]}, {about[1]:,} cases wait; opened in {seconds:.1f} s; 80 columns by 24 lines.",
        f"{len(ours)} keys, in turn: {' '.join(KEYS)}.",
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {load} at the end.",
        "",
        "| ms a key press | p50 | p95 | worst |",
        "|---|---|---|---|",
        *(
            f"| {name} | {median(some):.1f} | {quantiles(some, n=20)[-1]:.1f} | {max(some):.1f} |"
            for name, some in (
                ("ours, wall clock", [each.wall for each in ours]),
                ("floor, wall clock", [each.wall for each in floor]),
                ("ours, CPU", [each.cpu for each in ours]),
                ("floor, CPU", [each.cpu for each in floor]),
            )
        ),
        "",
        f"The worst was `{KEYS[slow % len(KEYS)]}`, key {slow + 1}.",
        verdict(ours),
    ]
    return "\n".join(lines) + "\n"


def verdict(ours: Sequence[Press]) -> str:
    """Say whether the number to hold is held."""
    p95 = quantiles([each.wall for each in ours], n=20)[-1]
    held = "held" if p95 <= MUST_MS else "NOT held"
    return f"To hold: {MUST_MS:.0f} ms a key press; at p95 it is {held}."


if __name__ == "__main__":
    main()
