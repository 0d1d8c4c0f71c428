"""The law of conservation over random histories of a stream: whatever happens, nothing is gone."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, cast

import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service import wiring
from service.bus import GROUP
from service.door import Door
from service.reconcile import GRACE, Reconciler, status
from service.servers import open_bus
from tests.producing import Sender, Site, batch_of, event, fields_of

Fields = dict[str | bytes, str | bytes | int | float]
Read = tuple[str, Mapping[bytes, bytes]]
_NAMES: Final = itertools.count(1)
_ALL: Final = 10_000


@dataclass
class History:
    """One producer's stream, who reads it, and what should have become of all that was added."""

    site: Site
    app: Sender
    door: Door
    chance: random.Random
    later: timedelta = timedelta(0)
    sent: list[Fields] = field(default_factory=list)
    in_hand: list[Read] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    said: dict[str, tuple[list[str], int]] = field(default_factory=dict)
    """By entry: the ids of its good events, and how many dead letters it leaves."""
    watching: Reconciler = field(init=False)
    _entries: dict[str, Fields] = field(default_factory=dict)

    def __post_init__(self) -> None:
        signer = wiring.role_signer(self.site.state, "intake")
        self.watching = Reconciler(
            self.site.store,
            open_bus(self.site.url),
            signer,
            lambda: wiring.now() + self.later,
        )

    def say(self, *, bad: int = 0, **adding: int) -> None:
        """Publish one to three good events, and `bad` that nobody can hold."""
        self.app.seq += 1
        names = [f"{self.app.seq}-{n}" for n in range(self.chance.randint(1, 3))]
        rubbish = [event("bad", weight=n) for n in range(bad)]
        batch = batch_of([*map(event, names), *rubbish])
        fields = fields_of(self.app.key, self.app.name, self.app.seq, batch)
        self.sent.append(fields)
        self._add(fields, (names, bad), **adding)

    def say_badly(self) -> None:
        self.say(bad=2)

    def say_again(self) -> None:
        """Publish an entry once more as it was."""
        if self.sent:
            fields = self.chance.choice(self.sent)
            first = next(id_ for id_, each in self._entries.items() if each is fields)
            self._add(fields, self.said[first])

    def forge(self) -> None:
        """Publish an entry that nobody signed."""
        fields = fields_of(self.app.key, self.app.name, self.app.seq + 1, batch_of([event("x")]))
        self._add({**fields, "sig": "Zm9yZ2Vk"}, ([], 1))

    def evict(self) -> None:
        """Publish such that all that waits before it is gone."""
        self.say(maxlen=1)

    def delete(self) -> None:
        """Take an entry from the stream, wherever it has got to."""
        there = self.app.client.xrange(self.app.stream)
        if there:
            self.app.client.xdel(self.app.stream, self.chance.choice(there)[0])  # type: ignore[arg-type,index]

    def read(self, most: int = 3) -> None:
        """Be given what nobody was given yet."""
        found = self.app.client.xreadgroup(GROUP, "one", {self.app.stream: ">"}, count=most)
        for _, entries in cast("list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]", found):
            self.in_hand += [(id_.decode(), fields) for id_, fields in entries]

    def claim(self) -> None:
        """Take over what others were given and did not finish, in any order."""
        left = self.app.client.xpending_range(self.app.stream, GROUP, "-", "+", _ALL)
        ids = [each["message_id"] for each in cast("list[dict[str, bytes]]", left)]
        if not ids:
            return
        found = self.app.client.xclaim(self.app.stream, GROUP, "two", 0, ids)
        entries = cast("list[tuple[bytes | None, dict[bytes, bytes]]]", found)
        some = [(id_.decode(), fields) for id_, fields in entries if id_ is not None]
        self.in_hand = self.chance.sample(some, len(some))

    def take(self) -> None:
        """Take in what is in hand, and die before it is acknowledged."""
        self.door.take(self.app.stream, self.in_hand)
        self.taken |= {id_ for id_, _ in self.in_hand}
        self.in_hand = []

    def finish(self) -> None:
        """Take in what is in hand, and acknowledge it."""
        ids = [id_ for id_, _ in self.in_hand]
        self.take()
        if ids:
            self.app.client.xack(self.app.stream, GROUP, *ids)

    def die(self) -> None:
        """Forget what is in hand."""
        self.in_hand = []

    def reconcile(self) -> None:
        self.watching.once()

    def wait(self) -> None:
        """Let the time pass after which what is missing is lost."""
        self.later += GRACE + timedelta(seconds=1)
        self.watching.once()

    def settle(self) -> None:
        """Take in all that is there, and let time pass until nothing changes any more."""
        self.in_hand = []
        self.claim()
        self.finish()
        self.read(_ALL)
        self.finish()
        for _ in range(3):
            self.wait()

    def figures(self) -> dict[str, object]:
        """Return what the law says of this producer."""
        told = status(self.site.store, self.site.url, open_requests=0)
        return dict(told["producers"][self.app.name])

    def expected(self) -> dict[str, object]:
        """Return what it must say, by what was done here and by what the bus counts as added."""
        told = [self.said[id_] for id_ in self.taken]
        events = sum(len(names) + bad for names, bad in told)
        # An entry that comes again as it was is a duplicate as a whole, what is bad in it too.
        once = {id(each): each for each in told}.values()
        stored = len({name for names, _ in once for name in names})
        dead = sum(bad for _, bad in once)
        added = len(self.said)
        return {
            "entries": {
                "added": added,
                "received": len(self.taken),
                "lost": added - len(self.taken),
                "pending": 0,
            },
            "events": {
                "received": events,
                "stored": stored,
                "duplicates": events - stored - dead,
                "dead_lettered": dead,
            },
            "gap": 0,
        }

    def _add(self, fields: Fields, said: tuple[list[str], int], **adding: int) -> None:
        more = {"maxlen": adding["maxlen"], "approximate": False} if adding else {}
        added = self.app.client.xadd(self.app.stream, {**fields}, **more)  # type: ignore[arg-type]
        self.said[cast("bytes", added).decode()] = said
        self._entries[cast("bytes", added).decode()] = fields


