"""The trust file says whose signatures count; it is read strictly."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from approvals.trust import RoleKey, load_trust, write_trust
from quarantine.errors import UsageError
from tests.press import HOSTILE, Printer
from tests.room import START, Room


@pytest.fixture
def printer(tmp_path: Path) -> Printer:
    printer = Printer(Room(tmp_path))
    printer.room.score([])
    return printer


def test_what_was_written_reads_back(printer: Printer) -> None:
    trust = printer.publish()
    assert trust.origin == printer.origin
    assert trust.reviewers == tuple(printer.room.roster.reviewers.values())
    assert trust.revocations == printer.room.folder / "revocations.dsse.json"
    release = trust.keys_for("release", START)
    assert release == {printer.keys["releasing"].key_id: printer.keys["releasing"].public}


def test_only_roles_that_sign_what_leaves_are_named(printer: Printer) -> None:
    trust = printer.publish()
    named = {key.public for key in trust.keys}
    assert named == {printer.keys[role].public for role in ("releasing", "intake", "operator")}
    intake = printer.keys["intake"].key_id
    assert intake in trust.keys_for("log", START)
    assert intake not in trust.keys_for("release", START) | trust.keys_for("revocation", START)
    operator = printer.keys["operator"].key_id
    assert set(trust.keys_for("gate", START)) == {operator}
    others = [trust.keys_for(power, START) for power in ("release", "log", "revocation")]
    assert not any(operator in keys for keys in others)


def test_a_key_counts_in_its_time_alone(printer: Printer) -> None:
    key = RoleKey(
        role="releasing",
        public=printer.keys["releasing"].public,
        since=START,
        until=START + timedelta(days=1),
    )
    write_trust(printer.trust_file, roster=printer.room.roster, keys=[key], origin="log")
    trust = load_trust(printer.trust_file)
    assert not trust.keys_for("release", START - timedelta(seconds=1))
    assert trust.keys_for("release", START)
    assert not trust.keys_for("release", START + timedelta(days=1))


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_try_to_be_more_than_names_read_back(printer: Printer, name: str) -> None:
    printer.room.add(name, person=name, key="ana", roles=(name,))
    (last,) = [each for each in printer.publish().reviewers if each.name == name]
    assert (last.person, last.roles) == (name, (name,))


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("version = 1", "version = 2", "version"),
        ("version = 1", "version = 1\nverison = 1", "verison"),
        ("version = 1", "version = 1\nversion = 1", "TOML"),
        ("max_age_hours = 168", "max_age_hours = 0", "max_age_hours"),
        ('powers = ["log"]', 'powers = ["everything"]', "powers"),
        ('powers = ["log"]', "powers = []", "powers"),
        ("since = 1970-01-01T00:00:00.000000Z", "since = 1970-01-01T00:00:00", "since"),
        ('id = "', 'id = "0', "public half"),
        ("MCowBQYDK2Vw", "MCowBQYDK2Vx", "public key"),
    ],
)
def test_a_trust_file_with_a_fault_is_refused(
    printer: Printer, old: str, new: str, wanted: str
) -> None:
    printer.publish()
    text = printer.trust_file.read_text()
    assert old in text
    printer.trust_file.write_text(text.replace(old, new, 1))
    with pytest.raises(UsageError, match=wanted):
        load_trust(printer.trust_file)


def test_a_missing_trust_file_is_a_fault_of_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_trust(tmp_path / "none.toml")
