"""The law of conservation, watched: what was added against what was received, lost and pending."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import redis

from approvals.attest import act_of, record_of
from approvals.mishaps import LettersRedriven, LossReported, StreamReset
from approvals.model import ActRecord
from approvals.ports import Signer
from quarantine.arrivals import Counts, DeadLetter, Passage
from quarantine.model import from_micros
from quarantine.ports import Store
from quarantine.record import spell_time
from service import lives
from service.bus import shown, stream_of
from service.law import Figures, Range, Status, figures, missing
from service.passage import TRIES, Standing, standings, trim
from service.servers import Bus, open_bus
from service.vouching import LAST_SEQ
from service.wire import UNVOUCHED

GRACE: Final = timedelta(seconds=5)
"""How long a gap in `seq` stays open before it is a loss."""
LEAP: Final = 10**12
"""A gap this wide is a producer's leap and no loss: nobody published so much in a moment."""

_PAGE: Final = 100


class Balance(NamedTuple):
    """The law's figures by producer, and how the bus stands; absent when it does not answer."""

    producers: dict[str, Figures]
    passages: Mapping[str, Passage] | None

    @property
    def lag(self) -> int:
        """Return how many entries nobody was given yet."""
        return sum(passage.lag for passage in (self.passages or {}).values())

    @property
    def oldest_pending_s(self) -> float:
        """Return how long the oldest entry waits since it was last given to a consumer."""
        waiting = (passage.oldest_pending_s for passage in (self.passages or {}).values())
        return max(waiting, default=0.0)


def balance(store: Store, url: str | None) -> Balance:
    """Set what the store counts against the bus, both as they stand at one moment."""
    counts = store.counts()
    passages: dict[str, Passage] | None = None
    for _ in range(TRIES):
        before = counts
        passages = _passages(store, url)
        counts = store.counts()
        if counts == before:
            break
    return Balance(figures(counts, store.added(), passages), passages)


def status(store: Store, url: str | None, *, open_requests: int) -> Status:
    """Return the figures of the contract's section 2; `bus` is null when `url` does not answer."""
    found = balance(store, url)
    scored = store.judged_at()
    return {
        "producers": found.producers,
        "bus": shown(url) if url is not None and found.passages is not None else None,
        "lag": found.lag,
        "oldest_pending_s": found.oldest_pending_s,
        "last_scoring_at": None if scored is None else spell_time(from_micros(scored)),
        "open_requests": open_requests,
    }


@dataclass(slots=True)
class _Still:
    """Since when a stream stands still (added, length, delivered), and whether that was judged."""

    look: tuple[int, int, bytes]
    since: datetime
    judged: bool = False