STEPS: Final[dict[str, Callable[[History], None]]] = {
    name: getattr(History, name)
    for name in (
        *("say", "say_badly", "say_again", "forge", "evict", "delete"),
        *("read", "claim", "take", "finish", "die", "reconcile", "wait"),
    )
}


def begun(site: Site, seed: int) -> History:
    """Register a producer of its own, with a stream that is read from its beginning."""
    app = site.register(f"random-{next(_NAMES)}")
    app.client.xgroup_create(app.stream, GROUP, id="0", mkstream=True)
    door = Door(site.store, site.state.secrets, wiring.now)
    return History(site, app, door, random.Random(seed))


def test_whatever_happens_to_a_stream_every_entry_and_every_event_is_accounted_for(
    either: Site, *, soak: bool
) -> None:
    @settings(
        max_examples=400 if soak else 20,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(steps=st.lists(st.sampled_from(sorted(STEPS)), max_size=25), seed=st.integers(0, 999))
    def play(*, steps: list[str], seed: int) -> None:
        history = begun(either, seed)
        try:
            for step in ["say", *steps]:
                STEPS[step](history)
            history.settle()
            assert history.figures() == history.expected()
        finally:
            with_its_stream_gone(history.app)

    play()


def with_its_stream_gone(app: Sender) -> None:
    """Leave nothing for the next history to look at."""
    try:
        app.client.delete(app.stream)
    except redis.RedisError:
        return


def test_the_model_would_notice_an_event_that_is_gone(site: Site) -> None:
    history = begun(site, 1)
    history.say()
    history.settle()
    assert history.figures() == history.expected()
    history.said[next(iter(history.taken))][0].append("never held")
    assert history.figures() != history.expected()
