"""What was refused is written down too, so that trying is seen; no outsider fills the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from approvals.attest import act_of, record_of
from approvals.guards import Refused
from approvals.ports import Signer
from quarantine.errors import QuarantineError, RefusedError, TamperedError
from quarantine.model import Logged, from_micros, to_micros
from quarantine.ports import Store

HOURLY: Final = 50
"""So many refusals are written in an hour; the last of them says that it is the last."""
HOUR: Final = timedelta(hours=1)
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody tries, in a command's words: `what` on `about`, as `by`."""

    what: str
    by: str
    about: str


@contextmanager
def noted(store: Store, signer: Signer, at: datetime, attempt: Attempt) -> Iterator[None]:
    """Record what a rule or a proof refuses in this block, signed by the releasing role.

    The refusal itself goes on to the caller, also where it cannot be recorded.
    """
    try:
        yield
    except (RefusedError, TamperedError) as error:
        with suppress(QuarantineError):
            note(store, signer, at, attempt, str(error))
        raise


def note(store: Store, signer: Signer, at: datetime, attempt: Attempt, because: str) -> bool:
    """Record one refusal; say whether it was written.

    The same one is written once an hour, and of all at most `HOURLY`: a thousand tries tell no
    more than fifty do. Hours are counted by the log's newest time, which no clock set back undoes.
    """
    record = Refused(
        at=at,
        what=attempt.what[:_LONGEST],
        by=attempt.by[:_LONGEST],
        about=attempt.about[:_LONGEST],
        because=because[:_LONGEST],
    )
    lately = _since(store, at)
    known = {(each.what, each.by, each.about, each.because) for each in lately}
    if (record.what, record.by, record.about, record.because) in known or len(lately) >= HOURLY:
        return False
    last = record.model_copy(update={"last": len(lately) == HOURLY - 1})
    store.record([act_of(last, signer)])
    return True


def refusals(store: Store) -> list[tuple[int, Refused]]:
    """Return everything that was refused and written down, oldest first, with its log index."""
    return [(logged.index, _opened(logged)) for logged in _refused(store)]


def _since(store: Store, at: datetime) -> list[Refused]:
    newest = max((logged.act.at for logged in store.acts()), default=to_micros(at))
    start = max(from_micros(newest), at) - HOUR
    return [each for each in map(_opened, _refused(store)) if each.at > start]


def _refused(store: Store) -> Iterator[Logged]:
    return (logged for logged in store.acts() if logged.act.kind == Refused.act)


def _opened(logged: Logged) -> Refused:
    record = record_of(logged.act)
    assert isinstance(record, Refused)  # noqa: S101  its kind says so
    return record
