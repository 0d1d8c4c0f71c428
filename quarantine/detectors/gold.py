"""Who misses hidden known answers: no better than its own guesses, or wrong where it was pushed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from quarantine.evidence import Evidence, Findings, Flags, Floats, Ints
from quarantine.others import Rows, expected, rows_of
from quarantine.overlap import number
from quarantine.ports import Detector
from quarantine.shares import shares
from quarantine.tilts import scored

_ABLE: Final = np.linspace(0.2, 1.0, 17)
_LOST: Final = np.linspace(-1.0, 0.1, 12)
"""How much of the way from its own guessing (0) to knowing (1) a source is; below 0 it lies."""
_SLIP: Final = 0.01
_ANY: Final = 0.05
_SUPPOSED: Final = (0.9, 0.05, 0.05)
"""The shares of honest, lost and pushing sources that fitting begins with."""
_DIVIDED: Final = 0.1
"""Neither of both ways to be bad is less common among the bad than this."""
_OWN: Final = 3.0
"""So many misses of a stranger stand beside a source's own."""
_WRONG: Final = 0.95
"""How often an attacker is wrong at a target that it attacks."""
_SHAPES: Final = tuple(
    (mean * weight, (1.0 - mean) * weight)
    for mean in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6)
    for weight in (1.0, 2.0, 4.0, 8.0, 20.0)
)
"""How hard targets may be: beta distributions of the share of wrong answers."""


@dataclass(frozen=True, slots=True)
class _Probes:
    """The held answers to known targets, each source's first; `hard` is how often others miss."""

    row: Ints
    source: Ints
    right: Flags
    guess: Floats
    hard: Floats
    attacked: Floats
    missing: Floats


@dataclass(frozen=True, slots=True)
class Gold:
    """Answers to targets whose right answer is known and hidden, each counted once.

    Two readings, each a likelihood ratio in nats. *Lost*: right no more often than its own habit of
    answering makes it by luck (Cohen's chance; a constant answer gains nothing), against every
    better ability. *Pushed*: wrong where far more voices are wrong than the hardness of known
    targets explains (a campaign), right elsewhere. Hardness is a beta-binomial fitted to all known
    targets, and honest answers are stratified by what is right.
    """

    channel: str = "gold"
    least: int = 3
    sure: float = 100.0
    attacks: float = 0.02

    def examine(self, evidence: Evidence) -> Findings:
        """Score every held source that met enough known targets; silent without known answers."""
        rows = rows_of(evidence)
        known = _known(evidence, rows)
        if not known[: rows.held].any():
            return Findings(silent="no held event answers a target whose right answer is known")
        probes = self._probes(evidence, rows, known)
        size = len(evidence.sources)
        count = np.bincount(probes.source, minlength=size)
        right = np.bincount(probes.source, probes.right, size)
        judged = np.flatnonzero(count >= self.least)
        nats = _either(_lost(probes, size)[judged], _pushed(probes, size)[judged])
        scores = np.zeros(size)
        scores[judged] = scored(nats, len(judged), sure=self.sure)
        usual = np.bincount(probes.source, 1.0 - probes.hard, size) / np.maximum(count, 1)
        events = np.zeros(rows.held)
        events[probes.row] = np.where(probes.right, 0.0, scores[probes.source])

        def because(position: int) -> str:
            source = judged[position]
            return (
                f"gave the known answer in {right[source]:.0f} of {count[source]} events, where "
                f"{usual[source]:.0%} of the others' answers are right"
            )

        def examples(position: int) -> tuple[str, ...]:
            mine = probes.row[(probes.source == judged[position]) & ~probes.right][:3]
            return tuple(evidence.targets[rows.target[row]] for row in mine.tolist())

        return Findings(
            judged,
            scores[judged],
            because,
            examples,
            events=events,
            event_because=lambda row: (
                f"the known answer to {evidence.targets[rows.target[row]]} is another"
            ),
            posterior=True,
        )

    def _probes(self, evidence: Evidence, rows: Rows, known: Flags) -> _Probes:
        right = known & (rows.answer == evidence.gold[rows.target])
        stratum = replace(rows, target=number(rows.group, evidence.gold[rows.target] + 1))
        stratum = replace(stratum, voice=number(stratum.target, evidence.cluster[rows.source]))
        hard = 1.0 - expected(stratum, right, known)
        attacked, missing = self._attacked(rows, known, right)
        first = np.zeros(len(rows.source), np.bool_)
        _, at = np.unique(number(rows.source, rows.target), return_index=True)
        first[at] = True
        row = np.flatnonzero((first & known)[: rows.held])
        return _Probes(
            row,
            rows.source[row],
            right[row],
            _guesses(evidence, rows)[row],
            hard[row],
            attacked[row],
            missing[row],
        )

    def _attacked(self, rows: Rows, known: Flags, right: Flags) -> tuple[Floats, Floats]:
        """Return, by row, how probable it is that its target is attacked, itself not counted.

        Of hard and attacked targets the first are explained by the fitted hardness of all; how
        often an honest voice misses there, given the others, is returned besides.
        """
        counted, wrong = known.astype(np.float64), (known & ~right).astype(np.float64)
        voices, missed = rows.others(counted), rows.others(wrong)
        _, one = np.unique(rows.target[known], return_index=True)
        one = np.flatnonzero(known)[one]
        fitted = max(
            _SHAPES,
            key=lambda shape: float(
                np.logaddexp(
                    np.log(1.0 - self.attacks) + _beta_binomial(missed[one], voices[one], shape),
                    np.log(self.attacks) + _beta_binomial(missed[one], voices[one], (1.0, 1.0)),
                ).sum()
            ),
        )
        pushed = _beta_binomial(missed, voices, (4.0, 1.0))
        odds = np.log(self.attacks) + pushed - _beta_binomial(missed, voices, fitted)
        attacked = np.where(known, 1.0 / (1.0 + np.exp(-np.clip(odds, -50, 50))), 0.0)
        return attacked, (fitted[0] + missed) / (sum(fitted) + voices)


