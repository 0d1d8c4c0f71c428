"""Who gives one answer where those are whom it keeps meeting, and answers otherwise elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quarantine.evidence import Evidence, Findings, Floats, Ints
from quarantine.ports import Detector
from quarantine.presence import Company, Sides, company, sides
from quarantine.safe import safe
from quarantine.tilts import bar, scored


@dataclass(frozen=True, slots=True)
class Siding:
    """See a campaign by what its members say of the targets at which they meet each other.

    Who pushes one answer at chosen targets meets the others who do at those, and at no others; what
    it says of them is unlike what it says elsewhere. That needs no majority against it, no known
    answers, no times and no words: where the campaign is all that is heard, its members still
    answer otherwise in company (group spammers by their common targets: Mukherjee, Liu and Glance
    2012; here against a source's own answers dealt out anew). It is silent where nobody is needed
    who does so to explain the crowd. It ranks and never rings: where work is handed out sorted by
    its answers honest people do so too, and where more than `few` of all sources do, that is how it
    is handed out. *Cannot see*: who says the same of everything; who meets the same people
    everywhere; rings without targets in common. For labels and choices.
    """

    channel: str = "ring"
    few: float = 0.1
    least: int = 20
    sure: float = 100.0

    def examine(self, evidence: Evidence) -> Findings:
        """Score every held source that keeps meeting somebody, by the answer it sides with."""
        whole = evidence.whole
        found = whole.once("company", lambda: company(whole))
        seen = whole.once("sides", lambda: sides(found))
        if len(seen.known) < self.least:
            return Findings(silent=f"fewer than {self.least} sources meet others again")
        if seen.gained < np.log(self.sure):
            return Findings(silent="nobody answers otherwise in company than elsewhere, it seems")
        if seen.share > self.few:
            return Findings(
                silent=f"{seen.share:.0%} of the sources answer otherwise in company: here that is "
                "how targets are handed out"
            )
        held = np.bincount(evidence.held["source"].to_numpy(), minlength=found.sources) > 0
        sources = seen.known[held[seen.known]]
        most = bar(max(len(sources), 1), self.sure)
        told = np.minimum(seen.nats[sources], most)
        scores = scored(told, len(sources), sure=self.sure)

        def because(position: int) -> str:
            return _words(evidence, found, seen, int(sources[position]))

        def examples(position: int) -> tuple[str, ...]:
            rows = _among(found, seen, int(sources[position]))
            told = rows[found.answer[rows] == seen.answer[sources[position]]][:3]
            return tuple(evidence.targets[found.target[row]] for row in told.tolist())

        return Findings(sources, scores, because, examples, posterior=True, exact=True)


def _among(found: Company, seen: Sides, source: int) -> Ints:
    """Return the rows of a source where more of its company is than usual for it, most first."""
    mine = np.flatnonzero(found.source == source)
    here = mine[seen.present[mine] > seen.present[mine].mean()]
    return np.asarray(here[np.argsort(-seen.present[here], kind="stable")], np.int64)


def _words(evidence: Evidence, found: Company, seen: Sides, source: int) -> str:
    mine = np.flatnonzero(found.source == source)
    here = _among(found, seen, source)
    answer = int(seen.answer[source])
    said: Floats = found.answer[mine] == answer
    inside = int((found.answer[here] == answer).sum())
    return (
        f"says “{safe(evidence.answers[answer], 40)}” of {inside} of {len(here)} targets where "
        f"those are whom it keeps meeting, elsewhere of {int(said.sum()) - inside} of "
        f"{len(mine) - len(here)}"
    )


DETECTOR: Detector = Siding()
