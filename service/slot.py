"""The door for those without Redis: `POST /feedback/PRODUCER` puts one signed batch on the bus."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, cast

import redis
from redis.typing import EncodableT, FieldT
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from approvals.roster import Producer, Roster
from quarantine.errors import MalformedError, QuarantineError
from quarantine.model import to_micros
from quarantine.ports import Store
from service import wiring
from service.adapting.bodies import RefusedRequestError, body_of, taken
from service.bus import stream_of
from service.servers import Bus, open_bus
from service.site import Parts
from service.vouching import LARGEST_BATCH, Entry, vouched

CONTENT_TYPE: Final = "application/cloudevents-batch+json"
HEADERS: Final = {"seq": "feedback-seq", "key": "feedback-key", "sig": "feedback-signature"}
"""The fields of an entry besides its batch, and the request's headers that hold them."""
DENIED: Final = 401
UNSUPPORTED: Final = 415
BUSY: Final = 503
MALFORMED: Final = 400
_BAD: Final = frozenset({"bad_entry", "bad_seq"})

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Slot:
    """Verifies and puts on the bus; the registry is followed as the log grows."""

    parts: Parts
    _store: Store | None = None
    _bus: Bus | None = None
    _roster: Roster = field(default_factory=Roster)

    def put(self, producer: str, fields: dict[bytes, bytes]) -> str:
        """Put a signed batch on its producer's stream; return the entry's id.

        Raises `RefusedRequestError`. Nothing but the form and the signature is looked at: what
        becomes of the events nobody is told here.
        """
        at = to_micros(self.parts.clock())
        try:
            entry = Entry(stream_of(producer), "", fields, at)
            vouched(entry, self._registered(producer), self._secret)
            return self._added(entry)
        except MalformedError as error:
            status = MALFORMED if error.reason in _BAD else DENIED
            raise RefusedRequestError(status, f"{error.reason}: {error.detail}") from error
        except (QuarantineError, redis.RedisError, OSError) as error:
            _log.warning("a batch of %s could not be put on the bus: %s", producer, error)
            raise RefusedRequestError(BUSY, "not now; send it again as it is") from error

    def _registered(self, producer: str) -> Producer:
        if self._store is None:
            self._store = wiring.open_store(self.parts.state)
            self._roster = wiring.roster_of(self._store, self.parts.state)
        self._roster.follow(self._store.acts(self._roster.size))
        found = self._roster.producers.get(producer)
        if found is None:
            raise MalformedError("unknown_producer", "nobody of this name is registered")
        return found

    def _secret(self, id_: str) -> bytes | None:
        file = self.parts.state.secrets / id_
        return file.read_bytes() if file.is_file() else None

    def _added(self, entry: Entry) -> str:
        if self._bus is None:
            self._bus = open_bus(self.parts.bus)
        fields = cast("dict[FieldT, EncodableT]", dict(entry.fields))
        added = self._bus.of(entry.stream).xadd(entry.stream, fields)
        return cast("bytes", added).decode()


def slot(parts: Parts) -> Sequence[BaseRoute]:
    """Return `POST /feedback/PRODUCER`: the body is a batch as on the bus, signed the same way.

    The headers `Feedback-Seq`, `Feedback-Key` and `Feedback-Signature` hold what the entry's fields
    `seq`, `key` and `sig` hold. 202 with the entry's id once the bus has it; 400, 401, 408, 413 and
    415 for what is wrong with the request; 503 when the same one is to be sent again.
    """
    here = _Slot(parts)
    one_at_a_time = asyncio.Lock()

    async def answer(request: Request) -> Response:
        try:
            _require_batch(request)
            batch = await body_of(request, LARGEST_BATCH)
            fields = {b"batch": batch, **_said(request)}
            async with one_at_a_time:
                id_ = await asyncio.to_thread(here.put, request.path_params["producer"], fields)
        except RefusedRequestError as error:
            return error.response()
        return taken({"entry": id_})

    return [Route("/feedback/{producer}", answer, methods=["POST"])]


def _require_batch(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != CONTENT_TYPE:
        raise RefusedRequestError(UNSUPPORTED, f"a body is {CONTENT_TYPE}")


def _said(request: Request) -> dict[bytes, bytes]:
    lacking = [name for name in HEADERS.values() if name not in request.headers]
    if lacking:
        raise RefusedRequestError(MALFORMED, f"the request lacks the header {lacking[0]}")
    return {name.encode(): request.headers[header].encode() for name, header in HEADERS.items()}
