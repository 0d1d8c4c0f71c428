"""What is given beside the feedback is read strictly, and counts for what it says."""

import json
from pathlib import Path

import pytest

from quarantine.errors import UsageError
from service.backtest.known import (
    GoldScore,
    gold_scores,
    read_gold,
    read_items,
    read_reference,
    released_by,
)
from service.backtest.model import Feedback
from service.backtest.reading import read_feedback


def heard(folder: Path, rows: str, columns: str = "label") -> Feedback:
    file = folder / "events.csv"
    file.write_text(f"source,target,time,{columns}\n{rows}")
    return read_feedback([file], scope=None, progress=lambda _: None)


def test_gold_counts_right_answers_and_leaves_unknown_ones_out(tmp_path: Path) -> None:
    file = tmp_path / "gold.csv"
    file.write_text("target,label,other\nx,yes,1\ny,,1\nz,never said,1\n")
    feedback = heard(tmp_path, "a,x,,yes\na,y,,no\na,z,,no\nb,x,,no\nc,y,,yes\n")
    assert gold_scores(read_gold(file), feedback) == [
        GoldScore("a", answered=2, right=1),
        GoldScore("b", answered=1, right=0),
    ]


def test_gold_for_ratings_does_not_ask_how_a_number_is_spelled(tmp_path: Path) -> None:
    file = tmp_path / "gold.csv"
    file.write_text("target,label\nx,4.00\n")
    feedback = heard(tmp_path, "a,x,,4\nb,x,,3\n", "value")
    assert [each.right for each in gold_scores(read_gold(file), feedback)] == [1, 0]


@pytest.mark.parametrize(
    "text", ["target\nx\n", "target,label\nx,a\nx,b\n", "target,label\nx\n", "", "source,label\n"]
)
def test_gold_that_is_not_clear_is_a_usage_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "gold.csv"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"gold\.csv"):
        read_gold(file)


def test_a_reference_counts_what_its_sources_said_up_to_then(tmp_path: Path) -> None:
    file = tmp_path / "trusted.csv"
    file.write_text("source,until\na,\nb,1970-01-01T00:00:02Z\nnobody,\n")
    feedback = heard(tmp_path, "a,x,9,y\nb,x,2,y\nb,x,3,y\nc,x,1,y\n")
    assert feedback.events.column("source").to_pylist() == ["c", "b", "b", "a"]
    released = released_by(read_reference(file), feedback)
    assert released.tolist() == [False, True, False, True]


def test_a_reference_may_name_sources_alone(tmp_path: Path) -> None:
    file = tmp_path / "trusted.csv"
    file.write_text("source\na\n")
    feedback = heard(tmp_path, "a,x,,y\nb,x,,y\n")
    assert released_by(read_reference(file), feedback).tolist() == [True, False]


@pytest.mark.parametrize("text", ["name\na\n", "source,until\na,soon\n", "source\na\na\n"])
def test_a_reference_that_is_not_clear_is_a_usage_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "trusted.csv"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"trusted\.csv"):
        read_reference(file)


def test_an_end_of_trust_means_nothing_without_times(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no times"):
        released_by({"a": 5}, heard(tmp_path, "a,x,,y\n"))


def test_items_are_described_by_a_text_or_by_a_prompt_and_two_answers(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    lines: list[object] = [
        {"target": "x", "text": "words", "split": "train"},
        {"target": "y", "prompt": "?", "a": "1", "b": "2", "topic": "t"},
        {"target": "z", "prompt": "?", "a": "1"},
        {"text": "nothing of whom"},
        {"target": 5, "text": "words"},
        ["x"],
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n{\n")
    items = read_items(file)
    assert items.targets.keys() == {"x", "y"}
    assert items.rows == 7
    assert [row for row, _ in items.bad] == [2, 3, 4, 5, 6]


def test_a_file_that_describes_no_item_is_a_usage_error(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text('{"words": 1}\n')
    with pytest.raises(UsageError, match=r"items\.jsonl describes no target"):
        read_items(file)
