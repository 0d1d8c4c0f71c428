"""Keys, and who may speak: `keys new`, `producer add`, `list`, `revoke`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, columns, command, moment_of

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.mishaps import ProducerPaused
    from approvals.model import ProducerKey
    from approvals.roster import Producer
    from service.settings import State

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="[a-z0-9][a-z0-9-]{0,62}")]
LEAST_SECRET = 16
MOST = 10**9


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    keys = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        keys, name="keys", help="Make keys.", epilog="Example: quarantine keys new ana.pem"
    )
    command(keys, "new", example="quarantine keys new ana.pem")(new)
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        app, name="producer", help="Who may speak.", epilog="Example: quarantine producer list"
    )
    added = "quarantine producer add app --key app.pem.pub --kind rating --scope helpful"
    command(app, "add", example=added)(add)
    command(app, "list", example="quarantine producer list")(list_)
    since = "--key 9f31c2ab04de5567 --since 2026-11-01T00:00:00Z"
    command(app, "revoke", example=f"quarantine producer revoke app {since}")(revoke)


def new(
    call: Call, file: Annotated[Path, typer.Argument(metavar="FILE", help="The private key.")]
) -> None:
    """Make an Ed25519 key pair: FILE (yours alone, mode 0600) and FILE.pub."""
    from approvals.signers.file import new_key

    made = new_key(file)
    call.say(
        {"key": made.key_id, "file": str(file), "public": f"{file}.pub"},
        [f"{file} and {file}.pub: key {made.key_id}"],
    )


def add(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    name: NameArgument,
    *,
    key: Annotated[
        Path | None, typer.Option("--key", help="Ed25519 public key, PEM (SubjectPublicKeyInfo).")
    ] = None,
    hmac: Annotated[
        Path | None, typer.Option("--hmac", help="A file whose bytes are the HMAC secret.")
    ] = None,
    hmac_env: Annotated[
        str | None, typer.Option("--hmac-env", metavar="NAME", help="A variable that holds it.")
    ] = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="A kind it may send.")] = None,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="A scope it may speak for.")
    ] = None,
    origin: Annotated[
        str, typer.Option("--origin", help="human, automated or self-training")
    ] = "human",
    owner: Annotated[str, typer.Option("--owner", help="Who answers for it.")] = "",
    purpose: Annotated[str, typer.Option("--purpose", help="What it is for.")] = "",
    since: Annotated[
        str | None, typer.Option("--since", help="From when the key counts (RFC 3339); else now.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Until when the key counts; else until revoked.")
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option("--budget", min=1, max=MOST, help="Events an hour; what is beyond waits."),
    ] = None,
    assurance: Annotated[
        str | None,
        typer.Option(
            help="How sure it is who its sources are: none, self-declared (where nothing is said), "
            "platform-user, channel-authenticated."
        ),
    ] = None,
) -> None:
    """Let a producer speak; said again with another key, that key is added."""
    from approvals.attest import act_of
    from approvals.model import ANY, ProducerAdded
    from quarantine.model import INBOUND

    _check(name, kind or [], origin)
    _check_assurance(assurance)
    tenure = _tenure(since, until)
    call.begin()
    made = _key(call, key, hmac, hmac_env)
    act = ProducerAdded.model_validate(
        {
            "at": call.rim.now(),
            "name": name,
            "key": made,
            "kinds": tuple(sorted(set(kind or [ANY]))),
            "scopes": tuple(sorted(set(scope or [ANY]))),
            "origin": origin,
            "owner": owner,
            "purpose": purpose,
            "budget": budget,
            "assurance": assurance,
            **tenure,
        }
    )
    call.store.record([act_of(act, call.rim.role(call.state, "operator"))])
    stream = f"{INBOUND}{name}"
    acl = f"ACL SETUSER {name} on >PASSWORD resetkeys %W~{stream} resetchannels -@all +xadd"
    call.say(
        {"name": name, "key": made.id, "stream": stream, "origin": origin, "acl": acl},
        [f"{name} may speak on {stream} with key {made.id}", f"on a Redis of your own: {acl}"],
    )


def list_(call: Call) -> None:
    """List producers, what they may send, their keys with their tenure, and who is paused."""
    from quarantine.record import spell_time
    from quarantine.safe import safe

    paused = call.roster.paused(call.rim.now())
    producers = [*call.roster.producers.values()]
    heads = ("name", "origin", "kinds", "scopes", "key", "algorithm", "since", "until")
    rows = [
        [each.name, each.origin.value, " ".join(each.kinds), " ".join(each.scopes)]
        + [key[head] or "" for head in heads[4:]]
        for each in producers
        for key in _keys(each)
    ]
    waiting = [
        f"{safe(name)} is not read until {spell_time(pause.until)}: {safe(pause.because)}"
        for name, pause in paused.items()
    ]
    document = [_told(each, paused.get(each.name)) for each in producers]
    call.say(document, [*columns(heads, rows), *waiting])


def _keys(producer: Producer) -> list[dict[str, str | None]]:
    """Tell a producer's keys, each with when it counts."""
    from quarantine.record import spell_time

    return [
        {
            "key": key.id,
            "algorithm": key.algorithm,
            "since": spell_time(tenure.since),
            "until": spell_time(tenure.until) if tenure.until else None,
        }
        for key, tenure in producer.keys.values()
    ]


