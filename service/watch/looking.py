"""One look at the store, the bus and the disk: what does not work, and what is counted there."""

from __future__ import annotations

import platform
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Final, cast

import redis
from redis.exceptions import NoPermissionError

from approvals.attest import record_of
from approvals.audit import standing
from approvals.desk import outcomes
from approvals.model import PolicyAdopted
from approvals.model import State as Stand
from approvals.policy import Policy
from approvals.rules import load
from quarantine.errors import NotAuthorisedError, QuarantineError, TamperedError
from quarantine.model import EPOCH, from_micros
from quarantine.ports import Store
from service import wiring
from service.bus import shown
from service.reconcile import Balance, balance
from service.repair import clock_ms
from service.servers import open_bus
from service.settings import State
from service.watch.following import Followed
from service.watch.words import Figures, plain

BUS: Final = "bus"
STORE: Final = "store"
DISK: Final = "disk"
LOG: Final = "log"
LEAST_FREE: Final = 1024 * 1024
"""Bytes on the disk below which a batch may not find room; `doctor` warns long before."""
DECIDED: Final = timedelta(minutes=1)
"""How old the count of requests by where they stand may be."""
FULL: Final = 0.95
"""The share of its memory at which the bus begins to refuse producers: back-pressure."""

_EXPECTED: Final = (QuarantineError, redis.RedisError, OSError)


@dataclass(slots=True)
class Look:
    """What one look found: one sentence for what does not work, by part, and the figures."""

    complaints: dict[str, list[str]] = field(
        default_factory=lambda: {part: [] for part in (BUS, STORE, DISK, LOG)}
    )
    figures: Figures = field(default_factory=dict)

    @contextmanager
    def at(self, part: str) -> Iterator[None]:
        """Complain of `part` where the block fails as parts fail."""
        try:
            yield
        except _EXPECTED as error:
            self.complaints[part].append(f"{part}: {error}")


