"""A shadow of what waits: known attackers mixed in, known people among them, scored as it is.

Known cases are told by what differs from real ones: so they speak in the same weeks about the same
targets, beside the same reference, in the same company, and many have a past that was approved.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quarantine.model import Dossier

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from quarantine.scene import Attack

FEWEST: Final = 200
"""With fewer events waiting, what was released is the scene instead, as on a cold start."""
MOST: Final = 20_000
"""So many of the newest events make a scene, and twice as many of the released its reference."""
_SHOWN: Final = frozenset({"target", "answer", "kind", "arrived", "value", "shift"})
_STRAY: Final = 0.2
"""By this part of the weeks in which nine tenths came, an event may lie outside them."""
_SHARE: Final = 0.03
_LENT: Final = 0.15
_LEAST: Final = 4
_HOUR_US: Final = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Shadow:
    """What came of one attack: `events` as scored beside `before`, by source; none of it is kept.

    The column `shift` of the events tells what the attack changes beside them (`overheard.shifts`).
    `bad` are attackers, `good` are people whose events were approved once and wait here again.
    """

    events: pa.Table
    before: pa.Table | None
    dossiers: Sequence[Dossier]
    bad: frozenset[str]
    good: frozenset[str]
    sources: Sequence[str]


@dataclass(frozen=True, slots=True)
class Scenery:
    """What attackers are mixed into: events that wait, and those released before, cut to size.

    `lent` are sources of which a later part of what was released stands among what waits.
    """

    events: pa.Table
    before: pa.Table | None
    lent: frozenset[str]


def scenery(released: pa.Table, held: pa.Table | None, chance: np.random.Generator) -> Scenery:
    """Lay out what waits beside what was released, some approved people waiting once more.

    Where too little waits, what was released is all there is, and all its people are good.
    """
    import pyarrow as pa  # noqa: PLC0415  a reviewer's record needs no arrays

    if held is None or held.num_rows < FEWEST:
        return Scenery(_newest(released, MOST), None, frozenset(names_of(released)))
    released, held = _newest(released, 2 * MOST), _newest(_together(held), MOST)
    loans = _loans(released, held, chance)
    again, before = _lent(released, loans)
    waiting = pa.concat_tables([_without(held, loans), again])
    return Scenery(waiting.sort_by("arrived").unify_dictionaries(), before, frozenset(loans))


def shadow(scene_: Scenery, attack: Attack, seed: int) -> Shadow | None:
    """Play `attack` there and score it; absent where it cannot be played."""
    import pyarrow as pa  # noqa: PLC0415

    from approvals.overheard import shifts  # noqa: PLC0415
    from quarantine.evidence import evidence_from  # noqa: PLC0415
    from quarantine.scene import Order, events_of, scene_of  # noqa: PLC0415
    from quarantine.scoring import score  # noqa: PLC0415

    scene = scene_of(scene_.events, {}, timed=True)
    if attack.refuses(scene):
        return None
    mixed = attack.play(scene, Order(share=_SHARE, seed=seed))
    events = _behind(events_of(mixed.scene, scene_.events), scene_.before)
    dossiers = score(evidence_from(events, scene_.before)).dossiers
    voices = {each.key: each.cluster for each in dossiers}
    change = shifts(scene_.before, scene_.events, events, voices)
    pairs = zip(mixed.scene.sources, mixed.bad.tolist(), strict=True)
    bad = frozenset(name for name, is_bad in pairs if is_bad)
    return Shadow(
        events=events.append_column("shift", pa.array(change.tolist())),
        before=scene_.before,
        dossiers=dossiers,
        bad=bad,
        good=scene_.lent - bad,
        sources=mixed.scene.sources,
    )


def rows_of(events: pa.Table | None, source: str) -> Sequence[Mapping[str, object]]:
    """Return what a source said, as much as a reviewer is shown, oldest first."""
    if events is None:
        return []
    found: Sequence[Mapping[str, object]] = (
        _of(events, [source]).select([n for n in events.column_names if n in _SHOWN]).to_pylist()
    )
    return found


def names_of(events: pa.Table | None) -> list[str]:
    """Return the names of who said something there, each once."""
    if events is None:
        return []
    return [str(each) for each in events.column("source").cast("string").unique().to_pylist()]


def _loans(
    released: pa.Table, held: pa.Table, chance: np.random.Generator
) -> dict[str, npt.NDArray[np.int64]]:
    """Draw who lends, and when what they lend came: at the times of somebody who waits."""
    import numpy as np  # noqa: PLC0415

    lenders, names = _coded(released)
    counts = dict(zip(names, np.bincount(lenders, minlength=len(names)).tolist(), strict=True))
    free = [sorted(counts)[n] for n in chance.permutation(len(counts)).tolist()]
    source, waiting = _coded(held)
    arrived = held.column("arrived").to_numpy()
    found: dict[str, npt.NDArray[np.int64]] = {}
    for place in chance.permutation(len(waiting))[: max(1, round(_LENT * len(waiting)))].tolist():
        times = np.sort(arrived[source == place])
        lender = next((name for name in free if counts[name] >= len(times) + _LEAST), "")
        if lender:
            free.remove(lender)
            found[lender] = times + chance.integers(0, _HOUR_US, len(times))
    return found


def _lent(
    released: pa.Table, loans: Mapping[str, npt.NDArray[np.int64]]
) -> tuple[pa.Table, pa.Table]:
    """Return the newest of what the lenders said, at the times of their loans, and the rest."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    source, names = _coded(released)
    at = released.column("arrived").to_numpy().copy()
    lent = np.zeros(released.num_rows, np.bool_)
    for name, times in loans.items():
        rows = np.flatnonzero(source == names.index(name))[-len(times) :]
        lent[rows], at[rows] = True, np.sort(times)
    again = released.filter(pa.array(lent))
    for name in ("arrived", "claimed"):
        place = again.schema.get_field_index(name)
        again = again.set_column(place, again.schema.field(place), pa.array(at[lent]))
    return again, released.filter(pa.array(~lent))


def _coded(events: pa.Table) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return who said each event as a number, and the names that the numbers stand for."""
    import numpy as np  # noqa: PLC0415

    sources = events.column("source").cast("string").combine_chunks().dictionary_encode()
    return sources.indices.to_numpy().astype(np.int64), sources.dictionary.to_pylist()


def _behind(events: pa.Table, before: pa.Table | None) -> pa.Table:
    """Give events log indexes after all that was released."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    if before is None or not before.num_rows:
        return events
    first = pc.max(before.column("index")).as_py() + 1
    place = events.schema.get_field_index("index")
    numbers = pa.array(np.arange(events.num_rows) + first)
    return events.set_column(place, events.schema.field(place), numbers)


def _together(events: pa.Table) -> pa.Table:
    """Leave out what came long before nearly all: a few left over would stretch a scene's weeks."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    at = events.column("arrived").to_numpy()
    first, last = np.quantile(at, [0.05, 0.95])
    return events.filter(pa.array(at >= first - _STRAY * (last - first)))


def _newest(events: pa.Table, most: int) -> pa.Table:
    return events.slice(max(0, events.num_rows - most))


def _of(events: pa.Table, names: Collection[str]) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    wanted = pa.array(sorted(names), pa.string())
    return events.filter(pc.is_in(events.column("source").cast("string"), value_set=wanted))


def _without(events: pa.Table, names: Collection[str]) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    wanted = pa.array(sorted(names), pa.string())
    said = pc.is_in(events.column("source").cast("string"), value_set=wanted)
    return events.filter(pc.invert(said))