@dataclass(slots=True)
class Reconciler:
    """Watches every stream; reports a gap in `seq` that stays open as a loss, with its size."""

    store: Store
    bus: Bus
    signer: Signer
    clock: Callable[[], datetime]
    grace: timedelta = GRACE
    _open: dict[str, dict[Range, datetime]] = field(default_factory=dict)
    _still: dict[str, _Still] = field(default_factory=dict)
    _reported: dict[str, list[Range]] = field(default_factory=dict)
    _unvouched: Counter[str] = field(default_factory=Counter)
    _resets: dict[str, int] = field(default_factory=dict)
    _acts: int = 0
    _dead: int = 0

    def once(self) -> None:
        """Look at every stream once: remember what was added, trim what is done, report losses."""
        self._follow()
        for producer, stands in standings(self.bus, self.store).items():
            stream = stream_of(producer)
            client = self.bus.of(stream)
            lives.remembered(self.store, client, stream, stands)
            if lives.read_from_start(client, stream, stands.look):
                continue  # where the group stood was no place to trim at
            trim(client, stream, stands.look)
            for first, last in [*self._lost(producer, stands), *self._cut_off(producer, stands)]:
                self._report(producer, first, last)
        lives.tell_resets(self.store, self.signer, self._resets, self.clock())

    def _follow(self) -> None:
        """Catch up with losses that were reported, and with entries that nobody vouched for."""
        for logged in self.store.acts(self._acts):
            self._acts = logged.index + 1
            if logged.act.kind in {LossReported.act, StreamReset.act, LettersRedriven.act}:
                self._hear(record_of(logged.act))
        while letters := self.store.dead(self._dead, _PAGE):
            self._dead = letters[-1][0]
            self._unvouched.update(each.producer for _, each in letters if _unvouched(each))

    def _hear(self, record: ActRecord) -> None:
        if isinstance(record, LossReported):
            self._reported.setdefault(record.producer, []).append((record.first, record.last))
        elif isinstance(record, StreamReset):
            lives_before = self._resets.get(record.producer, 0)
            self._resets[record.producer] = max(lives_before, record.life)
        elif isinstance(record, LettersRedriven):
            # Their numbers are vouched for now, and explain no other gap any more.
            some = [
                letter for number in record.letters for letter in self.store.dead(number - 1, 1)
            ]
            self._unvouched.subtract(each.producer for _, each in some if _unvouched(each))

    def _lost(self, producer: str, stands: Standing) -> list[Range]:
        """Return the gaps that stayed open, as far as nothing else explains them."""
        at = self.clock()
        before = self._open.get(producer, {})
        gaps = missing(self.store.spans(producer), self._reported.get(producer, []))
        now = {
            gap: min((since for old, since in before.items() if _overlap(gap, old)), default=at)
            for gap in gaps
            if gap[1] - gap[0] < LEAP
        }
        self._open[producer] = now
        waiting_s = stands.passage.oldest_pending_s
        if stands.stuck or waiting_s >= self.grace.total_seconds():
            return []
        ripe = [gap for gap, since in now.items() if at - since >= self.grace]
        return _first(ripe, self._unexplained(producer, stands, ripe)) if ripe else []

    def _unexplained(self, producer: str, stands: Standing, ripe: Sequence[Range]) -> int:
        """Return how many of the missing are a loss.

        An entry that came but that nobody vouched for may be one of the missing; what the bus
        added and no longer has is lost for certain.
        """
        size = sum(last - first + 1 for first, last in ripe)
        gone = self._gone(producer, stands)
        return min(size, max(gone, size - self._unvouched[producer]))

    def _cut_off(self, producer: str, stands: Standing) -> list[Range]:
        """Return what the bus lost behind the newest number, once nothing moves any more.

        No later number shows such a loss, only the count: the numbers that come next are taken
        for it. One that comes after all is received, and no longer lost.
        """
        at, still = self.clock(), self._still.get(producer)
        look = stands.look
        if still is None or still.look != look[:3]:
            still = self._still[producer] = _Still(look[:3], at)
        if still.judged or at - still.since < self.grace:
            return []
        if self._open[producer] or stands.passage.pending:
            return []
        still.judged = True  # once for each time that all is still
        gone = self._gone(producer, stands)
        known = [last for _, last in self._reported.get(producer, [])]
        newest = max([0, *(last for _, last in self.store.spans(producer)[-1:]), *known])
        return [(newest + 1, newest + gone)] if 0 < gone <= LAST_SEQ - newest else []

    def _gone(self, producer: str, stands: Standing) -> int:
        """Return how many entries the bus says it added and nobody accounts for."""
        counts = self.store.counts().get(producer, Counts())
        accounted = counts.entries_received + counts.entries_lost + stands.passage.pending
        return self.store.added().get(producer, 0) - accounted

    def record(self, found: ActRecord) -> None:
        """Append what intake found to the log, signed as its role."""
        self.store.record([act_of(found, self.signer)])

    def _report(self, producer: str, first: int, last: int) -> None:
        record = LossReported(at=self.clock(), producer=producer, first=first, last=last)
        self.store.lost(act_of(record, self.signer), producer, first, last)


def _passages(store: Store, url: str | None) -> dict[str, Passage] | None:
    """Look at the bus and remember what was added; absent when it does not answer."""
    if url is None:
        return None
    try:
        with closing(open_bus(url)) as bus:
            found = standings(bus, store)
            for producer, stands in found.items():
                stream = stream_of(producer)
                stands.passage.added = lives.remembered(store, bus.of(stream), stream, stands)
    except (redis.RedisError, OSError):
        return None
    return {producer: stands.passage for producer, stands in found.items()}


def _unvouched(letter: DeadLetter) -> bool:
    return letter.position < 0 and letter.reason in UNVOUCHED


def _overlap(one: Range, other: Range) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _first(ranges: Sequence[Range], most: int) -> list[Range]:
    """Return the first `most` numbers of rising `ranges`, as ranges."""
    found = []
    for first, last in ranges:
        if most <= 0:
            break
        found.append((first, min(last, first + most - 1)))
        most -= last - first + 1
    return found
