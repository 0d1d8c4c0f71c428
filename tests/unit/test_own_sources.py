"""Nobody vouches for themselves: not for their own source, nor for who is linked with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from approvals import desk
from quarantine.errors import NotAuthorisedError
from quarantine.model import SourceKey, Tier, Verdict
from tests.room import Room, body, crowded, hand_of

OWN = SourceKey("app", "rater/BEN")
FRIEND = SourceKey("app", "rater/0")
OTHER = SourceKey("app", "rater/1")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = crowded(tmp_path)
    with opened.store:
        opened.hear([body(OWN.source, "own-0", "answer-0")])
        opened.score([OWN.source, FRIEND.source], verdict=Verdict.HOLD, cluster=str(FRIEND))
        opened.score([OTHER.source], verdict=Verdict.HOLD, cluster=str(OTHER))
        yield opened


@pytest.mark.parametrize("key", [OWN, FRIEND])
def test_a_reviewer_neither_vets_nor_clears_their_own_and_whom_it_is_linked_with(
    room: Room, key: SourceKey
) -> None:
    ben = hand_of(room, "ben")
    with pytest.raises(NotAuthorisedError, match="cannot vouch for"):
        desk.tier_sources(room.store, [OTHER, key], Tier.VETTED, because="a regular", **ben)
    with pytest.raises(NotAuthorisedError, match="cannot clear"):
        desk.rule_source(room.store, key, "clear", because="a regular", **ben)
    assert not room.roster.standings, "all of it or none"


def test_others_may_and_anybody_may_think_less_of_their_own(room: Room) -> None:
    ana, ben = hand_of(room, "ana"), hand_of(room, "ben")
    desk.tier_sources(room.store, [OWN, FRIEND], Tier.VETTED, because="met", **ana)
    desk.tier_sources(room.store, [OTHER], Tier.VETTED, because="met", **ben)
    desk.tier_sources(room.store, [OWN], Tier.UNVETTED, because="lost my phone", **ben)
    assert room.roster.standings[OWN].tier is Tier.UNVETTED
    assert room.roster.standings[OTHER].tier is Tier.VETTED
