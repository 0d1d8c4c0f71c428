"""A review from its first key to its last: the book, the conversation, and a screen for it."""

from __future__ import annotations

import gc
import sys

from approvals.screen import showing
from approvals.screen.book import Book
from approvals.screen.model import Case, Sample, Shown, Staged
from approvals.screen.rights import rights
from approvals.screen.seat import Seat
from approvals.screen.sitting import Sitting
from approvals.screen.talk import Talk
from approvals.screen.waiting import Queue
from quarantine.safe import safe


def interview(seat: Seat, book: Book, queue: Queue, *, plain: bool) -> tuple[list[Staged], bool]:
    """Let a reviewer go through `queue`; return what is staged, and whether it is to be signed."""
    talk = begin(seat, book, queue)
    signs = _in_lines(talk) if plain else _on_screen(talk, seat.name)
    return talk.sitting.staged, signs


def begin(seat: Seat, book: Book, queue: Queue) -> Talk:
    """Begin the conversation of one reviewer about the day's cases."""

    def show(case: Case) -> Shown:
        return showing.show(book, case, rights(seat, case))

    def more(case: Case, page: int) -> tuple[Sample, ...]:
        return showing.more(book, case, page)

    sitting = Sitting(queue.cases, seat.now, show, seed=seat.nonce())
    return Talk(sitting, more, behind=_behind(queue))


def _behind(queue: Queue) -> str:
    """Say what is not among the day's cases; nothing of it is released by waiting."""
    told = [f"{queue.later:,} more wait for another day"] if queue.later else []
    told += [f"{queue.lapsed:,} waited too long and stay behind"] if queue.lapsed else []
    return "; ".join(told)


def settle() -> None:
    """Take what was loaded out of the garbage collector's sight; it stays to the process's end.

    Looking through 10,000 dossiers takes it 180 ms, in the middle of some key press.
    """
    gc.collect()
    gc.freeze()


def _in_lines(talk: Talk) -> bool:
    from approvals.screen.plain import Plain  # noqa: PLC0415  a terminal needs none of it

    def write(line: str) -> None:
        sys.stdout.write(f"{line}\n")

    return Plain(talk, input, write).run()


def _on_screen(talk: Talk, name: str) -> bool:
    from approvals.screen.app import Screen  # noqa: PLC0415  plain lines need no Textual

    # Without the mouse a terminal can still mark and copy what it shows.
    screen = Screen(talk, safe(name, 40))
    settle()
    signs = bool(screen.run(mouse=False))
    if screen.failed is not None:
        raise screen.failed
    return signs
