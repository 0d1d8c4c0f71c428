"""The demo's story on a tenth of its people: the ring is found, and little else is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarantine.errors import UsageError
from service.demo import tell
from service.settings import State


def test_the_story_ends_with_less_poison_and_nearly_all_that_is_genuine(tmp_path: Path) -> None:
    ended = tell(State(tmp_path / "demo"), seed=7, fresh=True, as_json=True, share=0.15)
    table = {row[0]: row[1:] for row in ended.table}
    without, with_ = (
        int(cell.replace(",", "")) for cell in table["poisoned ratings that reach training"]
    )
    assert with_ <= 0.2 * without
    lost = table["genuine ratings lost or still waiting"][1]
    assert float(lost.partition("(")[2].rstrip("%)")) <= 10
    page = ended.report.read_text(encoding="utf-8")
    assert page.count("<svg") >= 3
    assert "<script" not in page
    producers = ended.document["status"]["producers"]  # type: ignore[index]
    assert [each["gap"] for each in producers.values()] == [0, 0, 0]


def test_the_demo_removes_nothing_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(UsageError, match="something else"):
        tell(State(tmp_path), seed=7, fresh=True, as_json=True)
    assert (tmp_path / "precious").exists()
