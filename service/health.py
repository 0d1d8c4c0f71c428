"""Is the bus safe to stand on: its version, what it keeps through a crash, whether it evicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

import redis
from redis.exceptions import NoPermissionError

from quarantine.errors import RefusedError, UnavailableError
from quarantine.model import from_micros
from service.bus import CLUSTER, located, shown
from service.flaws import Version, flaws_of, server_of, spelled
from service.repair import clock_ms, is_forged, last_id
from service.rights import producers_rights
from service.servers import Bus, open_bus, streams

OLDEST: Final = (7, 0)
"""The first version that says how many entries were ever added to a stream."""
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
PRIVATE: Final = "unix://"
"""A bus that only we reach: its socket has the rights of a file."""
SKEW: Final = timedelta(seconds=60)
"""How far the bus's clock may be off ours."""
FULLEST: Final = 0.7
"""The share of its memory that a bus may use before somebody should look."""


_Asked = TypeVar("_Asked")


class Doubt(NamedTuple):
    """One reason not to run on this bus, and the mend.

    Doubts that are `volatile` (a crash loses something), and those that are `flawed` (the version
    has a known flaw, which a distribution may have mended by itself), can be overruled.
    """

    because: str
    mend: str
    volatile: bool = False
    flawed: bool = False


Checks = Mapping[str, list[Doubt]]
"""What was looked at, by its name, and what is wrong with each: nothing where all is well."""


def preflight(url: str) -> list[Doubt]:
    """Return what is wrong with a bus; `UnavailableError` when it does not answer.

    What the bus does not let this user see is itself a doubt that can be overruled.
    """
    try:
        with closing(open_bus(url)) as bus:
            found = [doubt for client in bus.everyone() for doubt in _of_server(client, url)]
    except NoPermissionError:
        return [Doubt("its settings may not be read", "grant +info and +config|get", volatile=True)]
    except (redis.RedisError, OSError) as error:
        raise UnavailableError(f"the bus {shown(url)} does not answer: {error}") from error
    return found


def require(url: str, *, allow_volatile: bool, allow_flawed: bool = False) -> None:
    """Refuse a bus that would lose what it acknowledged; raises `RefusedError` naming the mend.

    A known flaw of a server that only this machine reaches is left to `doctor` to say.
    """
    flaws_pass = allow_flawed or _on_this_machine(url)
    doubts = [
        doubt
        for doubt in preflight(url)
        if not (doubt.volatile and allow_volatile) and not (doubt.flawed and flaws_pass)
    ]
    if doubts:
        said = "; ".join(f"{doubt.because} ({doubt.mend})" for doubt in doubts)
        raise RefusedError(f"the bus {shown(url)} is not safe to run on: {said}")


def _on_this_machine(url: str) -> bool:
    found = located(url)
    hosts = {host for host, _ in found.places} or {urlsplit(found.url).hostname or ""}
    return hosts <= LOOPBACK


def examine(url: str, at: datetime, producers: Iterable[str]) -> Checks:
    """Look at everything about a bus; `at` is our clock, `producers` are the registered names.

    Raises `UnavailableError` when it does not answer.
    """
    checks: dict[str, Callable[[redis.Redis], Iterable[Doubt]]] = {
        "server version": lambda client: _of_version(client, url),
        "append-only file and eviction": _of_settings,
        "producers' rights": lambda client: _of_producers(client, producers),
        "everybody's rights": lambda client: _of_default_user(client, url),
        "clock": lambda client: _of_clock(client, at),
        "memory": _of_memory,
    }
    try:
        with closing(open_bus(url)) as bus:
            servers = bus.everyone()
            for client in servers:
                client.ping()
            found = {
                name: [doubt for client in servers for doubt in _looked_at(check, client)]
                for name, check in checks.items()
            }
            found["streams"] = list(_looked_at(_of_streams, bus))
    except (redis.RedisError, OSError) as error:
        raise UnavailableError(f"the bus {shown(url)} does not answer: {error}") from error
    return found


def _looked_at(check: Callable[[_Asked], Iterable[Doubt]], asked: _Asked) -> list[Doubt]:
    try:
        return list(check(asked))
    except NoPermissionError as error:
        return [Doubt(f"cannot be seen: {error}", "ask as an administrator")]


