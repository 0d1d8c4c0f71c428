"""Every page of the project leads somewhere: links, their anchors, and the files that are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/**/*.md", "examples/**/*.md")
    for page in ROOT.glob(pattern)
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:approvals|benchmarks|docs|examples|quarantine|service|tests)/[\w/.-]+)`")


def prose(page: Path) -> str:
    """Return a page's text without its blocks of code."""
    return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return what a page's headings are called in a link, as GitHub spells them."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.strip().lower()).replace(" ", "-") for head in heads}


def is_dead(page: Path, link: str) -> bool:
    """Say whether a link from `page` into the project leads nowhere."""
    name, _, anchor = link.partition("#")
    to = page.parent / name if name else page
    return not to.exists() or (bool(anchor) and anchor not in anchors(to))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    inside = [link for link in LINK.findall(prose(page)) if not re.match(r"https?:|mailto:", link)]
    assert [link for link in inside if is_dead(page, link)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = NAMED.findall(page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_a_dead_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One, and two\n", encoding="utf-8")
    assert not is_dead(page, "#one-and-two")
    assert not is_dead(page, "page.md")
    assert is_dead(page, "#three")
    assert is_dead(page, "other.md")