def _told(each: Producer, pause: ProducerPaused | None) -> dict[str, object]:
    """Tell what is known of a producer, and until when it is paused."""
    from quarantine.record import spell_time

    return {
        "name": each.name,
        "origin": each.origin.value,
        "kinds": list(each.kinds),
        "scopes": list(each.scopes),
        "owner": each.owner,
        "purpose": each.purpose,
        "budget": each.budget,
        "assurance": each.assurance.value,
        "paused_until": spell_time(pause.until) if pause else None,
        "paused_because": pause.because if pause else None,
        "keys": _keys(each),
    }


def revoke(
    call: Call,
    name: NameArgument,
    *,
    key: Annotated[
        str | None, typer.Option("--key", help="Only this key id; else all of them.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="From when it is not trusted (RFC 3339).")
    ] = None,
) -> None:
    """Trust a producer no more, from now or an earlier time on; what it said since is held."""
    from approvals.attest import act_of
    from approvals.distrust import held_back
    from approvals.model import ProducerRevoked
    from quarantine.errors import UsageError
    from quarantine.record import spell_time

    producer = call.roster.producers.get(name)
    if producer is None:
        raise UsageError(f"there is no producer {name}: quarantine producer list")
    if key is not None and key not in producer.keys:
        raise UsageError(f"{name} has no key {key}: quarantine producer list")
    at = call.rim.now()
    act = ProducerRevoked(
        at=at, name=name, key=key, since=moment_of("--since", since) if since else at
    )
    call.store.record([act_of(act, call.rim.role(call.state, "operator"))])
    held = held_back(call.store, name)
    call.say(
        {
            "name": name,
            "key": key,
            "since": spell_time(act.since),
            "events_held": held.total(),
            "sources_held": len(held),
        },
        [
            f"{name} ({key or 'every key'}) is not trusted since {spell_time(act.since)}",
            f"{held.total()} events of {len(held)} sources arrived since, and are held",
        ],
    )


def _check(name: str, kinds: list[str], origin: str) -> None:
    from quarantine.envelope import kinds as known
    from quarantine.errors import UsageError
    from quarantine.model import PRODUCER_NAME, Origin
    from service.bus import OURS

    if not PRODUCER_NAME.fullmatch(name):
        raise UsageError("a producer's name is [a-z0-9][a-z0-9-]{0,62}")
    if name in OURS:
        raise UsageError(
            f"{name!r} is a user of the service's own on the bus: call the producer otherwise"
        )
    names = {each.name for each in known().values()}
    wrong = [kind for kind in kinds if kind not in names and kind != "*"]
    if wrong:
        raise UsageError(f"no kind is called {wrong[0]}: {', '.join(sorted(names))}")
    if origin not in list(Origin):
        raise UsageError(f"an origin is one of {', '.join(Origin)}")


def _check_assurance(assurance: str | None) -> None:
    from approvals.model import Assurance
    from quarantine.errors import UsageError

    if assurance is not None and assurance not in list(Assurance):
        raise UsageError(f"an assurance is one of {', '.join(Assurance)}")


def _tenure(since: str | None, until: str | None) -> dict[str, datetime]:
    """Return the given times by their names; `UsageError` when none lies between them."""
    from quarantine.errors import UsageError

    given = (("--since", since), ("--until", until))
    found = {name[2:]: moment_of(name, spelled) for name, spelled in given if spelled}
    if len(found) == len(given) and found["since"] >= found["until"]:
        raise UsageError("--until comes after --since")
    return found


def _key(call: Call, key: Path | None, hmac: Path | None, hmac_env: str | None) -> ProducerKey:
    from approvals.keys import key_id, public_in
    from approvals.model import ProducerKey
    from quarantine.errors import UsageError
    from service.settings import State, secret_from

    if sum(each is not None for each in (key, hmac, hmac_env)) != 1:
        raise UsageError("give one of --key FILE.pub, --hmac FILE and --hmac-env NAME")
    if key is not None:
        public = public_in(key)
        return ProducerKey(id=key_id(public), algorithm="ed25519", public=public)
    secret = _file(hmac).read_bytes() if hmac is not None else secret_from(hmac_env or "")
    if secret is None:
        raise UsageError(f"the environment has no variable {hmac_env}, or it is empty")
    where = str(hmac or f"the variable {hmac_env}")
    return ProducerKey(id=_keep_secret(State(call.state), secret, where), algorithm="hmac-sha256")


def _file(file: Path) -> Path:
    from quarantine.errors import UsageError

    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    return file


def _keep_secret(state: State, secret: bytes, where: str) -> str:
    """Keep an HMAC secret where intake alone reads it; the log gets its key id only."""
    import os

    from quarantine.errors import UsageError
    from service.vouching import hmac_key_id

    if len(secret) < LEAST_SECRET:
        raise UsageError(
            f"{where} has {len(secret)} bytes, a secret has {LEAST_SECRET} or more: make one with"
            " (umask 077; openssl rand -out secret 32)"
        )
    id_ = hmac_key_id(secret)
    state.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(state.secrets / id_, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(secret)
    return id_
