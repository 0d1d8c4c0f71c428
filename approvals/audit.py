"""Auditing the log: nothing edited, dropped, reordered, cut off or signed by the wrong hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from approvals.adoption import unlawful
from approvals.attest import record_of, unseal, wholly_signed
from approvals.beside import strays
from approvals.checkpoint import Checkpoint, make, read
from approvals.drills import PowerDrilled, PowerLost
from approvals.erase import unlawful as unlawful_erasures
from approvals.gate import GateReported
from approvals.gold import GoldAdded
from approvals.guards import ProbeAnswered, ProbesPlanted, Refused, ReviewersDrawn
from approvals.keys import key_id
from approvals.landing import write_whole
from approvals.ledger import Ledger
from approvals.mishaps import (
    LettersRedriven,
    LossReported,
    ProducerPaused,
    StreamForged,
    StreamReset,
)
from approvals.model import (
    ActRecord,
    Consumed,
    PolicyAdopted,
    ProducerAdded,
    ProducerRevoked,
    Released,
    ReviewerAdded,
    ReviewerRevoked,
    VerdictChanged,
)
from approvals.ports import Signer
from approvals.retirements import EventsRetired
from approvals.roster import Reviewer, Roster
from approvals.trust import POWERS
from approvals.windows import WindowHeld
from quarantine.envelope import read as read_event
from quarantine.errors import QuarantineError, TamperedError
from quarantine.model import Event, Held, Logged
from quarantine.ports import Store

CHUNK: Final = 10_000
_DERIVED: Final = ("kind", "scope", "target", "question", "answer", "value", "place", "claimed")
BY_ROLE: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            ProducerAdded.act,
            ProducerRevoked.act,
            ReviewerAdded.act,
            ReviewerRevoked.act,
            PolicyAdopted.act,
            LettersRedriven.act,
            Consumed.act,
            GoldAdded.act,
            GateReported.act,
            EventsRetired.act,
        ),
        "operator",
    ),
    VerdictChanged.act: "scoring",
    WindowHeld.act: "scoring",
    PowerDrilled.act: "scoring",
    PowerLost.act: "scoring",
    LossReported.act: "intake",
    ProducerPaused.act: "intake",
    StreamForged.act: "intake",
    StreamReset.act: "intake",
    **dict.fromkeys((Released.act, Refused.act, ReviewersDrawn.act), "releasing"),
    **dict.fromkeys((ProbesPlanted.act, ProbeAnswered.act), "scoring"),
}
"""Acts that a role signs; all others are a person's, by the reviewer they name."""


def audit(store: Store, *, roles: Mapping[str, str], witness: Path | None = None) -> list[str]:
    """Check the whole log against its rows; return one sentence for each thing that is wrong.

    Every leaf and tile is computed again; every act must be signed by the role or the reviewer
    whose act it is (`roles`: role to PEM); every kept checkpoint, and the one the `witness` file
    holds, must be signed and be a beginning of this log; what the store derived from a body must
    be what the body says. An empty list means that nothing is wrong.
    """
    problems = list(store.verify())
    if problems:
        return problems  # what stands on the log says nothing while the log does not hold
    forged = list(_signatures(store, roles))
    problems += forged or unlawful(Ledger.read(store.acts()))
    problems += _checkpoints(store, roles)
    if witness is not None and witness.exists():
        problems += _beginning(store, witness.read_bytes(), roles, "the witness's checkpoint")
    problems += _derived(store)
    if not forged:  # who agreed to what is read from the acts
        problems += unlawful_erasures(store)
    problems += strays(store)
    return list(dict.fromkeys(problems))


def unsound(store: Store, *, roles: Mapping[str, str]) -> list[str]:
    """Return a sentence for each act that is not signed by whom its kind demands.

    Where all are: one for each looser policy that came into force without its people or its wait.
    """
    problems = list(_signatures(store, roles))
    return problems or unlawful(Ledger.read(store.acts()))


def sign_checkpoint(store: Store, signer: Signer, *, origin: str, witness: Path) -> Checkpoint:
    """Sign the log as it is, keep the note, and give it to the witness.

    Raises `TamperedError`, and signs nothing, when the log no longer begins with what the witness
    holds.
    """
    known = {signer.key_id: signer.public}
    if witness.exists():
        before = read(witness.read_bytes(), known)
        _require_beginning(store, before, "the witness's checkpoint")
    size = store.size()
    checkpoint = Checkpoint(origin, size, store.frontier(size).root())
    note = make(checkpoint, signer)
    store.checkpoint(size, note)
    witness.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(witness, note)
    return checkpoint


