"""Who speaks in frozen rows: every source within its cluster, once, with its number of rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from operator import itemgetter
from typing import Final, NamedTuple

from quarantine.model import Member, SourceKey


class Speaker(NamedTuple):
    """A source as the members of a request name it, and the cluster it counts to there."""

    cluster: str
    producer: str
    source: str

    @property
    def key(self) -> SourceKey:
        """Return the source's name."""
        return SourceKey(self.producer, self.source)


_NAMED: Final = itemgetter(*map(Member._fields.index, Speaker._fields))


def speakers(members: Iterable[Member]) -> Counter[Speaker]:
    """Return who speaks in these rows, each with the number of its rows; a million take .2 s."""
    counted = Counter(map(_NAMED, members))
    return Counter({Speaker(*named): rows for named, rows in counted.items()})
