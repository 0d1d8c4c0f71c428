"""The pages of reference say what the code says today."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", ["commands.md", "policy.md"])
def test_a_page_of_reference_is_what_the_code_would_write_now(name: str) -> None:
    pages = runpy.run_path(str(REFERENCE / "pages.py"))["pages"]()
    assert (REFERENCE / name).read_text() == pages[name], "run python docs/reference/pages.py"
