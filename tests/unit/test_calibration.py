"""Calibration promises a share of false alarms, and says so where it cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quarantine.calibration import (
    ALARM,
    beyond_usual,
    chance_of_nothing,
    conformal,
    deviations,
    discoveries,
    large_enough,
    score_of,
    strength_of,
    tail_of,
)
from quarantine.calling import evidence, too_few, warm
from quarantine.evidence import Floats
from quarantine.opinions import Alarms, Opinion, cold
from quarantine.tilts import scored


def opinion(scores: Floats, name: str = "one") -> Opinion:
    return Opinion(name, scores, np.ones(len(scores), np.bool_))


def test_strength_one_rings_and_order_is_kept() -> None:
    strengths = np.array([-5.0, 0.0, 0.99, 1.0, 3.0, 500.0])
    scores = score_of(strengths)
    assert (np.diff(scores) > 0).all()
    assert scores.min() > 0
    assert scores.max() < 1
    assert (scores >= ALARM).tolist() == (strengths >= 1).tolist()


def test_deviations_are_not_moved_by_a_third_of_outliers() -> None:
    values = np.concatenate([np.random.default_rng(0).normal(0, 1, 200), np.full(90, 50.0)])
    assert deviations(values)[-1] > 10


def test_deviations_among_equals_are_none() -> None:
    assert deviations(np.full(5, 3.0)).tolist() == [0] * 5
    assert deviations(np.empty(0)).tolist() == []


def test_conformal_p_values_count_the_reference_at_least_as_high() -> None:
    assert conformal(np.array([5.0, 2.0, 0.0]), np.array([1.0, 2.0, 3.0])).tolist() == [
        0.25,
        0.75,
        1.0,
    ]
    assert conformal(np.array([5.0]), np.empty(0)).tolist() == [1.0]


def test_benjamini_and_hochberg_steps_up() -> None:
    p_values = np.array([0.001, 0.02, 0.029, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9])
    assert discoveries(p_values, 0.1)[:4].tolist() == [True, True, True, False]
    assert discoveries(p_values, 0.05).sum() == 1


def test_the_size_rule_is_the_one_of_the_papers() -> None:
    assert large_enough(999, 100, 1, 0.1)
    assert not large_enough(998, 100, 1, 0.1)


def drawn(seed: int, bad: int, known: int = 2000) -> Alarms:
    rng = np.random.default_rng(seed)
    held = np.concatenate([rng.normal(0, 1, 500), rng.normal(6, 1, bad)])
    reference = [opinion(score_of(rng.normal(0, 1, known) / 20)) for _ in range(2)]
    noise = score_of(rng.normal(0, 1, 500 + bad) / 20)
    return warm([opinion(score_of(held / 20)), opinion(noise)], reference, false_share=0.1)


def test_on_average_no_more_than_the_promised_share_of_alarms_is_false() -> None:
    shares, found = [], []
    for seed in range(120):
        rings = np.logical_or.reduce(drawn(seed, bad=50).rings, axis=0)
        found.append(rings[500:].mean())
        shares.append(rings[:500].sum() / max(rings.sum(), 1))
    assert np.mean(found) > 0.95
    assert np.mean(shares) <= 0.1


def dealt(seed: int, known: int, held: int) -> Alarms:
    """Deal held and reference sources from one pack, seen by eight detectors, half of them rare."""
    rng = np.random.default_rng(seed)

    def pack(size: int) -> list[Opinion]:
        odd = 0.3 * rng.normal(size=size)
        rows = [np.clip(0.2 + 0.1 * (odd + rng.normal(size=size)), 0.0, 0.99) for _ in range(8)]
        return [
            opinion(np.where(rng.random(size) < 0.9 * (row % 2), 0.0, scores), str(row))
            for row, scores in enumerate(rows)
        ]

    reference = pack(known)
    return warm(pack(held), reference, false_share=0.1)


@pytest.mark.parametrize(("known", "held"), [(20, 50), (60, 40), (300, 100)])
def test_whoever_is_dealt_from_the_pack_of_the_reference_is_as_high_as_chance_has_it(
    known: int, held: int
) -> None:
    alarms = [dealt(seed, known, held) for seed in range(60)]
    p_values = np.concatenate([each.p_values for each in alarms])
    for level in (0.05, 0.1, 0.3):
        assert (p_values <= level).mean() <= level + 0.03
    nothing = [chance_of_nothing(each.p_values, known) for each in alarms]
    assert np.mean([each <= 0.1 for each in nothing]) <= 0.1
    assert not any(each.called.any() for each in alarms)


def test_more_of_the_held_ahead_of_the_reference_than_chance_has_it_is_no_chance() -> None:
    usual = np.linspace(0.0, 1.0, 300)
    calm = conformal(np.linspace(0.0, 1.0, 100), usual)
    assert chance_of_nothing(calm, 300) > 0.1
    assert chance_of_nothing(np.r_[calm, np.full(8, 1 / 301)], 300) < 0.001
    assert chance_of_nothing(np.full(5, 1 / 6), 5) > 0.003
    assert chance_of_nothing(np.empty(0), 5) == 1


def test_the_tail_tells_far_out_from_just_beyond_and_cannot_be_led_on_for_ever() -> None:
    rng = np.random.default_rng(0)
    tail = tail_of(score_of(rng.normal(0.0, 0.3, 400)))
    nats = tail.nats(score_of(np.array([-1.0, 0.5, 1.0, 2.0, 9.0, 1e9])))
    assert (np.diff(nats) > 0).all()
    assert nats[0] < 0.1
    assert nats[-1] < 90
    assert tail_of(np.empty(0)).nats(np.array([0.3, 0.9])).tolist() == [0, 0]


def test_a_trace_where_the_reference_has_none_is_less_than_an_alarm() -> None:
    trace, alarm = tail_of(np.zeros(200)).nats(np.array([0.02, 0.6]))
    assert 1 < trace < 3 < alarm


def test_the_oddest_brings_no_more_than_its_own_likelihood_ratio_says() -> None:
    silent = np.zeros(300)
    faint, sure = (scored(np.array([nats]), 1)[0] for nats in (-2.0, 4.0))
    alarm = 0.9
    held = Opinion("one", np.array([0.0, faint, sure, alarm]), np.ones(4, np.bool_), posterior=True)
    usual = Opinion("one", silent, np.ones(300, np.bool_), posterior=True)
    plain = replace(held, posterior=False)
    (bound, _), (free, _) = (evidence([one], [usual]) for one in (held, plain))
    assert bound.nats[0, :2].tolist() == pytest.approx([0.0, 1.0])
    assert bound.nats[0, 2] == pytest.approx(min(7.0, free.nats[0, 2]))
    assert bound.nats[0, 3] == free.nats[0, 3]
    assert free.nats[0, 1] > 1.0


def test_strengths_come_back_from_scores() -> None:
    strengths = np.array([1.0, 1.5, 4.0, 40.0])
    assert strength_of(score_of(strengths)) == pytest.approx(strengths)
    assert strength_of(np.array([0.0, 0.25])).tolist() == [0, 0.5]
    assert strength_of(np.array([1.0])) == pytest.approx(50)


def test_many_detectors_that_see_nothing_cost_no_power() -> None:
    rng = np.random.default_rng(0)
    held = opinion(score_of(np.r_[rng.normal(0, 0.1, 190), np.full(10, 3.0)]))
    known = opinion(score_of(rng.normal(0, 0.1, 500)))
    nothing = [opinion(np.zeros(200), f"d{n}") for n in range(14)]
    never = [opinion(np.zeros(500), f"d{n}") for n in range(14)]
    alone = warm([held], [known], false_share=0.1)
    among = warm([held, *nothing], [known, *never], false_share=0.1)
    assert alone.called[190:].all()
    assert among.called.tolist() == alone.called.tolist()
    assert among.p_values.tolist() == alone.p_values.tolist()


def test_whom_consensus_alone_sets_apart_only_consensus_rings_for() -> None:
    rng = np.random.default_rng(0)
    far = np.r_[rng.normal(0, 0.1, 190), np.full(10, 3.0)]
    held = [consensus(score_of(far)), opinion(score_of(rng.normal(0, 0.1, 200)), "ring")]
    known = [
        consensus(score_of(rng.normal(0, 0.1, 500))),
        opinion(score_of(rng.normal(0, 0.1, 500))),
    ]
    alarms = warm(held, known, false_share=0.1)
    assert alarms.rings[0, 190:].all()
    assert alarms.rings[1, 190:].sum() <= 2


def test_a_day_on_which_nothing_is_wrong_is_left_in_peace_however_large_the_reference() -> None:
    alarmed = [drawn(seed, bad=0, known=5000).rings.any() for seed in range(60)]
    assert np.mean(alarmed) <= 0.02


def test_on_clean_days_alarms_are_rare() -> None:
    alarmed = [drawn(seed, bad=0).rings.any() for seed in range(60)]
    assert np.mean(alarmed) <= 0.2


def test_a_reference_that_is_too_small_says_so_and_does_not_silence_the_obvious() -> None:
    rng = np.random.default_rng(0)
    held = np.concatenate([np.full(199, 0.25), [0.9]])
    alarms = warm([opinion(held)], [opinion(rng.uniform(0.2, 0.3, 20))], false_share=0.1)
    assert alarms.rings.nonzero()[1].tolist() == [199]
    assert "too small" in alarms.notes[0] or "is small" in alarms.notes[0]


def test_a_score_of_nothing_never_rings() -> None:
    alarms = warm([opinion(np.zeros(50))], [opinion(np.zeros(5000) - 1)], false_share=0.1)
    assert not alarms.rings.any()


def test_a_source_that_nobody_judged_has_p_value_one() -> None:
    judged = np.array([True, False])
    held = Opinion("one", np.array([0.9, 0.0]), judged)
    alarms = warm([held], [opinion(np.linspace(0, 0.5, 100))], false_share=0.1)
    assert alarms.p_values[1] == 1
    assert alarms.scores[1] < alarms.scores[0]


def test_a_cold_start_has_no_p_values_and_keeps_channels_apart() -> None:
    alarms = cold([opinion(np.array([0.2, 0.6])), opinion(np.array([0.7, 0.1]), "two")])
    assert alarms.rings.tolist() == [[False, True], [True, False]]
    assert ((alarms.scores >= ALARM) == alarms.rings.any(axis=0)).all()
    assert alarms.scores[0] > alarms.scores[1]
    assert len(alarms.p_values) == 0
    assert "cold start" in alarms.notes[0]


def test_what_rings_among_the_released_as_often_does_not_ring_uncalibrated() -> None:
    everybody = np.ones(40, np.bool_)
    usual = Opinion("tempo", np.full(40, 0.8), everybody)
    assert not warm([usual], [usual], false_share=0.1).rings.any()


def test_a_bad_source_in_the_reference_does_not_silence_the_others() -> None:
    known, held = np.zeros(400), np.zeros(200)
    known[0], held[:8] = 0.9, 0.8
    rang = warm(
        [Opinion("ring", held, np.ones(200, np.bool_))],
        [Opinion("ring", known, np.ones(400, np.bool_))],
        false_share=0.1,
    )
    assert np.flatnonzero(rang.rings[0]).tolist() == list(range(8))


def test_a_little_seen_in_everybody_by_many_does_not_add_up_to_an_alarm() -> None:
    alarms = cold([opinion(np.full(20, 0.3), f"d{n}") for n in range(12)])
    assert alarms.scores.max() < ALARM


def test_whom_no_detector_rings_for_stands_below_those_for_whom_one_does() -> None:
    rng = np.random.default_rng(0)
    near = opinion(rng.uniform(0.3, 0.49, 40))
    rare = opinion(np.r_[np.zeros(39), ALARM], "rare")
    assert cold([near, rare]).scores.argmax() == 39


def test_of_two_alarms_as_loud_the_one_with_more_against_it_is_worse() -> None:
    ringing = opinion(np.r_[np.zeros(38), 0.6, 0.6], "ring")
    other = opinion(np.r_[np.linspace(0.05, 0.4, 38), 0.05, 0.4])
    scores = cold([ringing, other]).scores
    assert scores[39] > scores[38] >= ALARM


def test_a_detector_that_speaks_of_few_changes_no_ranking_until_it_rings() -> None:
    usual = opinion(np.linspace(0.0, 0.45, 100))
    few = opinion(np.r_[0.45, np.zeros(99)], "few")
    assert cold([usual, few]).scores.argmax() == 99


def test_better_than_usual_is_no_better_than_usual() -> None:
    scores = beyond_usual(np.array([-9.0, -0.1, 0.0, 0.5, 1.0, 4.0]))
    assert scores[:3].tolist() == [0, 0, 0]
    assert (np.diff(scores[2:]) > 0).all()
    assert scores[4] == ALARM


def consensus(scores: Floats) -> Opinion:
    judged = np.ones(len(scores), np.bool_)
    return Opinion("consensus", scores, judged, holds=False, by_agreement=True)


def test_an_alarm_of_consensus_alone_stays_below_those_that_hold() -> None:
    alarms = cold([consensus(np.r_[np.zeros(38), 0.9, 0.0]), opinion(np.r_[np.zeros(39), 0.5])])
    assert alarms.rings[0, 38]
    assert alarms.scores[38] < ALARM <= alarms.scores[39]


def test_a_consensus_that_alarms_bear_out_ranks_the_rest() -> None:
    said = np.linspace(0.0, 0.45, 100)
    rings = opinion(np.r_[np.zeros(90), np.full(10, 0.7)], "ring")
    scores = cold([consensus(said), rings]).scores[:90]
    assert (np.diff(scores) > 0).all()


def test_a_consensus_that_a_ring_has_made_ranks_nobody() -> None:
    said = np.r_[np.zeros(40), np.linspace(0.1, 0.6, 60)]
    rings = opinion(np.r_[np.full(20, 0.7), np.zeros(80)], "ring")
    hint = opinion(np.r_[np.zeros(20), np.full(20, 0.3), np.zeros(60)], "likeness")
    scores = cold([consensus(said), rings, hint]).scores
    assert scores[:20].min() >= ALARM
    assert scores[20:40].min() > scores[40:].max()


def test_who_said_less_than_the_reference_is_ranked_but_not_called_by_it() -> None:
    rng = np.random.default_rng(3)
    usual = rng.uniform(0.05, 0.3, 400)
    held = np.append(rng.uniform(0.05, 0.3, 80), np.full(20, 0.4))
    few = too_few(np.append(np.full(80, 9), np.ones(20)), np.full(400, 9))
    assert few.sum() == 20
    plain = warm([opinion(held)], [opinion(usual)], false_share=0.1)
    spared = warm([opinion(held)], [opinion(usual)], false_share=0.1, few=few)
    assert plain.rings.any(axis=0).sum() >= 20
    assert not spared.rings.any()
    assert (spared.p_values[few] == 1.0).all()
    assert np.array_equal(spared.scores, plain.scores)
    assert any("said less" in note for note in spared.notes)


def test_who_said_little_rings_where_it_is_robustly_far_out() -> None:
    held = np.append(np.full(80, 0.1), np.full(20, 0.9))
    few = np.arange(100) >= 80
    alarms = warm([opinion(held)], [opinion(np.full(400, 0.1))], false_share=0.1, few=few)
    assert alarms.rings.any(axis=0).tolist() == few.tolist()


def test_a_reference_with_people_who_said_little_knows_such_people() -> None:
    assert not too_few(np.ones(5), np.append(np.ones(10), np.full(90, 50))).any()
    assert not too_few(np.ones(5), np.empty(0)).any()
