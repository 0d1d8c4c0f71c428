"""Whether known cases tell on themselves: a classifier on what a reviewer is shown of a case."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from approvals.probes import Probe
from approvals.screen import about_source
from approvals.screen.book import Book
from approvals.screen.model import Shown
from approvals.screen.rights import Rights
from quarantine.model import Dossier, Verdict, from_micros
from quarantine.safe import safe
from service.redteam.docket import Docket
from service.redteam.ground import Ground

FOLDS: Final = 5
TREES: Final = 200
_NUMBER: Final = re.compile(r"[0-9.]+")
_VOICES: Final = re.compile(r"([0-9]+) other voice")
_NOTHING: Final = Rights(safe(""), safe(""))

Features = dict[str, float]


def features(book: Book, dossier: Dossier, queue: frozenset[str], now: int) -> Features:
    """Return what a case tells in numbers, as it is shown; `queue` names the cases, `now` in µs."""
    shown = about_source.show(book, dossier, _NOTHING)
    return {
        **dict(_of_thought(shown)),
        **dict(_of_time(shown, now)),
        **dict(_of_company(book, dossier, queue)),
        **dict(_of_samples(shown)),
        **dict(_of_name(shown)),
    }


def _of_thought(shown: Shown) -> Iterator[tuple[str, float]]:
    score, above, p_value = [*shown.score.split(", "), "", ""][:3]
    yield "score", float(score)
    yield "above", _first(above)
    yield "cold", float("cold" in p_value)
    yield "p", _first(p_value) if "cold" not in p_value else -1.0
    yield "held", float(shown.verdict == "hold")
    yield "findings", float(len(shown.why))
    for each in shown.why:
        yield f"detector {each.detector}", each.score
    yield "agreement", -1.0 if shown.agreement is None else shown.agreement
    what = shown.what
    yield "events", float(shown.events)
    yield "kinds", float(what.count(","))
    yield "vetted", float("unvetted" not in what)
    yield "targets", _first(what.partition(" on ")[2].replace(",", "")) / max(1, shown.events)


def _of_time(shown: Shown, now: int) -> Iterator[tuple[str, float]]:
    dated = shown.since.startswith("since ")
    since = pd.Timestamp(shown.since.removeprefix("since "), tz="UTC") if dated else None
    age = (from_micros(now) - since).total_seconds() / 86_400 if since is not None else -1.0
    yield "age", age
    parts = np.array(shown.activity or (0,), float)
    yield "busiest part", float(parts.max() / max(1.0, parts.sum()))
    yield "parts", float((parts > 0).sum())
    yield "late", float(parts[len(parts) // 2 :].sum() / max(1.0, parts.sum()))
    lasted, _, busiest = shown.pace.partition(", at most ")
    yield "lasted", _first(lasted) * (24.0 if "day" in lasted else 1.0)
    yield "busiest hour", _first(busiest)
    yield "past", float(not shown.change.startswith("nothing"))
    yield "past events", 0.0 if shown.change.startswith("nothing") else _first(shown.change)


def _of_company(book: Book, dossier: Dossier, queue: frozenset[str]) -> Iterator[tuple[str, float]]:
    members = [each for each in book.clusters.get(dossier.cluster, ()) if each.key != dossier.key]
    doubted = [each for each in members if each.verdict is not Verdict.CLEAR]
    yield "company", float(len(members))
    yield "doubted company", len(doubted) / max(1, len(members))
    yield "company found", _share(str(each.key) in queue for each in doubted)


def _of_samples(shown: Shown) -> Iterator[tuple[str, float]]:
    others = [_first(each.others) if each.others[:1].isdigit() else 0.0 for each in shown.samples]
    voices = [_voices(each.others) for each in shown.samples]
    yield "samples", float(len(shown.samples))
    yield "others", float(np.mean(others)) if others else -1.0
    yield "voices", float(np.mean(voices)) if voices else -1.0
    yield "said before", _share(bool(each.before) for each in shown.samples)
    yield "worded", _share(bool(each.text) for each in shown.samples)


def _of_name(shown: Shown) -> Iterator[tuple[str, float]]:
    digits = re.findall(r"[0-9]+", shown.who)
    yield "name", float(len(shown.who))
    yield "number", float(digits[-1]) if digits else -1.0


def _voices(text: str) -> float:
    """Return of how many other voices a sample tells."""
    match = _VOICES.search(text)
    return float(match[1]) if match else 0.0


def _share(flags: Iterator[bool]) -> float:
    every = list(flags)
    return sum(every) / len(every) if every else 1.0


def _first(text: str) -> float:
    match = _NUMBER.search(text.replace(",", ""))
    return float(match[0].rstrip(".")) if match else 0.0


def told_apart(
    told: Sequence[Features],
    is_probe: Sequence[bool],
    sorts: Sequence[str],
    queues: Sequence[int],
) -> tuple[float, Mapping[str, float]]:
    """Return how well a random forest tells probes (AUC over folds), and what it goes by.

    It learns from some queues and is asked of others, as colluders learn from past probes: within
    a queue the members of one ring, all probes or none, would tell of each other. `sorts` says of
    each what it is (an attack's name, nothing for the honest): both sides are weighed to the same
    mix of sorts, since no one can know which attacks are really about; sorts of which there are
    none on one side say nothing.
    """
    frame, flags = pd.DataFrame(told).fillna(0.0), np.asarray(is_probe)
    weight = _balanced(flags, np.asarray(sorts, dtype=object))
    kept = weight > 0
    frame, flags, weight = frame[kept], flags[kept], weight[kept]
    groups = np.asarray(queues)[kept]
    guess = np.zeros(len(flags))
    folds = StratifiedGroupKFold(min(FOLDS, len(np.unique(groups))), shuffle=True, random_state=0)
    for train, test in folds.split(frame, flags, groups):
        forest = _forest().fit(frame.iloc[train], flags[train], sample_weight=weight[train])
        guess[test] = forest.predict_proba(frame.iloc[test])[:, 1]
    weights = _forest().fit(frame, flags, sample_weight=weight).feature_importances_
    names = {str(frame.columns[n]): float(weights[n]) for n in np.argsort(-weights).tolist()}
    return float(roc_auc_score(flags, guess, sample_weight=weight)), names


def _forest() -> RandomForestClassifier:
    return RandomForestClassifier(TREES, min_samples_leaf=3, random_state=0, n_jobs=1)


def _balanced(
    flags: npt.NDArray[np.bool_], sorts: npt.NDArray[np.object_]
) -> npt.NDArray[np.float64]:
    """Weigh cases so that each sort is as much of the probes as of the real ones."""
    weight = np.zeros(len(flags))
    for sort in sorted(set(sorts.tolist())):
        sides = [(sorts == sort) & (flags == side) for side in (False, True)]
        if all(side.any() for side in sides):
            both = float(sides[0].sum() + sides[1].sum())
            for side in sides:
                weight[side] = both / side.sum()
    return weight


@dataclass
class Seen:
    """Cases as they were shown, of several queues: what each told, if it is a probe, what it is."""

    told: list[Features] = field(default_factory=list)
    is_probe: list[bool] = field(default_factory=list)
    sorts: list[str] = field(default_factory=list)
    queues: list[int] = field(default_factory=list)

    def look(self, ground: Ground, waits: Docket, laid: Sequence[Probe]) -> None:
        """Look at every case of a queue in which `laid` probes lie among those that wait."""
        probes = {case.key: case for case in laid}
        book = Book.read(ground.store, ground.roster.standings, probes)
        number = max(self.queues, default=-1) + 1
        queue = [*waits.doubted, *(case.dossier for case in laid)]
        names = frozenset(str(each.key) for each in queue)
        for each in queue:
            probe = probes.get(each.key)
            self.told.append(features(book, each, names, waits.now))
            self.is_probe.append(probe is not None)
            self.sorts.append(probe.attack if probe else waits.sorts.get(each.source, ""))
            self.queues.append(number)