def _known(evidence: Evidence, rows: Rows) -> Flags:
    if not len(evidence.gold):
        return np.zeros(len(rows.source), np.bool_)
    return np.asarray(evidence.gold[rows.target] >= 0, np.bool_)


def _guesses(evidence: Evidence, rows: Rows) -> Floats:
    """Return, by row, how often the row's source would be right by luck: its own habit's share."""
    if not len(evidence.gold):
        return np.zeros(len(rows.source))
    answers = len(evidence.answers)
    held = slice(0, rows.held)
    told = np.unique(rows.source[held] * answers + rows.answer[held], return_counts=True)
    sought = rows.source * answers + np.maximum(evidence.gold[rows.target], 0)
    place = np.minimum(np.searchsorted(told[0], sought), len(told[0]) - 1)
    often = np.where(told[0][place] == sought, told[1][place], 0)
    count = np.bincount(rows.source[held], minlength=len(evidence.sources))
    return np.asarray((often + 0.5) / (count[rows.source] + 1.0), np.float64)


def _either(lost: Floats, pushed: Floats) -> Floats:
    """Return the nats for being bad in one way or the other, as common as each of them is here."""
    ways = np.array([np.zeros(len(lost)), lost, pushed]).T
    _, one, other = shares(ways, _SUPPOSED).tolist()
    share = float(np.clip(one / (one + other), _DIVIDED, 1.0 - _DIVIDED))
    both = np.logaddexp(np.log(share) + lost, np.log1p(-share) + pushed)
    return np.asarray(both, np.float64)


def _lost(probes: _Probes, size: int) -> Floats:
    """Return the nats by source for "no better than its own guessing" against the usual ability.

    How able sources are here is fitted to all of them (a mixture over a grid by EM, as in
    nonparametric empirical Bayes), with a little of every ability besides.
    """
    likely = np.array([_able(probes, able, size) for able in (*_LOST, *_ABLE)]).T
    spoke = np.bincount(probes.source, minlength=size) > 0
    share = shares(likely[spoke], [1.0 / likely.shape[1]] * likely.shape[1])
    able = share[len(_LOST) :] / share[len(_LOST) :].sum()
    able = (1.0 - _ANY) * able + _ANY / len(_ABLE)
    lost = np.logaddexp.reduce(likely[:, : len(_LOST)], axis=1) - np.log(len(_LOST))
    return np.asarray(lost - np.logaddexp.reduce(likely[:, len(_LOST) :] + np.log(able), axis=1))


def _able(probes: _Probes, able: float, size: int) -> Floats:
    """Return the log-likelihood by source of knowing so often, and guessing else."""
    guess = probes.guess
    chance = able + (1.0 - able) * guess if able > 0 else (1.0 + able) * guess
    chance = np.clip(chance, _SLIP, 1.0 - _SLIP)
    nats = np.where(probes.right, np.log(chance), np.log1p(-chance))
    return np.asarray(np.bincount(probes.source, nats, size), np.float64)


def _pushed(probes: _Probes, size: int) -> Floats:
    """Return the nats by source for "wrong where it attacks, honest elsewhere"."""
    usual = 1.0 - probes.attacked
    missed = np.bincount(probes.source, usual * ~probes.right, size)
    common = np.bincount(probes.source, usual * probes.missing, size)
    # Who is weak misses more; who is able misses the hard ones as others do.
    weak = np.maximum((missed + _OWN) / (common + _OWN), 1.0)[probes.source]
    missing = np.clip(probes.missing * weak, _SLIP, 1.0 - _SLIP)
    honest = np.where(probes.right, 1.0 - missing, missing)
    attacker = np.where(probes.right, 1.0 - _WRONG, _WRONG)
    nats = np.log1p(probes.attacked * (attacker / honest - 1.0))
    return np.asarray(np.bincount(probes.source, nats, size), np.float64)


def _beta_binomial(hits: Floats, of: Floats, shape: tuple[float, float]) -> Floats:
    """Return the log-likelihood of `hits`; what does not depend on the shape is left out."""
    from scipy.special import betaln  # noqa: PLC0415  the light core never asks

    left, right = shape
    return np.asarray(betaln(hits + left, of - hits + right) - betaln(left, right), np.float64)


DETECTOR: Detector = Gold()