@dataclass(slots=True)
class Looker:
    """Looks at the parts that `state` and `url` (empty: no bus) name; one look at a time.

    The store is opened when it is first looked at, and again after it failed: opening refuses a
    store whose migrations are not the ones of this program.
    """

    state: State
    url: str
    clock: Callable[[], datetime]
    _store: Store | None = None
    _followed: Followed = field(default_factory=Followed)
    _decided: datetime = EPOCH
    _stands: Counter[Stand] = field(default_factory=Counter)
    _failures: int = 0
    _stood: int = -1

    def ready(self) -> Look:
        """Look only at what readiness asks for: does each part answer, is there room."""
        found = Look()
        if self.url:
            with found.at(BUS):
                self._look_at_bus(found)
        with found.at(STORE):
            self._opened(lambda store: store.size())
        with found.at(DISK):
            self._look_at_disk(found)
        with found.at(LOG):
            self._look_at_log(found)
        return found

    def all(self) -> Look:
        """Look at everything that has figures."""
        found = self.ready()
        with found.at(STORE):
            self._opened(lambda store: self._look_at_store(found, store))
        found.figures["fq_build_info"] = {
            (version("feedback-quarantine"), platform.python_version()): 1
        }
        return found

    def close(self) -> None:
        """Let go of the store."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def _opened(self, look: Callable[[Store], object]) -> None:
        try:
            if self._store is None:
                self._store = wiring.open_store(self.state)
            look(self._store)
        except QuarantineError:
            with suppress(QuarantineError):
                self.close()
            raise

    def _look_at_store(self, found: Look, store: Store) -> None:
        """Count what the role of this process may read; the figures of the rest are left out."""
        counts = (self._count_log, self._count_law, self._count_scoring, self._count_requests)
        for count in counts:
            with suppress(NotAuthorisedError):
                found.figures |= count(store)

    def _count_log(self, store: Store) -> Figures:
        self._followed.follow(store)
        return self._followed.figures(self.clock())

    def _count_law(self, store: Store) -> Figures:
        found = balance(store, self.url or None)
        waiting = {} if found.passages is None else _waiting(found)
        return plain({**_counted(found), "fq_log_size": store.size(), **waiting})

    def _count_scoring(self, store: Store) -> Figures:
        scored = store.judged_at()
        if scored is None:
            return {}
        return plain({"fq_scoring_timestamp_seconds": from_micros(scored).timestamp()})

    def _count_requests(self, store: Store) -> Figures:
        """Decide each request anew, at most once a minute: that reads all acts there are."""
        at = self.clock()
        if at - self._decided >= DECIDED:
            roster, policy = wiring.roster_of(store, self.state), self._policy(store)
            found = outcomes(store, policy, roster, at)
            self._decided, self._stands = at, Counter(each.state for *_, each in found)
        return {"fq_requests": {(state.value,): self._stands[state] for state in Stand}}

    def _policy(self, store: Store) -> Policy:
        """Return the policy that the log says is in force; the file's where it says none yet."""
        adopted = [each for each in store.acts() if each.act.kind == PolicyAdopted.act]
        if not adopted:
            return wiring.policy_of(self.state)
        newest = record_of(adopted[-1].act)
        assert isinstance(newest, PolicyAdopted)  # noqa: S101  record_of goes by the kind
        return load(newest.toml)

    def _look_at_bus(self, found: Look) -> None:
        """Ask every server; where the bus may refuse producers, that is a complaint."""
        at = self.clock()
        with closing(open_bus(self.url)) as bus:
            servers = list(bus.everyone())
            skews = [(clock_ms(each) / 1000 - at.timestamp()) for each in servers]
            found.figures |= plain({"fq_clock_skew_seconds": max(skews, key=abs)})
            with suppress(NoPermissionError):
                kept = all(_is_persistent(each) for each in servers)
                found.figures |= plain({"fq_bus_persistent": float(kept)})
            with suppress(NoPermissionError):
                self._look_at_memory(found, [_memory(each) for each in servers])

    def _look_at_memory(self, found: Look, servers: Sequence[tuple[int, int]]) -> None:
        used, most = max(servers, key=lambda each: each[0] / each[1] if each[1] else 0.0)
        found.figures |= plain({"fq_bus_memory_bytes": used, "fq_bus_memory_limit_bytes": most})
        if most and used > FULL * most:
            found.complaints[BUS].append(
                f"bus: {used} of {most} bytes are used at {shown(self.url)}: producers have to wait"
            )

    def _look_at_disk(self, found: Look) -> None:
        free = shutil.disk_usage(self.state.root).free
        found.figures |= plain({"fq_disk_free_bytes": free})
        if free < LEAST_FREE:
            found.complaints[DISK].append(f"disk: {free} bytes are free under {self.state.root}")

    def _look_at_log(self, found: Look) -> None:
        """Hold the newest signed checkpoint against the log; its rows are `audit verify`'s."""
        try:
            self._opened(self._stand_on_log)
        except TamperedError:
            self._failures += 1
            raise
        finally:
            found.figures |= plain({"fq_log_verify_failures_total": self._failures})
        if self._stood >= 0:
            found.figures |= plain({"fq_log_verified_index": self._stood})
        with suppress(FileNotFoundError):
            given = self.state.witness.stat().st_mtime
            found.figures |= plain({"fq_checkpoint_timestamp_seconds": given})

    def _stand_on_log(self, store: Store) -> None:
        notes = [note for _, note in store.checkpoints()[-1:]]
        if self.state.witness.exists():
            notes.append(self.state.witness.read_bytes())
        for note in notes:
            publics = wiring.role_publics(self.state)
            self._stood = max(self._stood, standing(store, note, publics, "a checkpoint").size)


def _counted(found: Balance) -> dict[str, float]:
    """Return what the store counts over all producers; a look at the bus does not change it."""
    figures = found.producers.values()
    return {
        "fq_events_stored_total": sum(each["events"]["stored"] for each in figures),
        "fq_events_duplicate_total": sum(each["events"]["duplicates"] for each in figures),
        "fq_entries_added_total": sum(each["entries"]["added"] for each in figures),
        "fq_entries_received_total": sum(each["entries"]["received"] for each in figures),
        "fq_entries_lost": sum(each["entries"]["lost"] for each in figures),
    }


def _waiting(found: Balance) -> dict[str, float]:
    figures = found.producers.values()
    return {
        "fq_stream_pending": sum(each["entries"]["pending"] for each in figures),
        "fq_stream_lag": found.lag,
        "fq_oldest_pending_seconds": found.oldest_pending_s,
        "fq_conservation_gap": sum(abs(each["gap"]) for each in figures),
    }


def _memory(client: redis.Redis) -> tuple[int, int]:
    told = cast("dict[str, object]", client.info("memory"))
    return int(str(told["used_memory"])), int(str(told["maxmemory"]))


def _is_persistent(client: redis.Redis) -> bool:
    told = cast("dict[str, str]", client.config_get("appendonly", "maxmemory-policy"))
    return (told.get("appendonly"), told.get("maxmemory-policy")) == ("yes", "noeviction")
