"""What the machine refuses is one sentence with a mend; what is our defect still crashes."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

import service.cli
from approvals.signers.file import new_key
from quarantine.errors import UsageError
from service.cli.machine import refused


def run(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def app(**_: object) -> None:
        raise error

    monkeypatch.setattr(service.cli, "app", app)
    service.cli.main()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_place_that_the_machine_refuses_is_named_with_what_to_do(
    code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, OSError(code, os.strerror(code), "st\x1bate/store.db"))
    told = capsys.readouterr()
    assert ended.value.code == 1
    assert told.err.startswith("quarantine: st^[ate/store.db: ")
    assert told.err.count("\n") == 1
    assert not told.out


def test_a_store_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError) as failed:
        sqlite3.connect(tmp_path / "nowhere" / "store.db")
    assert "look at its rights" in str(refused(failed.value))


def test_a_statement_that_is_wrong_is_no_refusal_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(sqlite3.OperationalError) as wrong:
        sqlite3.connect(":memory:").execute("SELEC 1")
    assert refused(wrong.value) is None
    with pytest.raises(KeyError):
        run(monkeypatch, KeyError("a defect"))


def test_half_a_key_is_not_left_in_the_way_of_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_text", full)
        with pytest.raises(UsageError, match="No space left"):
            new_key(tmp_path / "ana.pem")
    assert not [*tmp_path.iterdir()]
    new_key(tmp_path / "ana.pem")
