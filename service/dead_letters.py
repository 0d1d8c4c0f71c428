"""Dead letters on the bus: a copy of the store's table, each at least once and in its order."""

from __future__ import annotations

from typing import Final, cast

import redis
from redis.exceptions import NoPermissionError
from redis.typing import EncodableT, FieldT

from quarantine.arrivals import DeadLetter
from quarantine.ports import Store
from service.bus import DEAD

CHUNK: Final = 100
COPIES: Final = 10_000
"""About so many of the newest stay on the bus, whose memory is shared; the table has them all."""
_KNOWN: Final = "equal or smaller"


def copy(store: Store, client: redis.Redis, since: int) -> int:
    """Copy the dead letters after number `since` to the bus; return the last number copied.

    The copy of number n is entry `n-0` of the stream, so the bus itself refuses to have it twice
    and a copier that died goes on where it was. Raises what redis raises.
    """
    while letters := store.dead(since, CHUNK):
        pipe = client.pipeline(transaction=False)
        for number, letter in letters:
            pipe.xadd(DEAD, _spelled(letter), id=f"{number}-0", maxlen=COPIES, approximate=True)
        for answer in pipe.execute(raise_on_error=False):
            if isinstance(answer, Exception) and _KNOWN not in str(answer):
                raise answer
        since = letters[-1][0]
    return since


def copied(client: redis.Redis) -> int:
    """Return the number of the last dead letter on the bus, 0 where there is none."""
    try:
        found = cast("dict[str, bytes]", client.xinfo_stream(DEAD))
    except NoPermissionError:
        return 0  # a consumer that may only write there tries all again; the bus refuses the known
    except redis.ResponseError:
        return 0  # no such stream yet
    return int(found["last-generated-id"].partition(b"-")[0])


def _spelled(letter: DeadLetter) -> dict[FieldT, EncodableT]:
    return {
        "producer": letter.producer,
        "stream": letter.stream,
        "entry": letter.entry,
        "position": letter.position,
        "reason": letter.reason,
        "detail": letter.detail,
        "at": letter.at,
        "size": letter.size,
        "digest": letter.digest,
        "content": letter.content,
    }
