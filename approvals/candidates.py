"""What could leave: held events with all that is known of their sources, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from approvals.admission import COLUMNS
from approvals.budget import PRIOR
from approvals.distrust import distrusted, is_distrusted
from approvals.frozen import released_indexes
from approvals.model import WITHDRAWN, Assurance
from approvals.proven import shown
from approvals.releases import releases
from approvals.roster import Roster
from approvals.rushed import read_windows, within
from approvals.sayings import Bodies
from approvals.successor import Successor
from quarantine.envelope import kind_named, opened
from quarantine.model import Dossier, Held, Origin, SourceKey, Standing, Verdict, to_micros
from quarantine.ports import Store

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    Codes = npt.NDArray[np.int64]

_WORDS: Final = ("producer", "source", "kind", "scope", "target")
_READ: Final = ("index", "id", "question", "answer", "arrived", *_WORDS)
_LEAF: Final = itemgetter(Held._fields.index("leaf"))
_LABELLED: Final = frozenset({"label", "pseudo_label"})
"""Kinds whose answer is a label, of which a policy can speak."""
_MARKS: Final = (b'"aspect"', b'"supersedes"', b"\\u")
"""A body without any of these names neither key, however it is spelled."""


@dataclass(frozen=True, slots=True)
class Known:
    """One look at the store: held events below a log size, their sources, and what left before."""

    store: Store
    roster: Roster
    events: pd.DataFrame
    first_seen: Mapping[SourceKey, int]
    dossiers: Mapping[SourceKey, Dossier]
    released: frozenset[int]
    revoked: frozenset[int]
    judged_at: int
    size: int
    only: frozenset[int] | None = None

    @classmethod
    def read(cls, store: Store, roster: Roster, size: int, again: Successor | None = None) -> Known:
        """Read what is held in the first `size` rows of the log.

        For the successor of a release only its rows are asked for, and those that left with it
        count as if they had not.
        """
        events = store.frame(until=size, only=_READ).to_pandas()
        judged_at = store.judged_at()
        return cls(
            store=store,
            roster=roster,
            events=events,
            first_seen=store.sources(),
            dossiers={dossier.key: dossier for dossier in store.dossiers()},
            released=frozenset(released_indexes(store, revoked=True))
            - (again.free if again else frozenset()),
            revoked=frozenset(store.revoked()),
            judged_at=-1 if judged_at is None else judged_at,
            size=size,
            only=again.rows if again else None,
        )

    def described(self) -> Known:
        """Return the same without the events, which take most of the memory and are read by now."""
        return replace(self, events=self.events.head(0).copy())


def candidates(
    known: Known, scope: str, kind: str, until: datetime, bodies: Bodies | None = None
) -> pd.DataFrame:
    """Return the held events of `scope` and `kind` that arrived up to `until`, as `COLUMNS`.

    `bodies` remembers what those say that nothing bars. Raises as `Bodies.read` does.
    """
    events = known.events
    wanted = (
        (events["scope"] == scope)
        & (events["kind"] == kind)
        & (events["arrived"] <= to_micros(until))
    )
    if known.only is not None:
        wanted &= events["index"].isin(known.only)
    rows = _described(known, events[wanted].reset_index(drop=True))
    unheard = rows["arrived"] > known.judged_at
    if unheard.any():
        rows["verdict"] = rows["verdict"].astype(str).where(~unheard, "")
    rows["barred"] = _barred(known, rows)
    rows["answered"], rows["right"] = shown(known.store, known.events, rows)
    _open_bodies(known, rows, bodies or Bodies(known.store, kind_named(kind)))
    return rows[list(COLUMNS)]


def prior(known: Known) -> pd.DataFrame:
    """Return what left in any release, as `PRIOR`, with what is known of its sources today.

    A ring found late counts its old rows together, because clusters are today's; rows taken back
    since still count to a lifetime, and so do rows erased since: they did leave.
    """
    events = known.events[known.events["index"].isin(known.released)]
    emptied = _emptied(known)
    if len(emptied):
        events = pd.concat([events.astype(dict.fromkeys(_WORDS, str)), emptied])
    rows = _described(known, events.reset_index(drop=True))
    rows["revoked"] = rows["index"].isin(known.revoked)
    bodies = known.store.held([int(index) for index in rows["index"]])
    aspects = {held.index: _named(held.body)[0] for held in bodies}
    rows["aspect"] = [aspects.get(int(index), "") for index in rows["index"]]
    return rows[list(PRIOR)]


def _emptied(known: Known) -> pd.DataFrame:
    """Return what left and was erased since, as far as it is known: not what it spoke of."""
    gone = known.released & known.store.erased().keys()
    rows = [
        dict.fromkeys(("target", "question", "answer"), "")
        | {"kind": left.record.kind, "scope": left.record.scope}
        | {name: getattr(held, name) for name in ("index", "id", "arrived", "producer", "source")}
        for left in (releases(known.store) if gone else ())
        for held in known.store.held(sorted(gone.intersection(left.rows(known.store))))
    ]
    return pd.DataFrame(rows, columns=list(_READ))


def _described(known: Known, events: pd.DataFrame) -> pd.DataFrame:
    """Add to each event what is known of its source, looked up once a source.

    Words stay categories, as they were read: as text a million of them are several times as dear.
    """
    rows = events.copy()
    codes, keys = _sources(events)
    standings = [known.roster.standings.get(key, Standing()) for key in keys]
    thought = [known.dossiers.get(key) for key in keys]
    about = pd.DataFrame(
        {
            "first_seen": [known.first_seen[key] for key in keys],
            "tier": [standing.tier.value for standing in standings],
            "verdict": [_verdict(*pair) for pair in zip(thought, standings, strict=True)],
            "cluster": [
                str(key) if dossier is None else dossier.cluster
                for key, dossier in zip(keys, thought, strict=True)
            ],
            "rank": [_rank(known.roster, key.producer) for key in keys],
            "assurance": [_assurance(known.roster, key.producer) for key in keys],
        }
    ).astype({"first_seen": np.int64, "rank": np.int64})
    labelled = rows["kind"].isin(_LABELLED)
    rows["label"] = rows["answer"].astype(str).where(labelled, "") if labelled.any() else ""
    rows["first_seen"] = about["first_seen"].to_numpy()[codes]
    for name in ("tier", "verdict", "cluster", "assurance"):
        rows[name] = pd.Categorical(about[name])[codes]
    kind, kinds = pd.factorize(rows["kind"])
    least = np.array([kind_named(name).origin.rank for name in kinds], np.int64)
    ranks = np.maximum(least[kind], about["rank"].to_numpy()[codes])
    rows["origin"] = pd.Categorical([origin.value for origin in Origin])[ranks]
    return rows


def _sources(events: pd.DataFrame) -> tuple[Codes, list[SourceKey]]:
    """Return each event's source by number, in the order in which they come, and their names."""
    producer, source = (events[name].astype("category").cat for name in ("producer", "source"))
    producers, sources = producer.categories.tolist(), source.categories.tolist()
    wide = max(len(sources), 1)
    both = producer.codes.to_numpy().astype(np.int64) * wide + source.codes.to_numpy()
    codes, pairs = pd.factorize(both)
    named = (divmod(pair, wide) for pair in pairs.tolist())
    return codes, [SourceKey(producers[one], sources[other]) for one, other in named]


