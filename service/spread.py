"""The heavy part of scoring on a Dask cluster: rows read and profiled, channels heard, by workers.

Every task is a pure function of its arguments, so it may run twice, anywhere, after a worker died,
and the dossiers are those of a pass in one process, to the byte. What a detector found stays where
it was heard: figures travel, and the words of those findings that are shown.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import numpy as np
from distributed import CancelledError, Client, KilledWorker
from distributed.comm.core import CommClosedError

from quarantine.clusters import clusters
from quarantine.errors import UnavailableError, UsageError
from quarantine.evidence import Evidence, Findings, Floats, Ints, Links
from quarantine.hearing import Ears, Heard, detectors, hear, linkers
from quarantine.pointing import SHOWN
from quarantine.profile import Profile, by_kind, merge_kinds
from quarantine.scoring import Scored
from service.holdings import Part
from service.rescoring import Read, Window, read

ROWS: Final = 250_000
"""Rows that one task profiles."""
PATIENCE_S: Final = 10.0
_SAME: Final = ("numpy", "pandas", "pyarrow", "scipy", "scikit-learn", "feedback-quarantine")
"""Packages of which another version could give other dossiers."""

Done = TypeVar("Done")
Profiles = Mapping[str, Mapping[str, Profile]]
Words = tuple[str, tuple[str, ...]]


class Task(Protocol):
    """Something that a worker does, or keeps; given to another task, it is what came of it."""

    def result(self) -> Any:
        """Return what came of it; raises what was raised there."""


class Workers(Protocol):
    """What is asked of `distributed.Client`, which has no types of its own."""

    def submit(self, work: Callable[..., object], /, *given: object, pure: bool) -> Task:
        """Let one of the workers do something."""

    def gather(self, tasks: object) -> Any:
        """Return what came of tasks, in the shape in which they are given."""

    def scatter(self, given: object, *, broadcast: bool, hash: bool) -> Task:
        """Give something to all workers."""

    def run(self, work: Callable[[], object], /) -> Any:
        """Do something on every worker; return what came of it by address."""


class Figures(NamedTuple):
    """What travels of one detector's findings: `words` by place, of those that would be shown."""

    silent: str
    by_agreement: bool
    posterior: bool
    exact: bool
    scores: Floats
    place: Ints
    words: dict[int, Words]


@contextmanager
def cluster(address: str) -> Iterator[Workers]:
    """Yield a client of the scheduler at `address`, whose workers run what runs here.

    Encryption and certificates are Dask's own settings. Raises `UnavailableError` when nobody
    answers or nobody works there, `UsageError` when a worker has other versions.
    """
    try:
        client = Client(  # type: ignore[no-untyped-call]  # see Workers
            address, timeout=PATIENCE_S, set_as_default=False
        )
    except (OSError, ValueError) as error:
        raise UnavailableError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        _require_same(client.run(versions))
        yield client


def versions() -> dict[str, str]:
    """Return the versions of what a dossier may depend on, in this process."""
    return {"python": platform.python_version()} | {name: version(name) for name in _SAME}


def rescored(window: Window, client: Workers) -> Scored:
    """Score an archive, which workers find at the same path; the same as `rescoring.rescored`.

    A worker that dies is made up for; `UnavailableError` when what all have in common is lost.
    """
    tasks = [
        client.submit(_read, str(window.folder), part, window.scope, pure=False)
        for part in window.manifest.events
    ]
    try:
        parts: list[Read] = client.gather(tasks)
        return window.score(window.evidence(parts), Spread(client))
    except (CancelledError, KilledWorker, CommClosedError) as error:
        raise UnavailableError(f"the workers died or went away, try again: {error}") from error


