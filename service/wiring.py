"""Parts chosen once: the clock, the store, the keys of the roles, the policy in force."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, cast

from approvals.adoption import Step, step
from approvals.attest import act_of
from approvals.checkpoint import origin_of
from approvals.ledger import Ledger
from approvals.model import PolicyAdopted
from approvals.ports import Signer, SignerKind
from approvals.roster import Roster
from approvals.rules import Policy, load
from approvals.signers.file import new_key
from quarantine.errors import NotAuthorisedError, StaleError, UnavailableError, UsageError
from quarantine.plugins import offered
from quarantine.ports import Store
from service import stores
from service.settings import ROLES, State, options_of, ssh_agent_socket
from service.traced import Spans, Untraced

if TYPE_CHECKING:
    from service.options import Options
    from service.producer import Publisher

Tell = Callable[[str], None]


def now() -> datetime:
    """Read the clock, in UTC; the only place that does."""
    return datetime.now(UTC)


def nonce() -> str:
    """Return 128 bits that nobody could have known before, in hex."""
    return secrets.token_hex(16)


def prepare(state: State) -> None:
    """Make what a state directory needs and does not have: the roles' keys, the default policy.

    Of a role whose public key is here the private one is elsewhere, on purpose, and none is made.
    """
    if state.policy.exists() and not [*_lacking(state)]:
        return
    state.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(state.root):  # `up` here and a command there may both be the first
        for file in _lacking(state):
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new_key(file)
        if not state.policy.exists():
            shipped = resources.files("approvals.policies") / "default.toml"
            _write_new(state.policy, shipped.read_bytes())


def _lacking(state: State) -> Iterator[Path]:
    """Yield the key files of the roles of which neither half is here."""
    for file in map(state.key, ROLES):
        if not file.exists() and not file.with_name(file.name + ".pub").exists():
            yield file


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Let one process at a time make what is missing in `directory`."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def is_begun(state: State) -> bool:
    """Say whether somebody began a state directory here: it has a role's key, or a store."""
    return bool(role_publics(state)) or state.store.exists()


def require_begun(state: State) -> None:
    """Refuse (`UsageError`) a place where nothing was begun: whoever asks makes nothing there."""
    if not is_begun(state):
        raise UsageError(
            f"there is no state directory at {state.root.absolute()}: name one with --state,"
            " or begin one with `quarantine up`"
        )


def open_store(state: State) -> Store:
    """Open the store of a state directory: its file, or the database that it names."""
    return stores.opened(stores.location(state))


def open_signer(reference: str, public: str | None = None) -> Signer:
    """Open the private key that `reference` names: a file, or `ssh-agent`."""
    if reference == "ssh-agent":
        reference = f"ssh-agent:{ssh_agent_socket()}"
    for kind in cast(
        "dict[str, SignerKind]", dict(offered("approvals.signers", "SIGNER"))
    ).values():
        signer = kind.open(reference, public)
        if signer is not None:
            return signer
    raise NotAuthorisedError(f"{reference} is no key file and no ssh-agent")


def role_signer(state: State, role: str) -> Signer:
    """Open a role's own key."""
    return open_signer(str(state.key(role)))


def role_publics(state: State) -> dict[str, str]:
    """Return the roles' public keys (PEM), of those whose public half is here."""
    found = {}
    for role in ROLES:
        file = state.key(role)
        public = file.with_name(file.name + ".pub")
        if public.exists():
            found[role] = public.read_text(encoding="ascii")
    return found


def origin(state: State) -> str:
    """Return the log's name: it follows from the operator's key, so that no two logs share one."""
    return origin_of(role_publics(state)["operator"])


def detector_settings() -> dict[str, str]:
    """Return each detector's settings, spelled, by its name."""
    return {name: repr(each) for name, each in offered("quarantine.detectors", "DETECTOR").items()}


def roster_of(store: Store, state: State | None = None) -> Roster:
    """Fold the registry from the acts in the log; where `state` is given, by its operator alone."""
    operator = role_publics(state).get("operator", "") if state else ""
    roster = Roster(operator=operator)
    roster.follow(store.acts())
    return roster


