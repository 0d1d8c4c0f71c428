"""How much poison would have reached training, with the quarantine and without, and the price."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from approvals.plots import Axis, Plot, bars, histogram, scatter
from approvals.report import Table, page
from quarantine.model import Dossier
from service.demo.people import HIGH, LOW, Given

Said = tuple[str, str]
"""A source and the target it spoke of: a rating's identity in the demo."""


@dataclass(frozen=True, slots=True)
class Harm:
    """Everything that was said, and what of it left; truth that only the demo's generator knows."""

    given: Sequence[Given]
    left: frozenset[Said]

    def table(self) -> list[list[str]]:
        """Return rows of (what, without the quarantine, with it)."""
        poison = [each for each in self.given if each.poison]
        out = [each for each in poison if (each.source, each.target) in self.left]
        genuine = len(self.given) - len(poison)
        lost = genuine - (len(self.left) - len(out))
        before, after = self.shifts()
        return [
            ["poisoned ratings that reach training", f"{len(poison):,}", f"{len(out):,}"],
            [
                "their share of the training set",
                f"{len(poison) / len(self.given):.2%}",
                f"{len(out) / max(1, len(self.left)):.2%}",
            ],
            [
                "attackers with a say in training",
                f"{len({each.source for each in poison}):,}",
                f"{len({each.source for each in out}):,}",
            ],
            ["mean shift of an attacked lecturer (of 4)", f"{before:.2f}", f"{after:.2f}"],
            ["genuine ratings lost or still waiting", "0", f"{lost:,} ({lost / genuine:.1%})"],
        ]

    def shifts(self) -> tuple[float, float]:
        """Return by how much attacked targets' mean ratings move: all taken in, and what left."""
        pairs = list(self.moved().values())
        count = max(1, len(pairs))
        return sum(a for a, _ in pairs) / count, sum(b for _, b in pairs) / count

    def moved(self) -> Mapping[str, tuple[float, float]]:
        """Return, by attacked target, how far its mean moves without and with the quarantine."""
        honest = _means(each for each in self.given if not each.poison)
        every = _means(self.given)
        left = _means(each for each in self.given if (each.source, each.target) in self.left)
        return {
            target: (abs(every[target] - mean), abs(left.get(target, mean) - mean))
            for target, mean in honest.items()
            if target in self.attacked()
        }

    def attacked(self) -> frozenset[str]:
        """Return the targets that many attackers give one and the same end of the scale."""
        ends: dict[tuple[str, float], int] = defaultdict(int)
        members = {each.source for each in self.given if each.poison}
        for each in self.given:
            if each.poison and each.value in {LOW, HIGH}:
                ends[each.target, each.value] += 1
        most = len(members) // 3
        return frozenset(target for (target, _), count in ends.items() if count >= most)


def picture(harm: Harm, dossiers: Sequence[Dossier], rows: Sequence[Sequence[str]]) -> str:
    """Return the demo's report: three plots and the table."""
    bad = {each.source for each in harm.given if each.poison}
    return page(
        "What the quarantine let through",
        "Real students' ratings, with attackers from a seeded generator, which knows the truth.",
        [
            Table("Poison and its price", ["", "without quarantine", "with quarantine"], rows),
            _scores(dossiers, bad),
            _shift(harm),
            _volume(dossiers, bad),
            Table(
                "The worst sources",
                ["source", "verdict", "score", "cluster", "because"],
                [
                    [
                        each.source,
                        each.verdict.value,
                        each.score,
                        each.cluster,
                        each.findings[0].because if each.findings else "",
                    ]
                    for each in dossiers[:25]
                ],
            ),
        ],
    )


def _scores(dossiers: Sequence[Dossier], bad: set[str]) -> Plot:
    return histogram(
        "Scores of sources",
        "Each source once, by its newest score; colour is the truth, which scoring never sees.",
        {
            "genuine": [each.score for each in dossiers if each.source not in bad],
            "attackers": [each.score for each in dossiers if each.source in bad],
        },
        axis=Axis("score, 1 is worst"),
    )


def _shift(harm: Harm) -> Plot:
    moved = sorted(harm.moved().items(), key=lambda pair: -pair[1][0])
    return bars(
        "How far attacked lecturers' means move",
        "Points on the scale of 1 to 5; left of each pair everything taken in, right what left.",
        {
            "without": [value for _, (before, _) in moved for value in (before, 0.0)],
            "with": [value for _, (_, after) in moved for value in (0.0, after)],
        },
        names=[name for target, _ in moved for name in (target.removeprefix("lecturer-"), "")],
        up="points",
    )


def _volume(dossiers: Sequence[Dossier], bad: set[str]) -> Plot:
    most = max((each.events for each in dossiers), default=1)
    return scatter(
        "Who is held",
        "A dot a source: how much it said against its score.",
        {
            "genuine": [(each.events, each.score) for each in dossiers if each.source not in bad],
            "attackers": [(each.events, each.score) for each in dossiers if each.source in bad],
        },
        across=Axis("events", 0.0, float(most)),
        up=Axis("score"),
    )


def _means(given: Iterable[Given]) -> dict[str, float]:
    sums: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    for each in given:
        sums[each.target] += each.value
        counts[each.target] += 1
    return {target: total / counts[target] for target, total in sums.items()}
