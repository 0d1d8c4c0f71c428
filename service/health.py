"""Is the bus safe to stand on: its version, what it keeps through a crash, whether it evicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple, cast

import redis
from redis.exceptions import NoPermissionError

from quarantine.errors import RefusedError, UnavailableError
from quarantine.model import from_micros
from service.bus import connect, inbound, shown
from service.repair import clock_ms, is_forged, last_id
from service.rights import producers_rights

OLDEST: Final = (7, 0)
"""The first version that says how many entries were ever added to a stream."""
SKEW: Final = timedelta(seconds=60)
"""How far the bus's clock may be off ours."""
FULLEST: Final = 0.7
"""The share of its memory that a bus may use before somebody should look."""


class Doubt(NamedTuple):
    """One reason not to run on this bus, and the mend; `volatile` doubts can be overruled."""

    because: str
    mend: str
    volatile: bool = False


Checks = Mapping[str, list[Doubt]]
"""What was looked at, by its name, and what is wrong with each: nothing where all is well."""


def preflight(url: str) -> list[Doubt]:
    """Return what is wrong with a bus; `UnavailableError` when it does not answer.

    What the bus does not let this user see is itself a doubt that can be overruled.
    """
    try:
        with connect(url) as client:
            found = [*_of_version(client), *_of_settings(client), *_of_producers(client, ())]
    except NoPermissionError:
        return [Doubt("its settings may not be read", "grant +info and +config|get", volatile=True)]
    except (redis.RedisError, OSError) as error:
        raise UnavailableError(f"the bus {shown(url)} does not answer: {error}") from error
    return found


def require(url: str, *, allow_volatile: bool) -> None:
    """Refuse a bus that would lose what it acknowledged; raises `RefusedError` naming the mend."""
    doubts = [doubt for doubt in preflight(url) if not (doubt.volatile and allow_volatile)]
    if doubts:
        said = "; ".join(f"{doubt.because} ({doubt.mend})" for doubt in doubts)
        raise RefusedError(f"the bus {shown(url)} is not safe to run on: {said}")


def examine(url: str, at: datetime, producers: Iterable[str]) -> Checks:
    """Look at everything about a bus; `at` is our clock, `producers` are the registered names.

    Raises `UnavailableError` when it does not answer.
    """
    checks = {
        "server version": _of_version,
        "append-only file and eviction": _of_settings,
        "producers' rights": lambda client: _of_producers(client, producers),
        "everybody's rights": lambda client: _of_default_user(client, url),
        "clock": lambda client: _of_clock(client, at),
        "memory": _of_memory,
        "streams": _of_streams,
    }
    found: dict[str, list[Doubt]] = {}
    try:
        with connect(url) as client:
            client.ping()
            for name, check in checks.items():
                try:
                    found[name] = list(check(client))
                except NoPermissionError as error:
                    found[name] = [Doubt(f"cannot be seen: {error}", "ask as an administrator")]
    except (redis.RedisError, OSError) as error:
        raise UnavailableError(f"the bus {shown(url)} does not answer: {error}") from error
    return found


def _info(client: redis.Redis, section: str) -> dict[str, object]:
    return cast("dict[str, object]", client.info(section))


def _of_version(client: redis.Redis) -> Iterator[Doubt]:
    version = str(_info(client, "server")["redis_version"])
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        yield Doubt(f"its version is {version}", f"run {oldest} or newer")


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
    if url.startswith("unix://"):
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


def _of_streams(client: redis.Redis) -> Iterator[Doubt]:
    now = clock_ms(client)
    for stream in inbound(client):
        last = last_id(client, stream)
        if is_forged(last, now):
            yield Doubt(
                f"{stream} ends in the forged id {last.decode()}",
                f"let intake repair it, or: XTRIM {stream} MAXLEN 0, XSETID {stream} {now}-0",
            )
