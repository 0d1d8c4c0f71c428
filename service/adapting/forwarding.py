"""From records of another system to signed events on the bus; a later run goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from approvals.model import WITHDRAWN
from quarantine.closing import Closing
from quarantine.envelope import kinds, read
from quarantine.errors import MalformedError
from quarantine.model import from_micros, to_micros
from quarantine.record import spell_time
from service.adapting.config import Config, Sender, adapters
from service.adapting.inbox import Given, Inbox, Newest
from service.adapting.words import (
    Aside,
    Found,
    Gone,
    Json,
    Said,
    bytes_of,
    readings,
)
from service.producer import Publisher
from service.settings import State

AT_ONCE: Final = 500
"""Records of which events are made before they are published together."""


class Forwarded(NamedTuple):
    """What one run did: records that were new, events published, parts put aside."""

    records: int
    events: int
    aside: int


@dataclass(slots=True)
class _Making:
    """What is made of some records: events by producer, what to put aside, the newest of each."""

    events: dict[str, list[bytes]] = field(default_factory=dict)
    aside: list[tuple[str, int, Aside]] = field(default_factory=list)
    newest: dict[str, Newest] = field(default_factory=dict)


@dataclass(slots=True)
class Forwarder(Closing):
    """One adapter at work: keeps what it is given, says it in our words, publishes it.

    `open_publisher` opens the publisher of a producer with the key in a file. A record is on disk
    before it is read, and done only once the bus has its events; one that was cut off is said again
    in the same bytes, which the bus takes for a duplicate.
    """

    name: str
    config: Config
    state: State
    open_publisher: Callable[[str, Path], Publisher]
    inbox: Inbox = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Open the inbox."""
        self.inbox = Inbox(self.state.adapters / f"{self.name}.inbox")

    def take(self, bodies: Iterable[bytes], clock: Callable[[], datetime]) -> Forwarded:
        """Keep `bodies`, each the bytes of one record, and forward all that waits.

        Raises `UnavailableError` when the bus does not answer: what was kept is forwarded by a
        later run, and `RefusedError` when it refuses.
        """
        with self._lock:
            new = self.inbox.keep(bodies, to_micros(clock()))
            events, aside = self._forward(to_micros(clock()))
        return Forwarded(new, events, aside)

    def keep(self, body: bytes, at: datetime) -> None:
        """Keep one record; it is forwarded by a later `take`."""
        with self._lock:
            self.inbox.keep([body], to_micros(at))

    def close(self) -> None:
        """Close the inbox."""
        self.inbox.close()

    def _forward(self, now: int) -> tuple[int, int]:
        events = aside = 0
        while given := self.inbox.undone(AT_ONCE):
            making = _Making()
            for each in given:
                self._make(each, making, now)
            self._publish(making.events)
            digests = [each.digest for each in given]
            self.inbox.finish(digests, making.aside, making.newest.values())
            events += sum(map(len, making.events.values()))
            aside += len(making.aside)
        return events, aside

    def _make(self, given: Given, making: _Making, now: int) -> None:
        system = adapters()[self.config.adapter]
        for place, found in enumerate(readings(system, given.body, self.config)):
            try:
                for said in self._standing(found, given, making):
                    self._say(said, making, now)
            except MalformedError as error:
                making.aside.append((given.digest, place, Aside(error.reason, error.detail)))

    def _standing(self, found: Found, given: Given, making: _Making) -> Iterator[_Standing]:
        """Yield what is new in `found`, with its id and what it supersedes."""
        if isinstance(found, Aside):
            raise MalformedError(*found)
        if isinstance(found, Said):
            before = making.newest.get(found.native) or self.inbox.newest(found.native)
            if before is None or before.version < found.version:
                yield from self._stating(found, before)
        else:
            yield from self._withdrawing(found, given, making)

    def _stating(self, said: Said, before: Newest | None) -> Iterator[_Standing]:
        """Yield a piece; where another was its source, that one's word is taken back before."""
        sender = self.config.sender(said.assurance)
        if sender is None:
            raise MalformedError("not_sure_enough", f"its source is {said.assurance.value}")
        if before is not None and not before.gone and not _same_mouth(before, said, sender):
            former = self._senders().get(before.producer)
            if former is not None:
                yield _withdrawn(before, former, said.version, said.time)
        term = self.config.term(said.name)
        yield _Standing(said, sender, before, term.scope or self.config.scope, term.aspect)

    def _senders(self) -> dict[str, Sender]:
        return {each.producer: each for each in self.config.send}

    def _withdrawing(self, gone: Gone, given: Given, making: _Making) -> Iterator[_Standing]:
        known = {each.native: each for each in self.inbox.under(gone.native)}
        known |= {
            native: each
            for native, each in making.newest.items()
            if native == gone.native or native.startswith(f"{gone.native}/")
        }
        senders = self._senders()
        for native, before in known.items():
            sender = senders.get(before.producer)
            late = before.gone or before.version >= gone.version
            if sender is None or native in gone.but or late:
                continue
            when = gone.time or spell_time(from_micros(given.at))
            yield _withdrawn(before, sender, gone.version, when)

    def _say(self, standing: _Standing, making: _Making, now: int) -> None:
        said, before = standing.said, standing.before
        id_ = said.native if before is None else f"{said.native}@{said.version}"
        body = bytes_of(_event(standing, id_))
        read(body, position=0, arrived=now)
        making.events.setdefault(standing.sender.producer, []).append(body)
        making.newest[said.native] = Newest(
            native=said.native,
            version=said.version,
            id=id_,
            source=said.source,
            subject=said.subject,
            scope=standing.scope,
            producer=standing.sender.producer,
            gone=said.data.get("name") == WITHDRAWN,
        )

    def _publish(self, events: Mapping[str, list[bytes]]) -> None:
        keys = {each.producer: each.sign for each in self.config.send}
        with ExitStack() as open_:
            for producer, bodies in events.items():
                publisher = self.open_publisher(producer, self.state.root / keys[producer])
                open_.enter_context(publisher).publish(bodies)


class _Standing(NamedTuple):
    """A piece that is to be said: by whom, after what, for which scope, of which behaviour."""

    said: Said
    sender: Sender
    before: Newest | None
    scope: str
    aspect: str


def _withdrawn(before: Newest, sender: Sender, version: str, when: str) -> _Standing:
    """Return what takes back an event: a word of the same source, under the same producer."""
    said = Said(
        native=before.native,
        version=version,
        source=before.source,
        subject=before.subject,
        kind="signal",
        time=when,
        data={"name": WITHDRAWN, "value": 1, "low": 0, "high": 1},
        assurance=sender.assurance,
    )
    return _Standing(said, sender, before, before.scope, "")


def _same_mouth(before: Newest, said: Said, sender: Sender) -> bool:
    """Say whether an event is this one's to supersede: of its source, under its producer."""
    return (before.source, before.producer) == (said.source, sender.producer)


def _event(standing: _Standing, id_: str) -> Json:
    """Return the CloudEvent."""
    said, before = standing.said, standing.before
    own = before if before and _same_mouth(before, said, standing.sender) else None
    types = {kind.name: event_type for event_type, kind in kinds().items()}
    if said.kind not in types:
        raise MalformedError("unknown_type", f"{said.kind[:64]!r} is no kind of feedback")
    event: Json = {
        "specversion": "1.0",
        "id": id_,
        "source": said.source,
        "subject": said.subject,
        "type": types[said.kind],
        "time": said.time,
        "scope": standing.scope,
        "data": {**said.data, **({"supersedes": own.id} if own else {})},
    }
    return {**event, "aspect": standing.aspect} if standing.aspect else event
