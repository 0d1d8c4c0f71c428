"""The FastStream broker for a bus: of one server, of a cluster, or behind sentinels."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final, TypedDict

import redis
from faststream.redis import RedisBroker, RedisClusterBroker, RedisSentinelBroker
from redis.exceptions import RedisClusterException

from quarantine.errors import UnavailableError
from service.bus import CLUSTER, CONNECT_S, SENTINEL, located

GRACE_S: Final = 15.0
SOCKET_S: Final = 30.0

_EXPECTED: Final = (redis.RedisError, RedisClusterException, OSError)
"""What happens to a bus, and passes: one line says it, and it is tried again."""

_log = logging.getLogger(__name__)


class _Settings(TypedDict):
    """What every broker is told."""

    logger: _Voice
    log_level: int
    apply_types: bool
    max_connections: int
    graceful_timeout: float
    socket_connect_timeout: float
    socket_timeout: float


def broker_of(url: str, *, connections: int) -> RedisBroker:
    """Return the broker for the bus at `url`, with at most so many connections to each server.

    Nothing is sent yet. Raises `UsageError` where the URL is none of a bus.
    """
    found = located(url)
    settings = _Settings(
        logger=_Voice(),
        log_level=logging.DEBUG,
        apply_types=False,
        max_connections=connections,
        graceful_timeout=GRACE_S,
        socket_connect_timeout=CONNECT_S,
        socket_timeout=SOCKET_S,
    )
    if found.form == CLUSTER:
        return RedisClusterBroker(found.url, startup_nodes=found.places[1:], **settings)
    if found.form == SENTINEL:
        return RedisSentinelBroker(
            found.url, sentinels=found.places, sentinel_master_name=found.master, **settings
        )
    return RedisBroker(found.url, **settings)


class _Voice:
    """Says what FastStream has to say: failures of the bus in one line, bugs with their trace."""

    def log(
        self,
        level: int,
        msg: object,
        /,
        *,
        exc_info: object = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """Log `msg`; where it tells of an expected failure, as a warning and without its trace."""
        del extra  # where it happened in FastStream
        if isinstance(exc_info, UnavailableError):
            _log.debug("%s", msg)  # who raised it has said so
        elif isinstance(exc_info, _EXPECTED):
            _log.warning("%s: %s", msg, exc_info)
        elif isinstance(exc_info, BaseException):
            _log.log(level, "%s", msg, exc_info=exc_info)
        else:
            _log.log(level, "%s", msg)
