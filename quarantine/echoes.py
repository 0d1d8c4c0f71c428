"""Groups that echo each other: how improbable their common answers are for people who do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp

from quarantine.evidence import Evidence, Flags, Floats, Ints
from quarantine.overlap import Answers, affordable, answers, met, number, table

PARTNERS: Final = 3
"""As many others at least must be as conspicuous as a source: a chance pair does not ring."""
_CLOSEST: Final = 5
_LEAST_MET: Final = 3
_LEAST_CORE: Final = 4
_COPIED: Final = 0.95
"""How often one who echoes gives the group's answer, under the suspicion that is tested."""
_STRANGERS: Final = 2.0
"""Voices that agree as people usually do here, added to the outsiders at every target."""
_UNSAID: Final = 3.0
"""Answers as the crowd gives them, added to what is known of a source's habits."""
_RAREST: Final = 1e-6
_SUREST: Final = 0.98


@dataclass(frozen=True, slots=True)
class Echoes:
    """What groups have in common; `nats` and `members` by source, then pairs in columns.

    `nats` is the evidence (natural logarithm of a likelihood ratio, after paying for every choice
    of partners and targets) that a source echoes its group, no more than its third most conspicuous
    partner has; -inf without such partners. `members` counts the group. Each pair stands twice;
    `shared` counts the cells that both have in common with the group.
    """

    nats: Floats
    members: Ints
    source: Ints
    partner: Ints
    shared: Ints


@dataclass(frozen=True, slots=True)
class _Group:
    """Whom each source may echo (`others`, source x source), and in which rows (`core`)."""

    core: Flags
    size: Ints
    others: sp.csr_array


def echoed(evidence: Evidence) -> Echoes:
    """Return who echoes a group in this evidence, looked for once for all who ask."""
    return evidence.whole.once("echoes", lambda: echoes(answers(evidence)))


def echoes(said: Answers) -> Echoes:
    """Test every source for echoing the group around it, whatever else it says and whenever.

    The group counts as one voice: an answer is as probable as the outsiders at the target, the
    source's own habits and the group's habits make it, whichever explains most. So work handed out
    together, taste, and one who always says the same are no evidence. What a source says beside
    the common core costs nothing: camouflage does not dilute (FRAUDAR, Hooi et al. 2016). The ratio
    of likelihoods is an e-value, so its logarithm less the logarithm of the number of choices
    bounds the chance of a false alarm (Vovk and Wang 2021) as far as outsiders are independent.
    """
    if not len(said.source):
        none, nobody = np.empty(0, np.int64), np.full(said.sources, -np.inf)
        return Echoes(nobody, np.ones(said.sources, np.int64), none, none, none)
    group = _groups(said)
    same, present = _among(group.others, said)
    likely = _likely(said, group, same, present)
    echoed = group.core & (2 * same >= present) & (same > 1)
    ratio = same * np.log(_COPIED / likely)
    ratio += (present - same) * np.log((1 - _COPIED) / (1 - likely))
    gain = np.bincount(said.source[echoed], (ratio / np.maximum(present, 1))[echoed], said.sources)
    return _agreed(said, group, gain - _choices(said, group))


def _groups(said: Answers) -> _Group:
    """Find each source's closest partners, the core they share, and all who share half of it."""
    near, cells = _closest(said), _cells(said)
    same, _ = _among(near, said)
    most = np.maximum(2, np.diff(near.indptr)[said.source] / 2)
    core = (same >= most) & affordable(np.bincount(said.cell))[said.cell]
    size = np.bincount(said.source[core], minlength=said.sources)
    core &= size[said.source] >= _LEAST_CORE
    size = np.bincount(said.source[core], minlength=said.sources)
    echoed = sp.csr_array(
        (np.ones(int(core.sum())), (said.source[core], said.cell[core])), shape=cells.shape
    )
    source, other, (shared,) = met(echoed @ cells.T)
    alike = shared >= np.maximum(size[source] / 2, _LEAST_MET)
    pairs = (shared[alike], (source[alike], other[alike]))
    return _Group(core, size, sp.csr_array(pairs, shape=(said.sources, said.sources)))


