"""Receipts from what OpenLineage and MLflow record: which model was trained on which release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from approvals.releases import releases
from approvals.runs import Used, matched, of_mlflow, of_openlineage
from quarantine.errors import UsageError
from tests.gatehouse import Gatehouse

DIGEST = "ab" * 32
OUT = {"namespace": "registry", "name": "assistant/7"}


def dataset(digest: str = DIGEST, name: str = "helpful@2026-01-01.1") -> dict[str, object]:
    facets = {
        "version": {
            "_producer": "https://example.org",
            "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json",
            "datasetVersion": digest,
        },
        "schema": {"fields": []},
    }
    return {"namespace": "quarantine", "name": name, "facets": facets}


def event(kind: str = "COMPLETE", run: str = "r1", **more: object) -> dict[str, object]:
    return {
        "eventType": kind,
        "eventTime": "2026-01-01T00:00:00Z",
        "run": {"runId": run, "facets": {}},
        "job": {"namespace": "train", "name": "dpo"},
        "producer": "https://example.org",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    } | more


def mlflow_run(*inputs: dict[str, Any], **more: object) -> dict[str, object]:
    info = {"run_id": "f00", "status": "FINISHED", "artifact_uri": "s3://x/f00/artifacts"}
    return {
        "info": info,
        "data": {"metrics": []},
        "inputs": {"dataset_inputs": list(inputs)},
    } | more


def logged(digest: str, *tags: tuple[str, str]) -> dict[str, object]:
    return {
        "tags": [{"key": key, "value": value} for key, value in tags],
        "dataset": {"name": "helpful", "digest": digest, "source_type": "local", "source": "{}"},
    }


def test_a_run_is_told_of_by_its_events_together() -> None:
    start, end = event("START", inputs=[dataset()]), event(outputs=[OUT])
    wanted = [Used(DIGEST, "registry/assistant/7")]
    for spelled in (
        json.dumps([start, end]),
        "\n".join(map(json.dumps, (start, end))),
        json.dumps(event(inputs=[dataset()], outputs=[OUT]), indent=2),
    ):
        assert of_openlineage(spelled.encode()) == wanted


def test_a_run_that_names_no_model_stands_for_it_and_runs_are_kept_apart() -> None:
    found = of_openlineage(
        json.dumps([event(inputs=[dataset()]), event(run="r2", outputs=[OUT])]).encode()
    )
    assert found == [Used(DIGEST, "openlineage:train/dpo/r1")]


def test_an_mlflow_run_is_read_however_it_is_spelled() -> None:
    short = logged(DIGEST[:32], ("mlflow.data.context", "training"))
    made = [Used(DIGEST[:32], "runs:/f00/model")]
    for run in (mlflow_run(short), {"run": mlflow_run(short)}):
        assert [
            each for each in of_mlflow(json.dumps(run).encode()) if each.digest in DIGEST
        ] == made
    as_python = {"dataset": {"name": "x", "digest": DIGEST[:32]}, "tags": {"a": "b"}}
    assert made[0] in of_mlflow(json.dumps(mlflow_run(as_python)).encode())


def test_a_tag_may_hold_the_whole_digest_and_three_names_its_models() -> None:
    run = mlflow_run(
        logged("1234", ("manifest", DIGEST)), outputs={"model_outputs": [{"model_id": "m-1"}]}
    )
    assert Used(DIGEST, "models:/m-1") in of_mlflow(json.dumps(run).encode())


def test_what_was_used_to_evaluate_trained_nothing() -> None:
    run = mlflow_run(logged(DIGEST, ("mlflow.data.context", "eval")))
    assert of_mlflow(json.dumps(run).encode()) == []


@pytest.mark.parametrize("spelled", [b"", b"[", b"{}", b'"x"', b"[[]]", b"[" * 100_000, b"\xff"])
def test_what_is_neither_is_refused(spelled: bytes) -> None:
    with pytest.raises(UsageError):
        of_mlflow(spelled)
    if spelled:
        with pytest.raises(UsageError):
            of_openlineage(spelled)


def test_receipts_are_noted_once_and_a_trace_finds_the_models(tmp_path: Path) -> None:
    gate = Gatehouse(tmp_path)
    request = gate.ask()
    gate.vote(request, "ben", "cleo")
    gate.release(request)
    (left,) = releases(gate.room.store)
    digest = left.record.manifest
    lineage, run = tmp_path / "events.jsonl", tmp_path / "run.json"
    lineage.write_text(json.dumps(event(inputs=[dataset(digest)], outputs=[OUT])) + "\n")
    run.write_text(json.dumps({"run": mlflow_run(logged(digest[:32]))}))
    told = {"release": left.record.name, "model": "registry/assistant/7", "noted": True}
    assert gate.run("consumed", "--openlineage", str(lineage)) == [told]
    assert gate.run("consumed", "--openlineage", str(lineage)) == [told | {"noted": False}]
    gate.run("consumed", "--mlflow", str(run))
    gate.run("consumed", "--mlflow", str(run), "--model", "models:/assistant/8")
    traced = gate.run("trace", "--source", "app/rater/3")
    assert traced["generations"][0]["models"] == [
        "models:/assistant/8",
        "registry/assistant/7",
        "runs:/f00/model",
    ]
    for wrong in ([], ["--mlflow", str(run), "--openlineage", str(lineage)], ["--mlflow", "none"]):
        gate.run("consumed", *wrong, code=2)


def test_a_digest_that_is_short_or_of_no_release_matches_nothing(tmp_path: Path) -> None:
    gate = Gatehouse(tmp_path)
    request = gate.ask()
    gate.vote(request, "ben", "cleo")
    gate.release(request)
    digest = releases(gate.room.store)[0].record.manifest
    for wrong in ("", digest[:31], "0" * 64):
        with pytest.raises(UsageError, match="names no release"):
            matched(gate.room.store, [Used(wrong, "m")])
    assert len(matched(gate.room.store, [Used(digest.upper(), "m"), Used(digest[:32], "m")])) == 1
