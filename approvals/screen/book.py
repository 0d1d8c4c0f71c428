"""The casebook: what is held and thought now, read once, laid out to be looked up by case."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from approvals.frozen import released_indexes
from approvals.probes import Probe
from approvals.releases import Left, releases
from approvals.screen.planted import Planted, planted
from approvals.screen.ranks import Ranks
from approvals.screen.voices import Voices
from quarantine.model import Dossier, Held, SourceKey, Standing
from quarantine.ports import Store

NO_PROBES: Final[Mapping[SourceKey, Probe]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Book:
    """All that cases are shown from: events, dossiers by source and by cluster, ranks, releases.

    `usual` is the median share of a source's events that agree with the others.
    """

    store: Store
    voices: Voices
    dossiers: Mapping[SourceKey, Dossier]
    standings: Mapping[SourceKey, Standing]
    clusters: Mapping[str, Sequence[Dossier]]
    ranks: Ranks
    releases: Sequence[Left]
    usual: float | None
    planted: Planted

    @classmethod
    def read(
        cls,
        store: Store,
        standings: Mapping[SourceKey, Standing],
        probes: Mapping[SourceKey, Probe] = NO_PROBES,
    ) -> Book:
        """Read the store once: some seconds for a million events, and then any case is quick."""
        dossiers = store.dossiers()
        frame = store.frame()
        laid = planted(frame, probes, store.size())
        voices = Voices.read(
            frame,
            [*released_indexes(store, revoked=True), *laid.released],
            store.revoked(),
            clusters={dossier.key: dossier.cluster for dossier in dossiers},
            seed=store.frontier(store.size()).root(),
            silent=laid.events,
        )
        clusters: dict[str, list[Dossier]] = defaultdict(list)
        for dossier in dossiers:
            clusters[dossier.cluster].append(dossier)
        for probe in probes.values():
            clusters[probe.dossier.cluster] = laid.company(probe)
        return cls(
            store=store,
            voices=voices,
            dossiers={dossier.key: dossier for dossier in dossiers},
            standings={**standings, **laid.tiers()},
            clusters=clusters,
            ranks=Ranks.of(dossiers),
            releases=releases(store),
            usual=voices.usual_agreement(),
            planted=laid,
        )

    def held(self, indexes: Sequence[int]) -> dict[int, Held]:
        """Return the events at these log indexes (rising), whole, those of probes too."""
        found = {held.index: held for held in self.store.held(indexes)}
        for index in set(indexes) - found.keys():
            event = self.planted.held(self.store, index)
            if event is not None:
                found[index] = event
        return found

    def speakers(self, scope: str) -> Collection[SourceKey]:
        """Return the sources that have said something for `scope`."""
        held = self.voices.evidence.held
        codes = np.unique(self.voices.source[(held["scope"] == scope).to_numpy()])
        return {self.voices.evidence.sources[code] for code in codes.tolist()}