def standing(store: Store, note: bytes, roles: Mapping[str, str], what: str) -> Checkpoint:
    """Return the checkpoint in a signed `note`, which must be a beginning of the log.

    Raises `TamperedError`, in which `what` names it, when it is none or nobody trusted signed it.
    """
    keys = {role: pem for role, pem in roles.items() if "log" in POWERS.get(role, ())}
    checkpoint = read(note, keys)
    _require_beginning(store, checkpoint, what)
    return checkpoint


def _signatures(store: Store, roles: Mapping[str, str]) -> Iterator[str]:
    """Check who signed each act, with the roster as it stood when the act came."""
    roster = Roster()
    known: dict[bytes, int] = {}
    for logged in store.acts():
        try:
            if known.setdefault(logged.act.body, logged.index) != logged.index:
                raise TamperedError(f"it is that of log row {known[logged.act.body]} once more")
            record = record_of(logged.act)
            _require_hand(logged, record, roster, roles)
            roster.follow([logged])
        except (QuarantineError, KeyError) as error:
            yield f"act {logged.act.kind} (log row {logged.index}): {error}"


def _require_hand(
    logged: Logged, record: ActRecord, roster: Roster, roles: Mapping[str, str]
) -> None:
    role = BY_ROLE.get(record.act)
    envelope = unseal(logged.act.body)
    if role is None:
        reviewer = roster.reviewers.get(str(getattr(record, "by", "")))
        public = reviewer.public if reviewer and _seated(reviewer, record) else ""
    else:
        public = roles.get(role, "")
    keys = dict.fromkeys(envelope.signatures, public) if public else {}
    if not wholly_signed(envelope, keys) or list(envelope.signatures) != [key_id(public)]:
        raise TamperedError(f"it is not signed by {role or 'the reviewer whom it names'}")


def _seated(reviewer: Reviewer, record: ActRecord) -> bool:
    return reviewer.tenure.covers(record.at)


def _checkpoints(store: Store, roles: Mapping[str, str]) -> Iterator[str]:
    for size, note in store.checkpoints():
        yield from _beginning(store, note, roles, f"the kept checkpoint of {size}")


def _beginning(store: Store, note: bytes, roles: Mapping[str, str], what: str) -> list[str]:
    try:
        standing(store, note, roles, what)
    except TamperedError as error:
        sentence = str(error)
        return [sentence if sentence.startswith(what) else f"{what}: {sentence}"]
    return []


def _require_beginning(store: Store, checkpoint: Checkpoint, what: str) -> None:
    size = store.size()
    if checkpoint.size > size:
        raise TamperedError(
            f"{what} saw {checkpoint.size} log rows, the store has {size}: the log was cut off"
        )
    if store.frontier(checkpoint.size).root() != checkpoint.root:
        raise TamperedError(
            f"{what} has another root over its {checkpoint.size} log rows: the log was rewritten"
        )


def _derived(store: Store) -> Iterator[str]:
    """Read every body again; what the store says of it must be what it says."""
    try:
        frame = store.frame()
    except (TypeError, ValueError) as error:  # Arrow's own are of these
        yield f"a column that is derived from a body holds what no body says: {error}"
        return
    for start in range(0, frame.num_rows, CHUNK):
        rows = frame.slice(start, CHUNK).to_pylist()
        held = store.held([row["index"] for row in rows])
        for row, event in zip(rows, held, strict=False):
            yield from _misread(row, event)


def _misread(row: Mapping[str, object], event: Held) -> Iterator[str]:
    what = f"event {event.id} (log row {event.index})"
    try:
        wanted = _columns(read_event(event.body, position=0, arrived=event.arrived), event)
    except QuarantineError as error:
        yield f"{what} cannot be read: {error}"
        return
    for name in wanted:
        if row[name] != wanted[name]:
            yield f"{what}: {name} is not what it says"


def _columns(event: Event, held: Held) -> dict[str, object]:
    derived = {name: getattr(event, name, None) for name in _DERIVED if name != "kind"}
    said = {name: getattr(event.said, name) for name in ("question", "answer", "value", "place")}
    return {
        **derived,
        **said,
        "kind": event.kind,
        "index": held.index,
        "source": event.source,
        "id": event.id,
    }
