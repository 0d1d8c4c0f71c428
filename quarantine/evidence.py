"""Events turned into frames that detectors judge: what is held, and what was released before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from quarantine.known import NOTHING, Known
from quarantine.model import SourceKey
from quarantine.texts import Texts

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

Drawn = TypeVar("Drawn")

_WORD: Final = pa.dictionary(pa.int32(), pa.string())
_SPREAD: Final = 2654435761
"""Knuth's multiplier: spreads neighbouring source codes over both halves of the reference."""

EVENT_SCHEMA: Final = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("producer", _WORD, nullable=False),
        pa.field("source", _WORD, nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("kind", _WORD, nullable=False),
        pa.field("scope", _WORD, nullable=False),
        pa.field("target", _WORD, nullable=False),
        pa.field("question", _WORD, nullable=False),
        pa.field("answer", _WORD, nullable=False),
        pa.field("value", pa.float64()),
        pa.field("place", pa.int32()),
        pa.field("arrived", pa.int64(), nullable=False),
        pa.field("claimed", pa.int64(), nullable=False),
    ],
)
"""The columns of held events that scoring reads; times in µs since 1970, `value` in 0..1.

A source is a pair (producer, source); in a backtest the producer is empty everywhere.
"""


def _no_text(_: int) -> str:
    return ""


