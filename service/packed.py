"""Files from others, plain or gzip, opened so that none of them can fill the memory."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

LONGEST_LINE: Final = 16 * 1024 * 1024
"""Bytes without an end of line, at most: no event is as long, and a line is read as a whole."""
UNDOUBTED: Final = 1024**3
"""Bytes that any gzip file may unpack to."""
MOST_TIMES: Final = 500
"""How many times its own size a gzip file may unpack to beyond that; feedback does not reach 50."""
_READ_AHEAD: Final = 1024 * 1024


@contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    """Open `path` for reading bytes, through gzip (RFC 1952) where its name ends in `.gz`.

    What cannot be read is `OSError`, then or later: a file that is no whole gzip, a line beyond
    `LONGEST_LINE`, a gzip that unpacks out of all proportion.
    """
    with path.open("rb") as plain:
        if not path.name.endswith(".gz"):
            yield io.BufferedReader(_Watched(plain), _READ_AHEAD)
            return
        most = max(UNDOUBTED, MOST_TIMES * path.stat().st_size)
        with gzip.GzipFile(fileobj=plain) as opened:
            yield io.BufferedReader(_Watched(opened, most), _READ_AHEAD)


class _Watched(io.RawIOBase):
    """Passes on what a stream gives, and stops where it gives too much."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile, most: int | None = None) -> None:
        """Watch `stream`, of which `most` bytes may come in all, where that is given."""
        self._stream = stream
        self._most = most
        self._came = 0
        self._since_end = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, room: WriteableBuffer, /) -> int:
        """Fill `room`; return with how many bytes, 0 at the end."""
        content = self._next(len(memoryview(room)))
        memoryview(room)[: len(content)] = content
        self._came += len(content)
        if self._most is not None and self._came > self._most:
            raise OSError(f"it unpacks to more than {self._most} bytes")
        ended = max(content.rfind(b"\n"), content.rfind(b"\r"))
        self._since_end = len(content) - ended - 1 + (self._since_end if ended < 0 else 0)
        if self._since_end > LONGEST_LINE:
            raise OSError(f"a line is longer than {LONGEST_LINE} bytes")
        return len(content)

    def _next(self, most: int) -> bytes:
        try:
            return self._stream.read(most)
        except (EOFError, zlib.error) as error:
            raise gzip.BadGzipFile(str(error)) from error
