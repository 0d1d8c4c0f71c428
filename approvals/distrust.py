"""What arrived under a key that is trusted no more: held since the time its revocation names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from approvals.attest import record_of
from approvals.model import ProducerAdded, ProducerRevoked
from quarantine.model import Held, Logged, SourceKey, to_micros
from quarantine.ports import Store

_FOREVER: Final = 2**63 - 1
_PAGE: Final = 10_000

Windows = Mapping[tuple[str, str], Sequence[tuple[int, int]]]
"""By producer and key id: when (µs, arrival, end open) what the key signed is not to be trusted."""


def distrusted(acts: Iterable[Logged]) -> Windows:
    """Return, from the registry's acts, when what each key signed is not to be trusted.

    From the time a revocation names until the key is registered anew: a later registration does
    not launder what was said in between.
    """
    spans: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for record in _registry(acts):
        if isinstance(record, ProducerAdded):
            own = spans.setdefault((record.name, record.key.id), [])
            own[:] = [(since, min(until, to_micros(record.at))) for since, until in own]
        else:
            for (name, key), own in spans.items():
                if name == record.name and record.key in (None, key):
                    own.append((to_micros(record.since), _FOREVER))
    return spans


def is_distrusted(windows: Windows, held: Held) -> bool:
    """Say whether a held event arrived under a key that was not to be trusted then."""
    spans = windows.get((held.producer, held.key), ())
    return any(since <= held.arrived < until for since, until in spans)


def held_back(store: Store, producer: str) -> Counter[SourceKey]:
    """Count, by source, the events of `producer` that no request may choose for their key."""
    windows = distrusted(store.acts())
    found: Counter[SourceKey] = Counter()
    if any(spans for (name, _), spans in windows.items() if name == producer):
        for held in _of(store, producer):
            if is_distrusted(windows, held):
                found[SourceKey(held.producer, held.source)] += 1
    return found


def _of(store: Store, producer: str) -> Iterator[Held]:
    frame = store.frame(only=("index", "producer")).to_pandas()
    indexes = [int(index) for index in frame["index"][frame["producer"] == producer]]
    for start in range(0, len(indexes), _PAGE):
        yield from store.held(indexes[start : start + _PAGE])


def _registry(acts: Iterable[Logged]) -> Iterator[ProducerAdded | ProducerRevoked]:
    for logged in acts:
        if logged.act.kind in (ProducerAdded.act, ProducerRevoked.act):
            record = record_of(logged.act)
            assert isinstance(record, ProducerAdded | ProducerRevoked)  # noqa: S101  by its kind
            yield record