def _no_examples(_: int) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Findings:
    """What one detector thinks, in columns; a source that is not in `sources` got no opinion.

    `sources` are codes into `Evidence.sources`, each at most once: all that it could judge.
    `scores` are 0..1, 1 is worst; 0 says that it looked and saw nothing. `because` and `examples`
    make the words for the finding at a position, only when someone asks. `events` holds a score
    0..1 per row of `Evidence.held` where the detector can point at events, else it has no rows;
    `event_because` makes the words for a row. `silent` says why it could judge nobody at all.
    `by_agreement` says that the scores rest on agreement with the others alone, which a ring that
    makes the consensus turns round; `posterior` that a score below the alarm is half the
    probability of being bad, so that it may count for more than a hint, and `exact` that this rests
    on no model of honest sources, so that it counts whole.
    """

    sources: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    scores: Floats = field(default_factory=lambda: np.empty(0))
    because: Callable[[int], str] = _no_text
    examples: Callable[[int], tuple[str, ...]] = _no_examples
    events: Floats = field(default_factory=lambda: np.empty(0))
    event_because: Callable[[int], str] = _no_text
    silent: str = ""
    by_agreement: bool = False
    posterior: bool = False
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Links:
    """One kind of evidence that sources (codes) are one voice: as pairs, as groups, or both.

    `left` and `right` are pairs; `group` holds, by source code, the number of a group or -1, and
    has no entries where the evidence is pairs only. Groups confirm pairs; alone they join nobody.
    """

    left: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    right: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    group: Ints = field(default_factory=lambda: np.empty(0, np.int64))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What detectors see: `held` is judged, `released` (reviewed and frozen) may teach.

    Both frames have a row an event and the columns `index` (int64, log index), `source`, `target`,
    `answer` (int32 codes into the lists here), `kind` and `scope` (categorical), `value` (float64,
    0..1, NaN where the kind has none), `place` (float64, NaN where unknown), `at` and `claimed`
    (datetime64[us, UTC]), and what is worded (int32, -1 where absent): `asked`, `chosen`, `other`
    and `own` (codes into `texts`), `model` (into `models`) and `generation`; see `Wording`. Codes
    are given in order of first appearance, held before released, so
    the held sources are exactly 0..n-1. A target is one (kind, scope, target, question).
    `cluster` is the voice each source counts to (codes); every source its own until linked.
    `gold` is the code of the hidden right answer by target code, `topic` that of its topic in
    `topics`; -1 where nobody knows it, and no entries where nothing was asked of this evidence.
    `beside` is neither judged nor taught from; it only surrounds the reference in `folds`, which
    are `dealt` from the evidence that has the same rows in their own roles.
    """

    held: pd.DataFrame
    released: pd.DataFrame
    sources: Sequence[SourceKey]
    targets: Sequence[str]
    answers: Sequence[str]
    first_seen: Ints
    producers: Ints
    cluster: Ints
    timed: bool = True
    gold: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    topic: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    topics: Sequence[str] = ()
    texts: Texts = field(default_factory=Texts)
    models: Sequence[str] = ()
    beside: pd.DataFrame = field(default_factory=pd.DataFrame)
    dealt: Evidence | None = field(default=None, repr=False, compare=False)
    drawn: dict[str, tuple[tuple[pd.DataFrame, ...], object]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def once(self, name: str, draw: Callable[[], Drawn]) -> Drawn:
        """Return what `draw` finds in these rows; whoever asks again under `name` gets the same.

        For what several linkers and detectors need and voices do not matter to: pairs are dear.
        """
        rows = (self.held, self.released, self.beside)
        known, found = self.drawn.get(name, ((), None))
        # The same frames, not equal ones: whoever replaced one gets nothing of before.
        if [id(each) for each in known] != [id(each) for each in rows]:
            found = draw()
            self.drawn[name] = (rows, found)
        return cast("Drawn", found)

    @property
    def cold_start(self) -> bool:
        """Say whether nothing has been released yet, so that nothing can teach."""
        return len(self.released) == 0

    @property
    def whole(self) -> Evidence:
        """Return the evidence that these rows were dealt from: itself, but for `folds`.

        Ask `once` of it for what all rows tell together, whichever of them are judged.
        """
        return self if self.dealt is None else self.dealt

    @property
    def held_sources(self) -> int:
        """Return the number of sources with held events."""
        return int(self.held["source"].max()) + 1 if len(self.held) else 0

    @property
    def everything(self) -> pd.DataFrame:
        """Return held rows, then all others: what was said around what is judged."""
        parts = [part for part in (self.held, self.released, self.beside) if len(part)]
        return pd.concat(parts, ignore_index=True) if len(parts) > 1 else self.held

    def linked(self, cluster: Ints) -> Evidence:
        """Return the same evidence with each source counted to the voice `cluster` gives it."""
        return replace(self, cluster=cluster)

    def folds(self) -> tuple[Evidence, Evidence]:
        """Return the reference judged by itself: each half of its sources held, the other released.

        This is how a detector's usual score for reviewed sources is learnt without scoring a source
        that it was fitted on (cross-conformal, Vovk 2015). What is really held stays `beside`, so
        that both are judged in the same surroundings, but never teaches.
        """
        code = self.released["source"].to_numpy().astype(np.int64)
        half = (code * _SPREAD >> 16) % 2 == 0
        first, second = self.released[half], self.released[~half]
        dealt = replace(self, beside=self.held, dealt=self.whole)
        return (
            replace(dealt, held=first.reset_index(drop=True), released=second),
            replace(dealt, held=second.reset_index(drop=True), released=first),
        )


def micros(times: pd.Series[pd.Timestamp]) -> Ints:
    """Return times as whole µs since 1970."""
    return times.dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64)


def evidence_from(
    held: pa.Table,
    released: pa.Table | None = None,
    *,
    timed: bool = True,
    known: Known = NOTHING,
) -> Evidence:
    """Make frames with shared codes of two tables in `EVENT_SCHEMA`.

    `timed` says whether the times mean anything: a file without times has only its order. `known`
    is what is known beside the events; its wording is by their `index`.
    """
    both = held if released is None else pa.concat_tables([held, released])
    both = both.select(EVENT_SCHEMA.names).unify_dictionaries().combine_chunks()
    producer, producers = _words(both, "producer")
    source, named = _words(both, "source")
    width = max(len(named), 1)
    keys, sources = _pairs(producer, source, width)
    answer, answers = _words(both, "answer")
    said = {name: _words(both, name) for name in ("kind", "scope")}
    target, targets, names = _targets(both, said["kind"][0], said["scope"][0])
    topic, topics = known.by_topic(names)
    arrived = _column(both, "arrived").astype(np.int64)
    frame = _frame(both, known, said, source=keys, target=target, answer=answer)
    first_seen = np.full(len(sources), np.iinfo(np.int64).max)
    np.minimum.at(first_seen, keys, arrived)
    cut = held.num_rows
    return Evidence(
        held=frame.iloc[:cut].reset_index(drop=True),
        released=frame.iloc[cut:].reset_index(drop=True),
        sources=[
            SourceKey(producers[pair // width], named[pair % width]) for pair in sources.tolist()
        ],
        targets=targets,
        gold=known.answers(names, answers),
        answers=answers,
        topic=topic,
        topics=topics,
        texts=known.wording.texts,
        models=known.wording.models,
        first_seen=first_seen,
        producers=sources // width,
        cluster=np.arange(len(sources)),
        timed=timed,
    )


def _frame(
    table: pa.Table, known: Known, said: Mapping[str, tuple[Ints, list[str]]], **codes: Ints
) -> pd.DataFrame:
    """Return what detectors read of each event: columns of words, and of numbers for names."""
    index = _column(table, "index").astype(np.int64)
    return pd.DataFrame(
        {
            "index": index,
            "source": codes["source"].astype(np.int32),
            "target": codes["target"].astype(np.int32),
            **{
                name: pd.Categorical.from_codes(each, pd.Index(words, dtype="str"))
                for name, (each, words) in said.items()
            },
            "answer": codes["answer"].astype(np.int32),
            "value": _column(table, "value").astype(np.float64),
            "place": _column(table, "place").astype(np.float64),
            "at": _times(table, "arrived"),
            "claimed": _times(table, "claimed"),
            **known.wording.at(index),
        }
    )


def _times(table: pa.Table, name: str) -> pd.DatetimeIndex:
    return pd.to_datetime(_column(table, name).astype(np.int64), unit="us", utc=True)


def _column(table: pa.Table, name: str) -> npt.NDArray[np.generic]:
    column: npt.NDArray[np.generic] = table.column(name).to_numpy()
    return column


def _words(table: pa.Table, name: str) -> tuple[Ints, list[str]]:
    """Return codes and words of a dictionary column, in order of first appearance."""
    column = table.column(name)
    chunk = column.chunk(0) if column.num_chunks else pa.array([], _WORD)
    words = chunk.dictionary.to_pylist()
    codes, used = pd.factorize(chunk.indices.to_numpy(zero_copy_only=False))
    return codes.astype(np.int64), [words[code] for code in used.tolist()]


def _pairs(left: Ints, right: Ints, width: int) -> tuple[Ints, Ints]:
    """Return dense codes for pairs, in order of first appearance, and the pairs, packed."""
    codes, packed = pd.factorize(left * max(width, 1) + right)
    return codes.astype(np.int64), np.asarray(packed, np.int64)


def _targets(table: pa.Table, kind: Ints, scope: Ints) -> tuple[Ints, list[str], list[str]]:
    """Return codes of targets, how each is spelled, and the name it goes by elsewhere."""
    target, names = _words(table, "target")
    question, questions = _words(table, "question")
    asked, questioned = _pairs(target, question, len(questions))
    where, _ = _pairs(kind, scope, int(scope.max(initial=0)) + 1)
    codes, packed = _pairs(where, asked, len(questioned))
    told = questioned[packed % max(len(questioned), 1)]
    width = max(len(questions), 1)
    spelled = [
        f"{names[pair // width]} ({questions[pair % width]})"
        if questions[pair % width]
        else names[pair // width]
        for pair in told.tolist()
    ]
    return codes, spelled, [names[pair // width] for pair in told.tolist()]
