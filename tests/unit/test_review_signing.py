"""What was staged is signed one by one, by the desk, as things are then; the rest is told."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from approvals import desk
from approvals.attest import record_of, unseal
from approvals.drawing import draw
from approvals.ledger import Ledger
from approvals.model import Decision, SourceRuled, State, Vote
from approvals.rules import load
from approvals.screen.decisions import lines_of, preview, read, stage
from approvals.screen.model import Choice, Signed, Staged
from approvals.screen.seat import KeyLeftAtHome
from approvals.screen.signing import sign, told
from approvals.screen.talk import Talk
from approvals.screen.waiting import waiting
from quarantine.errors import (
    NotAuthorisedError,
    RefusedError,
    StaleError,
    UnmetError,
    UsageError,
)
from quarantine.model import SourceKey, Verdict
from tests.reviewing import (
    LONER,
    RING,
    asked,
    dossier,
    doubted,
    judged,
    rating,
    rulings,
    seat,
    talking,
)
from tests.room import Room, hand_of, release


@pytest.fixture
def room(tmp_path: Path) -> Iterable[Room]:
    made = doubted(tmp_path)
    yield made
    made.store.close()


def staged(room: Room, name: str, choice: Choice, by: str = "ben") -> Staged:
    """Stage a decision on the case whose name begins so."""
    case = next(each for each in waiting(seat(room, by)).cases if each.name.startswith(name))
    return Staged(case, choice, "read the samples", room.at)


def signed(room: Room, *decisions: Staged, by: str = "ben") -> list[Signed]:
    room.later()
    return list(sign(seat(room, by), decisions))


def refusal(found: list[Signed]) -> type[RefusedError] | None:
    return type(found[0].refused) if isinstance(found[0].refused, RefusedError) else None


def test_every_decision_is_one_act_signed_with_the_reviewers_own_key(room: Room) -> None:
    size = room.store.size()
    decisions = [staged(room, f"app/{name}", Choice.HOLD) for name in RING]
    assert [each.refused for each in signed(room, *decisions)] == [None] * len(RING)
    acts = list(room.store.acts(size))
    assert [act.act.kind for act in acts] == [SourceRuled.act] * len(RING)
    signers = {key for act in acts for key in unseal(act.act.body).signatures}
    assert signers == {room.signers["ben"].key_id}
    assert rulings(room) == {f"app/{name}": "hold" for name in RING}


def test_a_vote_from_the_screen_is_the_vote_of_the_command(room: Room) -> None:
    request = asked(room)
    (done,) = signed(room, staged(room, request.digest[:12], Choice.APPROVE))
    assert done.refused is None
    (vote,) = (each.vote for each in desk.votes_on(room.store, request))
    assert (vote.by, vote.decision) == ("ben", Decision.APPROVE)
    room.vote(request, "cleo")
    assert room.stands(request).state is State.APPROVED


def test_nothing_is_in_the_log_before_it_is_signed(room: Room) -> None:
    size = room.store.size()
    staged(room, f"app/{LONER}", Choice.CLEAR)
    assert room.store.size() == size


def test_a_request_that_was_released_meanwhile_is_told_and_not_voted_on(room: Room) -> None:
    request = asked(room)
    decision = staged(room, request.digest[:12], Choice.APPROVE)
    for name in ("ben", "cleo"):
        room.vote(request, name)
    release(room, request)
    assert refusal(signed(room, decision)) is UnmetError


def test_a_request_of_which_a_source_was_held_meanwhile_is_stale(room: Room) -> None:
    request = asked(room)
    decision = staged(room, request.digest[:12], Choice.APPROVE)
    key = SourceKey("app", "rater/0")
    desk.rule_source(room.store, key, "hold", because="seen", **hand_of(room, "cleo"))
    found = signed(room, decision)
    assert refusal(found) is StaleError
    assert desk.votes_on(room.store, request) == []


def test_a_policy_that_changed_meanwhile_makes_the_vote_stale(room: Room) -> None:
    decision = staged(room, asked(room).digest[:12], Choice.APPROVE)
    room.policy = load(room.policy.text + "\n# another\n")
    assert refusal(signed(room, decision)) is StaleError


def test_the_others_are_signed_when_one_is_refused(room: Room) -> None:
    first, second = (staged(room, f"app/{name}", Choice.HOLD) for name in RING[:2])
    desk.rule_source(
        room.store, SourceKey("app", RING[0]), "clear", because="a friend", **hand_of(room, "cleo")
    )
    found = signed(room, first, second)
    assert isinstance(found[0].refused, StaleError)
    assert found[1].refused is None
    assert rulings(room) == {f"app/{RING[0]}": "clear", f"app/{RING[1]}": "hold"}


@pytest.mark.parametrize("choice", [Choice.CLEAR, Choice.HOLD])
def test_clearing_is_stale_when_the_source_said_more_and_holding_is_not(
    room: Room, choice: Choice
) -> None:
    decision = staged(room, f"app/{LONER}", choice)
    room.hear([rating(LONER, "new", "answer-9", 5.0)])
    judged(room, [dossier(LONER, verdict=Verdict.HOLD, score=0.8)])
    assert refusal(signed(room, decision)) is (StaleError if choice is Choice.CLEAR else None)


def test_scores_may_move_while_somebody_reads(room: Room) -> None:
    decision = staged(room, f"app/{LONER}", Choice.CLEAR)
    judged(room, [dossier(LONER, verdict=Verdict.WATCH, score=0.61)])
    assert refusal(signed(room, decision)) is None


def test_a_reviewer_who_was_revoked_meanwhile_signs_nothing(room: Room) -> None:
    from approvals.attest import act_of
    from approvals.model import ReviewerRevoked

    decision = staged(room, f"app/{LONER}", Choice.HOLD)
    gone = ReviewerRevoked(at=room.later(), name="ben", since=room.at)
    room.store.record([act_of(gone, room.operator)])
    assert refusal(signed(room, decision)) is NotAuthorisedError
    assert rulings(room) == {}


def test_nobody_clears_a_source_that_is_themselves(room: Room) -> None:
    room.add("odd", person="1", roles=["reviewer"])
    found = signed(room, staged(room, f"app/{LONER}", Choice.CLEAR, "odd"), by="odd")
    assert refusal(found) is NotAuthorisedError
    found = signed(room, staged(room, f"app/{LONER}", Choice.HOLD, "odd"), by="odd")
    assert refusal(found) is None


def test_without_a_key_one_can_look_and_not_sign(room: Room) -> None:
    home = KeyLeftAtHome(room.reviewer("ben"))
    assert home.public == room.signers["ben"].public
    with pytest.raises(UsageError, match="give --sign"):
        home.sign(b"anything")


def test_a_file_of_decisions_is_read_line_by_line(room: Room, tmp_path: Path) -> None:
    request = asked(room)
    file = tmp_path / "decisions.jsonl"
    lines = [
        {"case": f"app/{LONER}", "decision": "clear", "because": "an odd taste, no more"},
        {"case": f"app/{RING[0]}", "decision": "hold", "because": "a ring"},
        {"case": request.digest[:12], "decision": "reject", "because": "too early"},
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    decisions = stage(seat(room), read(lines_of(file)), room.at)
    assert preview(decisions) == "1 clear, 1 hold, 1 reject"
    assert [told(each)["refused"] for each in signed(room, *decisions)] == [None] * 3
    assert rulings(room) == {f"app/{LONER}": "clear", f"app/{RING[0]}": "hold"}
    votes = [record_of(each.act) for each in room.store.acts() if each.act.kind == Vote.act]
    assert [vote.because for vote in votes if isinstance(vote, Vote)] == ["too early"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"case": "app/x", "decision": "free", "because": "b"}', "decision"),
        ('{"case": "app/x", "decision": "hold"}', "because"),
        ('{"case": "app/x", "decision": "hold", "because": "b", "extra": 1}', "extra"),
        ('{"case": "app/x", "case": "app/y", "decision": "hold", "because": "b"}', "line 2"),
        ("nonsense", "line 2"),
        ("[" * 5000, "line 2"),
    ],
)
def test_a_line_that_is_no_decision_is_named(line: str, fault: str) -> None:
    good = '{"case": "app/a", "decision": "hold", "because": "b"}'
    with pytest.raises(UsageError, match=fault):
        read([good, line])


def test_two_decisions_on_one_case_are_refused() -> None:
    line = '{"case": "app/a", "decision": "hold", "because": "b"}'
    with pytest.raises(UsageError, match="lines 1 and 3"):
        read([line, "", line.replace("hold", "clear")])


def test_a_decision_on_what_nobody_knows_is_refused(room: Room, tmp_path: Path) -> None:
    for case, decision in (("app/nobody", "hold"), ("0123456789ab", "approve")):
        lines = read([json.dumps({"case": case, "decision": decision, "because": "b"})])
        with pytest.raises(UsageError):
            stage(seat(room), lines, room.at)
    with pytest.raises(UsageError, match="cannot be read"):
        lines_of(tmp_path / "none")


def test_a_file_can_overrule_what_was_ruled_before(room: Room) -> None:
    assert refusal(signed(room, staged(room, f"app/{LONER}", Choice.HOLD))) is None
    line = {"case": f"app/{LONER}", "decision": "clear", "because": "they explained"}
    decisions = stage(seat(room), read([json.dumps(line)]), room.at)
    assert refusal(signed(room, *decisions)) is None
    assert rulings(room) == {f"app/{LONER}": "clear"}


def test_what_was_drawn_to_be_read_is_shown_and_stands_in_the_vote(room: Room) -> None:
    room.policy = load(f"{room.policy.text}\n[reading]\nshare = 0.2\nconfidence = 0.95\n")
    request = asked(room)
    assert "nothing was drawn yet" in hindrance(room)
    ledger = Ledger.read(room.store.acts())
    draw(room.store, room.policy, ledger, signer=room.operator, at=room.later())
    wanted = set(desk.rows_to_read(room.store, request, room.policy))
    assert len(wanted) > 5
    talk = talking(room)
    find(talk)
    face = talk.sitting.face
    assert face is not None
    assert wanted <= {sample.row for sample in face.samples}
    talk.shown()
    room.later()
    talk.press("a")
    assert talk.message.startswith("read the samples first")
    for _ in range(len(face.samples) // 5 + 1):
        talk.press("space")
        talk.shown()
    room.later()
    talk.press("a")
    assert [each.refused for each in signed(room, *talk.sitting.staged)] == [None]
    (cast,) = desk.votes_on(room.store, request)
    assert wanted <= set(cast.vote.read or ())


def find(talk: Talk) -> None:
    """Go to the request."""
    talk.press("/")
    talk.answer("request")


def hindrance(room: Room) -> str:
    talk = talking(room)
    find(talk)
    return talk.sitting.face.hindrance if talk.sitting.face else ""
