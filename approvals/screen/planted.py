"""Probes laid among the real events: shown like any other source, and counted for nobody.

What a probe says is told in the words of a genuine event that says the same (its donor), so that
neither the fields nor the texts of a case tell which sort it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from approvals.overheard import WIDTH
from approvals.probes import Probe, Said
from approvals.screen.voices import Silent
from quarantine.model import Dossier, Held, SourceKey, Standing
from quarantine.ports import Store

_NO_SHIFT: Final = (0.0,) * WIDTH
_NEWEST: Final = 200_000
"""Donors are looked for among so many of the newest events."""


@dataclass(frozen=True, slots=True)
class Planted:
    """The events of probes as rows behind the real ones, and whose words they are told in.

    `events` are as `EVENT_SCHEMA`, numbered from behind the log on, each beside others as if its
    attack had happened; `donors` gives each number's
    genuine log index, `named` each number's probe and target; `released` are the numbers of what
    is shown as approved before.
    """

    probes: Mapping[SourceKey, Probe] = field(default_factory=dict)
    events: Silent | None = None
    donors: Mapping[int, int] = field(default_factory=dict)
    named: Mapping[int, tuple[SourceKey, str]] = field(default_factory=dict)
    released: Sequence[int] = ()

    def held(self, store: Store, index: int) -> Held | None:
        """Return the event at a number behind the log; none where it is no probe's."""
        if index not in self.donors:
            return None
        key, target = self.named[index]
        (donor,) = store.held([self.donors[index]])
        body = json.loads(donor.body) | {"subject": target, "source": key.source}
        return donor._replace(
            index=index,
            producer=key.producer,
            source=key.source,
            body=json.dumps(body).encode(),
        )

    def tiers(self) -> dict[SourceKey, Standing]:
        """Return how well each probe seems to be known."""
        return {
            probe.key: Standing(tier=probe.tier)
            for probe in self.probes.values()
            if probe.tier is not None
        }

    def company(self, probe: Probe) -> list[Dossier]:
        """Return the sources that a probe is linked with, as much as is shown of them."""
        return [
            probe.dossier.model_copy(update={"source": each.source, "verdict": each.verdict})
            for each in probe.company
        ]


def planted(frame: pa.Table, probes: Mapping[SourceKey, Probe], size: int) -> Planted:
    """Lay the events of `probes` behind `frame`, numbered from `size`, the log's, on.

    An event that nothing genuine can tell (another kind, an answer never given) is left out.
    """
    if not probes or not frame.num_rows:
        return Planted(probes)
    frame = frame.slice(max(0, frame.num_rows - _NEWEST))
    donor_of = _donors(frame)
    found = [
        (probe.key, said, donor)
        for probe in probes.values()
        for said in probe.events
        if (donor := donor_of.get((said.kind, said.target, said.answer), _any(donor_of, said)))
        is not None
    ]
    if not found:
        return Planted(probes)
    rows = frame.take([donor for _, _, donor in found])
    numbers = list(range(size, size + len(found)))
    indexes = frame.column("index").take([donor for _, _, donor in found]).to_pylist()
    columns: dict[str, Sequence[object]] = {
        "index": numbers,
        "producer": [key.producer for key, _, _ in found],
        "source": [key.source for key, _, _ in found],
        "target": [said.target for _, said, _ in found],
        "arrived": [said.arrived for _, said, _ in found],
    }
    for name, values in columns.items():
        place = rows.schema.get_field_index(name)
        kind = rows.schema.field(place)
        rows = rows.set_column(place, kind, pa.array(values, type=kind.type))
    return Planted(
        probes=probes,
        events=Silent(rows, np.array([said.shift or _NO_SHIFT for _, said, _ in found])),
        donors=dict(zip(numbers, indexes, strict=True)),
        named=dict(zip(numbers, [(key, said.target) for key, said, _ in found], strict=True)),
        released=[n for n, (_, said, _) in zip(numbers, found, strict=True) if said.released],
    )


_Donors = Mapping[tuple[str, str, str], int]


def _donors(frame: pa.Table) -> dict[tuple[str, str, str], int]:
    """Return a row for each kind, target and answer, and one for each kind and answer."""
    words = [frame.column(name).to_pylist() for name in ("kind", "target", "answer")]
    found: dict[tuple[str, str, str], int] = {}
    for row, (kind, target, answer) in enumerate(zip(*words, strict=True)):
        found.setdefault((kind, target, answer), row)
        found.setdefault((kind, "", answer), row)
    return found


def _any(donors: _Donors, said: Said) -> int | None:
    return donors.get((said.kind, "", said.answer))
