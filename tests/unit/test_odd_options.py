"""What somebody may give a command by mistake is refused in a sentence, and breaks nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.cli.command import moment_of
from approvals.keys import public_in
from approvals.model import ReviewerRevoked
from approvals.signers.file import new_key
from quarantine.errors import UsageError
from quarantine.record import spell_time
from tests.gatehouse import Gatehouse

HUGE = "99999999999999999999"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gatehouse]:
    found = Gatehouse(tmp_path_factory.mktemp("gate"))
    with found.room.store:
        yield found


@pytest.mark.parametrize(
    "words",
    [
        ("dead", "show", HUGE),
        ("dead", "list", "--since", HUGE),
        ("dead", "list", "--limit", HUGE),
        ("dead", "redrive", HUGE),
        ("producer", "add", "late", "--hmac", "none", "--budget", HUGE),
        ("policy", "simulate", "--policy", "none", "--since", "99999999d"),
        ("reviewer", "revoke", "ben", "--since", "0001-01-01T00:00:00+01:00"),
    ],
)
def test_a_number_or_time_out_of_all_bounds_is_refused(
    gate: Gatehouse, words: tuple[str, ...]
) -> None:
    gate.run(*words, code=2)


def test_a_reviewer_may_be_revoked_since_the_first_day_there_is(gate: Gatehouse) -> None:
    """The act is read again by every command that follows."""
    gate.run("reviewer", "revoke", "dov", "--since", "0001-01-01T00:00:00Z")
    (told,) = [each for each in gate.run("reviewer", "list") if each["name"] == "dov"]
    assert told["until"] == "0001-01-01T00:00:00.000000Z"


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_time_that_a_record_spells_it_reads_again(at: datetime) -> None:
    act = ReviewerRevoked(at=at, name="ana", since=at)
    assert ReviewerRevoked.parse(act.canonical()) == act
    assert spell_time(at) == at.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def test_a_time_that_is_none_in_utc_is_refused() -> None:
    with pytest.raises(UsageError, match="RFC 3339"):
        moment_of("--since", "9999-12-31T23:59:59-01:00")


def test_a_file_without_a_public_key_is_named(tmp_path: Path) -> None:
    new_key(tmp_path / "ana.pem")
    pem = (tmp_path / "ana.pem.pub").read_text()
    (tmp_path / "ana.der").write_bytes(base64.b64decode("".join(pem.splitlines()[1:-1])))
    for name in ("none", "ana.der", "ana.pem"):
        with pytest.raises(UsageError, match=name):
            public_in(tmp_path / name)
    assert public_in(tmp_path / "ana.pem.pub") == pem
