"""Calling the hooks: each from a thread of its own, so that none can hold up a taking back."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, Self

from pydantic import Field

from approvals.attest import record_of
from approvals.erasures import Erased
from approvals.landing import write_whole
from approvals.lineage import Generation, trace
from approvals.model import ActRecord, Released, ReleaseYanked, Revoked
from approvals.releases import current, releases
from approvals.revoke import named_by
from quarantine.closing import Closing
from quarantine.errors import QuarantineError, UnavailableError, UsageError
from quarantine.model import Logged
from quarantine.ports import Store
from quarantine.record import Moment, Record
from service import wiring
from service.hooks import Hook, Occasion, call, read_hooks
from service.notices import notice
from service.settings import State
from service.telling import subject_of

OCCASIONS: Final[Mapping[str, Occasion]] = {
    Released.act: "release-published",
    Revoked.act: "release-revoked",
    ReleaseYanked.act: "release-revoked",
    Erased.act: "events-erased",
}
"""The acts on which hooks are called, and as what."""

EVERY_S: Final = 1.0
SLOWEST_S: Final = 300.0
_ENDING_S: Final = 60.0
_log = logging.getLogger("releasing")


class Called(Record):
    """How far a hook was told: the log up to `next`, and each scope's current release by manifest.

    Where the newest call failed: why, how often in a row, and since when.
    """

    next: int
    current: dict[str, str] = Field(default_factory=dict)
    failed: str | None = None
    tries: int = 0
    since: Moment | None = None


class _Said(NamedTuple):
    """One notice: what it is about, when that was, and how far the hook is told once it is said."""

    event: bytes
    then: Called


class Caller:
    """Calls one hook for all that it has not been told, in order; remembers how far it is."""

    def __init__(self, store: Store, hook: Hook, memory: Path) -> None:
        """Tell `hook` what `store` logs; one that is new begins with the present, not the past."""
        self._store = store
        self._hook = hook
        self._memory = memory
        self.called = read_called(memory) or Called(next=store.size())
        self._looked = False

    def once(self, at: datetime) -> int:
        """Call the hook for everything that is due; return how often.

        Raises `UnavailableError` when it fails; what it was not told then comes first again.
        """
        told = 0
        for said in self._due(at):
            try:
                call(self._hook, said.event)
            except UnavailableError as error:
                self._fail(str(error), at)
                raise
            self._keep(said.then)
            told += 1
        return told

    def _due(self, at: datetime) -> Iterator[_Said]:
        """Yield what the hook is to be told: acts in the order of the log, then what is current."""
        moved = not self._looked or self.called.failed is not None
        for logged in self._store.acts(self.called.next):
            then = Called(next=logged.index + 1, current=self.called.current)
            occasion = OCCASIONS.get(logged.act.kind)
            moved |= occasion is not None
            if occasion in self._hook.on:
                yield _Said(_spelled(self._store, logged, occasion), then)
            else:
                self.called = then
        if moved:
            yield from self._moved(at)
            self._keep(self.called)
            self._looked = True

    def _moved(self, at: datetime) -> Iterator[_Said]:
        """Yield which release is current now in each scope in which it was another before."""
        if "current-changed" not in self._hook.on:
            return
        newest = max((e.index for e in self._store.acts() if e.act.kind in OCCASIONS), default=0)
        for scope in sorted({left.record.scope for left in releases(self._store)}):
            left = current(self._store, scope)
            manifest = left.record.manifest if left else ""
            known = self.called.current
            if known.get(scope) != manifest:
                said = {
                    "scope": scope,
                    "release": left.record.name if left else None,
                    "manifest": manifest or None,
                    "before": known.get(scope) or None,
                    "log": newest,
                }
                then = Called(next=self.called.next, current={**known, scope: manifest})
                yield _Said(notice("current-changed", scope, said, at=at).encode(), then)

    def _keep(self, called: Called) -> None:
        self.called = called
        self._memory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(self._memory, called.canonical())

    def _fail(self, because: str, at: datetime) -> None:
        before = self.called
        more = {"failed": because, "tries": before.tries + 1, "since": before.since or at}
        self._keep(before.model_copy(update=more))


def read_called(memory: Path) -> Called | None:
    """Return how far a hook was told, absent where it never was; `TamperedError` for no such."""
    return Called.parse(memory.read_bytes()) if memory.exists() else None


def memory_of(state: State, hook: Hook) -> Path:
    """Return the file that remembers how far a hook was told."""
    return state.called / f"{hook.name}.json"


def failing(state: State) -> Iterator[tuple[str, Called]]:
    """Yield the hooks whose newest call failed, by name, with why; for `doctor`."""
    for hook in read_hooks(state.hooks):
        called = read_called(memory_of(state, hook))
        if called is not None and called.failed is not None:
            yield hook.name, called


class Calling(Closing):
    """Calls all hooks of a state directory while it is entered, each from its own thread.

    A hook that fails is called again, after ever longer pauses up to five minutes; nothing else
    waits for it. A file of hooks that cannot be read is said, and no hook is called.
    """

    def __init__(self, state: State) -> None:
        """Read which hooks there are."""
        self._state = state
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        """Begin to call."""
        try:
            hooks = read_hooks(self._state.hooks)
        except UsageError as error:
            _log.error("no hook is called: %s", error)
            hooks = ()
        for hook in hooks:
            thread = threading.Thread(target=self._run, args=(hook,), name=hook.name, daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def close(self) -> None:
        """Let what is being called end, and call nothing more."""
        self._ending.set()
        for thread in self._threads:
            thread.join(_ENDING_S)

    def _run(self, hook: Hook) -> None:
        """Open the store, and tell the hook until the end; what goes wrong is tried anew later."""
        pause = EVERY_S
        while not self._ending.wait(pause):
            try:
                with wiring.open_store(self._state) as store:
                    self._tell(Caller(store, hook, memory_of(self._state, hook)))
            except QuarantineError as error:
                _log.warning("hook %s: %s", hook.name, error)
                pause = SLOWEST_S

    def _tell(self, caller: Caller) -> None:
        pause = 0.0
        while not self._ending.wait(pause):
            try:
                caller.once(wiring.now())
                pause = EVERY_S
            except UnavailableError as error:
                _log.warning("%s", error)
                pause = min(2.0 ** min(caller.called.tries, 9), SLOWEST_S)


def _spelled(store: Store, logged: Logged, occasion: Occasion) -> bytes:
    record = record_of(logged.act)
    said = {
        **record.model_dump(mode="json", exclude_none=True),
        "log": logged.index,
        **_reach(store, logged, record),
    }
    return notice(occasion, subject_of(record), said, at=record.at).encode()


def _reach(store: Store, logged: Logged, record: ActRecord) -> Mapping[str, object]:
    """Return which releases hold what an act takes back or erases, and which models were made."""
    rows: list[int] = []
    match record:
        case Revoked():
            rows = [index for index in store.find(named_by(record)) if index < logged.index]
        case Erased():
            rows = [index for index, act in store.erased().items() if act == logged.index]
        case ReleaseYanked():
            with contextlib.suppress(StopIteration):
                left = next(e for e in releases(store) if e.record.manifest == record.manifest)
                rows = left.rows(store)
        case _:
            return {}
    first = next(iter(trace(store, rows)), Generation(0, (), (), ()))
    named = [
        {"release": left.record.name, "manifest": left.record.manifest, "rows": count}
        for left, count in first.releases
    ]
    return {"releases": named, "models": list(first.models)}
