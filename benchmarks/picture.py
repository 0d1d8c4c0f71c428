"""The picture of the reviewers' screen in docs/pictures: the demo's ratings and ring.

usage: python benchmarks/picture.py [FILE]

The same bytes every time: nothing is cut by a budget and the random sample has a seed of its own.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from hall import Hall, rounds  # noqa: E402  found by the line above

from approvals.rules import shipped  # noqa: E402  found by the line above
from approvals.screen.app import Screen  # noqa: E402  found by the line above
from approvals.screen.book import Book  # noqa: E402  found by the line above
from approvals.screen.interview import begin  # noqa: E402  found by the line above
from approvals.screen.talk import Talk  # noqa: E402  found by the line above
from approvals.screen.waiting import waiting  # noqa: E402  found by the line above

OUT: Final = Path(__file__).parents[1] / "docs" / "pictures" / "review.svg"
_FONT: Final = re.compile(r"@font-face \{[^}]*\}\s*")
"""A picture fetches nothing: whoever looks at it has a font of fixed width."""
WIDE: Final = {
    "rows = 60\n": "rows = 100_000\n",
    "share = 0.05\n": "share = 1.0\n",
    "lifetime = 200\n": "lifetime = 1_000_000\n",
    "per_target = 1\n": "per_target = 1_000\n",
    "per_target = 3\n": "per_target = 1_000\n",
    "rows = 30\n": "rows = 100_000\n",
}
"""What a budget would cut hangs on the leaves' salts, which are other ones every time."""


def main() -> None:
    """Build the hall, go to a case, save the picture."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    with tempfile.TemporaryDirectory() as folder:
        svg = asyncio.run(drawn(review(Path(folder))))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(svg, encoding="utf-8")
    print(f"{out}: {len(svg):,} characters")


def review(folder: Path) -> Talk:
    """Begin a review some days after a release, while a ring speaks."""
    text = shipped("demo")
    for narrow, wide in WIDE.items():
        text = text.replace(narrow, wide)
    hall = Hall(folder, text=text)
    before, now = rounds(0.12, 7)
    hall.hear(before, timedelta(days=12))
    hall.judge()
    hall.release()
    hall.at += timedelta(days=4)
    hall.hear(now, timedelta(days=12))
    hall.judge()
    seat = hall.seat("ben")
    book = Book.read(hall.store, seat.roster().standings)
    book = replace(book, voices=replace(book.voices, seed=b"picture"))
    talk = begin(seat, book, waiting(seat))
    for _ in range(2):
        talk.shown()
        hall.at += timedelta(seconds=17)
        talk.press("h")
    return talk


async def drawn(talk: Talk) -> str:
    """Return the screen as SVG, 80 columns by 24 lines."""
    app = Screen(talk, "ben")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        svg = app.export_screenshot(simplify=True)
    return _FONT.sub("", svg)


if __name__ == "__main__":
    main()