def _verdict(dossier: Dossier | None, standing: Standing) -> str:
    """Return a person's word, else what scoring thinks, else nothing."""
    if standing.ruling == "hold":
        return Verdict.HOLD.value
    if dossier is None:
        return ""
    return Verdict.CLEAR.value if standing.ruling == "clear" else dossier.verdict.value


def _assurance(roster: Roster, producer: str) -> str:
    """Return how sure it is who a producer's sources are; of one that nobody registered, not."""
    known = roster.producers.get(producer)
    return (known.assurance if known is not None else Assurance.NONE).value


def _rank(roster: Roster, producer: str) -> int:
    """Return the rank of a producer's origin; of one that nobody registered, the last."""
    known = roster.producers.get(producer)
    return known.origin.rank if known is not None else Origin.SELF_TRAINING.rank


def _barred(known: Known, rows: pd.DataFrame) -> npt.NDArray[np.object_]:
    barred = np.full(len(rows), "", dtype=object)
    unregistered = ~rows["producer"].isin(list(known.roster.producers))
    barred[unregistered.to_numpy()] = "its producer is not registered"
    barred[_in_rush(known, rows)] = "in a window held for a rush"
    barred[rows["index"].isin(known.released).to_numpy()] = "released before"
    barred[rows["index"].isin(known.revoked).to_numpy()] = "taken back"
    return barred