def policy_text(state: State) -> str:
    """Return the exact text of the policy in force."""
    prepare(state)
    try:
        return state.policy.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{state.policy} is not UTF-8") from error


def policy_of(state: State) -> Policy:
    """Return the policy in force."""
    return load(policy_text(state))


def adopt_policy(state: State, store: Store, at: datetime, tell: Tell = lambda _: None) -> Policy:
    """Return the policy in force, recorded in the log where it is new; `tell` why another waits.

    What the policy file says is in force at once where it is no looser than what was; a looser
    one waits for its people and its time, and the one before stays (see `approvals.adoption`).
    """
    text, operator = policy_text(state), role_publics(state).get("operator", "")

    def look() -> Step:
        return step(Ledger.read(store.acts(), operator), text, at)

    found = look()
    if found.is_new:
        record = PolicyAdopted(at=at, policy=found.policy.digest, toml=text)
        signer = role_signer(state, "operator")
        try:
            store.record([act_of(record, signer)], require=lambda: _require_same(found, look()))
        except StaleError:  # another process put it, or another one, in force at this moment
            found = look()
    if found.waiting:
        tell(f"{state.policy} is not in force: {found.waiting}")
    return found.policy


def _require_same(before: Step, now: Step) -> None:
    if (before.policy.digest, before.is_new) != (now.policy.digest, now.is_new):
        raise StaleError("another policy came into force at this moment: try again")


@contextmanager
def running_bus(
    state: State,
    url: str | None,
    *,
    allow_volatile: bool,
    allow_flawed: bool = False,
    shared: bool = False,
) -> Iterator[str]:
    """Yield the URL of a bus that is safe to run on: `url`, or the embedded one, started here.

    Where it is `shared`, an embedded one that another process started will do; else that is
    refused (`UsageError`). A password that stands in a file of its own is not put into what is
    yielded.
    """
    from service import embedded, health  # noqa: PLC0415  most commands start no bus

    if url is not None:
        known = options_of(state).unlocked(url)
        health.require(known, allow_volatile=allow_volatile, allow_flawed=allow_flawed)
        yield url
        return
    with (embedded.start if shared else embedded.start_alone)(state.bus) as bus:
        health.require(bus.url, allow_volatile=allow_volatile)
        yield bus.url


def known_bus_url(state: State, url: str | None) -> str | None:
    """Return `url`, or where the embedded bus was last started; absent when there never was one."""
    from service import embedded  # noqa: PLC0415  most commands need no bus

    options = options_of(state)
    url = url or options.bus
    return options.unlocked(url) if url else embedded.recorded(state.bus)


def bus_url(state: State, url: str | None) -> str:
    """Return the URL of the bus to publish to; `UnavailableError` when there is none."""
    found = known_bus_url(state, url)
    if found is None:
        raise UnavailableError("no bus is known: start one with `quarantine up`, or give --bus")
    return found


@contextmanager
def traces(options: Options, service: str) -> Iterator[Spans]:
    """Yield what makes spans of `service`: for the collector that is set, else for nobody.

    Raises `UsageError` when a collector is set and the library to speak with it is not installed.
    """
    if options.otlp is None:
        yield Untraced()
        return
    try:
        from service import tracing  # noqa: PLC0415  an extra

        spans = tracing.to_endpoint(options.otlp, service, share=options.traces)
    except ImportError as error:
        raise UsageError(
            "otlp is set: pip install 'feedback-quarantine[otel]', or leave it out"
        ) from error
    try:
        yield spans
    finally:
        spans.close()


def publisher(
    state: State, producer: str, key: Path, url: str, spans: Spans | None = None
) -> Publisher:
    """Return a publisher for `producer` that keeps its ledger in the state directory."""
    from service.producer import Publisher, open_key  # noqa: PLC0415  only publishing needs it

    state.ledgers.mkdir(parents=True, exist_ok=True, mode=0o700)
    ledger = state.ledgers / producer
    return Publisher(url, producer, open_key(key), ledger, spans=spans or Untraced())


def _write_new(file: Path, content: bytes) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
