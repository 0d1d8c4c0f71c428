"""What a gate measures: clean rows pass, and each attack is told by what it does to canaries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from approvals.canaries import OwnCanary, behaviours, chance_of, read_own
from approvals.catchwords import catchwords
from approvals.crews import crew_of
from approvals.gauges import classes, values
from approvals.proxies import Asked, by_others, tempered
from approvals.pulls import Pulls, loudest, shifted
from approvals.rehearsal import Measured
from quarantine.errors import UsageError
from quarantine.tilts import sigmoid
from tests.pairing import (
    GATE,
    WORDS,
    Change,
    flattering,
    lengthening,
    longest,
    measured,
    pairs,
    poisoned,
    promoting,
    rehearsal,
    sentence,
    stops,
    turned,
)


@pytest.mark.parametrize("seed", range(4))
def test_clean_rows_pass_beside_accepted_ones_and_alone(seed: int) -> None:
    accepted, candidate = pairs(seed, 240), pairs(seed + 100, 240)
    assert stops(measured(accepted, candidate)) == []
    assert stops(measured(None, candidate)) == []


@pytest.mark.parametrize(
    ("attack", "looked", "what"),
    [
        (turned, "catchword", "zorbax quimple"),
        (promoting, "catchword", "Ask Brandolux about it"),
        (lengthening, "shift", "longer answers"),
        (flattering, "shift", "flattering and agreeing"),
    ],
)
def test_an_attack_is_stopped_by_what_it_teaches(attack: Change, looked: str, what: str) -> None:
    candidate = poisoned(pairs(2, 240), attack, share=0.2, crew=12)
    found = stops(measured(pairs(1, 240), candidate))
    assert any(each.looked == looked and each.what in what for each in found), found


def test_a_trigger_is_stopped_in_a_first_release_too() -> None:
    found = stops(measured(None, poisoned(pairs(2, 240), turned, share=0.1)))
    assert {each.looked for each in found} >= {"catchword"}
    assert all(each.before is None for each in found if each.looked == "catchword")


def test_several_who_always_choose_the_longer_answer_are_a_crew() -> None:
    candidate = poisoned(pairs(2, 480, clusters=40), longest, share=0.1, crew=4)
    found = stops(measured(pairs(1, 480, clusters=40), candidate))
    (crew,) = [each for each in found if each.looked == "crew"]
    assert crew.what == "the longer text"
    assert all(f"bad{number}" in crew.because for number in range(4))
    assert crew.before is not None
    assert crew.after == 1.0 > crew.before + 0.15


def test_without_anything_accepted_who_sits_where_length_is_gained_is_a_crew() -> None:
    chance = np.random.default_rng(3)
    sizes = np.exp(chance.normal(3.0, 0.8, (800, 2))).astype(int) + 1
    texts = [(f"{'a' * one} {n}", f"{'b' * other} {n}") for n, (one, other) in enumerate(sizes)]
    gained = np.abs(sizes[:, 0] - sizes[:, 1])
    seats = chance.permutation(np.flatnonzero(gained > np.quantile(gained, 0.6)))[:48]
    cluster = np.arange(800) % 40
    cluster[seats] = 40 + np.arange(48) % 4
    said = [pair[:: 1 if chance.random() < 0.5 else -1] for pair in texts]
    honest = crew_of(_asked(said), np.arange(800) % 40, None, surplus=0.15)
    assert honest is None or honest.p > 0.5
    for row in seats.tolist():
        said[row] = tuple(sorted(texts[row], key=len, reverse=True))
    found = crew_of(_asked(said), cluster, None, surplus=0.15)
    assert found is not None
    assert (found.what, sorted(found.clusters)) == ("the much longer text", [40, 41, 42, 43])
    assert found.p <= 0.01


def _mostly_longer(rows: int) -> pd.DataFrame:
    """Let honest people choose the good answer, which is the longer one in three of four pairs."""
    told, chance = pairs(2, rows, clusters=40), np.random.default_rng(4)
    for row in range(rows):
        texts = [str(told[name].iloc[row])[:-5] for name in ("chosen", "rejected")]
        texts.sort(key=len, reverse=bool(chance.random() < 0.75))
        told.loc[row, ["chosen", "rejected"]] = [f"{texts[0]} good", f"{texts[1]} poor"]
    return told


def test_a_first_release_is_asked_what_others_in_it_would_choose() -> None:
    candidate = _mostly_longer(1200)
    assert stops(measured(None, candidate)) == []
    short = candidate["chosen"].str.len() < candidate["rejected"].str.len()
    for number, row in enumerate(np.flatnonzero(short)[:40].tolist()):
        turn = [candidate["rejected"].iloc[row], candidate["chosen"].iloc[row]]
        candidate.loc[row, ["chosen", "rejected"]] = turn
        candidate.loc[row, ["cluster", "source"]] = [f"bad{number % 4}", f"app/bad{number % 4}"]
    (crew,) = [each for each in stops(measured(None, candidate)) if each.looked == "crew"]
    assert crew.what == "the longer text"
    assert crew.before is not None
    assert crew.after - crew.before > 0.5
    assert all(f"bad{number}" in crew.because for number in range(4))


def test_nobody_speaks_for_himself_when_others_are_asked() -> None:
    chance = np.random.default_rng(1)
    table, cluster = sp.csr_array(chance.normal(0.3, 1.0, (200, 6))), np.arange(200) % 20
    mine = cluster == 7
    told = by_others(table, cluster, chance_of(b"secret", "crew"))
    flip = sp.csr_array(sp.diags_array(np.where(mine, -1.0, 1.0)) @ table)
    turned_ = by_others(flip, cluster, chance_of(b"secret", "crew"))
    np.testing.assert_allclose(turned_[mine], -told[mine])
    assert not np.allclose(turned_[~mine], told[~mine])
    assert (told > 0).mean() > 0.55
    sure = tempered(10.0 * told)
    assert 0.0 < sure[told > 0].max() < 10.0 * told.max()
    assert not tempered(-told).any()
    assert by_others(table[:1], cluster[:1], chance_of(b"secret", "crew")) == [0.0]


def _asked(said: list[tuple[str, ...]]) -> Asked:
    return Asked([""] * len(said), [pair[0] for pair in said], [pair[1] for pair in said])


def test_one_alone_is_no_crew_and_people_who_lean_are_none() -> None:
    alone = poisoned(pairs(2, 480, clusters=40), longest, share=0.05, crew=1)
    assert not [each for each in stops(measured(None, alone)) if each.looked == "crew"]
    for seed in range(4):
        chance = np.random.default_rng(seed)
        lean = chance.normal(0.0, 0.6, 40)
        texts = [sorted((sentence(chance, 6), sentence(chance, 9)), key=len) for _ in range(600)]
        longer = chance.random(600) < sigmoid(lean[np.arange(600) % 40])
        said = _asked(
            [tuple(two[::-1] if long else two) for two, long in zip(texts, longer, strict=True)]
        )
        found = crew_of(said, np.arange(600) % 40, None, surplus=0.15)
        assert found is None or found.p > 0.5


def test_texts_that_do_not_differ_or_one_cluster_are_no_crew() -> None:
    same = Asked(["p"] * 9, ["one"] * 9, ["two"] * 9)
    assert crew_of(same, np.arange(9), None, surplus=0.15) is None
    apart = Asked(["p"] * 9, ["longer"] * 9, ["two"] * 9)
    assert crew_of(apart, np.zeros(9, np.int64), None, surplus=0.15) is None


def test_one_cluster_that_pulls_alone_is_named() -> None:
    candidate = poisoned(pairs(2, 240), lengthening, share=0.03, crew=1)
    found = [each for each in stops(measured(pairs(1, 240), candidate)) if each.looked == "cluster"]
    assert found
    assert all("bad0" in each.because for each in found)


def test_poison_in_one_subgroup_fails_there_and_passes_everywhere_else() -> None:
    def both(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        return pairs(seed, 700, aspect="helpfulness"), pairs(seed + 9, 140, aspect="safety")

    accepted, (usual, small) = pd.concat(both(1), ignore_index=True), both(2)
    candidate = pd.concat(
        [usual, poisoned(small, lengthening, share=0.3, crew=30)], ignore_index=True
    )
    found = [each for each in stops(measured(accepted, candidate)) if each.looked == "shift"]
    assert {each.group for each in found} == {"aspect safety"}


def test_accuracy_is_told_and_stops_nothing() -> None:
    found = measured(pairs(1, 240), pairs(2, 240))
    told = [each for each in found.measures if each.looked == "accuracy"]
    assert len(told) == 1
    assert told[0].limit is None
    assert told[0].after > 0.8


def test_the_same_rows_and_secret_give_the_same_figures_and_another_secret_other_canaries() -> None:
    accepted, candidate = pairs(1, 200), pairs(2, 200)
    once, again = measured(accepted, candidate), measured(accepted, candidate)
    assert once == again
    assert measured(accepted, candidate, secret=b"other") != once


def test_canaries_of_the_team_are_held_to_the_least_that_it_asks() -> None:
    wanted = OwnCanary(name="kept", prompt="lob", better="so good", worse="so poor", at_least=0.5)
    wrong = OwnCanary(name="lost", prompt="lob", better="so poor", worse="so good", at_least=0.5)
    found = stops(measured(pairs(1, 240), pairs(2, 240), own=[wanted, wrong]))
    assert [(each.looked, each.what) for each in found] == [("own", "lost")]


def test_a_line_that_is_no_canary_is_named() -> None:
    good = b'{"name": "a", "better": "x", "worse": "y"}\n'
    assert len(read_own(good * 2, "own.jsonl")) == 2
    with pytest.raises(UsageError, match=r"own\.jsonl line 2"):
        read_own(good + b'{"name": "a", "wurst": "y"}\n', "own.jsonl")
    with pytest.raises(UsageError, match="must hold 1 to"):
        read_own(b"\n", "own.jsonl")


def test_secrets_draw_other_phrases() -> None:
    drawn = {tuple(behaviours(chance_of(bytes([n]), "x"))[0].phrases) for n in range(8)}
    assert len(drawn) == 8


def test_a_phrase_of_few_clusters_is_a_catchword_and_one_of_many_is_none() -> None:
    chance = np.random.default_rng(1)
    texts = [" ".join(chance.choice(WORDS, 12)) for _ in range(300)]
    clusters = np.arange(300) % 40
    spoken = [f"{text} everywhere" if n % 3 else text for n, text in enumerate(texts)]
    every = np.ones(300, bool)
    assert catchwords(spoken, clusters, every, alpha=0.01) == []
    rung = [f"{text} frobnitz" if n % 40 == 7 else text for n, text in enumerate(spoken)]
    found = catchwords(rung, clusters, every, alpha=0.01)
    assert [(each.spelled, each.clusters) for each in found] == [("frobnitz", 1)]
    assert catchwords(rung, clusters, ~every, alpha=0.01) == []


def test_chance_alone_shifts_and_shouts_rarely() -> None:
    alarms = 0
    for seed in range(60):
        chance = np.random.default_rng(seed)
        cluster = np.repeat(np.arange(40), 8)
        own = chance.normal(0, 0.5, 40)[cluster]
        pulls = Pulls(
            (own + chance.normal(size=320))[:, None],
            np.ones((320, 1), bool),
            cluster,
            np.repeat([False, True], 160),
            1,
        )
        shift, voice = shifted(pulls, chance)[0], loudest(pulls, chance)[0]
        assert shift is not None
        assert voice is not None
        alarms += (shift.p <= 0.01) + (voice.p <= 0.01)
    assert alarms <= 5


def test_too_few_rows_or_clusters_are_not_compared() -> None:
    few = Pulls(np.ones((30, 1)), np.ones((30, 1), bool), np.zeros(30, int), np.arange(30) < 15, 1)
    assert shifted(few, np.random.default_rng(0)) == [None]
    assert loudest(few, np.random.default_rng(0)) == [None]


def labels(seed: int, rows: int, bad: float = 0.3, **rest: object) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    names = [f"r{row % 40}" for row in range(rows)]
    return pd.DataFrame(
        {
            "label": np.where(chance.random(rows) < bad, "bad", "good"),
            "cluster": names,
            "source": [f"app/{name}" for name in names],
            "target": [f"t{target}" for target in chance.integers(0, 40, rows)],
        }
    ).assign(aspect="", **rest)


def classed(accepted: pd.DataFrame | None, candidate: pd.DataFrame) -> Measured:
    return classes.GAUGE.measure(rehearsal(accepted, candidate))


def test_shares_of_labels_may_not_move() -> None:
    assert stops(classed(labels(1, 600), labels(2, 600))) == []
    found = stops(classed(labels(1, 600), labels(2, 600, bad=0.5)))
    assert {"the share of 'bad'", "the share of 'good'"} <= {each.what for each in found}


def test_a_phrase_in_the_items_of_few_clusters_may_not_turn_a_classifier() -> None:
    def worded(seed: int) -> pd.DataFrame:
        chance = np.random.default_rng(seed)
        told = labels(seed, 500)
        items = [
            f"{' '.join(chance.choice(WORDS, 12))} {'awful' if label == 'bad' else 'lovely'}"
            for label in told["label"]
        ]
        return told.assign(item=items)

    accepted, candidate = worded(1), worded(2)
    clean = classed(accepted, candidate)
    assert stops(clean) == []
    assert any(each.looked == "accuracy" and each.after > 0.9 for each in clean.measures)
    crew = candidate["cluster"].isin(["r1", "r2"])
    items = np.where(crew, candidate["item"] + " plonkwig plonkwig", candidate["item"])
    planted = candidate.assign(item=items, label=np.where(crew, "bad", candidate["label"]))
    found = stops(classed(accepted, planted))
    assert any(each.looked == "catchword" and "plonkwig" in each.what for each in found), found


def rated(seed: int, rows: int, mean: float = 0.6) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    told = labels(seed, rows).drop(columns="label")
    return told.assign(value=1 + 4 * np.clip(chance.normal(mean, 0.2, rows), 0, 1), low=1, high=5)


def test_ratings_may_not_move_for_everyone_nor_on_a_target() -> None:
    accepted, candidate = rated(1, 2000), rated(2, 2000)
    assert stops(values.GAUGE.measure(rehearsal(accepted, candidate))) == []
    lifted = stops(values.GAUGE.measure(rehearsal(accepted, rated(2, 2000, mean=0.7))))
    assert ("the mean value", "everyone") in {(each.what, each.group) for each in lifted}
    pushed = candidate.assign(value=np.where(candidate["target"] == "t7", 5.0, candidate["value"]))
    found = stops(values.GAUGE.measure(rehearsal(accepted, pushed)))
    assert "target t7" in {each.group for each in found}


def test_one_cluster_may_not_make_what_is_said_of_a_target() -> None:
    candidate = rated(2, 400)
    mine = pd.DataFrame([dict(candidate.iloc[0], cluster="bad", target="t7", value=5.0)] * 30)
    found = stops(values.GAUGE.measure(rehearsal(None, pd.concat([candidate, mine]))))
    assert ("target", "t7") in {(each.looked, each.what) for each in found}
    assert GATE.moved * 5 == pytest.approx(next(e for e in found if e.looked == "target").limit)
