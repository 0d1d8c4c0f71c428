"""Two releases side by side: rows, sources, what was said, who must agree, what can be at stake."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

from approvals.certificate import Certificate
from approvals.directory import read
from approvals.given import CERTIFICATE
from approvals.loosening import loosened
from approvals.redecide import policy_of
from approvals.tables import read_parquet
from approvals.verify import Inspected
from quarantine.record import Record

_SAID = ("label", "value", "margin")
_SHOWN = 10


class Side(Record):
    """One of the two: its figures; `said` are the shares of its commonest answers.

    Of its certificate: `worst` is the share that so many bad clusters can hold, `k_star` how many
    it takes.
    """

    release: str
    manifest: str
    created: str
    rows: int
    sources: int
    clusters: int
    policy: str
    said: dict[str, float]
    mean: float | None = None
    worst: dict[str, float]
    k_star: dict[str, int | None]


class Difference(Record):
    """`common` rows stand in both, `gone` only in the first, `new` only in the second.

    `looser` says in which ways the second's policy lets through more; `tighter` says it of the
    way back.
    """

    before: Side
    after: Side
    common: int
    gone: int
    new: int
    sources_gone: tuple[str, ...]
    sources_new: tuple[str, ...]
    same_policy: bool
    looser: tuple[str, ...] = ()
    tighter: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rows:
    table: pa.Table

    def keys(self) -> set[tuple[str, str]]:
        """Return who said which event: what stays the same from release to release."""
        return set(
            zip(
                self.table.column("source").to_pylist(),
                self.table.column("event_id").to_pylist(),
                strict=True,
            )
        )


def difference(before: Inspected, after: Inspected) -> Difference:
    """Compare two releases that were inspected; whether they may be used is another question."""
    first, second = _rows(before), _rows(after)
    mine, theirs = first.keys(), second.keys()
    policies = policy_of(before.given), policy_of(after.given)
    old, new = {source for source, _ in mine}, {source for source, _ in theirs}
    return Difference(
        before=_side(before, first.table),
        after=_side(after, second.table),
        common=len(mine & theirs),
        gone=len(mine - theirs),
        new=len(theirs - mine),
        sources_gone=tuple(sorted(old - new)),
        sources_new=tuple(sorted(new - old)),
        same_policy=before.given.release.policy == after.given.release.policy,
        looser=loosened(*policies),
        tighter=loosened(*reversed(policies)),
    )


def _rows(inspected: Inspected) -> _Rows:
    batches = [
        batch
        for name, digest in sorted(inspected.given.statement.files.items())
        if name.startswith("data/")
        for batch in read_parquet(read(inspected.given.root, name, digest), name)
    ]
    return _Rows(pa.Table.from_batches(batches))


def _side(inspected: Inspected, rows: pa.Table) -> Side:
    release = inspected.given.release
    certificate = Certificate.parse(inspected.given.read(CERTIFICATE))
    column = next((name for name in _SAID if name in rows.column_names), None)
    said = (
        [value for value in rows.column(column).to_pylist() if value is not None] if column else []
    )
    numbers = [value for value in said if isinstance(value, float | int)]
    return Side(
        release=release.name,
        manifest=inspected.manifest,
        created=release.created.isoformat(),
        rows=release.rows,
        sources=release.sources,
        clusters=release.clusters,
        policy=release.policy,
        said={str(value): count / len(said) for value, count in Counter(said).most_common(_SHOWN)},
        mean=sum(numbers) / len(numbers) if numbers else None,
        worst={str(each.clusters): each.share for each in certificate.worst},
        k_star={each.what: each.clusters for each in certificate.needed},
    )
