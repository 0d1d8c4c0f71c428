"""The command line's own refusals, with what was typed made visible in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

MOST = 4000


class VisibleGroup(TyperGroup):
    """A group whose usage errors show no character that a terminal could act on."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the options; see `_visible_errors`."""
        with _visible_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command; see `_visible_errors`."""
        with _visible_errors():
            return super().invoke(*args, **kwargs)


@contextmanager
def _visible_errors() -> Iterator[None]:
    """Make visible what an error quotes; the framework would print it as it was typed."""
    try:
        yield
    except _USAGE as error:
        from quarantine.safe import safe  # noqa: PLC0415  only an error needs it

        if not _is_help(error):
            error.message = safe(str(error.message), MOST)  # type: ignore[attr-defined]
        raise


def _is_help(error: Any) -> bool:
    """Say whether it is our own help, shown where a command is missing: it quotes nobody."""
    return error.ctx is not None and error.message == error.ctx.get_help()


# The framework exports one of its usage errors; what they have in common is the one above it.
_USAGE: type[Exception] = typer.BadParameter.__mro__[1]
