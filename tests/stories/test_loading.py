"""Exports and releases are loaded by the real libraries, each by its directory alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pandas as pd
import pytest

from approvals.exporting import export
from approvals.rules import load
from tests.press import HOSTILE, Printer, event
from tests.room import LOOSE, Room

TURNS = "List({'role': Value('string'), 'content': Value('string')})"
WANTED = {
    "trl-preference": dict.fromkeys(("prompt", "chosen", "rejected"), "Value('string')"),
    "trl-sft": dict.fromkeys(("prompt", "completion"), "Value('string')"),
    "trl-kto": {
        "prompt": "Value('string')",
        "completion": "Value('string')",
        "label": "Value('bool')",
    },
    "reward": {"chosen": TURNS, "rejected": TURNS, "margin": "Value('float64')"},
    "openai-dpo": {
        "input": f"{{'messages': {TURNS}}}",
        "preferred_output": TURNS,
        "non_preferred_output": TURNS,
    },
}
"""The documented columns and types of TRL 1.16 and of the preference format of fine-tuning APIs."""

LOADED = """
import json, sys
from pathlib import Path
from datasets import load_dataset
found = {}
for name in sys.argv[2:]:
    loaded = load_dataset(str(Path(sys.argv[1]) / name))
    rows = loaded["train"]
    types = {column: repr(type_) for column, type_ in rows.features.items()}
    first = json.loads(json.dumps(rows[0], default=str))
    found[name] = [sorted(loaded), rows.num_rows, types, first]
print(json.dumps(found))
"""

CROISSANT = """
import itertools, json, sys, warnings
warnings.simplefilter("ignore")
import mlcroissant as mlc
dataset = mlc.Dataset(jsonld=sys.argv[1])
issues = dataset.metadata.ctx.issues
records = list(itertools.islice(dataset.records(record_set="default"), 2))
chosen = records[0]["default/chosen"]
print(json.dumps([sorted(issues.errors), dataset.metadata.name, len(records),
    chosen.decode() if isinstance(chosen, bytes) else chosen]))
"""


@pytest.fixture(scope="module")
def printer(tmp_path_factory: pytest.TempPathFactory) -> Printer:
    """A release of preferences whose texts are hostile, and its every export."""
    printer = Printer(Room(tmp_path_factory.mktemp("room"), policy=load(LOOSE)))
    names = [f"rater/{number}" for number in range(6)]
    printer.room.hear(
        event("preference", name, f"{name}-{number}", chosen=evil, margin=0.5)
        for name in names
        for number, evil in enumerate(HOSTILE)
    )
    printer.room.score(names)
    out = printer.print(kind="preference")
    for name in (*WANTED, "parquet", "jsonl"):
        export(printer.export(out, name, name))
    return printer


def run(printer: Printer, code: str, *words: str) -> Any:
    environment = os.environ | {
        "HF_HOME": str(printer.room.folder / "hf"),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *words], check=False, env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_datasets_loads_every_export_with_the_documented_columns_and_types(
    printer: Printer,
) -> None:
    names = (*WANTED, "parquet", "jsonl")
    found = run(printer, LOADED, str(printer.room.folder), *names)
    for name in names:
        splits, rows, _, first = found[name]
        assert (splits, rows) == (["train"], 72 if name == "trl-kto" else 36), name
        assert HOSTILE[0] in json.dumps(first, ensure_ascii=False).replace("\\\\", "\\")
    for name, columns in WANTED.items():
        assert found[name][2] == columns, name


@pytest.mark.slow
def test_mlcroissant_reads_the_metadata_of_a_release_and_its_rows(printer: Printer) -> None:
    pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    file = str(printer.room.folder / "release" / "croissant.json")
    errors, name, records, chosen = run(printer, CROISSANT, file)
    assert (errors, records) == ([], 2)
    assert name == "helpful@2026-01-01.1"
    assert chosen == HOSTILE[0]


def test_pandas_reads_the_columnar_exports_and_the_lines(printer: Printer) -> None:
    folder = printer.room.folder
    for name, columns in WANTED.items():
        (file,) = (folder / name).glob("train.*")
        frame = (
            pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_json(file, lines=True)
        )
        assert list(frame.columns) == list(columns)
    lines = pd.read_json(folder / "jsonl" / "train.jsonl", lines=True)
    whole = pd.read_parquet(folder / "parquet" / "train.parquet")
    assert list(lines.columns) == list(whole.columns)
    assert set(whole["chosen"]) == set(lines["chosen"]) == set(HOSTILE)


def test_croissant_names_every_file_by_its_digest(printer: Printer) -> None:
    import hashlib

    release = printer.room.folder / "release"
    said = json.loads((release / "croissant.json").read_bytes())
    assert said["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    for file in said["distribution"]:
        content = (release / file["contentUrl"]).read_bytes()
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
