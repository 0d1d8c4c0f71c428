"""What every format owes, run on all that are offered and naming none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import pyarrow.parquet as pq
import pytest

from approvals.directory import digests
from approvals.exporting import Export, export, formats
from approvals.rules import load
from quarantine.envelope import kinds
from quarantine.errors import TamperedError, UsageError
from tests.press import DATA, HOSTILE, Printer, event
from tests.room import LOOSE, Room

FORMATS = formats()
KINDS = sorted(kind.name for kind in kinds().values())
FITTING = [(name, kind) for name in sorted(FORMATS) for kind in sorted(FORMATS[name].kinds)]


FORMS = {"pseudo_label": {"label": None, "labels": None} | DATA["preference"]}
"""Kinds whose data has a second form; a format may fit one of the two."""


def hostile(least: dict[str, object], evil: str) -> dict[str, object]:
    """Put `evil` into every text that a format could carry."""
    texts = [name for name, value in least.items() if isinstance(value, str)]
    data: dict[str, object] = {name: f"{evil} {name}" for name in texts if name != "label"}
    if isinstance(least.get("label"), str):
        data |= {"label": evil, "labels": [evil, "other"]}
    return least | data | ({"name": "clicks"} if "name" in least else {})


def printed(folder: Path, kind: str, least: dict[str, object]) -> Printer:
    """Release rows of a kind whose every text is hostile."""
    folder.mkdir()
    text = LOOSE.replace("share_of_scope = 0.2", "").replace("share_of_scope = 0.1", "")
    printer = Printer(Room(folder, policy=load(text)))
    names = [f"rater/{number}" for number in range(3)]
    printer.room.hear(
        event(kind, name, f"{name}-{number}", **hostile(least, evil))
        for name in names
        for number, evil in enumerate(HOSTILE)
    )
    printer.room.score(names)
    printer.print(kind=kind)
    return printer


@pytest.fixture(scope="module")
def presses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Printer]]:
    root = tmp_path_factory.mktemp("presses")
    found = {kind: [printed(root / kind, kind, DATA[kind])] for kind in KINDS}
    for kind, data in FORMS.items():
        found[kind].append(printed(root / f"{kind}-2", kind, DATA[kind] | data))
    return found


def ordered(presses: dict[str, list[Printer]], name: str, kind: str, out: Path) -> Export:
    """Return the order to export a kind, in the form of its data that fits."""
    for press in presses[kind]:
        order = replace(press.export(press.room.folder / "release", name), out=out)
        try:
            export(order)
        except UsageError as error:
            if "needs" not in str(error):
                raise
        else:
            rmtree(out)
            return order
    raise AssertionError(f"{name} takes no {kind}")


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "export"
    left = {each.name for each in tmp_path.iterdir()} - {"export", "again"}
    assert not left, "nothing but the export is written"


def values(directory: Path) -> str:
    """Return every value of an export as text that can be searched."""
    shown = []
    for path in sorted(directory.iterdir()):
        if path.suffix == ".parquet":
            rows = pq.read_table(path).to_pylist()
        else:
            rows = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
        shown.append(json.dumps(rows, default=str, ensure_ascii=False))
    return "\n".join(shown)


def test_there_are_formats_and_every_kind_fits_some() -> None:
    assert FITTING
    assert {kind for _, kind in FITTING} == set(KINDS)


@pytest.mark.parametrize(("name", "kind"), FITTING)
def test_the_same_release_gives_the_same_bytes(
    presses: dict[str, list[Printer]], out: Path, name: str, kind: str
) -> None:
    order = ordered(presses, name, kind, out)
    done = export(order)
    export(replace(order, out=out.with_name("again")))
    assert digests(out) == digests(out.with_name("again"))
    assert done.rows == 3 * len(HOSTILE)
    assert all(path.is_file() for path in out.iterdir())


@pytest.mark.parametrize(("name", "kind"), FITTING)
def test_e6_hostile_values_come_out_as_they_went_in(
    presses: dict[str, list[Printer]], out: Path, name: str, kind: str
) -> None:
    export(ordered(presses, name, kind, out))
    found = values(out)
    texts = {"prompt", "completion", "label"}
    if not any(f'"{each}":' in found for each in texts):
        return  # names and numbers alone
    for evil in HOSTILE:
        assert json.dumps(evil, ensure_ascii=False)[1:-1] in found


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_kind_that_does_not_fit_is_refused_with_what_does(
    presses: dict[str, list[Printer]], out: Path, name: str
) -> None:
    for kind in sorted(set(KINDS) - FORMATS[name].kinds):
        press = presses[kind][0]
        with pytest.raises(UsageError) as refused:
            export(replace(press.export(press.room.folder / "release", name), out=out))
        for other in FORMATS:
            if kind in FORMATS[other].kinds:
                assert other in str(refused.value)
        assert not out.exists()


@pytest.mark.parametrize(("name", "kind"), FITTING)
def test_a_release_that_does_not_verify_is_not_exported(
    presses: dict[str, list[Printer]], out: Path, name: str, kind: str
) -> None:
    order = ordered(presses, name, kind, out)
    readme = order.release / "README.md"
    content = readme.read_bytes()
    readme.write_bytes(content + b" ")
    try:
        with pytest.raises(TamperedError, match="README"):
            export(order)
    finally:
        readme.write_bytes(content)
    assert not out.exists()


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_format_says_its_name(name: str) -> None:
    assert FORMATS[name].name == name
    assert name == name.lower().replace("_", "-")
    assert FORMATS[name].kinds <= set(KINDS)


def test_an_unknown_format_is_refused_with_what_there_is(
    presses: dict[str, list[Printer]], out: Path
) -> None:
    (press,) = presses["rating"]
    with pytest.raises(UsageError, match="jsonl"):
        export(replace(press.export(press.room.folder / "release", "csv"), out=out))
