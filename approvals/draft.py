"""What may leave: a request decided again over rows checked again, and what its release says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter

from approvals import desk
from approvals.attest import record_of
from approvals.audit import unsound
from approvals.frozen import Frozen, recheck_frozen
from approvals.gate import GateReport
from approvals.ledger import Ledger
from approvals.manifest import Bypass
from approvals.model import PolicyAdopted, Request
from approvals.passing import require_gate
from approvals.permission import Ground, permitted, require_read
from approvals.policy import Policy
from approvals.ports import Signer
from approvals.redecide import bypass_of
from approvals.releases import Left, releases
from approvals.roster import Roster
from approvals.rules import load
from approvals.workflow import Cast, request_id
from quarantine.envelope import kind_named
from quarantine.errors import StaleError, TamperedError
from quarantine.model import Kind, Logged, Member
from quarantine.ports import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """What a release is made with.

    `policy` is the one in force, `signer` the releasing role's key, `at` the time (aware),
    `origin` the log's name, `roles` the roles' public keys (PEM), by which every act is checked
    first, `detectors` the versions of those that scored.
    """

    store: Store
    policy: Policy
    signer: Signer
    at: datetime
    origin: str
    roles: Mapping[str, str]
    detectors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A request that may leave, with all that its release is a function of."""

    press: Press
    request: Request
    members: Sequence[Member]
    acts: Sequence[Logged]
    votes: Sequence[Cast]
    policy: Policy
    roster: Roster
    at: datetime
    size: int
    kind: Kind
    name: str
    previous: Left | None
    bypass: Bypass | None
    gate: GateReport | None

    @property
    def indexes(self) -> list[int]:
        """Return the log indexes of its rows, rising."""
        return [*map(itemgetter(0), self.members)]


def drafted(ref: str, press: Press) -> tuple[Draft, Left | None]:
    """Check everything that can refuse; return what is to be written, and as what it left before.

    Raises `UnmetError` when the request that `ref` names is not approved, `StaleError` when rows or
    policy changed, `TamperedError` when the log is not sound, `UsageError` without such a request.
    """
    store = press.store
    _require_sound_acts(press)
    index, request = desk.find_request(store, ref)
    left = releases(store, request.scope)
    before = next((each for each in left if each.request == index), None)
    frozen = Frozen(store)
    ground = _ground(press, request, frozen, before)
    given = permitted(ground)
    members = recheck_frozen(store, frozen, index, request, ground.policy)
    require_read(ground.policy, members, given)
    gate = require_gate(store, ground.policy, request, ground.size, again=before is not None)
    proven = {index, *(cast.place for cast in ground.votes), *given.places}
    proven |= {gate[0].index} if gate else set()
    earlier = [each for each in left if each.index < ground.size]
    draft = Draft(
        press=press,
        request=request,
        members=members,
        acts=[logged for logged in store.acts(index) if logged.index in proven],
        votes=ground.votes,
        policy=ground.policy,
        roster=_roster(ground),
        at=ground.at,
        size=ground.size,
        kind=kind_named(request.kind),
        name=_name(request.scope, ground.at, earlier),
        previous=earlier[-1] if earlier else None,
        bypass=bypass_of(given.outcome, ground.policy),
        gate=gate[1] if gate else None,
    )
    return draft, before


def require_unchanged(draft: Draft) -> None:
    """Refuse what people said, took back or released while the files were written."""
    store, name = draft.press.store, request_id(draft.request)
    ledger = Ledger.read(store.acts())
    votes = [noted.logged.index for _, noted in ledger.votes_on(draft.request)]
    if max(votes, default=0) >= draft.size or not store.revoked().isdisjoint(draft.indexes):
        raise StaleError(f"votes came or rows were taken back while {name} was written: try again")
    if draft.request.digest in ledger.released:
        left = ledger.released[draft.request.digest]
        raise StaleError(f"request {name} left meanwhile, as {left.name}")
    if draft.name in {left.name for left in ledger.released.values()}:
        raise StaleError(f"another release was made while {name} was written: try again")


def _ground(press: Press, request: Request, frozen: Frozen, before: Left | None) -> Ground:
    """Return what is decided from: log, policy and time of now, or those of the first time."""
    store = press.store
    size = before.record.log_size if before else store.size()
    return Ground(
        store=store,
        roles=press.roles,
        policy=_adopted(store, request.policy, press.policy) if before else press.policy,
        request=request,
        votes=[cast for cast in desk.votes_on(store, request, frozen) if cast.place < size],
        size=size,
        at=before.record.at if before else press.at,
    )


def _roster(ground: Ground) -> Roster:
    """Return who spoke for whom when the log was as long as it counts."""
    roster = Roster(operator=ground.roles.get("operator", ""))
    roster.follow(each for each in ground.store.acts() if each.index < ground.size)
    return roster


def _require_sound_acts(press: Press) -> None:
    """Refuse to print while the log holds an act by the wrong hand: it may have seated a voter.

    And by a clock that stands before the log's last word.
    """
    problems = unsound(press.store, roles=press.roles)
    if problems:
        raise TamperedError(f"nothing leaves while the log is not sound: {problems[0]}")
    Ledger.read(press.store.acts()).require_clock(press.at)


def _adopted(store: Store, digest: str, present: Policy) -> Policy:
    """Return the policy of this digest: the one in force, else one that the log has adopted."""
    for logged in store.acts():
        if logged.act.kind == PolicyAdopted.act:
            record = record_of(logged.act)
            if isinstance(record, PolicyAdopted) and record.policy == digest:
                return load(record.toml)
    return present


def _name(scope: str, at: datetime, earlier: Sequence[Left]) -> str:
    day = f"{scope}@{at:%Y-%m-%d}"
    today = [each for each in earlier if each.record.name.rpartition(".")[0] == day]
    return f"{day}.{len(today) + 1}"
