"""Where rows went: into releases, through training jobs into models, and what those said again.

And what is around them: a bad row is seldom alone, so its voice and its time are looked at too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from approvals.attest import act_of, record_of
from approvals.model import Consumed
from approvals.ports import Signer
from approvals.releases import Left, releases, touched, yanked
from quarantine.errors import UsageError
from quarantine.model import Held, Named, SourceKey
from quarantine.ports import Store

_EMITS = "pseudo_label"
"""The kind of feedback that a model gives itself."""
_DEEPEST = 100
NEAR: Final = 86_400_000_000
"""µs: so long before and after what was named its voice is looked at."""
MOST_VOICES: Final = 10


@dataclass(frozen=True, slots=True)
class Generation:
    """One turn of the loop: `rows`, the `releases` that hold so many of them, what followed.

    `models` were trained on those releases; `emitted` are the log indexes of what they said.
    """

    rows: int
    releases: tuple[tuple[Left, int], ...]
    models: tuple[str, ...]
    emitted: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Concerned:
    """Around some rows: their sources, and the other members of those sources' clusters."""

    sources: tuple[SourceKey, ...]
    clusters: dict[str, tuple[SourceKey, ...]] = field(default_factory=dict)
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Wider:
    """A voice around what was named: `more` rows of it, and the `releases` that hold it.

    It is the `cluster` of some of the sources named, or where that is empty the one source alone;
    all it ever said, or what arrived from `since` until before `until` (µs).
    """

    sources: tuple[SourceKey, ...]
    more: int
    releases: tuple[tuple[Left, int], ...]
    cluster: str = ""
    since: int | None = None
    until: int | None = None


def trace(store: Store, rows: Sequence[int]) -> list[Generation]:
    """Follow `rows` (log indexes) through the loop, generation by generation, until none is new.

    A model is known by the receipts of training jobs (`consume`); what it emitted are the
    pseudo-labels that name it, or name one of the rows or releases that they were derived from.
    """
    found: list[Generation] = []
    known, trained = set(rows), set[str]()
    newest: Sequence[int] = rows
    told = _emissions(store)
    while newest and len(found) < _DEEPEST:
        into = tuple(touched(store, newest))
        fresh = sorted(_models(store, into) - trained)
        trained.update(fresh)
        names = {*fresh, *(left.record.name for left, _ in into), *_ids(store, newest)}
        emitted = [each for each, said in told.items() if each not in known and names & said]
        found.append(Generation(len(newest), into, tuple(fresh), tuple(emitted)))
        known.update(emitted)
        newest = emitted
    return found


def consume(store: Store, record: Consumed, signer: Signer) -> bool:
    """Note that a model was trained on a release; say no where that was noted before.

    Raises `UsageError` for a manifest of no release of this log.
    """
    if all(left.record.manifest != record.manifest for left in releases(store)):
        raise UsageError(f"no release of this log has the manifest {record.manifest[:12]}…")
    if record.model in _receipts(store).get(record.manifest, ()):
        return False
    store.record([act_of(record, signer)])
    return True


def around(store: Store, rows: Sequence[int]) -> Concerned:
    """Return who said `rows`, who is thought to be one voice with them, and when they came (µs)."""
    held = list(store.held(rows))
    sources = tuple(dict.fromkeys(SourceKey(each.producer, each.source) for each in held))
    linked = store.linked()
    wanted = {linked[key] for key in sources if key in linked}
    members: dict[str, list[SourceKey]] = {}
    for key, cluster in linked.items():
        if cluster in wanted:
            members.setdefault(cluster, []).append(key)
    arrived = [each.arrived for each in held]
    return Concerned(
        sources=sources,
        clusters={name: tuple(some) for name, some in sorted(members.items()) if len(some) > 1},
        first=min(arrived, default=None),
        last=max(arrived, default=None),
    )


def wider(store: Store, rows: Sequence[int], concerned: Concerned | None = None) -> list[Wider]:
    """Propose more than `rows` (log indexes): the voices that said them, near in time and whole.

    Who takes back one row of a ring leaves the others where they are (threat G8). Of many clusters
    those with most sources come first, `MOST_VOICES` of them; a source that is linked with nobody
    is proposed where it alone was named. `concerned` is what is `around` them, where it is known.
    """
    concerned = concerned or around(store, rows)
    if concerned.first is None or concerned.last is None:
        return []
    voices = sorted(concerned.clusters.items(), key=lambda each: -len(each[1]))
    if not voices and len(concerned.sources) == 1:
        voices = [("", concerned.sources)]
    spans = ((concerned.first - NEAR, concerned.last + NEAR), (None, None))
    found: list[Wider] = []
    for cluster, members in voices[:MOST_VOICES]:
        before = 0
        for since, until in spans:
            theirs = sorted(_said(store, members, since, until))
            more = len(set(theirs).difference(rows))
            if more > before:
                into = tuple(touched(store, theirs))
                found.append(Wider(members, more, into, cluster, since, until))
            before = more
    return found


def _said(
    store: Store, members: Iterable[SourceKey], since: int | None, until: int | None
) -> Iterator[int]:
    for key in members:
        named = Named(producer=key.producer, source=key.source, since=since, until=until)
        yield from store.find(named)


def untouched(store: Store, scope: str, rows: Iterable[int]) -> Left | None:
    """Return the newest release of `scope` that never saw any of `rows`; absent when all did."""
    seen = {left.record.manifest for left, _ in touched(store, list(rows))} | set(yanked(store))
    whole = [left for left in releases(store, scope) if left.record.manifest not in seen]
    return whole[-1] if whole else None


def _receipts(store: Store) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for logged in store.acts():
        if logged.act.kind == Consumed.act:
            record = record_of(logged.act)
            assert isinstance(record, Consumed)  # noqa: S101  its kind says so
            found.setdefault(record.manifest, set()).add(record.model)
    return found


def _models(store: Store, into: Iterable[tuple[Left, int]]) -> set[str]:
    receipts = _receipts(store)
    return {model for left, _ in into for model in receipts.get(left.record.manifest, ())}


def _emissions(store: Store) -> dict[int, frozenset[str]]:
    """Return, by log index of each pseudo-label, the model that it names and what it came from."""
    return {
        held.index: frozenset(_origins(held))
        for held in store.held(store.find(Named(kind=_EMITS)))
        if not held.is_erased
    }


def _origins(held: Held) -> list[str]:
    said = json.loads(held.body)["data"]
    return [said["model"], *said.get("derived_from", ())]


def _ids(store: Store, rows: Sequence[int]) -> set[str]:
    return {held.id for held in store.held(rows)}
