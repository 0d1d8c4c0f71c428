"""Sources that count as one voice: joined only where two kinds of evidence agree."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from quarantine.evidence import Evidence, Ints, Links

KINDS_NEEDED = 2
"""One kind of evidence alone could be arranged to frame an honest source."""


def joined(evidence: Evidence, links: Mapping[str, Links]) -> tuple[Ints, Ints]:
    """Return the pairs (codes, lower first) that enough kinds of evidence link."""
    size = len(evidence.sources)
    packed = [
        np.unique(np.minimum(found.left, found.right) * size + np.maximum(found.left, found.right))
        for found in links.values()
    ]
    every = np.concatenate([np.empty(0, np.int64), *packed])
    pairs, kinds = np.unique(every, return_counts=True)
    left, right = pairs // max(size, 1), pairs % max(size, 1)
    for found in links.values():
        if len(found.group):
            mine = found.group[left]
            kinds = kinds + ((mine >= 0) & (mine == found.group[right]))
    kept = kinds >= KINDS_NEEDED
    return left[kept], right[kept]


def clusters(evidence: Evidence, links: Mapping[str, Links]) -> Ints:
    """Return, by source code, the code of the oldest member of its cluster (itself when alone)."""
    size = len(evidence.sources)
    left, right = joined(evidence, links)
    graph = sp.coo_array((np.ones(len(left)), (left, right)), shape=(size, size))
    _, part = connected_components(graph, directed=False)
    by_age = np.lexsort((np.arange(size), evidence.first_seen, part))
    _, first = np.unique(part[by_age], return_index=True)
    oldest: Ints = by_age[first].astype(np.int64)[part]
    return oldest
