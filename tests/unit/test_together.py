"""Opinions become one ranking in which a strong voice is not drowned by weak ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quarantine.calibration import ALARM
from quarantine.evidence import Flags, Floats
from quarantine.opinions import Opinion, together
from quarantine.shares import shares
from quarantine.tilts import CERTAIN, nats_of, scored

SIZE = 800
SEEDS = pytest.mark.parametrize("seed", range(4))


def everybody(scores: Floats) -> Flags:
    return np.ones(len(scores), np.bool_)


def consensus(scores: Floats) -> Opinion:
    return Opinion("consensus", scores, everybody(scores), holds=False, by_agreement=True)


def likelihood(seen: Floats, shift: float, name: str = "slice") -> Opinion:
    """Return the exact likelihood ratio of a normal with this shift against one without."""
    scores = scored(shift * seen - shift**2 / 2, len(seen))
    return Opinion(name, scores, everybody(scores), posterior=True)


def auc(bad: Flags, scores: Floats) -> float:
    order = np.sort(scores[~bad])
    below = np.searchsorted(order, scores[bad], "left") + np.searchsorted(
        order, scores[bad], "right"
    )
    return float(below.mean()) / (2 * len(order))


def some_bad(share: float = 0.04) -> Flags:
    return np.arange(SIZE) < share * SIZE


@SEEDS
def test_a_specific_finding_is_not_drowned_by_people_of_another_mind(seed: int) -> None:
    rng, bad = np.random.default_rng(seed), some_bad()
    minded = consensus(np.clip(rng.normal(0.1, 0.2, SIZE), 0, 0.6) * ~bad)
    found = likelihood(rng.normal(0, 1, SIZE) + 2.5 * bad, 2.5)
    alone, both = auc(bad, found.scores), auc(bad, together([minded, found]))
    assert alone > 0.9
    assert both > alone - 0.04


@SEEDS
def test_where_only_consensus_sees_anything_it_ranks(seed: int) -> None:
    rng, bad = np.random.default_rng(seed), some_bad()
    differs = consensus(np.clip(rng.normal(0.1, 0.12, SIZE) + 0.25 * bad, 0, 0.9))
    lucky = [likelihood(rng.normal(0, 1, SIZE), 4.0, f"useless {n}") for n in range(2)]
    alone = auc(bad, together([differs]))
    assert alone == pytest.approx(auc(bad, differs.scores))
    assert auc(bad, together([differs, *lucky])) > alone - 0.06


@SEEDS
def test_a_clear_cut_useless_opinion_moves_no_ranking(seed: int) -> None:
    rng, bad = np.random.default_rng(seed), some_bad()
    found = likelihood(rng.normal(0, 1, SIZE) + 3 * bad, 3.0)
    useless = likelihood(rng.normal(0, 1, SIZE), 6.0, "useless")
    assert abs(auc(bad, together([found, useless])) - auc(bad, found.scores)) < 0.02


@SEEDS
def test_a_way_in_which_nobody_is_bad_says_less_than_one_in_which_some_are(seed: int) -> None:
    rng, bad = np.random.default_rng(seed), some_bad()
    present = likelihood(np.r_[2.0, 0.0, rng.normal(0, 1, SIZE - 2) + 3 * bad[2:]], 3.0)
    absent = likelihood(np.r_[0.0, 2.0, rng.normal(0, 1, SIZE - 2)], 3.0, "absent")
    scores = together([present, absent])
    assert scores[0] > scores[1]


@SEEDS
def test_a_ratio_that_needs_no_model_counts_whole(seed: int) -> None:
    rng, bad = np.random.default_rng(seed), some_bad()
    found = likelihood(rng.normal(0, 1, SIZE) + 3 * bad, 3.0)
    exact = replace(found, exact=True)
    rooted, whole = together([found]), together([exact])
    assert whole[nats_of(found.scores) > 2].mean() > rooted[nats_of(found.scores) > 2].mean()
    assert whole[nats_of(found.scores) < -2].mean() < rooted[nats_of(found.scores) < -2].mean()
    assert np.array_equal(np.argsort(rooted, kind="stable"), np.argsort(whole, kind="stable"))


def test_agreement_makes_nobody_better_than_what_else_is_seen_of_it() -> None:
    rest = np.linspace(0.0, 0.2, SIZE - 2)
    minded = consensus(np.r_[0.0, 0.45, rest])
    nats = np.r_[8.0, -3.0, np.full(SIZE - 2, -3.0)]
    found = Opinion("slice", scored(nats, SIZE), everybody(nats), posterior=True)
    scores = together([minded, found])
    assert scores.argmax() == 0
    assert scores[1] > scores[2:].max()


def test_near_an_alarm_is_worse_where_the_detector_rings_for_others() -> None:
    minded = consensus(np.r_[0.0, 0.0, np.full(SIZE - 2, 0.3)])
    near = np.r_[0.0, 0.4, np.zeros(SIZE - 2)]
    calm = together([minded, Opinion("ring", near, everybody(near))])
    near[-40:] = 0.8
    ringing = together([minded, Opinion("ring", near, everybody(near))])
    assert ringing[1] > calm[1]


def test_a_loud_alarm_of_consensus_is_worse_than_a_place_in_a_ranking() -> None:
    differs = consensus(np.r_[0.8, 0.0, np.zeros(SIZE - 2)])
    place = np.r_[0.15, 0.25, np.linspace(0.01, 0.1, SIZE - 2)]
    ranked = Opinion("standing", place, everybody(place), holds=False)
    assert together([differs, ranked]).argmax() == 0
    assert together([ranked]).argmax() == 1


def test_marking_many_is_worth_less_than_marking_few() -> None:
    few, many = np.zeros(SIZE), np.zeros(SIZE)
    few[:3], many[:300] = 0.3, 0.3
    scores = [together([Opinion("ring", each, everybody(each))])[0] for each in (few, many)]
    assert scores[0] > scores[1] > 0


@SEEDS
def test_neither_the_order_of_opinions_nor_of_sources_matters(seed: int) -> None:
    rng, bad = np.random.default_rng(seed), some_bad()
    marks = np.where(rng.random(SIZE) < 0.03, rng.random(SIZE), 0.0)
    said = [
        consensus(rng.uniform(0, 0.6, SIZE)),
        likelihood(rng.normal(0, 1, SIZE) + 2 * bad, 2.0),
        Opinion("ring", marks, everybody(marks)),
    ]
    scores, mixed = together(said), rng.permutation(SIZE)
    assert np.allclose(together(said[::-1]), scores, rtol=1e-12)
    moved = [
        Opinion(
            one.name,
            one.scores[mixed],
            one.judged[mixed],
            one.holds,
            one.by_agreement,
            one.posterior,
        )
        for one in said
    ]
    assert np.allclose(together(moved), scores[mixed], rtol=1e-9)


def test_whom_nobody_could_judge_has_nothing_against_it() -> None:
    nobody = np.zeros(5, np.bool_)
    kinds = (
        Opinion("slice", np.zeros(5), nobody, posterior=True),
        Opinion("ring", np.zeros(5), nobody),
        Opinion("consensus", np.zeros(5), nobody, holds=False, by_agreement=True),
    )
    assert together(kinds).tolist() == [0.0] * 5


@pytest.mark.parametrize("share", [0.05, 0.2, 0.6])
def test_shares_are_fitted_to_who_there_is(share: float) -> None:
    rng, bad = np.random.default_rng(0), np.arange(4000) < share * 4000
    seen = rng.normal(0, 1, 4000) + 2.5 * bad
    nats = np.stack([np.zeros(4000), 2.5 * seen - 3.125], axis=1)
    assert shares(nats, (0.9, 0.1))[1] == pytest.approx(share, abs=0.02)


def test_a_kind_that_nobody_is_of_has_hardly_a_share() -> None:
    seen = np.random.default_rng(0).normal(0, 1, 4000)
    nats = np.stack([np.zeros(4000), 3 * seen - 4.5], axis=1)
    fitted = shares(nats, (0.95, 0.05))
    assert fitted[1] < 0.003
    assert fitted.sum() == pytest.approx(1.0)


def test_without_units_the_first_shares_stay() -> None:
    assert shares(np.empty((0, 2)), (0.7, 0.3)).tolist() == [0.7, 0.3]


def test_nats_are_taken_back_from_scores() -> None:
    nats = np.array([-30.0, -3.0, 0.0, 2.0, 4.0])
    back = nats_of(scored(nats, 100))
    assert back[0] == -CERTAIN
    assert back[1:].tolist() == pytest.approx(nats[1:].tolist(), abs=1e-6)
    assert nats_of(np.array([ALARM, 0.9])).tolist() == [CERTAIN, CERTAIN]
