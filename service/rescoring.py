"""Scoring over an archive: the same evidence and the same dossiers as over the store itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from approvals.answers import KnownAnswers
from approvals.roster import Roster
from quarantine.errors import UsageError
from quarantine.evidence import EVENT_SCHEMA, Evidence, evidence_from
from quarantine.hearing import Ears
from quarantine.known import Known
from quarantine.scoring import Scored, score
from quarantine.wording import Reader, Wording, table_of
from service.holdings import COLUMNS, Manifest, Part, read_acts, read_fates, read_part
from service.scoring import split
from service.words import CHUNK, words_in


class Read(NamedTuple):
    """One part as scoring needs it: events in `EVENT_SCHEMA`, and what they say in words."""

    frame: pa.Table
    words: pa.Table


def read(folder: Path, part: Part, scope: str = "") -> Read:
    """Read one part, of one scope alone where it is given; raises `TamperedError` as `read_part`.

    This is the work that grows with the rows: digests checked, bodies parsed.
    """
    rows = read_part(folder, part)
    if scope:
        rows = rows.filter(pc.equal(rows["scope"].cast(pa.string()), scope))
    frame = rows.select(COLUMNS).cast(EVENT_SCHEMA)
    return Read(frame, table_of([words_in(body) for body in rows["body"].to_pylist()]))


@dataclass(frozen=True, slots=True)
class Quoting:
    """Reads a text of an archived event again, where a finding quotes it."""

    folder: Path
    parts: Sequence[Part]

    def __call__(self, index: int, role: str) -> str:
        """Return the text that the event at a log index has in a role, '' where it is not here."""
        for part in self.parts:
            if part.first <= index < part.until:
                rows = read_part(self.folder, part)
                for body in rows.filter(pc.equal(rows["index"], index))["body"].to_pylist():
                    return str(getattr(words_in(body), role))
        return ""


@dataclass(frozen=True)
class Window:
    """An archive, or one scope of it, as it is scored; `manifest` was verified."""

    folder: Path
    manifest: Manifest
    scope: str = ""

    def evidence(self, parts: Iterable[Read]) -> Evidence:
        """Put together what was read of all parts; `UsageError` where there is no event."""
        some = [*parts]
        frame = pa.concat_tables([each.frame for each in some] or [EVENT_SCHEMA.empty_table()])
        if not frame.num_rows:
            raise UsageError(f"there is no event{' of this scope' * bool(self.scope)} to score")
        order = pc.sort_indices(frame["index"])
        frame = frame.unify_dictionaries().take(order).unify_dictionaries()
        words = pa.concat_tables([each.words for each in some]).unify_dictionaries().take(order)
        released, held = split(frame, *read_fates(self.folder, self.manifest))
        return evidence_from(held, released, known=self._known(frame, words))

    def score(self, evidence: Evidence, ears: Ears | None = None) -> Scored:
        """Judge it under the rulings that the archive has; `ears` is how the channels are heard."""
        roster = Roster()
        roster.follow(read_acts(self.folder, self.manifest))
        return score(evidence, roster.standings, ears=ears)

    def _known(self, frame: pa.Table, words: pa.Table) -> Known:
        gold = KnownAnswers()
        gold.follow(read_acts(self.folder, self.manifest))
        return Known(gold=gold.answers, wording=self._wording(frame, words))

    def _wording(self, frame: pa.Table, words: pa.Table) -> Wording:
        reader = Reader(Quoting(self.folder, self.manifest.events))
        index = frame["index"].to_numpy()
        for start in range(0, len(index), CHUNK):  # as the service reads them, to the same codes
            reader.add(index[start : start + CHUNK], words.slice(start, CHUNK).combine_chunks())
        return reader.wording()


def rescored(window: Window) -> Scored:
    """Score an archive here, in this process."""
    parts = (read(window.folder, part, window.scope) for part in window.manifest.events)
    return window.score(window.evidence(parts))
