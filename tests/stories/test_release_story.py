"""From approval to training: others' tools load a release, a confined process exports it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from approvals.directory import digests
from tests.press import HOSTILE, Printer, event
from tests.room import Room


@pytest.fixture
def printer(tmp_path: Path) -> Printer:
    printer = Printer(Room(tmp_path))
    names = [f"rater/{number}" for number in range(6)]
    printer.room.hear(
        event("preference", name, f"{name}-{number}", chosen=evil)
        for name in names
        for number, evil in enumerate(HOSTILE)
    )
    printer.room.score(names)
    return printer


@pytest.mark.slow
def test_datasets_loads_a_release_by_its_directory_alone(printer: Printer) -> None:
    out = printer.print(kind="preference")
    code = f"""
import json
from datasets import load_dataset
loaded = load_dataset({str(out)!r})
rows = loaded["train"]
print(json.dumps([list(loaded), rows.num_rows, rows.column_names, rows[0]["chosen"]]))
"""
    environment = os.environ | {
        "HF_HOME": str(printer.room.folder / "hf"),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, env=environment, capture_output=True, text=True
    )
    splits, rows, columns, chosen = json.loads(done.stdout.splitlines()[-1])
    assert (splits, rows, chosen) == (["train"], 36, HOSTILE[0])
    assert {"prompt", "chosen", "rejected", "source", "cluster", "event_id"} <= set(columns)
    printer.verify(out)


CONFINED = """
import sys
from datetime import datetime
from pathlib import Path
from approvals.exporting import Export, export_confined

folder = Path(sys.argv[1])
done = export_confined(Export(release=folder / "out" / "release", format="trl-preference",
    out=folder / "out" / "export", trust=folder / "trust.toml",
    at=datetime.fromisoformat(sys.argv[2])))
if not done.confined:
    sys.exit(77)

import socket, sqlite3, subprocess
tried = []
def attempt(what, function):
    try:
        function()
    except (PermissionError, sqlite3.OperationalError):
        return
    tried.append(what)

attempt("open", lambda: open(folder / "store.db", "rb"))
attempt("sqlite", lambda: sqlite3.connect(folder / "store.db").execute("SELECT * FROM event"))
attempt("keys", lambda: open(folder / "releasing.pem", "rb"))
attempt("list", lambda: list(folder.iterdir()))
attempt("write", lambda: open(folder / "out" / "stray", "wb"))
attempt("change", lambda: open(folder / "out" / "release" / "README.md", "ab"))
read = ["/bin/cat", str(folder / "store.db")]
tried += [] if subprocess.run(read, capture_output=True).returncode else ["child"]
attempt("network", lambda: socket.create_connection(("127.0.0.1", 9), 1))
print(tried)
"""


def test_the_export_process_cannot_reach_the_store(printer: Printer) -> None:
    (printer.room.folder / "out").mkdir()
    out = printer.print("out/release", kind="preference")
    before = digests(out)
    done = subprocess.run(
        [sys.executable, "-c", CONFINED, str(printer.room.folder), printer.room.at.isoformat()],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode == 77:
        pytest.skip("this kernel has no Landlock, so a process cannot confine itself")
    assert done.stderr == ""
    assert done.stdout == "[]\n"
    assert digests(out) == before
    assert sorted(each.name for each in (printer.room.folder / "out" / "export").iterdir()) == [
        "dataset_info.json",
        "train.parquet",
    ]


def test_a_confined_export_gives_the_same_bytes(printer: Printer) -> None:
    from approvals.exporting import export

    out = printer.print(kind="preference")
    order = printer.export(out, "jsonl", "free")
    export(order)
    code = """
import sys
from datetime import datetime
from pathlib import Path
from approvals.exporting import Export, export_confined
folder = Path(sys.argv[1])
export_confined(Export(release=folder / "release", format="jsonl", out=folder / "confined",
    trust=folder / "trust.toml", at=datetime.fromisoformat(sys.argv[2])))
"""
    environment = os.environ | {"TZ": "Pacific/Auckland", "LC_ALL": "C", "PYTHONHASHSEED": "5"}
    subprocess.run(
        [sys.executable, "-c", code, str(printer.room.folder), printer.room.at.isoformat()],
        check=True,
        env=environment,
    )
    assert digests(printer.room.folder / "free") == digests(printer.room.folder / "confined")
