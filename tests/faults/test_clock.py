"""The service's clock jumps, forwards and back: nothing is lost, and nothing leaves the sooner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from approvals.audit import audit
from quarantine.errors import NotAuthorisedError
from quarantine.model import to_micros
from service import wiring
from service.redteam.ground import DAY, Ground, crowd
from service.redteam.speech import rating, usual
from service.redteam.yard import Yard

YEARS = 3650 * DAY
HOUR = timedelta(hours=1)
JUMPS = {
    "an hour ahead": (HOUR, -HOUR),
    "an hour back": (-HOUR, HOUR),
    "ten years ahead": (YEARS, -YEARS),
    "ten years back": (-YEARS, YEARS),
}


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    yard = Yard(tmp_path, quick=True)
    with yard.ground() as made:
        yield made
    yard.close()


def told(ground: Ground, names: list[str], what: str) -> None:
    """Let all of these rate something, by a clock of their own that stands still."""
    ground.hear(rating(name, f"{name}-{what}", what, time="1970-01-01T00:00:00Z") for name in names)


def leaving(ground: Ground) -> int:
    return len(ground.leaving("rating"))


@pytest.mark.parametrize("jump", JUMPS)
def test_t18_what_comes_while_the_clock_is_wrong_is_held_and_judged_like_all_else(
    ground: Ground, jump: str
) -> None:
    names = crowd(ground, 12, 5, usual)
    for number, by in enumerate(JUMPS[jump]):
        ground.later(by)
        before = to_micros(ground.at)
        told(ground, names, f"jump-{number}")
        last = ground.store.size() - 1
        (held,) = ground.store.held([last])
        assert before < held.arrived <= to_micros(ground.at), "by our clock, whatever it says"
        ground.judge()
        assert set(names) <= ground.verdicts().keys()
    roles = wiring.role_publics(ground.state)
    assert audit(ground.store, roles=roles, witness=ground.state.witness) == []


def test_t18_what_came_by_a_clock_that_was_ahead_leaves_no_sooner(ground: Ground) -> None:
    names = crowd(ground, 40, 5, usual)
    ground.clear(names)
    ground.later(4 * DAY)
    waited = leaving(ground)
    assert waited > 0
    told(ground, names, "fresh")
    ground.clear(names)
    ground.later(-2 * DAY)
    assert leaving(ground) == waited, "what is from tomorrow has not waited a day"
    ground.later(2 * DAY + HOUR)
    assert leaving(ground) == waited
    ground.later(DAY)
    assert leaving(ground) > waited


def test_t18_who_was_not_registered_yet_decides_nothing_by_a_clock_that_went_back(
    ground: Ground,
) -> None:
    names = crowd(ground, 40, 5, usual)
    ground.clear(names)
    ground.later(2 * DAY)
    request = ground.ask("rating")[0]
    ground.later(-YEARS)
    with pytest.raises(NotAuthorisedError):
        ground.vote(request, "ben")