def _closest(said: Answers) -> sp.csr_array:
    """Point from each source to those with which it shares most rare cells beyond chance."""
    seen = np.bincount(said.cell)
    count = np.bincount(said.source, minlength=said.sources)
    speaking = max(int((count > 0).sum()), 2)
    idf = np.log(speaking / np.maximum(seen, 1)).clip(_RAREST)
    kept = affordable(seen)
    rows = kept[said.cell]
    who, what = said.source[rows], said.cell[rows]
    plain = table(who, what, np.ones(len(who)), said.sources)
    weighted = table(who, what, idf[what], said.sources)
    left, right, (shared, weight) = met(plain @ plain.T, weighted @ plain.T)
    # Chance: as active as they are, they would draw cells as often as these are drawn by all.
    meeting = (seen * (seen - 1.0) * kept) / len(said.cell) ** 2
    drawn = count[left].astype(np.float64) * count[right]
    floor = float(idf[said.cell].mean()) ** 2
    far = (weight - drawn * (idf * meeting).sum()) / np.sqrt(
        drawn * (idf**2 * meeting).sum() + floor
    )
    often = shared >= _LEAST_MET
    left, right, far = left[often], right[often], far[often]
    order = np.lexsort((right, -far, left))
    left, right = left[order], right[order]
    first = np.arange(len(left)) - np.searchsorted(left, left, side="left") < _CLOSEST
    ones = np.ones(int(first.sum()))
    return sp.csr_array((ones, (left[first], right[first])), shape=(said.sources, said.sources))


def _likely(said: Answers, group: _Group, same: Floats, present: Floats) -> Floats:
    """Return, by row, how probable its answer is for one who does not echo its group."""
    seen, asked = np.bincount(said.cell)[said.cell], np.bincount(said.target)[said.target]
    rate = (seen - 1) / np.maximum(asked - 1, 1)
    usual = float(rate[asked > 1].mean()) if (asked > 1).any() else 0.5
    likely = (seen - same + _STRANGERS * usual) / (asked - present + _STRANGERS)
    # An answer given twice as often as the crowd gives it has twice the odds.
    habit = np.maximum(_habit(said, group, same), 1.0)
    likely = likely.clip(0.0, _SUREST)
    odds: Floats = likely * habit / (1.0 - likely + likely * habit)
    return odds.clip(_RAREST, _SUREST)


def _habit(said: Answers, group: _Group, same: Floats) -> Floats:
    """Return how much likelier the answer is outside the core, for the source or for its group.

    What is said in the core is left out, or the echo would explain itself.
    """
    who, core = said.source, group.core
    crowd = np.bincount(said.answer) / len(said.answer)
    usual = crowd[said.answer]
    kind = number(who, said.answer)
    in_core = np.bincount(kind[core], minlength=len(said.answer))[kind]
    count = np.bincount(who, minlength=said.sources)
    own = np.bincount(kind)[kind] - in_core + _UNSAID * usual
    own = own / (count[who] - group.size[who] + _UNSAID)
    others = group.others.astype(np.bool_).astype(np.float64)
    spoken = table(who, said.answer, np.ones(len(who)), said.sources)
    theirs = _at(others @ spoken, who, said.answer)
    theirs -= np.bincount(kind[core], same[core], minlength=len(said.answer))[kind]
    whole = others @ count - np.bincount(who[core], same[core], said.sources)
    joint = (theirs + _UNSAID * usual) / (whole[who] + _UNSAID)
    return np.maximum(own, joint) / usual


def _choices(said: Answers, group: _Group) -> Floats:
    """Return, by source, what it costs (nats) to have chosen its group and its core among all."""
    count = np.bincount(said.source, minlength=said.sources)
    members = np.maximum(np.diff(group.others.indptr), 1)
    partners = np.log(np.maximum((count > 0).sum() / members, 1.0))
    rows = group.size * np.log(count / np.maximum(group.size, 1) + 1.0)
    cost: Floats = partners + rows / members
    return cost


def _agreed(said: Answers, group: _Group, own: Floats) -> Echoes:
    """Let nobody be more conspicuous than the third of those whose group it shares both ways."""
    both = group.others.minimum(group.others.T).tocoo()
    source, partner = both.row.astype(np.int64), both.col.astype(np.int64)
    order = np.lexsort((-own[partner], source))
    who = source[order]
    third = np.arange(len(who)) - np.searchsorted(who, who, side="left") == PARTNERS - 1
    nats = np.full(said.sources, -np.inf)
    nats[who[third]] = np.minimum(own[who[third]], own[partner[order][third]])
    members = np.bincount(source, minlength=said.sources) + 1
    return Echoes(nats, members, source, partner, both.data.astype(np.int64))


def _among(others: sp.csr_array, said: Answers) -> tuple[Floats, Floats]:
    """Count, by row, which of the others gave the same answer, and which any to the target."""
    linked = others.astype(np.bool_).astype(np.float64)
    asked = table(said.source, said.target, np.ones(len(said.source)), said.sources)
    return (
        _at(linked @ _cells(said), said.source, said.cell),
        _at(linked @ asked, said.source, said.target),
    )


def _cells(said: Answers) -> sp.csr_array:
    return table(said.source, said.cell, np.ones(len(said.source)), said.sources)


def _at(counts: sp.csr_array, row: Ints, column: Ints) -> Floats:
    return np.asarray(counts[row, column], np.float64).ravel()
