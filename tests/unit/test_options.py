"""Settings: by environment and file, checked at the start, wrong ones named with their mend."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarantine.errors import UsageError
from service import settings, wiring
from service.bus import located
from service.options import Options, read
from service.readiness import address
from service.settings import State


def test_nothing_said_is_every_default(tmp_path: Path) -> None:
    assert read({}, tmp_path / "none.toml") == Options()
    assert (
        read({"PATH": "/bin", "FQ_HTTP": "", "FQ_TEST_X": "y"}, tmp_path / "none.toml") == Options()
    )


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('bus = "redis://a"\nlog = "json"\nonly = ["scoring"]\ntraces = 0.5\n')
    found = read({"FQ_BUS": "redis://b", "FQ_ONLY": "intake, releasing"}, file)
    assert (found.bus, found.log, found.traces) == ("redis://b", "json", 0.5)
    assert found.only == ("intake", "releasing")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("FQ_HTPP", "x", "FQ_HTPP is no setting: did you mean FQ_HTTP"),
        ("FQ_ZZZZZZ", "x", "FQ_ZZZZZZ is no setting: there are FQ_STORE, "),
        ("FQ_LOG", "xml", "FQ_LOG: Input should be 'plain' or 'json'"),
        ("FQ_TRACES", "2", "FQ_TRACES: Input should be less than or equal to 1"),
        ("FQ_ALLOW_VOLATILE", "perhaps", "FQ_ALLOW_VOLATILE: Input should be a valid boolean"),
        ("FQ_OTLP", "collector:4318", "FQ_OTLP: String should match pattern"),
        ("FQ_BUS", "bus:6379", "FQ_BUS: String should match pattern '^(rediss?"),
        ("FQ_BUS", "http://bus", "FQ_BUS: String should match pattern '^(rediss?"),
        ("FQ_ONLY", "cook", "FQ_ONLY: Input should be 'intake', 'scoring', 'releasing' or"),
    ],
)
def test_what_is_wrong_is_named_with_its_mend(
    name: str, value: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as error:
        read({name: value}, tmp_path / "none.toml")
    assert told in str(error.value)


@pytest.mark.parametrize(
    "place", ["here", ":80", "here:", "here:0", "here:65536", "here:٣", "a:1e3"]
)
def test_an_address_to_answer_at_has_a_host_and_a_port(place: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        address(place)
    assert address("[::1]:65535") == ("[::1]", 65535)


def test_a_wrong_line_of_the_file_is_named_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("https = true\n")
    with pytest.raises(UsageError, match=r"settings\.toml: https is no setting: did you mean http"):
        read({}, file)
    file.write_text("http = \n")
    with pytest.raises(UsageError, match="is no TOML"):
        read({}, file)
    file.write_bytes(b"\xff")
    with pytest.raises(UsageError, match="cannot be read"):
        read({}, file)


def test_a_password_comes_from_its_file_and_is_in_no_url_that_is_shown(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("s:e/c@r%t\n")
    found = read({"FQ_BUS_PASSWORD_FILE": str(secret)}, tmp_path / "none.toml")
    assert found.unlocked("redis://intake@bus:6379") == "redis://intake:s%3Ae%2Fc%40r%25t@bus:6379"
    assert found.unlocked("redis://bus") == "redis://:s%3Ae%2Fc%40r%25t@bus"
    assert found.unlocked("redis://u:own@bus") == "redis://u:own@bus", "its own wins"
    assert found.unlocked("unix:///run/bus.sock") == "unix:///run/bus.sock"
    assert Options().unlocked("redis://intake@bus") == "redis://intake@bus"
    spread = found.unlocked("redis+sentinel://u@a:1,b:2/main")
    assert located(spread).places == (("a", 1), ("b", 2))


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=40))
def test_whatever_the_password_redis_is_told_the_same(password: str) -> None:
    from urllib.parse import unquote, urlsplit

    found = Options.model_construct(bus_password_file=Path("x"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.options._secret", lambda _: password)
        spelled = urlsplit(found.unlocked("redis://u@bus:1"))
    assert unquote(spelled.password or "") == password
    assert (spelled.username, spelled.hostname, spelled.port) == ("u", "bus", 1)


def test_an_empty_password_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("\n")
    found = read({"FQ_BUS_PASSWORD_FILE": str(tmp_path / "password")}, tmp_path / "none.toml")
    assert found.unlocked("redis://u@bus") == "redis://u@bus"


def test_a_password_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = read({"FQ_BUS_PASSWORD_FILE": str(tmp_path / "gone")}, tmp_path / "none.toml")
    with pytest.raises(UsageError, match="gone cannot be read"):
        found.unlocked("redis://u@bus")


def test_a_bus_that_is_set_is_the_one_that_commands_know(state: State) -> None:
    state.settings.write_text('bus = "redis://set:1"\n')
    assert settings.options_of(state, {}).bus == "redis://set:1"
    assert wiring.known_bus_url(state, None) == "redis://set:1"
    assert wiring.known_bus_url(state, "redis://said:2") == "redis://said:2"


def test_no_key_is_made_for_a_role_whose_public_key_is_here(tmp_path: Path) -> None:
    """Else a machine of one role would make itself the keys of all others."""
    whole, own = State(tmp_path / "whole"), State(tmp_path / "own")
    wiring.prepare(whole)
    own.key("intake").parent.mkdir(parents=True)
    for public in whole.key("x").parent.glob("*.pub"):
        (own.key("x").parent / public.name).write_bytes(public.read_bytes())
    own.key("intake").write_bytes(whole.key("intake").read_bytes())
    wiring.prepare(own)
    assert [each.name for each in own.key("x").parent.glob("*.pem")] == ["intake.pem"]
    assert wiring.role_publics(own) == wiring.role_publics(whole)
