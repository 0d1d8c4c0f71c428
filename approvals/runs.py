"""Which models a training run made of which data, as OpenLineage and MLflow have recorded it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from approvals.releases import Left, releases
from quarantine.errors import UsageError
from quarantine.ports import Store

SHORTEST: Final = 32
"""Hex digits of a manifest's digest that name it; MLflow keeps no more than 36 characters."""
_CONTEXT: Final = "mlflow.data.context"
Found = TypeVar("Found")


class Used(NamedTuple):
    """A run read a dataset of this `digest` and made `model`, a URI."""

    digest: str
    model: str


class _Version(BaseModel):
    version: str = Field("", alias="datasetVersion")


class _Facets(BaseModel):
    version: _Version = _Version.model_construct(version="")


class _Dataset(BaseModel):
    namespace: str
    name: str
    facets: _Facets = _Facets.model_construct()


class _Job(BaseModel):
    namespace: str
    name: str


class _Started(BaseModel):
    id: str = Field(alias="runId")


class _Event(BaseModel):
    """An OpenLineage RunEvent (spec 2.0.2), as far as it matters here."""

    run: _Started
    job: _Job
    inputs: list[_Dataset] = []
    outputs: list[_Dataset] = []


class _Pair(BaseModel):
    key: str
    value: str


class _Data(BaseModel):
    name: str = ""
    digest: str = ""


class _Input(BaseModel):
    dataset: _Data
    tags: list[_Pair] | dict[str, str] = []

    @property
    def told(self) -> dict[str, str]:
        """Return the input's tags by key, however they are spelled."""
        if isinstance(self.tags, dict):
            return self.tags
        return {each.key: each.value for each in self.tags}


class _Inputs(BaseModel):
    dataset_inputs: list[_Input] = []


class _Model(BaseModel):
    model_id: str


class _Outputs(BaseModel):
    model_outputs: list[_Model] = []


class _Info(BaseModel):
    run_id: str


class _MlflowRun(BaseModel):
    """An MLflow run: what `GET runs/get` answers, or `Run.to_dictionary()` says."""

    info: _Info
    inputs: _Inputs = _Inputs()
    outputs: _Outputs = _Outputs()


class _Got(BaseModel):
    run: _MlflowRun


def of_openlineage(spelled: bytes) -> list[Used]:
    """Read RunEvents: one, a list of them, or one a line; `UsageError` for anything else.

    The events of one run tell of it together: what it read may stand in its START alone, what it
    made in its COMPLETE. A run that names nothing that it made stands for its own model.
    """
    runs: dict[str, list[_Event]] = {}
    for event in _events(spelled):
        runs.setdefault(event.run.id, []).append(event)
    return [used for id_, events in runs.items() for used in _of_run(id_, events)]


def of_mlflow(spelled: bytes) -> list[Used]:
    """Read one MLflow run; `UsageError` for anything else.

    A dataset counts by its digest, or by a tag that is one; not where its context says that it was
    used for something else than training. Models are MLflow 3's own, else the run's artifact.
    """
    found = _read(TypeAdapter(_Got | _MlflowRun), spelled, "MLflow run")
    run = found.run if isinstance(found, _Got) else found
    models = [f"models:/{each.model_id}" for each in run.outputs.model_outputs]
    made = models or [f"runs:/{run.info.run_id}/model"]
    return [
        Used(digest, model)
        for each in run.inputs.dataset_inputs
        if "train" in each.told.get(_CONTEXT, "training")
        for digest in {each.dataset.digest, *each.told.values()}
        for model in made
    ]


def matched(store: Store, used: Sequence[Used], model: str | None = None) -> list[tuple[Left, str]]:
    """Return which releases were used for which model, by their manifests' digests.

    `model` stands for whatever the runs say they made. Raises `UsageError` where no digest is that
    of a release of this log: nothing can be traced then.
    """
    known = releases(store)
    found = {
        (left.record.manifest, model or each.model): left
        for each in used
        for left in known
        if len(each.digest) >= SHORTEST and left.record.manifest.startswith(each.digest.lower())
    }
    if not found:
        raise UsageError("it names no release of this log by the digest of its manifest")
    return [(left, made) for (_, made), left in found.items()]


def _events(spelled: bytes) -> Iterator[_Event]:
    one_or_many = TypeAdapter(list[_Event] | _Event)
    lines = [line for line in spelled.splitlines() if line.strip()]
    whole = [spelled] if not _are_documents(lines) else lines
    for each in whole:
        found = _read(one_or_many, each, "OpenLineage RunEvent")
        yield from found if isinstance(found, list) else [found]


def _are_documents(lines: Sequence[bytes]) -> bool:
    """Say whether every line is a JSON document by itself."""
    try:
        return all(isinstance(json.loads(line), dict) for line in lines)
    except (ValueError, RecursionError):
        return False


def _of_run(id_: str, events: Sequence[_Event]) -> Iterator[Used]:
    job = events[0].job
    made = [f"{each.namespace}/{each.name}" for event in events for each in event.outputs]
    models = list(dict.fromkeys(made)) or [f"openlineage:{job.namespace}/{job.name}/{id_}"]
    for event in events:
        for each in event.inputs:
            for model in models:
                yield Used(each.facets.version.version, model)


def _read(adapter: TypeAdapter[Found], spelled: bytes, what: str) -> Found:
    try:
        return adapter.validate_json(spelled)
    except ValidationError as error:
        raise UsageError(f"this is no {what}: {error.errors()[0]['msg']}") from error
