"""The whole story on real ratings, end to end, on the embedded defaults."""

from __future__ import annotations

import shutil
import sys
from importlib import resources
from typing import Final

from quarantine.errors import UsageError
from service import stores, wiring
from service.demo.story import Ended, Story
from service.settings import State

__all__ = ["Ended", "tell"]

MARK: Final = "demo"
"""A file of this name says that a state directory is a demo's, and may be removed."""


def tell(state: State, *, seed: int, fresh: bool, as_json: bool, share: float = 1.0) -> Ended:
    """Run the demo in `state`, a directory of its own; returns what came out.

    Raises `UsageError` when the directory holds something else, or an earlier demo and not `fresh`.
    """
    stores.require_own(state)
    _make_room(state, fresh=fresh)
    wiring.prepare(state)
    shipped = resources.files("approvals.policies") / "demo.toml"
    state.policy.write_bytes(shipped.read_bytes())
    (state.root / MARK).touch()
    with wiring.running_bus(state, None, allow_volatile=False) as url:
        return Story(state, url, seed=seed, show=_nothing if as_json else _say, share=share).tell()


def _make_room(state: State, *, fresh: bool) -> None:
    if not state.root.exists() or not any(state.root.iterdir()):
        return
    if not (state.root / MARK).exists():
        raise UsageError(f"{state.root} holds something else; give the demo a --state of its own")
    if not fresh:
        raise UsageError(f"{state.root} holds an earlier demo: --fresh removes it")
    shutil.rmtree(state.root)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _nothing(_: str) -> None:
    """Say nothing: with `--json` standard output holds the document alone."""
