"""A releaser who holds the right key and lies: each check of a verification is needed alone."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from approvals import budget, requesting
from approvals.given import CERTIFICATE, EVENTS, NODES
from approvals.manifest import MANIFEST, Bypass, read_manifest
from approvals.proofs import gather, write_nodes
from approvals.rules import load
from quarantine.errors import TamperedError
from tests.press import Printer, event, printed, signed_again
from tests.room import LOOSE, MINUTE, START, Room

ROWS = "data/train-00000-of-00001.parquet"


@pytest.fixture(scope="module")
def printer(tmp_path_factory: pytest.TempPathFactory) -> Printer:
    return printed(tmp_path_factory.mktemp("room"))


@pytest.fixture
def copy(printer: Printer, tmp_path: Path) -> Path:
    return Path(shutil.copytree(printer.room.folder / "release", tmp_path / "release"))


def put(file: Path, column: str, row: int, cell: object) -> None:
    """Change one cell of a file of rows."""
    table = pq.read_table(file)
    cells = table.column(column).to_pylist()
    cells[row] = cell
    place, kind = table.schema.names.index(column), table.schema.field(column)
    pq.write_table(table.set_column(place, kind, pa.array(cells, type=kind.type)), file)


def test_what_is_signed_again_as_it_was_verifies(printer: Printer, copy: Path) -> None:
    signed_again(copy, printer.keys["releasing"])
    assert printer.verify(copy).release.rows == 40


def test_every_node_of_the_proof_is_needed_as_it_is(printer: Printer, copy: Path) -> None:
    count = pq.read_metadata(copy / NODES).num_rows
    assert count >= 2
    for row in range(count):
        shutil.copyfile(printer.room.folder / "release" / NODES, copy / NODES)
        put(copy / NODES, "hash", row, bytes(32))
        signed_again(copy, printer.keys["releasing"])
        with pytest.raises(TamperedError, match="not in the log that was signed"):
            printer.verify(copy)


def test_a_row_cannot_take_the_place_of_a_vote(printer: Printer, copy: Path) -> None:
    """Else it would hide behind the vote's leaf, and be in no log."""
    voted = [int(name.name.partition("-")[0]) for name in (copy / "votes").iterdir()]
    asked = [int(name.name.partition("-")[0]) for name in (copy / "proofs").glob("*.dsse.json")]
    rows = pq.read_table(copy / EVENTS).column("index").to_pylist()
    put(copy / EVENTS, "index", len(rows) - 1, voted[0])
    put(copy / ROWS, "log_index", len(rows) - 1, voted[0])
    size = read_manifest((copy / MANIFEST).read_bytes()).predicate.log.size
    proven = sorted({*rows[:-1], *voted, *asked})
    write_nodes(gather(printer.room.store, proven, size), copy / NODES)
    signed_again(copy, printer.keys["releasing"])
    with pytest.raises(TamperedError, match="claim the same place"):
        printer.verify(copy)


@pytest.mark.parametrize(
    ("says", "because"),
    [
        ({"purpose": "evaluation"}, "asks for something else than the manifest says"),
        ({"rows": 39}, "asks for something else than the manifest says"),
        ({"request": "0" * 64}, "is not the request that the manifest names"),
        (
            {"bypass": Bypass(by="ana", because="in a hurry", review_by=START + MINUTE)},
            "does not say whether the glass was broken",
        ),
    ],
)
def test_a_manifest_says_what_people_voted_on_and_nothing_else(
    printer: Printer, copy: Path, says: dict[str, object], because: str
) -> None:
    signed_again(copy, printer.keys["releasing"], **says)
    with pytest.raises(TamperedError, match=because):
        printer.verify(copy)


def test_an_act_too_many_among_the_proofs_is_refused(printer: Printer, copy: Path) -> None:
    vote = min((copy / "votes").iterdir())
    shutil.move(vote, copy / "proofs" / vote.name)
    signed_again(copy, printer.keys["releasing"])
    with pytest.raises(TamperedError, match="acts request-made where one belongs"):
        printer.verify(copy)


def test_a_vote_on_another_request_is_no_vote_on_this_one(tmp_path: Path) -> None:
    printer = printed(tmp_path)
    release = printer.room.folder / "release"
    printer.room.crowd(8, 5, first=50)
    other, _, _ = printer.room.ask()
    printer.room.vote(other, "ben")
    cast = [*printer.room.store.acts()][-1].act.body
    min((release / "votes").iterdir()).write_bytes(cast)
    signed_again(release, printer.keys["releasing"])
    with pytest.raises(TamperedError, match="is no vote on this request"):
        printer.verify(release)


def test_a_bettered_certificate_is_computed_again(printer: Printer, copy: Path) -> None:
    better = (copy / CERTIFICATE).read_bytes().replace(b'"targets":5', b'"targets":6')
    (copy / CERTIFICATE).write_bytes(better)
    signed_again(copy, printer.keys["releasing"], certificate=hashlib.sha256(better).hexdigest())
    with pytest.raises(TamperedError, match="does not follow from the rows"):
        printer.verify(copy)


def test_a_cluster_over_its_budget_is_refused_though_people_approved_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capped = LOOSE.replace("\nrows = 60", "\nrows = 4")
    assert capped != LOOSE
    printer = Printer(Room(tmp_path, load(capped)))
    printer.room.crowd(8, 5)
    monkeypatch.setattr(budget, "_settled", lambda *given: given[3])  # kept, uncut
    out = printer.print()
    with pytest.raises(TamperedError, match="a cluster has 5 rows, the policy allows 4"):
        printer.verify(out)


def test_no_row_came_after_the_end_that_people_voted_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printer = Printer(Room(tmp_path))
    printer.room.crowd(8, 5)
    asking = requesting._request
    early = {"until": START - MINUTE}
    monkeypatch.setattr(
        requesting, "_request", lambda *given: asking(*given).model_copy(update=early)
    )
    out = printer.print()
    with pytest.raises(TamperedError, match="came after the request's end"):
        printer.verify(out)


def test_what_a_machine_said_is_not_called_a_persons_word(tmp_path: Path) -> None:
    policy = load(LOOSE.replace("share_of_scope = 0.2", "share_of_scope = 1.0"))
    printer = Printer(Room(tmp_path, policy))
    names = [f"bot/{number}" for number in range(8)]
    printer.hear("signal", [event("signal", each, f"{each}-1") for each in names], names)
    out = printer.print(kind="signal")
    assert printer.verify(out).release.rows == 8
    put(out / ROWS, "origin", 3, "human")
    signed_again(out, printer.keys["releasing"])
    with pytest.raises(TamperedError, match="signal rows cannot be of origin human"):
        printer.verify(out)
