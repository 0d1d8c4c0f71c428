"""Two releases are compared, and one that was taken back may be looked at."""

from __future__ import annotations

from pathlib import Path

from approvals.attest import act_of
from approvals.cli.releases import beside
from approvals.difference import difference
from approvals.model import PolicyAdopted
from approvals.revoke import TakingBack, take_back
from approvals.rules import load
from approvals.trust import load_trust
from approvals.verify import inspect
from quarantine.model import SourceKey
from tests.press import Printer
from tests.room import Room


def test_a_release_is_compared_with_its_clean_successor(tmp_path: Path) -> None:
    printer = Printer(Room(tmp_path))
    printer.room.crowd(8, 3)
    first = printer.print("first")
    taking = TakingBack(
        source=SourceKey("app", "rater/3"),
        because="a stolen account",
        by="ana",
        at=printer.room.later(),
    )
    take_back(printer.room.store, taking, printer.room.signers["ana"])
    printer.room.crowd(2, 3, first=40)
    second = printer.print("second")
    printer.publish()
    trust = load_trust(printer.trust_file)
    found = difference(*(inspect(each, trust, printer.room.at) for each in (first, second)))
    assert found.before.rows == 24
    assert (found.common, found.gone, found.new) == (0, 24, 6)
    assert found.sources_new == ("app/rater/40", "app/rater/41")
    assert "app/rater/3" in found.sources_gone
    assert found.same_policy
    assert found.before.worst["1"] == 3 / 24
    assert found.after.worst["1"] == 3 / 6
    assert found.before.k_star.keys() == found.after.k_star.keys()
    assert found.before.said == {"4.0": 1.0}
    assert found.before.mean == 4.0
    same = difference(*(inspect(first, trust, printer.room.at) for _ in range(2)))
    assert (same.common, same.gone, same.new) == (24, 0, 0)


def test_policies_are_compared_by_what_they_let_through(tmp_path: Path) -> None:
    printer = Printer(Room(tmp_path))
    printer.room.crowd(8, 3)
    first = printer.print("first")
    text = printer.room.policy.text.replace("lifetime = 200", "lifetime = 150")
    printer.room.policy = load(text)
    adopted = PolicyAdopted(at=printer.room.later(), policy=printer.room.policy.digest, toml=text)
    printer.room.store.record([act_of(adopted, printer.room.operator)])
    printer.room.crowd(8, 3, first=40)
    second = printer.print("second")
    trust = printer.publish()
    found = difference(*(inspect(each, trust, printer.room.at) for each in (first, second)))
    assert not found.same_policy
    assert found.looser == ()
    assert "budget.source.lifetime: 150 becomes 200" in found.tighter


def test_what_a_kind_has_no_figure_of_is_not_shown(tmp_path: Path) -> None:
    printer = Printer(Room(tmp_path))
    printer.room.crowd(8, 3)
    first = printer.print("first")
    trust = printer.publish()
    found = difference(*(inspect(first, trust, printer.room.at) for _ in range(2)))
    side = found.before.model_dump(mode="json")
    assert ("mean", "4", "4") in beside(side, side)
    words = side | {"mean": None}
    assert "mean" not in [name for name, *_ in beside(words, words)]
    assert ("mean", "-", "4") in beside(words, side)
    assert ("k_star", "250 rows -", "250 rows -") in beside(
        side | {"k_star": {"250 rows": None}}, side | {"k_star": {"250 rows": None}}
    )
