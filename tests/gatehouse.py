"""A gatehouse for tests: the commands themselves, on a state and a clock of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from approvals.model import Request
from approvals.policy import Policy
from approvals.refusals import refusals
from approvals.revoke import publish
from approvals.rules import load
from quarantine.errors import QuarantineError
from quarantine.ports import Store
from service import wiring
from service.cli import app
from service.cli.rim import ServiceRim
from service.settings import State
from tests.room import LOOSE, Room


class Clocked(ServiceRim):
    """The rim as it is, but for its clock."""

    def __init__(self, room: Room) -> None:
        self.room = room

    def now(self) -> datetime:
        return self.room.at

    def policy(self, state: Path, store: Store) -> Policy:
        return wiring.adopt_policy(State(state), store, self.now())

    def publish_trust(self, state: Path, store: Store) -> Path:
        trust = super().publish_trust(state, store)
        signer = wiring.role_signer(State(state), "releasing")
        publish(store, State(state).revocations, signer, self.now())
        return trust


@dataclass
class Gatehouse:
    """A room whose people use the commands; every answer is JSON, every refusal an exit code."""

    folder: Path
    policy: str = LOOSE

    def __post_init__(self) -> None:
        self.state = State(self.folder / "state")
        wiring.prepare(self.state)
        self.state.policy.write_text(self.policy)
        self.room = Room(self.state.root, policy=load(self.policy))
        self.room.operator = wiring.role_signer(self.state, "operator")  # type: ignore[assignment]
        self.room.producer("app")
        for name in ("ana", "ben", "cleo", "dov"):
            self.room.add(name, roles=["reviewer"])
        self.room.crowd(12, 3)

    def run(self, *words: str, code: int = 0) -> Any:
        """Run a command a minute later; return its document."""
        self.room.later()
        told = CliRunner().invoke(
            app, [*words, "--state", str(self.state.root), "--json"], obj=Clocked(self.room)
        )
        error = told.exception
        found = error.exit_code if isinstance(error, QuarantineError) else told.exit_code
        assert found == code, (words, found, error, told.output)
        return json.loads(told.stdout) if told.stdout.strip() else None

    def signed(self, name: str, because: str = "read it") -> list[str]:
        key = self.state.root / f"{name}.pem"
        return ["--as", name, "--sign", str(key), "--because", because]

    def ask(self, by: str = "ana", **changes: str) -> str:
        """Make a request for the ratings; return its id."""
        wanted: Mapping[str, str] = {"scope": "helpful", "kind": "rating"} | changes
        options = [word for name, value in wanted.items() for word in (f"--{name}", value)]
        made: Mapping[str, str] = self.run("request", "make", *options, *self.signed(by)[:4])
        return made["request"]

    def vote(self, request: str, *names: str, what: str = "approve", code: int = 0) -> None:
        for name in names:
            self.run(what, request, *self.signed(name), code=code)

    def request(self, ref: str) -> Request:
        """Return a request's record."""
        from approvals.desk import find_request

        return find_request(self.room.store, ref)[1]

    def release(self, request: str, code: int = 0) -> Path:
        """Try to make the release of a request; it is there, or nothing is."""
        out = self.folder / f"release-{len(list(self.folder.iterdir()))}"
        self.run("release", "make", request, "--out", str(out), code=code)
        assert out.exists() == (code == 0)
        return out

    def refused(self, what: str, about: str, because: str) -> None:
        """Require that the newest refusal in the log tells of this."""
        found = [record for _, record in refusals(self.room.store)]
        assert found, "nothing was written down"
        told = found[-1]
        assert (told.what, told.about) == (what, about), told
        assert because in told.because, told.because
