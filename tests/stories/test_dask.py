"""An archive judged on a Dask cluster: the same dossiers, to the byte, whoever dies meanwhile."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

distributed = pytest.importorskip("distributed", reason="the extra `dask` is not installed")

import pandas as pd  # noqa: E402  behind the skip, as all that follows

from quarantine.errors import UnavailableError, UsageError  # noqa: E402
from quarantine.evidence import Evidence  # noqa: E402
from quarantine.hearing import Heard  # noqa: E402
from quarantine.profile import by_kind  # noqa: E402
from service import spread  # noqa: E402
from service.rescoring import rescored  # noqa: E402
from tests.archived import kept, trusting, window  # noqa: E402
from tests.peopled import peopled  # noqa: E402
from tests.room import Room, crowded  # noqa: E402
from tests.shell import Shell  # noqa: E402


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    """Run two worker processes on this machine."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as running:
        yield running


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Return a room whose folder has an archive of it, and a trust file for that."""
    room = crowded(tmp_path_factory.mktemp("house"))
    peopled(room)
    return kept_beside(room)


def kept_beside(room: Room) -> Room:
    kept(room, room.folder / "archive")
    trusting(room, room.folder / "trust.toml")
    return room


def run(room: Room, out: Path, *more: str) -> bytes:
    told = Shell(out.parent / "state").run(
        *("score", "--archive", str(room.folder / "archive"), "--out", str(out), "--json"),
        *("--trust", str(room.folder / "trust.toml")),
        *more,
    )
    assert told.code == 0, told
    assert json.loads(told.out)["sources"] > 0
    return out.read_bytes()


@pytest.mark.slow
def test_a_cluster_of_two_workers_thinks_what_one_process_thinks(
    archived: Room, cluster: distributed.LocalCluster, tmp_path: Path
) -> None:
    here = run(archived, tmp_path / "here.jsonl")
    there = run(archived, tmp_path / "there.jsonl", "--dask", cluster.scheduler_address)
    assert there == here
    dossiers = [json.loads(line) for line in here.splitlines()]
    assert {each["verdict"] for each in dossiers} >= {"clear", "hold"}
    assert any(each["findings"] for each in dossiers)
    assert all(each["p_value"] is not None for each in dossiers)


@pytest.mark.slow
def test_without_a_reference_it_is_the_same_too(
    cluster: distributed.LocalCluster, tmp_path: Path
) -> None:
    room = Room(tmp_path)
    room.producer("app")
    room.crowd(20, 6)
    kept_beside(room)
    here = run(room, tmp_path / "here.jsonl")
    there = run(room, tmp_path / "there.jsonl", "--dask", cluster.scheduler_address)
    assert there == here


@pytest.mark.slow
def test_a_worker_that_dies_meanwhile_changes_nothing(
    archived: Room, cluster: distributed.LocalCluster
) -> None:
    opened = window(archived, archived.folder / "archive")
    wanted = rescored(opened).dossiers
    with spread.cluster(cluster.scheduler_address) as client:
        ears = spread.Spread(client)
        parts = [spread._read(str(opened.folder), part, "") for part in opened.manifest.events]
        evidence = opened.evidence(parts)
        hear, doomed = ears.hear, [*client.run(os.getpid).values()][:1]

        def striking(name: str, given: Evidence) -> Heard:
            while doomed:
                os.kill(doomed.pop(), signal.SIGKILL)
            return hear(name, given)

        ears.hear = striking  # type: ignore[method-assign]
        assert opened.score(evidence, ears).dossiers == wanted
        assert not doomed


@pytest.mark.slow
def test_profiles_made_by_parts_are_those_of_the_whole(
    archived: Room, cluster: distributed.LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = window(archived, archived.folder / "archive")
    parts = [spread._read(str(opened.folder), part, "") for part in opened.manifest.events]
    evidence = opened.evidence(parts)
    monkeypatch.setattr(spread, "ROWS", 100)
    with spread.cluster(cluster.scheduler_address) as client:
        ears = spread.Spread(client)
        given = client.scatter(evidence, broadcast=True, hash=False)
        merged = ears._profiles(given, "held", len(evidence.held)).result()
    whole = by_kind(evidence.held)
    assert merged.keys() == whole.keys()
    for kind, told in whole.items():
        for table in ("sources", "answers", "hours", "targets"):
            pd.testing.assert_frame_equal(getattr(merged[kind], table), getattr(told, table))


def test_a_scheduler_that_is_away_is_said_in_a_sentence(
    archived: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spread, "PATIENCE_S", 0.5)
    words = ["--archive", str(archived.folder / "archive"), "--out", str(tmp_path / "out.jsonl")]
    words += ["--trust", str(archived.folder / "trust.toml")]
    told = Shell(tmp_path / "state").run("score", *words, "--dask", "tcp://127.0.0.1:9")
    assert (told.code, "no Dask scheduler answers" in told.err) == (1, True), told
    assert not (tmp_path / "out.jsonl").exists()


def test_workers_with_other_versions_are_refused() -> None:
    same = spread.versions()
    spread._require_same({"tcp://a:1": same})
    with pytest.raises(UsageError, match="dossiers would differ"):
        spread._require_same({"tcp://a:1": same, "tcp://b:1": same | {"numpy": "1.0"}})
    with pytest.raises(UnavailableError, match="no worker"):
        spread._require_same({})
