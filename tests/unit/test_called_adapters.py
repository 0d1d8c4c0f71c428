"""An adapter that is called over HTTP asks every caller for a proof, or does not start."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quarantine.errors import UsageError
from service.adapting.config import adapters, require_whole
from service.adapting.hooks import hooks
from service.cli import app as commands
from service.cli.rim import ServiceRim
from service.settings import State
from service.site import Parts
from service.watch.board import Board
from service.watch.looking import Look
from service.watch.lookout import Lookout

CALLED = sorted(name for name, each in adapters().items() if each.authentic is not None)
SETTINGS = """
adapter = "{}"
scope = "helpful"
{}
[[send]]
assurance = "none"
producer = "people"
sign = "people.pem"
"""


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    state = State(tmp_path)
    state.adapters.mkdir()
    lookout = Lookout(Look, Look, Board(()))
    return Parts(state, "", lambda: datetime(2026, 1, 1, tzinfo=UTC), lookout)


def test_some_adapters_are_called() -> None:
    assert len(CALLED) >= 3


@pytest.mark.parametrize("name", CALLED)
@pytest.mark.parametrize("secret", ["", 'secret = "hook.secret"'], ids=["none", "empty"])
def test_without_a_secret_nobody_can_prove_anything_and_nothing_starts(
    parts: Parts, name: str, secret: str
) -> None:
    (parts.state.root / "hook.secret").write_text("\n")
    (parts.state.adapters / f"{name}.toml").write_text(SETTINGS.format(name, secret))
    with pytest.raises(UsageError, match=f"{name} is called over HTTP and has no secret"):
        hooks(parts)


def test_what_could_not_work_is_said_before_anything_starts(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.adapters.mkdir()
    settings, called = state.adapters / "studio.toml", CALLED[0]

    settings.write_text(SETTINGS.format("no-such", ""))
    with pytest.raises(UsageError) as of:
        require_whole(tmp_path, state.adapters)
    assert "there is no adapter 'no-such'" in str(of.value)
    for secret, mend in (("", "secret = …"), ('secret = "hook.secret"', "there is no file")):
        settings.write_text(SETTINGS.format(called, secret))
        with pytest.raises(UsageError) as of:
            require_whole(tmp_path, state.adapters)
        assert mend in str(of.value)
    (tmp_path / "hook.secret").write_text("whsec_c2VjcmV0\n")
    with pytest.raises(UsageError) as of:
        require_whole(tmp_path, state.adapters)
    assert f"quarantine keys new {tmp_path / 'people.pem'}" in str(of.value)
    (tmp_path / "people.pem").touch()
    require_whole(tmp_path, state.adapters)


def test_up_does_not_start_with_an_adapter_that_cannot_work(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.adapters.mkdir()
    (state.adapters / "studio.toml").write_text(SETTINGS.format(CALLED[0], ""))
    words = ["up", "--state", str(tmp_path), "--http", "127.0.0.1:1"]
    done = CliRunner().invoke(commands, words, obj=ServiceRim())
    assert isinstance(done.exception, UsageError)
    assert "studio is called over HTTP and has no secret" in str(done.exception)
    assert {each.name for each in tmp_path.iterdir()} == {"adapters"}, "nothing was begun"


@pytest.mark.parametrize("name", CALLED)
def test_with_a_secret_it_is_there_under_its_name(parts: Parts, name: str) -> None:
    (parts.state.root / "hook.secret").write_text("whsec_c2VjcmV0\n")
    (parts.state.adapters / f"{name}.toml").write_text(
        SETTINGS.format(name, 'secret = "hook.secret"')
    )
    assert [route.path for route in hooks(parts)] == [f"/hooks/{name}"]  # type: ignore[attr-defined]