def _in_rush(known: Known, rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Say which rows lie in a held window, but for those of sources that a person cleared."""
    inside = within(rows, read_windows(known.store).closed)
    names = zip(rows["producer"][inside], rows["source"][inside], strict=True)
    standings = known.roster.standings
    ruled = [standings.get(SourceKey(*pair), Standing()).ruling != "clear" for pair in names]
    inside[inside] = np.array(ruled, dtype=np.bool_)
    return inside


def _open_bodies(known: Known, rows: pd.DataFrame, bodies: Bodies) -> None:
    """Read what only the bodies and keys say: aspects, revoked keys, what a source superseded."""
    windows = distrusted(known.store.acts())
    guarded = any(windows.values())
    index, barred = rows["index"].to_numpy(), rows["barred"].to_numpy(copy=True)
    aspects, leaves = (np.full(len(rows), empty, dtype=object) for empty in ("", b""))
    replaced: set[tuple[str, str, str]] = set()
    for events, said in bodies.read(index[barred == ""]):
        place = np.searchsorted(index, [held.index for held in events])
        leaves[place] = [*map(_LEAF, events)]
        if guarded:
            strange = np.array([is_distrusted(windows, held) for held in events], np.bool_)
            barred[place[strange]] = "its key was revoked"
        trusted = barred[place] == ""
        aspects[place] = np.where(trusted, said["aspect"].fill_null(""), "")
        replaced |= _replaced(events, said["supersedes"], trusted)
    replaced |= _withdrawn(known, rows)
    if replaced:
        named = zip(rows["producer"], rows["source"], rows["id"], strict=True)
        superseded = np.array([names in replaced for names in named], dtype=np.bool_)
        barred[superseded & (barred == "")] = "superseded by its source"
    barred[(leaves == b"") & (barred == "")] = "erased meanwhile"
    rows["barred"], rows["aspect"], rows["leaf"] = *map(pd.Categorical, (barred, aspects)), leaves


def _replaced(
    events: Sequence[Held], supersedes: pa.Array, trusted: npt.NDArray[np.bool_]
) -> set[tuple[str, str, str]]:
    """Return which events those of `events` that are `trusted` supersede: words of their own."""
    if supersedes.null_count == len(events):
        return set()
    told = zip(events, supersedes.to_pylist(), trusted, strict=True)
    return {(held.producer, held.source, older) for held, older, good in told if older and good}


def _withdrawn(known: Known, rows: pd.DataFrame) -> set[tuple[str, str, str]]:
    """Return which events their sources took back by a signal of that name, in the same scope."""
    events = known.events
    spoken = (events["kind"] == "signal") & (events["question"] == WITHDRAWN)
    mine = events[spoken & events["scope"].isin(rows["scope"].unique())]
    said = known.store.held([int(index) for index in mine["index"]])
    return {(held.producer, held.source, _named(held.body)[1]) for held in said}


def _named(body: bytes) -> tuple[str, str]:
    """Return the aspect and the superseded id that a body names, empty where it names none."""
    if not any(mark in body for mark in _MARKS):  # each sought alone: ten times as fast as a set
        return "", ""
    event, said = opened(body)
    return event.aspect or "", said.supersedes or ""
