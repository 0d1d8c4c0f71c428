"""The service reads what held events say in words once, and asks by the answers it was told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from approvals.answers import KnownAnswers
from approvals.audit import unsound
from service import wiring
from service.cli import app
from service.cli.rim import ServiceRim
from service.scoring import Scorer
from service.settings import State
from service.words import Words
from tests.room import Room


def label(source: str, id_: str, target: str, label: str, **more: object) -> bytes:
    """Spell one label as its producer would."""
    event = {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "subject": target,
        "type": "feedback.label.v1",
        "time": "2025-12-31T00:00:00Z",
        "scope": "helpful",
        "data": {"label": label, "labels": ["0", "1", "2"], **more},
    }
    return json.dumps(event).encode()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path)
    room.producer("app")
    return room


def test_each_body_is_read_once_and_its_text_again_only_when_quoted(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    with room.store:
        room.hear([label("a", "1", "x", "0", item="a cat"), label("b", "2", "x", "1", text="mine")])
        words = Words(room.store)
        index = room.store.frame().column("index").to_numpy()
        told = words.of(index)
        room.later()
        room.hear([label("a", "3", "y", "0", item="a cat")])
        asked: list[int] = []
        held = room.store.held
        monkeypatch.setattr(
            room.store, "held", lambda indexes: (asked.extend(indexes), held(indexes))[1]
        )
        index = room.store.frame().column("index").to_numpy()
        told = words.of(index)
        assert asked == [int(index[-1])]
        columns = told.at(index)
        assert columns["asked"].tolist() == [0, -1, 0]
        assert told.texts.read(0) == "a cat"
        assert told.texts.read(int(columns["own"][1])) == "mine"
        assert words.of(index) is told


def test_known_answers_told_by_the_operator_accuse_who_guesses(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    file = tmp_path / "gold.csv"
    file.write_text("target,label\n" + "".join(f"t{n},{n % 3}\n" for n in range(40)))
    answered = CliRunner().invoke(
        app, ["gold", "add", str(file), "--state", str(state.root), "--json"], obj=ServiceRim()
    )
    assert answered.exit_code == 0, answered.output
    assert json.loads(answered.stdout) == {"answers": 40}
    with wiring.open_store(state) as store:
        known = KnownAnswers()
        known.follow(store.acts())
        assert known.answers["t4"] == "1"
        assert known.size == store.size()
        assert unsound(store, roles=wiring.role_publics(state)) == []


def test_the_next_pass_asks_by_what_was_told(room: Room) -> None:
    from approvals.attest import act_of
    from approvals.gold import gold_acts

    rng = np.random.default_rng(3)
    said = [
        label(f"s{source}", f"{source}-{target}", f"t{target}", str(target % 3))
        for source in range(30)
        for target in rng.permutation(40)[:20].tolist()
    ]
    said += [label("lazy", f"lazy-{target}", f"t{target}", "0") for target in range(40)]
    with room.store:
        room.hear(said)
        scorer = Scorer(room.store, room.roster, room.operator)
        first = scorer.once(room.later())
        assert scorer.once(room.later()) is None
        told = {f"t{target}": str(target % 3) for target in range(40)}
        acts = gold_acts(told, room.later())
        room.store.record([act_of(act, room.operator) for act in acts])
        second = scorer.once(room.later())
    assert first is not None
    assert second is not None
    lazy = next(each for each in second.dossiers if each.source == "lazy")
    assert "gold" in {finding.detector for finding in lazy.findings}
    before = next(each for each in first.dossiers if each.source == "lazy")
    assert "gold" not in {finding.detector for finding in before.findings}
