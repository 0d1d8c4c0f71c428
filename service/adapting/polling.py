"""Asking another system over HTTP: patient with what is busy, plain about what refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode, urlsplit

import urllib3
from pydantic import ValidationError
from urllib3.exceptions import HTTPError, MaxRetryError
from urllib3.util import Retry, Timeout

from quarantine.errors import (
    MalformedError,
    NotAuthorisedError,
    RefusedError,
    UnavailableError,
    UsageError,
)
from quarantine.model import from_micros
from quarantine.record import spell_time
from quarantine.safe import safe
from service.adapting.config import adapters, secret_in
from service.adapting.forwarding import AT_ONCE, Forwarded, Forwarder
from service.adapting.words import Ask, Place, bytes_of

LARGEST: Final = 32 * 1024 * 1024
"""The most bytes of one answer that are read."""
BUSY: Final = frozenset({429, 500, 502, 503, 504})
DENIED: Final = frozenset({401, 403})
TIMEOUT: Final = Timeout(connect=10, read=60)
FROM: Final = "from"
_HEAD: Final = 200


def patience(tries: int = 6, factor: float = 0.5) -> Retry:
    """Return how often and how slowly (s, doubling) to ask again; `Retry-After` is heeded."""
    return Retry(
        total=tries,
        backoff_factor=factor,
        backoff_max=60,
        backoff_jitter=0.5,
        status_forcelist=BUSY,
        allowed_methods=None,
        respect_retry_after_header=True,
        raise_on_status=False,
    )


@dataclass(slots=True)
class Asking:
    """Asks one system; `headers` carry the secret, which goes to `url` and nowhere else."""

    url: str
    headers: Mapping[str, str]
    retry: Retry = field(default_factory=patience)
    _pool: urllib3.PoolManager = field(init=False)

    def __post_init__(self) -> None:
        """Make the pool; raises `UsageError` for what is no address of a web site."""
        if urlsplit(self.url).scheme not in {"http", "https"} or not urlsplit(self.url).hostname:
            raise UsageError(f"{self.url!r} is no address: write https://…")
        self._pool = urllib3.PoolManager(num_pools=1)

    def __call__(self, ask: Ask) -> object:
        """Return the JSON of an answer.

        Raises `UnavailableError` for what may go well later, `NotAuthorisedError` for a secret
        that does not count, `RefusedError` for every other no.
        """
        query = f"?{urlencode(ask.query)}" if ask.query else ""
        try:
            answer = self._pool.request(
                "GET" if ask.sent is None else "POST",
                f"{self.url.rstrip('/')}{ask.path}{query}",
                body=None if ask.sent is None else bytes_of(ask.sent),
                headers={
                    "Accept": "application/json",
                    **({"Content-Type": "application/json"} if ask.sent is not None else {}),
                    **self.headers,
                },
                timeout=TIMEOUT,
                retries=self.retry,
                redirect=False,
                preload_content=False,
            )
            content = answer.read(LARGEST + 1)
            answer.release_conn()
        except (MaxRetryError, HTTPError, OSError) as error:
            raise UnavailableError(
                f"{self.url} does not answer: {safe(str(error), 300)}"
            ) from error
        return self._opened(answer.status, content)

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _opened(self, status: int, content: bytes) -> object:
        told = safe(content[:_HEAD].decode(errors="replace"), _HEAD)
        if status in DENIED:
            raise NotAuthorisedError(f"{self.url} denies it ({status}); is the secret right?")
        if status in BUSY:
            raise UnavailableError(f"{self.url} is busy ({status}): {told}")
        if status != 200:  # noqa: PLR2004  the one status of a JSON answer
            raise RefusedError(f"{self.url} refuses ({status}): {told}")
        if len(content) > LARGEST:
            raise RefusedError(f"{self.url} answered more than {LARGEST} bytes")
        try:
            return json.loads(content)
        except ValueError as error:
            raise RefusedError(f"{self.url} answered what is no JSON: {told}") from error


def pull(
    forwarder: Forwarder, clock: Callable[[], datetime], retry: Retry | None = None
) -> Forwarded:
    """Ask once for all that is new, and forward it.

    What was asked for last time is asked for again as far back as `look_back`: systems list by when
    a thing was made, and it may be changed later. Raises what asking and publishing raise; what
    came before that is kept and forwarded.
    """
    config = forwarder.config
    poll = adapters()[config.adapter].poll
    if poll is None:
        raise UsageError(f"{config.adapter} is not asked: it calls, or comes in files")
    started = clock()
    since = _since(forwarder, config.look_back)
    secret = secret_in(forwarder.state.root, forwarder.name, config)
    asking = Asking(config.url, poll.headers(secret), retry or patience())
    done = Forwarded(0, 0, 0)
    page: list[bytes] = []
    try:
        for record in poll.records(asking, Place(config.query, since)):
            page.append(bytes_of(record))
            if len(page) == AT_ONCE:
                done = _sum(done, forwarder.take(page, clock))
                page = []
    except (ValidationError, MalformedError) as error:
        raise RefusedError(f"{config.url} answers in another shape: {error}") from error
    finally:
        asking.close()
        done = _sum(done, forwarder.take(page, clock))
    forwarder.inbox.move(FROM, spell_time(started))
    return done


def _since(forwarder: Forwarder, look_back: timedelta) -> str:
    asked = forwarder.inbox.cursor(FROM)
    if not asked:
        return spell_time(from_micros(0))
    return spell_time(datetime.fromisoformat(asked) - look_back)


def _sum(one: Forwarded, other: Forwarded) -> Forwarded:
    return Forwarded(*(sum(pair) for pair in zip(one, other, strict=True)))
