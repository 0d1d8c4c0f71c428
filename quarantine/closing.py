"""What is closed at the end of a `with` block, however the block ends."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Closing:
    """Something that holds a file, a connection or a thread, and lets go of it in `close`."""

    def close(self) -> None:
        """Let go of what is held; a second time does nothing."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()
