"""The columns of each format, to the letter of the contract."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from approvals.exporting import export
from approvals.rules import load
from quarantine.errors import UsageError
from tests.press import Printer, event
from tests.room import LOOSE, Room

Data = dict[str, object]


@pytest.fixture
def printer(tmp_path: Path) -> Printer:
    text = LOOSE.replace("share_of_scope = 0.2", "").replace("share_of_scope = 0.1", "")
    return Printer(Room(tmp_path, policy=load(text)))


def rows(
    printer: Printer, kind: str, format_: str, *data: dict[str, object]
) -> list[dict[str, object]]:
    """Release one event for each of `data`, export it, and read the rows back."""
    printer.room.hear(event(kind, f"rater/{n}", f"e{n}", **each) for n, each in enumerate(data))
    printer.room.score([f"rater/{n}" for n in range(len(data))])
    order = printer.export(printer.print(kind=kind), format_)
    export(order)
    (file,) = order.out.glob("train.*")
    if file.suffix == ".parquet":
        found: list[Data] = pq.read_table(file).to_pylist()
        return found
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def test_preferences(printer: Printer) -> None:
    found = rows(printer, "preference", "trl-preference", {}, {"chosen": "x"})
    assert found == [
        {"prompt": "p", "chosen": "a", "rejected": "b"},
        {"prompt": "p", "chosen": "x", "rejected": "b"},
    ]


def test_preferences_of_models(printer: Printer) -> None:
    data = {"label": None, "labels": None, "prompt": "p", "chosen": "a", "rejected": "b"}
    found = rows(printer, "pseudo_label", "trl-preference", data)
    assert found == [{"prompt": "p", "chosen": "a", "rejected": "b"}]


def test_a_label_is_no_preference(printer: Printer) -> None:
    with pytest.raises(UsageError, match="no prompt"):
        rows(printer, "pseudo_label", "trl-preference", {})


def test_ratings(printer: Printer) -> None:
    found = rows(printer, "rating", "ratings", {"subject": "lecture/7", "value": 2.5})
    assert found == [
        {"user": "app/rater/0", "item": "lecture/7", "rating": 2.5, "timestamp": 1767139323}
    ]


def test_signals_as_ratings(printer: Printer) -> None:
    (found,) = rows(printer, "signal", "ratings", {})
    assert list(found) == ["user", "item", "rating", "timestamp"]


def test_signals_of_several_names_are_no_ratings(printer: Printer) -> None:
    with pytest.raises(UsageError, match="several signals"):
        rows(printer, "signal", "ratings", {}, {"name": "dwell"})


def test_labels(printer: Printer) -> None:
    found = rows(printer, "label", "labels", {"subject": "item/1"})
    assert found == [
        {"item": "item/1", "label": "good", "source": "app/rater/0", "origin": "human"}
    ]


def test_pseudo_labels(printer: Printer) -> None:
    (found,) = rows(printer, "pseudo_label", "labels", {"subject": "item/1"})
    assert found["origin"] == "self-training"


def test_json_lines_hold_everything(printer: Printer) -> None:
    (found,) = rows(printer, "label", "jsonl", {"text": "two\nlines"})
    assert found["event_id"] == "e0"
    assert found["text"] == "two\nlines"
    assert found["model"] is None
    assert found["time"] == "2025-12-31T00:02:03.500000Z"


def test_liked_and_not_liked(printer: Printer) -> None:
    found = rows(printer, "preference", "trl-kto", {})
    assert found == [
        {"prompt": "p", "completion": "a", "label": True},
        {"prompt": "p", "completion": "b", "label": False},
    ]


def test_a_thumb_up_is_liked_and_a_thumb_down_is_not(printer: Printer) -> None:
    found = rows(printer, "rating", "trl-kto", {"low": -1, "high": 1, "value": 1}, {"value": 1})
    assert [row["label"] for row in found] == [True, False]


def test_corrections_and_choices_for_tuning(printer: Printer) -> None:
    assert rows(printer, "correction", "trl-sft", {}) == [{"prompt": "p", "completion": "d"}]


def test_pairs_for_a_reward_model_have_a_margin_if_all_do(printer: Printer) -> None:
    (found,) = rows(printer, "preference", "reward", {"margin": 0.5})
    assert list(found) == ["chosen", "rejected", "margin"]
    assert found["chosen"] == [
        {"role": "user", "content": "p"},
        {"role": "assistant", "content": "a"},
    ]


def test_pairs_for_a_reward_model_without_margins(printer: Printer) -> None:
    found = rows(printer, "preference", "reward", {"margin": 0.5}, {})
    assert list(found[0]) == ["chosen", "rejected"]


def test_messages_for_direct_preference_optimisation(printer: Printer) -> None:
    (found,) = rows(printer, "preference", "openai-dpo", {})
    assert found == {
        "input": {"messages": [{"role": "user", "content": "p"}]},
        "preferred_output": [{"role": "assistant", "content": "a"}],
        "non_preferred_output": [{"role": "assistant", "content": "b"}],
    }
