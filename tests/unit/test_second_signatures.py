"""An act bears exactly one signature, by the key whose id it names, in one spelling."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import rfc8785

from approvals.attest import act_of, holds, seal, unseal
from approvals.audit import audit
from approvals.model import ProducerAdded, ProducerKey, Request, SourceRuled, Vote
from approvals.ports import Signer
from approvals.signers.file import FileSigner, new_key
from quarantine.errors import TamperedError
from quarantine.model import Act
from tests.press import Printer, printed, signed_again
from tests.room import Room

Change = Callable[[bytes, Signer], bytes]


def with_another(body: bytes, other: Signer) -> bytes:
    """Put a signature by another key behind the one that is there."""
    return resigned(body, [*signatures(body), *signatures(sealed_by(body, other))])


def before_by_another(body: bytes, other: Signer) -> bytes:
    """Put a signature by another key before the one that is there."""
    return resigned(body, [*signatures(sealed_by(body, other)), *signatures(body)])


def twice(body: bytes, other: Signer) -> bytes:
    """Give the same signature once more, under another key's id."""
    (own,) = signatures(body)
    return resigned(body, [own, own | {"keyid": other.key_id}])


def renamed(body: bytes, other: Signer) -> bytes:
    """Give the one signature under another key's id."""
    (own,) = signatures(body)
    return resigned(body, [own | {"keyid": other.key_id}])


def repeated(body: bytes, _: Signer) -> bytes:
    """Give the same signature once more, under its own id."""
    return resigned(body, signatures(body) * 2)


def adorned(body: bytes, _: Signer) -> bytes:
    """Put a field beside the signature that no signature covers."""
    (own,) = signatures(body)
    return resigned(body, [own | {"note": "again"}])


def unsigned(body: bytes, _: Signer) -> bytes:
    """Leave an empty list of signatures."""
    return resigned(body, [])


CHANGES = (with_another, before_by_another, twice, renamed, repeated, adorned, unsigned)
every_change = pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)


def signatures(body: bytes) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(body)["signatures"]
    return found


def resigned(body: bytes, given: list[dict[str, str]]) -> bytes:
    return rfc8785.dumps(json.loads(body) | {"signatures": given})


def sealed_by(body: bytes, signer: Signer) -> bytes:
    envelope = unseal(body)
    return seal(envelope.payload, envelope.payload_type, [signer])


@pytest.fixture(scope="module")
def printer(tmp_path_factory: pytest.TempPathFactory) -> Printer:
    return printed(tmp_path_factory.mktemp("room"))


@pytest.fixture
def other(tmp_path: Path) -> FileSigner:
    return new_key(tmp_path / "other.pem")


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path)
    room.producer("app")
    for name in ("ana", "ben", "cho"):
        room.add(name, roles=["reviewer"])
    room.crowd(8, 5)
    return room


def latest(room: Room, kind: str) -> Act:
    return [each.act for each in room.store.acts() if each.act.kind == kind][-1]


def changed(act: Act, change: Change, other: Signer) -> Act:
    return Act(act.kind, act.at, change(act.body, other))


def found(room: Room) -> list[str]:
    return audit(room.store, roles={"operator": room.operator.public})


@pytest.mark.parametrize("change", [with_another, before_by_another, twice, renamed, unsigned])
def test_a_body_holds_with_its_one_signature_only(
    room: Room, other: FileSigner, change: Change
) -> None:
    body, operator = latest(room, ProducerAdded.act).body, room.operator
    assert holds(body, operator.key_id, operator.public)
    assert not holds(change(body, other), operator.key_id, operator.public)


@pytest.mark.parametrize("change", [repeated, adorned])
def test_an_envelope_in_another_spelling_is_not_opened(
    room: Room, other: FileSigner, change: Change
) -> None:
    with pytest.raises(TamperedError, match="envelope"):
        unseal(change(latest(room, ProducerAdded.act).body, other))


@every_change
def test_an_act_of_a_role_must_bear_its_one_signature(
    room: Room, other: FileSigner, change: Change
) -> None:
    key = ProducerKey(id="k9", algorithm="hmac-sha256")
    added = act_of(ProducerAdded(at=room.later(), name="late", key=key), room.operator)
    (row,) = room.store.record([changed(added, change, other)])
    assert [each.partition(":")[0] for each in found(room)] == [
        f"act producer-added (log row {row})"
    ]


@every_change
def test_an_act_of_a_person_must_bear_their_one_signature(room: Room, change: Change) -> None:
    ruled = SourceRuled(
        at=room.later(),
        producer="app",
        source="rater/1",
        ruling="clear",
        because="fine",
        by="ben",
    )
    act = changed(act_of(ruled, room.signers["ben"]), change, room.signers["cho"])
    (row,) = room.store.record([act])
    assert [each.partition(":")[0] for each in found(room)] == [f"act source-ruled (log row {row})"]


@every_change
def test_an_act_is_not_said_again_by_changing_its_signatures(
    room: Room, other: FileSigner, change: Change
) -> None:
    """Else whoever can write the log could say again what was taken back, without any key."""
    assert found(room) == []
    said = latest(room, ProducerAdded.act)
    (row,) = room.store.record([changed(said, change, other)])
    assert any(each.startswith(f"act producer-added (log row {row})") for each in found(room))


@every_change
def test_a_vote_must_bear_its_one_signature(room: Room, change: Change) -> None:
    request, _, _ = room.ask()
    room.vote(request, "ben")
    room.store.record([changed(latest(room, Vote.act), change, room.signers["cho"])])
    with pytest.raises(TamperedError):
        room.stands(request)


@every_change
def test_a_request_must_bear_its_one_signature(room: Room, change: Change) -> None:
    request, _, _ = room.ask()
    room.store.record([changed(latest(room, Request.act), change, room.signers["cho"])])
    with pytest.raises(TamperedError):
        room.stands(request)


@every_change
@pytest.mark.parametrize("what", ["votes/*.dsse.json", f"proofs/*-{Request.act}.dsse.json"])
def test_what_a_release_was_decided_by_must_bear_its_one_signature(
    printer: Printer, tmp_path: Path, what: str, change: Change
) -> None:
    copy = Path(shutil.copytree(printer.room.folder / "release", tmp_path / "release"))
    file = min(copy.glob(what))
    file.write_bytes(change(file.read_bytes(), printer.room.signers["cho"]))
    signed_again(copy, printer.keys["releasing"])
    with pytest.raises(TamperedError, match=r"is not signed by a reviewer|envelope"):
        printer.verify(copy)
