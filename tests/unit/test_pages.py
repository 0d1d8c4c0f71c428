"""Pages lead to one another: every link, and every path of ours that a page names, is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarantine.arrivals import REASONS
from quarantine.envelope import kinds
from quarantine.model import Data

PROJECT = Path(__file__).parents[2]
FOLDERS = ("approvals", "benchmarks", "docs", "examples", "quarantine", "service", "tests")
PAGES = sorted(
    [
        *(PROJECT / "README.md", PROJECT / "CHANGELOG.md"),
        *(PROJECT / "docs").rglob("*.md"),
        *(PROJECT / "benchmarks").glob("*.md"),
    ]
)
LINK = re.compile(r"\]\(([^()\s]+)\)")
CODE = re.compile(r"```.*?^```|`([^`\n]+)`", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
OURS = re.compile(rf"(?:\./)?(?:{'|'.join(FOLDERS)})/[\w./*-]*")


def links(page: Path) -> Iterator[str]:
    """Give what a page links to, outside its code, but for what lies on the net."""
    for target in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if "://" not in target and not target.startswith("mailto:"):
            yield target


def anchors(page: Path) -> set[str]:
    """Give the names under which a page's headings are linked to, as GitHub makes them."""
    said = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in said}


def broken(page: Path) -> Iterator[str]:
    """Give each link of a page that leads nowhere."""
    for link in links(page):
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        if not file.exists():
            yield f"{link}: there is no such file"
        elif anchor and anchor not in anchors(file):
            yield f"{link}: there is no such heading"


def missing(page: Path) -> Iterator[str]:
    """Give each path of ours that a page names and that is not there."""
    for said in CODE.findall(page.read_text(encoding="utf-8")):
        if OURS.fullmatch(said) and not any(PROJECT.glob(said.removeprefix("./").rstrip("/"))):
            yield said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert list(broken(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    assert list(missing(page)) == []


def test_every_page_is_reached_from_the_readme() -> None:
    seen, open_ = set(), [PROJECT / "README.md"]
    while open_:
        page = open_.pop()
        seen.add(page)
        if page.suffix == ".md":
            found = {(page.parent / each.partition("#")[0]).resolve() for each in links(page)}
            open_ += [each for each in found - seen if each.is_file()]
    assert [str(page.relative_to(PROJECT)) for page in PAGES if page not in seen] == []


def test_a_page_that_leads_astray_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](none.md) [b](#one) [c](#two) `docs/none.md` `docs/limits.md`\n")
    assert [each.partition(":")[0] for each in broken(page)] == ["none.md", "#two"]
    assert list(missing(page)) == ["docs/none.md"]


@pytest.mark.parametrize("package", ["quarantine", "approvals", "service"])
def test_the_architecture_page_names_every_module_once(package: str) -> None:
    page = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tables = page.partition(f"### {package}\n")[2].partition("\n#")[0]
    rows = [row for row in tables.splitlines() if row.startswith("|")]
    said = [name for row in rows for name in re.findall(r"`([\w./]+)`", row)]
    assert sorted(said) == sorted(parts(PROJECT / package)), "docs/architecture.md names them"


def parts(package: Path) -> Iterator[str]:
    """Give what lies in a package: modules by name, folders with a slash, files as they are."""
    for file in package.iterdir():
        if file.name.startswith("__") or file.name == "py.typed":
            continue
        yield f"{file.name}/" if file.is_dir() else file.name.removesuffix(".py")


def test_every_benchmark_that_can_be_run_stands_on_their_page() -> None:
    folder = PROJECT / "benchmarks"
    told = (folder / "README.md").read_text(encoding="utf-8")
    run = [file.name for file in folder.glob("*.py") if "__main__" in file.read_text()]
    assert run, "there are benchmarks"
    assert [name for name in sorted(run) if name not in told] == []


def test_every_decision_stands_on_their_page() -> None:
    folder = PROJECT / "docs" / "decisions"
    told = set(links(folder / "README.md"))
    assert [file.name for file in folder.glob("*.md") if file.name not in told] == ["README.md"]


ROWS = re.compile(r"^\|.*\|$", re.MULTILINE)
THROUGH = re.compile(r"^\| (\w+) \|.*\| got through \|", re.MULTILINE)


def misquoted(page: Path) -> Iterator[str]:
    """Give each figure of a table that no table which its row links to says."""
    for row in ROWS.findall(page.read_text(encoding="utf-8")):
        linked = [(page.parent / each).resolve() for each in LINK.findall(row)]
        told = "".join(each.read_text(encoding="utf-8") for each in linked if each.is_file())
        yield from (said for said in re.findall(r"`(\d[^`]*)`", row) if said not in told)


def test_the_limits_quote_figures_that_stand_in_the_tables_they_name() -> None:
    assert list(misquoted(PROJECT / "docs" / "limits.md")) == []


def test_every_attack_that_gets_through_is_told_among_the_limits() -> None:
    scorecard = (PROJECT / "docs" / "redteam.md").read_text(encoding="utf-8")
    told = (PROJECT / "docs" / "limits.md").read_text(encoding="utf-8").partition("asks for:")[2]
    found = sorted(THROUGH.findall(scorecard))
    assert found == sorted(re.findall(r"\b([A-I]\d+) \(", told.partition("##")[0]))


def test_the_page_of_events_names_every_reason_and_every_field() -> None:
    page = (PROJECT / "docs" / "events.md").read_text(encoding="utf-8")
    head, _, reasons = page.partition("## What is put aside")
    tables = "".join(row.partition(" | ")[0] for row in ROWS.findall(reasons))
    assert set(re.findall(r"`(\w+)`", tables)) == REASONS
    for kind in kinds().values():
        (row,) = [each for each in ROWS.findall(head) if f"`{kind.event_type}`" in each]
        own = set(kind.data.model_fields) - set(Data.model_fields)
        assert {name for name in own if not re.search(rf"`{name}\??`", row)} == set()
    assert {name for name in Data.model_fields if f"`{name}?`" not in head} == set()
