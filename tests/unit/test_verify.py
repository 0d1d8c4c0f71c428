"""Whatever is changed in a release, verifying it says so, and names it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from approvals.directory import digests
from approvals.manifest import MANIFEST
from approvals.signers.file import new_key
from quarantine.errors import TamperedError, UsageError
from tests.press import Printer, printed, signed_again


@pytest.fixture(scope="module")
def printer(tmp_path_factory: pytest.TempPathFactory) -> Printer:
    return printed(tmp_path_factory.mktemp("room"))


@pytest.fixture
def copy(printer: Printer, tmp_path: Path) -> Path:
    return Path(shutil.copytree(printer.room.folder / "release", tmp_path / "release"))


def names(directory: Path) -> list[str]:
    return sorted(digests(directory))


def test_a_release_verifies(printer: Printer, copy: Path) -> None:
    report = printer.verify(copy)
    assert report.release.rows == 40
    assert len(report.checks) == 6


def test_a_changed_byte_anywhere_is_found_and_its_file_is_named(
    printer: Printer, copy: Path
) -> None:
    found = names(copy)
    assert len(found) >= 13
    for name in found:
        content = (copy / name).read_bytes()
        step = max(1, len(content) // 12)
        for place in [*range(0, len(content), step), len(content) - 1]:
            changed = bytearray(content)
            changed[place] ^= 0x20
            (copy / name).write_bytes(changed)
            with pytest.raises(TamperedError) as refused:
                printer.verify(copy)
            assert name in str(refused.value), (name, place)
        (copy / name).write_bytes(content)
    printer.verify(copy)


def test_a_missing_file_is_named(printer: Printer, copy: Path) -> None:
    for name in names(copy):
        content = (copy / name).read_bytes()
        (copy / name).unlink()
        with pytest.raises(TamperedError, match=name):
            printer.verify(copy)
        (copy / name).write_bytes(content)


def _file(copy: Path) -> str:
    (copy / "data" / "train-00001-of-00002.parquet").write_bytes(b"")
    return "train-00001"


def _hidden(copy: Path) -> str:
    (copy / ".hidden").write_bytes(b"")
    return ".hidden"


def _empty(copy: Path) -> str:
    (copy / "more").mkdir()
    return "more"


def _link(copy: Path) -> str:
    target = copy.parent / "policy.toml"
    (copy / "policy.toml").rename(target)
    (copy / "policy.toml").symlink_to(target)
    return "policy.toml"


def _linked_folder(copy: Path) -> str:
    (copy / "votes").rename(copy.parent / "votes")
    (copy / "votes").symlink_to(copy.parent / "votes")
    return "votes"


def _pipe(copy: Path) -> str:
    os.mkfifo(copy / "pipe")
    return "pipe"


@pytest.mark.parametrize("add", [_file, _hidden, _empty, _link, _linked_folder, _pipe])
def test_whatever_does_not_belong_is_named(
    printer: Printer, copy: Path, add: Callable[[Path], str]
) -> None:
    name = add(copy)
    with pytest.raises(TamperedError, match=name):
        printer.verify(copy)


def test_an_intact_copy_signed_by_another_key_is_refused(printer: Printer, copy: Path) -> None:
    signed_again(copy, new_key(copy.parent / "other.pem"))
    with pytest.raises(TamperedError, match=MANIFEST):
        printer.verify(copy)
    signed_again(copy, printer.keys["intake"])
    with pytest.raises(TamperedError, match=MANIFEST):
        printer.verify(copy)


def test_a_second_signature_is_refused(printer: Printer, copy: Path) -> None:
    from approvals.attest import IN_TOTO, seal, unseal

    payload = unseal((copy / MANIFEST).read_bytes()).payload
    both = [printer.keys["releasing"], new_key(copy.parent / "other.pem")]
    (copy / MANIFEST).write_bytes(seal(payload, IN_TOTO, both))
    with pytest.raises(TamperedError, match=MANIFEST):
        printer.verify(copy)


def test_a_releaser_cannot_drop_a_vote(printer: Printer, copy: Path) -> None:
    next((copy / "votes").iterdir()).unlink()
    signed_again(copy, printer.keys["releasing"])
    with pytest.raises(TamperedError, match="not approved: 1 of 2 people"):
        printer.verify(copy)


def test_a_releaser_cannot_loosen_the_policy(printer: Printer, copy: Path) -> None:
    text = (copy / "policy.toml").read_text().replace("people = 2", "people = 1")
    (copy / "policy.toml").write_text(text)
    signed_again(copy, printer.keys["releasing"])
    with pytest.raises(TamperedError, match=r"policy\.toml is not the policy"):
        printer.verify(copy)


def test_a_releaser_cannot_change_rows(printer: Printer, copy: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = copy / "data" / "train-00000-of-00001.parquet"
    rows = pq.read_table(file)
    for column, value in (("value", 1.0), ("target", "answer-9"), ("shard", 99)):
        number = rows.schema.names.index(column)
        cells = rows.column(column).to_pylist()
        cells[7] = value
        field = rows.schema.field(column)
        pq.write_table(rows.set_column(number, field, pa.array(cells, type=field.type)), file)
        signed_again(copy, printer.keys["releasing"])
        index = rows.column("log_index")[7].as_py()
        with pytest.raises(TamperedError, match=f"{column} of log row {index}"):
            printer.verify(copy)


@pytest.mark.parametrize("order", [[*range(39)], [*range(40), 39], [1, 0, *range(2, 40)]])
def test_a_releaser_cannot_drop_double_or_reorder_rows(
    printer: Printer, copy: Path, order: list[int]
) -> None:
    import pyarrow.parquet as pq

    for name in ("data/train-00000-of-00001.parquet", "proofs/events.parquet"):
        pq.write_table(pq.read_table(copy / name).take(order), copy / name)
    signed_again(copy, printer.keys["releasing"])
    with pytest.raises(TamperedError):
        printer.verify(copy)


def test_a_releaser_cannot_put_in_an_event_that_was_never_heard(
    printer: Printer, copy: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name, column in (
        ("data/train-00000-of-00001.parquet", "value"),
        ("proofs/events.parquet", "body"),
    ):
        table = pq.read_table(copy / name)
        cells = table.column(column).to_pylist()
        cells[0] = 5.0 if column == "value" else cells[0].replace(b'"value": 4', b'"value": 5')
        field = table.schema.field(column)
        number = table.schema.names.index(column)
        pq.write_table(
            table.set_column(number, field, pa.array(cells, type=field.type)), copy / name
        )
    signed_again(copy, printer.keys["releasing"])
    with pytest.raises(TamperedError, match="not the events that people approved"):
        printer.verify(copy)


def test_a_releaser_cannot_better_the_certificate(printer: Printer, copy: Path) -> None:
    file = copy / "certificate.json"
    file.write_bytes(file.read_bytes().replace(b'"clusters":8', b'"clusters":9'))
    signed_again(copy, printer.keys["releasing"])
    with pytest.raises(TamperedError, match=r"certificate\.json"):
        printer.verify(copy)


def test_a_reviewer_whom_the_trust_file_does_not_know_does_not_count(
    printer: Printer, copy: Path
) -> None:
    from dataclasses import replace

    from approvals.trust import load_trust
    from approvals.verify import verify

    trust = load_trust(printer.trust_file)
    fewer = replace(trust, reviewers=tuple(r for r in trust.reviewers if r.name != "cho"))
    with pytest.raises(TamperedError, match="votes/"):
        verify(copy, fewer, printer.room.at)


def test_a_release_of_another_log_is_refused(printer: Printer, copy: Path) -> None:
    from dataclasses import replace

    from approvals.trust import load_trust
    from approvals.verify import verify

    other = replace(load_trust(printer.trust_file), origin="another/log")
    with pytest.raises(TamperedError, match="proofs/checkpoint"):
        verify(copy, other, printer.room.at)


def test_a_manifest_from_the_future_is_refused(printer: Printer, copy: Path) -> None:
    with pytest.raises(TamperedError, match="future"):
        printer.verify(copy, at=printer.room.at - timedelta(hours=1))


def test_no_directory_is_a_fault_of_usage(printer: Printer, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        printer.verify(tmp_path / "none")


def test_verifying_needs_no_store() -> None:
    code = (
        "import sys, approvals.verify, approvals.loader, approvals.exporting;"
        "found = [m for m in sys.modules if 'sqlite' in m or m.startswith('quarantine.stores')];"
        "sys.exit(f'imported {found}' if found else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
