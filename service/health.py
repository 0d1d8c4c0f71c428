"""Is the bus safe to stand on: its version, what it keeps through a crash, whether it evicts."""

from __future__ import annotations

from typing import Final, NamedTuple, cast

import redis
from redis.exceptions import NoPermissionError

from quarantine.errors import RefusedError, UnavailableError
from service.bus import connect, shown

OLDEST: Final = (7, 0)
"""The first version that says how many entries were ever added to a stream."""


class Doubt(NamedTuple):
    """One reason not to run on this bus, and the mend; `volatile` doubts can be overruled."""

    because: str
    mend: str
    volatile: bool = False


def preflight(url: str) -> list[Doubt]:
    """Return what is wrong with a bus; `UnavailableError` when it does not answer.

    What the bus does not let this user see is itself a doubt that can be overruled.
    """
    try:
        with connect(url) as client:
            version = str(cast("dict[str, object]", client.info("server"))["redis_version"])
            return [*_of_version(version), *_of_settings(client)]
    except NoPermissionError:
        return [Doubt("its settings may not be read", "grant +info and +config|get", volatile=True)]
    except (redis.RedisError, OSError) as error:
        raise UnavailableError(f"the bus {shown(url)} does not answer: {error}") from error


def require(url: str, *, allow_volatile: bool) -> None:
    """Refuse a bus that would lose what it acknowledged; raises `RefusedError` naming the mend."""
    doubts = [doubt for doubt in preflight(url) if not (doubt.volatile and allow_volatile)]
    if doubts:
        said = "; ".join(f"{doubt.because} ({doubt.mend})" for doubt in doubts)
        raise RefusedError(f"the bus {shown(url)} is not safe to run on: {said}")


def _of_version(version: str) -> list[Doubt]:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers >= OLDEST:
        return []
    oldest = ".".join(map(str, OLDEST))
    return [Doubt(f"its version is {version}", f"run {oldest} or newer")]


def _of_settings(client: redis.Redis) -> list[Doubt]:
    doubts = []
    settings = cast("dict[str, str]", client.config_get("appendonly", "maxmemory-policy"))
    if settings.get("appendonly") != "yes":
        doubts.append(Doubt("a crash loses everything", "set appendonly yes", volatile=True))
    if settings.get("maxmemory-policy") != "noeviction":
        doubts.append(
            Doubt(
                "it evicts what was acknowledged", "set maxmemory-policy noeviction", volatile=True
            )
        )
    return doubts