@dataclass
class Spread(Ears):
    """Hears every detector on the workers of a cluster, all at once."""

    client: Workers
    _heard: dict[str, Task] = field(default_factory=dict)
    _usual: dict[str, Task] = field(default_factory=dict)

    def linked(self, evidence: Evidence) -> Evidence:
        """Count linked sources as one voice; then set every worker to hear what it can."""
        given = self.client.scatter(evidence, broadcast=True, hash=False)
        profiles = {
            name: self._profiles(given, name, len(frame))
            for name, frame in (("held", evidence.held), ("released", evidence.released))
        }
        links = {name: self._do(_link, name, given) for name in linkers()}
        found = evidence.linked(clusters(evidence, self.client.gather(links)))
        voices = self.client.scatter(found.cluster, broadcast=True, hash=False)
        for name in detectors():
            self._heard[name] = self._do(_hear, name, given, voices, profiles)
            if not evidence.cold_start:
                self._usual[name] = self._do(_rehearse, name, given, voices)
        return found

    def hear(self, name: str, evidence: Evidence) -> Heard:
        """Return what a worker heard."""
        told: Figures = self._do(_figures, self._heard[name], evidence.held_sources).result()

        def asked(place: int) -> Words:
            if place not in told.words:
                told.words[place] = self._do(_words, self._heard[name], place).result()
            return told.words[place]

        findings = Findings(
            because=lambda place: asked(place)[0],
            examples=lambda place: asked(place)[1],
            silent=told.silent,
            by_agreement=told.by_agreement,
            posterior=told.posterior,
            exact=told.exact,
        )
        return Heard(name, detectors()[name].channel, findings, told.scores, told.place)

    def rehearse(self, one: Heard, evidence: Evidence) -> Heard:  # noqa: ARG002  workers have it
        """Return what a worker learnt to be usual for a detector."""
        if one.findings.silent:
            return one
        told: Heard = self._usual[one.name].result()
        return told

    def _profiles(self, given: Task, name: str, size: int) -> Task:
        """Profile a frame by parts, and merge them pairwise: which order, makes no difference."""
        tasks = [
            self._do(_profiled, given, name, start, start + ROWS)
            for start in range(0, max(size, 1), ROWS)
        ]
        while len(tasks) > 1:
            pairs = zip(tasks[::2], tasks[1::2], strict=False)
            merged = [self._do(merge_kinds, left, right) for left, right in pairs]
            tasks = merged + tasks[len(merged) * 2 :]
        return tasks[0]

    def _do(self, work: Callable[..., object], *given: object) -> Task:
        return self.client.submit(work, *given, pure=False)


def _read(folder: str, part: Part, scope: str) -> Read:
    return read(Path(folder), part, scope)


def _link(name: str, evidence: Evidence) -> Links:
    return linkers()[name].link(evidence)


def _profiled(evidence: Evidence, name: str, start: int, stop: int) -> dict[str, Profile]:
    frame = evidence.held if name == "held" else evidence.released
    return by_kind(frame.iloc[start:stop])


def _hear(name: str, evidence: Evidence, voices: Ints, profiles: Profiles) -> Heard:
    linked = evidence.linked(voices)
    for which, told in profiles.items():
        linked.once(f"profiles of {which}", partial(_as_is, told))
    return hear(name, linked)


def _as_is(done: Done) -> Done:
    return done


def _rehearse(name: str, evidence: Evidence, voices: Ints) -> Heard:
    nobody = np.empty(0, np.int64)
    asked = Heard(name, detectors()[name].channel, Findings(), np.empty(0), nobody)
    return Ears().rehearse(asked, evidence.linked(voices))


def _figures(heard: Heard, held: int) -> Figures:
    findings, place = heard.findings, heard.place
    shown = np.flatnonzero((place[:held] >= 0) & (heard.scores[:held] >= SHOWN))
    return Figures(
        silent=findings.silent,
        by_agreement=findings.by_agreement,
        posterior=findings.posterior,
        exact=findings.exact,
        scores=heard.scores,
        place=place,
        words={int(place[source]): _words(heard, int(place[source])) for source in shown},
    )


def _words(heard: Heard, place: int) -> Words:
    return heard.findings.because(place), tuple(heard.findings.examples(place))


def _require_same(found: Mapping[str, Mapping[str, str]]) -> None:
    if not found:
        raise UnavailableError("the Dask scheduler has no worker")
    here = versions()
    for worker, there in found.items():
        other: Sequence[str] = [name for name in here if there.get(name) != here[name]]
        if other:
            raise UsageError(
                f"the worker {worker} has {other[0]} {there.get(other[0])}, here is"
                f" {here[other[0]]}: dossiers would differ"
            )
