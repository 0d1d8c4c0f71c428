"""The words of erasure: one person proposes what is to be destroyed, another one destroys it."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from approvals.model import ActRecord
from quarantine.record import Moment


class ErasureProposed(ActRecord):
    """Ask that the content of exactly these events be destroyed; nothing happens yet.

    `root` is the RFC 6962 root over the leaf hashes of the `rows` events in log order, of what
    `source` said before `log_size` (where `event` is given, of that one id); `letters` are the
    numbers of the dead letters that hold the same words.
    """

    act = "erasure-proposed"

    producer: str
    source: str
    event: str | None = None
    rows: Annotated[int, Field(ge=0)]
    root: str
    log_size: int
    letters: tuple[int, ...] = ()
    because: str
    by: str
    key: str
    expires: Moment
    nonce: str


class Erased(ActRecord):
    """A second person destroyed what `proposal` (a digest) names; `root` and `rows` are its own."""

    act = "erased"

    proposal: str
    rows: Annotated[int, Field(ge=0)]
    root: str
    because: str
    by: str
    key: str


ERASURES: Final = (ErasureProposed, Erased)
"""Every act of erasure."""