def _of_server(client: redis.Redis, url: str) -> Iterator[Doubt]:
    """Yield what makes one server no place to start on."""
    yield from _of_version(client, url)
    yield from _of_settings(client)
    yield from _of_producers(client, ())


def _info(client: redis.Redis, section: str) -> dict[str, object]:
    return cast("dict[str, object]", client.info(section))


def _of_version(client: redis.Redis, url: str) -> Iterator[Doubt]:
    told = _info(client, "server")
    server, version = server_of(told)
    if version < OLDEST:
        yield Doubt(f"its version is {spelled(version)}", f"run {spelled(OLDEST)} or newer")
    if not url.startswith(PRIVATE):
        yield from _of_flaws(server, version)
    modes = {str(told.get(name, "")) for name in ("redis_mode", "server_mode")}
    if "cluster" in modes and located(url).form != CLUSTER:
        yield Doubt("it is a part of a cluster", "give all of it: redis+cluster://HOST:PORT,…")


def _of_flaws(server: str, version: Version) -> Iterator[Doubt]:
    """Yield the known flaws of a server that others may reach; a private socket is ours alone."""
    found = list(flaws_of(server, version))
    if not found:
        return
    names = "; ".join(f"{flaw.name}: {flaw.what}" for flaw, _ in found)
    newest = max(mend for _, mend in found)
    known = all(mend for _, mend in found)
    yield Doubt(
        f"{server} {spelled(version)} has known flaws ({names})",
        f"run {spelled(newest)} or newer, or --allow-flawed where your distribution mended them"
        if known
        else "run a newer branch, or --allow-flawed where your distribution mended them",
        flawed=True,
    )


def _of_settings(client: redis.Redis) -> Iterator[Doubt]:
    settings = cast("dict[str, str]", client.config_get("appendonly", "maxmemory-policy"))
    if settings.get("appendonly") != "yes":
        yield Doubt("a crash loses everything", "set appendonly yes", volatile=True)
    if settings.get("maxmemory-policy") != "noeviction":
        yield Doubt(
            "it evicts what was acknowledged", "set maxmemory-policy noeviction", volatile=True
        )


def _of_producers(client: redis.Redis, known: Iterable[str]) -> Iterator[Doubt]:
    """Yield what producers' users may do too much; nothing where users may not be looked at."""
    for user, excess in producers_rights(client, known):
        yield Doubt(
            f"the user {user} may {', '.join(excess)}",
            f"ACL SETUSER {user} resetkeys %W~feedback:in:{user} resetchannels -@all +xadd",
        )


def _of_default_user(client: redis.Redis, url: str) -> Iterator[Doubt]:
    """Yield a doubt where whoever reaches the port may do everything; a socket has file rights."""
    if url.startswith(PRIVATE):
        return
    default = cast("dict[str, list[str]]", client.acl_getuser("default"))
    if {"on", "nopass"} <= set(default["flags"]):
        yield Doubt("whoever reaches it may do everything", "ACL SETUSER default off")


def _of_clock(client: redis.Redis, at: datetime) -> Iterator[Doubt]:
    off = from_micros(clock_ms(client) * 1000) - at
    if abs(off) > SKEW:
        seconds = off.total_seconds()
        yield Doubt(f"its clock is {seconds:+.0f} s off ours", "let both follow NTP")


def _of_memory(client: redis.Redis) -> Iterator[Doubt]:
    memory = _info(client, "memory")
    used, most = int(str(memory["used_memory"])), int(str(memory["maxmemory"]))
    if most and used > FULLEST * most:
        yield Doubt(
            f"{used} of {most} bytes are used: what is beyond is refused",
            "raise maxmemory, or find who floods: quarantine status",
        )


def _of_streams(bus: Bus) -> Iterator[Doubt]:
    for stream in streams(bus):
        client = bus.of(stream)
        now = clock_ms(client)
        last = last_id(client, stream)
        if is_forged(last, now):
            yield Doubt(
                f"{stream} ends in the forged id {last.decode()}",
                f"let intake repair it, or: XTRIM {stream} MAXLEN 0, XSETID {stream} {now}-0",
            )
