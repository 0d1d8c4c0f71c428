"""One more name is no one more person: who reads like somebody is not registered."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from approvals.interest import of_source, tie
from approvals.roster import Reviewer, Roster, Tenure
from approvals.twins import require_apart
from quarantine.errors import UsageError
from quarantine.model import SourceKey

SINCE = Tenure(datetime(2026, 1, 1, tzinfo=UTC))
KNOWN = (
    Reviewer("ana", "ana@example.org", "k1", "", ("reviewer",), SINCE),
    Reviewer("ben", "ben@example.org", "k2", "", ("reviewer",), SINCE),
)


@pytest.mark.parametrize(
    ("name", "person", "key"),
    [
        ("cam", "ANA@example.org", "k3"),
        ("cam", "b\u0435n@example.org", "k3"),
        ("cam", "ana@example.org ", "k3"),
        ("cam", "ana@exam\u200bple.org", "k3"),
        ("cam", "\uff41na@example.org", "k3"),
        ("cam", "cam@example.org", "k1"),
        ("b\u0435n", "cam@example.org", "k3"),
        ("Ana", "ana@example.org", "k3"),
        ("", "cam@example.org", "k3"),
        ("cam", " ", "k3"),
        ("cam\u202e", "cam@example.org", "k3"),
    ],
)
def test_who_reads_like_somebody_or_has_their_key_is_refused(
    name: str, person: str, key: str
) -> None:
    with pytest.raises(UsageError):
        require_apart(name, person, key, KNOWN)


@pytest.mark.parametrize(
    "source",
    [
        "rater/ben@example.org",
        "rater/BEN@Example.org",
        "rater/b\u0435n@example.org",
        "rater/ben\u200b@example.org",
        "Ben",
        "\uff42en",
    ],
)
def test_who_spells_their_own_source_otherwise_is_still_that_source(source: str) -> None:
    speakers = of_source(SourceKey("app", source))
    assert "is the source" in tie(speakers, Roster(), KNOWN[1])
    assert not tie(speakers, Roster(), KNOWN[0])


@pytest.mark.parametrize(
    ("name", "person", "key"),
    [
        ("cam", "cam@example.org", "k3"),
        ("ana-phone", "ana@example.org", "k3"),
        ("ana-again", "ana@example.org", "k1"),
        ("zo\u00eb", "zo\u00eb@example.org", "k3"),
        ("\u8349", "\u8349@example.org", "k3"),
    ],
)
def test_another_person_and_a_second_name_of_one_are_not(name: str, person: str, key: str) -> None:
    require_apart(name, person, key, KNOWN)
