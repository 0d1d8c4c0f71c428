"""The gate against a model of it: whatever people do in whatever order, nothing leaves unagreed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from approvals import desk
from approvals.adoption import in_force, step
from approvals.attest import act_of
from approvals.ledger import Ledger
from approvals.model import Decision, PolicyAdopted, Request, ReviewerRevoked, State
from approvals.policy import Policy
from approvals.release import make
from approvals.rules import load
from quarantine.errors import QuarantineError
from quarantine.stores.sqlite import SqliteStore
from tests.press import Printer
from tests.room import LOOSE, START, Room, terms_of

VOTE_TTL, REQUEST_TTL = timedelta(minutes=40), timedelta(hours=3)
TEXT = LOOSE.replace('vote_ttl = "1h"', 'vote_ttl = "40m"').replace(
    'request_ttl = "1h"', 'request_ttl = "3h"'
)
POLICIES = {
    "two": load(TEXT),
    "two, in other words": load(TEXT + "\n# the same\n"),
    "three": load(TEXT.replace("people = 2", "people = 3")),
}
PERSONS = {"ana": "ana", "ben": "ben", "cho": "cho", "dov": "dov", "eli": "eli", "ben2": "ben"}
WHICH = st.integers(0, 3)
NAMES = st.sampled_from(sorted(PERSONS))
VOTES = st.sampled_from([Decision.APPROVE] * 5 + [Decision.REJECT, Decision.WITHDRAW])


@dataclass
class Word:
    """What somebody said, under which of their names, and when."""

    name: str
    decision: Decision
    at: datetime


@dataclass
class Asked:
    """What the model knows of a request: who asked, under what, and all that was said."""

    by: str
    policy: str
    at: datetime
    words: list[Word] = field(default_factory=list)
    released: bool = False

    def stands(self, policy: str, at: datetime, seats: Mapping[str, datetime]) -> State:
        """Say where it stands: written anew, from the rules in words and not from their code.

        `seats` says since when each name decides: what it said before is not that seat's word.
        """
        if self.released:
            return State.RELEASED
        if policy != self.policy:
            return State.STALE
        if at >= self.at + REQUEST_TTL:
            return State.EXPIRED
        words = [word for word in self.words if word.at >= seats[word.name]]
        last = {PERSONS[word.name]: word for word in words}
        fresh = {who: w.decision for who, w in last.items() if at < w.at + VOTE_TTL}
        if Decision.REJECT in fresh.values():
            return State.REJECTED
        yes = {who for who, what in fresh.items() if what is Decision.APPROVE}
        need = 3 if policy == "three" else 2
        return State.APPROVED if len(yes - {PERSONS[self.by]}) >= need else State.PENDING


class Interrupted(SqliteStore):
    """A store between whose look and whose write another process acts, once."""

    between: Callable[[], object] | None = None

    def record(self, acts, require=None):  # type: ignore[no-untyped-def]
        between, self.between = self.between, None
        if between is not None:
            between()
        return super().record(acts, require)


class Gate(RuleBasedStateMachine):
    """Two processes on one store, five people under six names, three policies."""

    steps = 0
    left = 0

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.asked: dict[str, Asked] = {}
        self.requests: dict[str, Request] = {}
        self.seated = dict.fromkeys(PERSONS, True)
        self.seats = dict.fromkeys(PERSONS, START)
        self.policy = "two"
        self.voices = 0

    @initialize()
    def open(self) -> None:
        room = Room(Path(self.folder.name), policy=POLICIES["two"])
        room.store.close()
        room.store = Interrupted(room.folder / "store.db")
        self.room, self.printer = room, Printer(room)
        self.other = SqliteStore(room.folder / "store.db")
        for name in ("dov", "eli"):
            room.add(name, roles=("reviewer",))
        room.add("ben2", person="ben", roles=("reviewer",))
        self.ask_anew("ana")

    def teardown(self) -> None:
        Gate.left += sum(each.released for each in self.asked.values())
        if hasattr(self, "room"):
            self.room.store.close()
            self.other.close()
        self.folder.cleanup()

    def ask_anew(self, by: str) -> None:
        """Let somebody new say something, and ask for what is held."""
        self.room.crowd(2, 1, first=self.voices)
        self.voices += 2
        request, _, _ = self.room.ask(by)
        self.requests[request.digest] = request
        self.asked[request.digest] = Asked(by, self.policy, request.at)

    @rule(by=NAMES)
    @precondition(lambda self: len(self.asked) < 4)
    def ask(self, by: str) -> None:
        assume(self.seated[by])
        self.ask_anew(by)
        Gate.steps += 1

    @rule(which=WHICH, name=NAMES, decision=VOTES)
    def vote(self, which: int, name: str, decision: Decision) -> None:
        ref = self.picked(which)
        self.cast(self.room.store, ref, name, decision)
        Gate.steps += 1

    @rule(which=WHICH, names=st.tuples(NAMES, NAMES), votes=st.tuples(VOTES, VOTES))
    def two_at_once(
        self,
        which: int,
        names: tuple[str, str],
        votes: tuple[Decision, Decision],
    ) -> None:
        """One process looks, the other votes, and then the first one writes."""
        ref = self.picked(which)
        self.room.store.between = lambda: self.cast(self.other, ref, names[1], votes[1])
        self.cast(self.room.store, ref, names[0], votes[0])
        self.room.store.between = None
        Gate.steps += 1

    def picked(self, which: int) -> str:
        """Return one of the requests, by its age: digests are another each time."""
        return list(self.asked)[which % len(self.asked)]

    def cast(self, store: SqliteStore, ref: str, name: str, decision: Decision) -> None:
        """Vote through the desk; it must take exactly what the model takes."""
        asked, terms = self.asked[ref], terms_of(self.room, name)
        at = terms["at"]
        try:
            desk.cast(store, self.requests[ref], decision, because="x", **terms)
        except QuarantineError:
            assert not self.may(ref, name, decision, at), (name, decision, self.state(ref))
        else:
            assert self.may(ref, name, decision, at), (name, decision, self.state(ref))
            asked.words.append(Word(name, decision, at))

    def may(self, ref: str, name: str, decision: Decision, at: datetime) -> bool:
        asked = self.asked[ref]
        now = asked.stands(self.policy, max([at, *(w.at for w in asked.words)]), self.seats)
        if not self.seated[name] or now in (State.RELEASED, State.STALE, State.EXPIRED):
            return False
        if decision is not Decision.APPROVE:
            return True
        if now is State.REJECTED or PERSONS[name] == PERSONS[asked.by]:
            return False
        return not self.clashes(ref)

    @rule(which=WHICH)
    def release(self, which: int) -> None:
        self.try_release(self.picked(which))
        Gate.steps += 1

    @rule(which=WHICH, name=NAMES, decision=VOTES)
    def release_while_somebody_votes(self, which: int, name: str, decision: Decision) -> None:
        """What is said while the files are written is heard before they count."""
        ref = self.picked(which)
        self.room.store.between = lambda: self.cast(self.other, ref, name, decision)
        before = self.asked[ref].stands(self.policy, self.room.at, self.seats)
        self.try_release(ref, is_disturbed=True)
        self.room.store.between = None
        assert before is not State.RELEASED or self.asked[ref].released
        Gate.steps += 1

    def try_release(self, ref: str, *, is_disturbed: bool = False) -> None:
        asked, out = self.asked[ref], self.room.folder / f"out-{self.room.later():%H%M%S}-{ref[:8]}"
        press = self.printer.press()
        was = asked.stands(self.policy, press.at, self.seats)
        try:
            make(ref, out, press)
        except QuarantineError:
            assert not out.exists()
            if not is_disturbed:
                assert was is not State.APPROVED or self.clashes(ref), self.state(ref)
            return
        assert was in (State.APPROVED, State.RELEASED)
        asked.released = True

    def clashes(self, ref: str) -> bool:
        """Say whether another request released some of the same rows before."""
        rows = {each.index for each in self.members(ref)}
        others = (r for r, each in self.asked.items() if each.released and r != ref)
        return any(rows & {each.index for each in self.members(r)} for r in others)

    def members(self, ref: str):  # type: ignore[no-untyped-def]
        index, _ = desk.find_request(self.room.store, ref)
        return self.room.store.members(index)

    @rule(minutes=st.sampled_from([1, 5, 15, 25, 41]))
    def wait(self, minutes: int) -> None:
        self.room.later(timedelta(minutes=minutes))
        Gate.steps += 1

    @rule(name=NAMES)
    def unseat(self, name: str) -> None:
        """Take a name off the roster from now on: what it said before still counts."""
        assume(self.seated[name])
        at = self.room.later()
        record = ReviewerRevoked(at=at, name=name, since=at)
        self.room.store.record([act_of(record, self.room.operator)])
        self.seated[name] = False
        Gate.steps += 1

    @rule(name=NAMES)
    def seat_again(self, name: str) -> None:
        """Put a name on the roster anew, or give it its roles again: a new seat, no old words."""
        self.room.add(name, person=PERSONS[name], roles=("reviewer",))
        self.seated[name], self.seats[name] = True, self.room.at
        Gate.steps += 1

    @rule(which=WHICH, names=st.permutations(["ben", "cho", "dov", "eli"]))
    def agree(self, which: int, names: list[str]) -> None:
        """Let several say yes, one after the other."""
        ref = self.picked(which)
        for name in names[:3]:
            self.cast(self.room.store, ref, name, Decision.APPROVE)
            Gate.steps += 1

    @rule(chosen=st.sampled_from(sorted(POLICIES)))
    def change_policy(self, chosen: str) -> None:
        """Put a policy in its place: a looser one, that nobody agreed to, changes nothing."""
        at, text = self.room.later(), POLICIES[chosen].text
        found = step(Ledger.read(self.room.store.acts()), text, at)
        looser = self.policy == "three" and chosen != "three"
        assert bool(found.waiting) == looser
        if found.is_new:
            record = PolicyAdopted(at=at, policy=found.policy.digest, toml=text)
            self.room.store.record([act_of(record, self.room.operator)])
            self.policy, self.room.policy = chosen, found.policy
        Gate.steps += 1

    def state(self, ref: str) -> tuple[State, State]:
        real = desk.outcome(
            self.room.store, ref, self.room.policy, self.room.roster, self.room.at
        ).state
        return real, self.asked[ref].stands(self.policy, self.room.at, self.seats)

    @invariant()
    def stands_as_the_model_says(self) -> None:
        if not self.asked:
            return
        at = max([self.room.at, *(w.at for a in self.asked.values() for w in a.words)])
        found = desk.outcomes(self.room.store, self.room.policy, self.room.roster, at)
        real = {request.digest: outcome.state for _, request, outcome in found}
        assert real == {
            ref: each.stands(self.policy, at, self.seats) for ref, each in self.asked.items()
        }

    @invariant()
    def only_what_was_lawfully_adopted_is_in_force(self) -> None:
        if self.asked:
            present = in_force(Ledger.read(self.room.store.acts()))
            assert isinstance(present, Policy)
            assert present.digest == self.room.policy.digest


def test_whatever_happens_nothing_leaves_without_its_quorum(
    *, soak: bool, say: Callable[[str], None]
) -> None:
    Gate.steps = Gate.left = 0
    wanted, long = (50_000, 100) if soak else (2_000, 100)
    run_state_machine_as_test(
        Gate,
        settings=settings(
            max_examples=wanted // long,
            stateful_step_count=long,
            deadline=None,
            derandomize=not soak,
            database=None,
            phases=[Phase.generate],  # a story of this size says more than its shortest form
            suppress_health_check=list(HealthCheck),
        ),
    )
    say(f"the gate: {Gate.steps:,} steps against the model, {Gate.left} releases")
    assert Gate.left > 0, "something must leave, or nothing was tried"


def test_an_approval_that_came_too_late_is_refused() -> None:
    """The model itself: an expired vote brings nothing through."""
    start = datetime(2026, 1, 1)  # noqa: DTZ001  only differences count here
    yes = [Word(name, Decision.APPROVE, start) for name in ("ben", "cho")]
    seats = dict.fromkeys(PERSONS, start)
    asked = Asked("ana", "two", start, yes)
    assert asked.stands("two", start, seats) is State.APPROVED
    assert asked.stands("two", start + VOTE_TTL, seats) is State.PENDING
    assert asked.stands("three", start, seats) is State.STALE
    assert asked.stands("two", start, seats | {"ben": start + VOTE_TTL}) is State.PENDING
