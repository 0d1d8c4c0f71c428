"""Budgets: nothing that leaves exceeds one, whoever sends it, and no detector is needed for it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.budget import PRIOR, _by_leaf
from approvals.certificate import certify
from approvals.policy import Claim, Policy, Rule, judge
from approvals.rules import load, shipped
from quarantine.model import Origin, Tier, to_micros
from tests.leaving import DAY, USUAL, chosen, crowd, edited, gone, many
from tests.room import LOOSE, START

VOICES = LOOSE
TIGHT = edited(
    LOOSE,
    budget_source="rows = 3\nshare = 1.0\nlifetime = 5\nper_target = 1",
    budget_cluster="rows = 4\nshare = 1.0\nlifetime = 6\nper_target = 2",
)


def test_a_source_leaves_no_more_than_its_rows() -> None:
    found = chosen(crowd(*many(2, 10)), TIGHT)
    assert Counter(found.members["source"]) == {"s0": 3, "s1": 3}
    assert found.left_out == {"source over its budget": 14}


def test_the_most_trusted_source_weighs_no_more_than_any() -> None:
    rows = [*many(1, 10, tier="tenured"), *many(1, 10, prefix="x", tier="unvetted")]
    assert Counter(chosen(crowd(*rows), TIGHT).members["source"]) == {"s0": 3, "x0": 3}


def test_a_cluster_is_one_voice() -> None:
    found = chosen(crowd(*many(5, 10, cluster="ring"), *many(1, 10, prefix="x")), TIGHT)
    assert Counter(found.members["cluster"]) == {"ring": 4, "x0": 3}


def test_a_cluster_speaks_on_one_target_as_often_as_the_policy_says() -> None:
    found = chosen(crowd(*many(5, 1, cluster="ring")), TIGHT)
    assert len(found.members) == 2
    assert found.left_out == {"cluster has spoken on this target": 3}


def test_a_producer_leaves_no_more_than_its_rows() -> None:
    text = edited(LOOSE, budget_producer="rows = 70\nshare = 1.0")
    rows = [*many(20, 10, producer="big"), *many(2, 10, prefix="x")]
    found = chosen(crowd(*rows), text)
    assert Counter(found.members["producer"]) == {"big": 70, "app": 20}


def test_a_producer_leaves_no_more_than_its_share_of_what_leaves() -> None:
    text = edited(LOOSE, budget_producer="rows = 100_000\nshare = 0.5").replace(
        "share = 1.0", "share = 0.5"
    )
    rows = [*many(20, 10, producer="big"), *many(2, 10, prefix="x")]
    assert Counter(chosen(crowd(*rows), text).members["producer"]) == {"big": 20, "app": 20}


def test_a_lifetime_is_counted_over_all_releases_in_any_scope() -> None:
    before = gone(*({"source": "s0", "scope": "other"} for _ in range(4)))
    found = chosen(crowd(*many(2, 10)), TIGHT, prior=before)
    assert Counter(found.members["source"]) == {"s0": 1, "s1": 3}
    assert found.left_out["source over its lifetime budget"] == 2


def test_rows_taken_back_still_count_to_a_lifetime() -> None:
    before = gone(*({"source": "s0", "revoked": True} for _ in range(5)))
    assert set(chosen(crowd(*many(2, 10)), TIGHT, prior=before).members["source"]) == {"s1"}


def test_a_cluster_found_late_counts_its_members_old_rows() -> None:
    before = gone(*({"source": f"s{n}", "cluster": "ring"} for n in range(5)))
    found = chosen(crowd(*many(5, 10, cluster="ring")), TIGHT, prior=before)
    assert len(found.members) == 1


def test_a_source_speaks_once_on_a_target_and_the_newest_word_counts() -> None:
    rows = [{"source": "s0", "target": "t", "arrived": USUAL["arrived"] + n} for n in (1, 3, 2)]  # type: ignore[operator]
    found = chosen(crowd(*rows))
    assert list(found.members["index"]) == [1]
    assert found.left_out == {"the source said it anew": 2}


def test_of_words_that_came_together_the_last_in_the_log_counts() -> None:
    found = chosen(crowd(*({"source": "s0", "target": "t"} for _ in range(3))))
    assert list(found.members["index"]) == [2]


def test_an_old_word_does_not_leave_while_the_new_one_waits() -> None:
    fresh = {"source": "s0", "target": "t", "arrived": to_micros(START)}
    found = chosen(crowd({"source": "s0", "target": "t"}, fresh, *many(30, 4)), shipped("default"))
    assert "s0" not in set(found.members[found.members["target"] == "t"]["source"])


def test_another_aspect_or_question_is_no_newer_word_but_counts_on_the_target() -> None:
    row = {"source": "s0", "target": "t"}
    rows = [row, row | {"aspect": "style"}, row | {"question": "other"}, row]
    assert chosen(crowd(*rows)).left_out == {
        "source has spoken on this target": 2,
        "the source said it anew": 1,
    }
    wide = LOOSE.replace("per_target = 1", "per_target = 3")
    assert list(chosen(crowd(*rows), wide).members["index"]) == [1, 2, 3]


def test_a_barred_word_replaces_no_older_one() -> None:
    taken_back = {"source": "s0", "target": "t", "barred": "taken back"}
    found = chosen(crowd({"source": "s0", "target": "t"}, taken_back))
    assert list(found.members["index"]) == [0]
    assert found.left_out == {"taken back": 1}


def test_a_source_that_spoke_on_a_target_in_an_earlier_release_has_spoken() -> None:
    before = gone(
        {"source": "s0", "target": "t1"}, {"source": "s1", "target": "t1", "kind": "rating"}
    )
    found = chosen(crowd(*many(2, 2)), prior=before)
    left = {(row.source, row.target) for row in found.members.itertuples()}
    assert left == {("s0", "t0"), ("s1", "t0"), ("s1", "t1")}


@pytest.mark.parametrize(("clusters", "rows"), [(5, 30), (9, 30), (10, 250)])
def test_a_target_of_few_clusters_leaves_at_most_the_supported_rows(
    clusters: int, rows: int
) -> None:
    text = edited(LOOSE, budget_cluster="rows = 60\nshare = 1.0\nlifetime = 200\nper_target = 60")
    trigger = [
        {"source": f"s{n}", "cluster": f"c{n % clusters}", "target": "trigger"} for n in range(250)
    ]
    honest = many(40, 20, prefix="honest")
    found = chosen(crowd(*trigger, *honest), text)
    assert Counter(found.members["target"])["trigger"] == rows
    assert Counter(found.members["target"])["t3"] == 40


def test_support_is_counted_over_releases() -> None:
    before = gone(*({"source": f"p{n}", "cluster": "a", "target": "x"} for n in range(25)))
    rows = [{"source": f"s{n}", "cluster": f"c{n % 3}", "target": "x"} for n in range(9)]
    found = chosen(crowd(*rows), prior=before)
    assert len(found.members) == 5
    more = gone(*({"source": f"p{n}", "cluster": f"p{n}", "target": "x"} for n in range(25)))
    assert len(chosen(crowd(*rows), prior=more).members) == 9


def test_support_that_was_taken_back_is_none() -> None:
    back = [{"source": f"p{n}", "target": "x", "revoked": True} for n in range(25)]
    rows = [{"source": f"s{n}", "cluster": f"c{n % 9}", "target": "x"} for n in range(27)]
    more = [{"source": f"z{n}", "cluster": f"c{n % 9}", "target": "x"} for n in range(9)]
    text = edited(LOOSE, budget_cluster="rows = 60\nshare = 1.0\nlifetime = 200\nper_target = 60")
    assert len(chosen(crowd(*rows, *more), text, prior=gone(*back)).members) == 30


def test_a_rule_leaves_no_more_than_its_share_of_the_release() -> None:
    rows = [*many(20, 10, origin="automated", prefix="bot"), *many(8, 10)]
    found = chosen(crowd(*rows))
    assert Counter(found.members["origin"]) == {"human": 80, "automated": 20}
    assert found.left_out == {"over the share of a release: machines among people": 180}


def test_machines_alone_are_no_release() -> None:
    assert chosen(crowd(*many(20, 10, origin="automated"))).members.empty


def test_kinds_of_machines_alone_are_held_to_a_share_of_the_scope() -> None:
    signals = crowd(*many(20, 10, origin="automated", kind="signal"))
    assert chosen(signals).members.empty
    before = [{"source": f"p{n}"} for n in range(80)]
    assert len(chosen(signals, prior=gone(*before)).members) == 20
    elsewhere = [row | {"scope": "other"} for row in before]
    assert chosen(signals, prior=gone(*elsewhere)).members.empty
    back = [row | {"revoked": True} for row in before]
    assert chosen(signals, prior=gone(*back)).members.empty
    machines = [{"source": f"b{n}", "kind": "signal", "origin": "automated"} for n in range(15)]
    assert len(chosen(signals, prior=gone(*before, *machines)).members) == 5


def test_newcomers_together_are_a_part_of_a_release() -> None:
    rows = [*many(40, 5, prefix="new", tier="unvetted"), *many(30, 5)]
    found = chosen(crowd(*rows), shipped("default"))
    assert Counter(found.members["tier"]) == {"vetted": 150, "unvetted": 50}


def test_a_one_day_old_army_has_no_row_in_any_release() -> None:
    young = {"first_seen": to_micros(START - DAY), "tier": "unvetted"}
    found = chosen(crowd(*many(500, 2, prefix="sybil", **young), *many(30, 5)), shipped("default"))
    assert set(found.members["tier"]) == {"vetted"}
    assert found.left_out == {"source too young: unvetted people": 1000}


@pytest.mark.parametrize(("micros", "leaves"), [(0, 150), (1, 0)])
def test_an_event_waits_to_the_microsecond(micros: int, leaves: int) -> None:
    arrived = to_micros(START - DAY) + micros
    found = chosen(crowd(*many(30, 5, arrived=arrived)), shipped("default"))
    assert len(found.members) == leaves


@pytest.mark.parametrize(("micros", "leaves"), [(0, 50), (1, 0)])
def test_a_source_ages_to_the_microsecond(micros: int, leaves: int) -> None:
    seen = to_micros(START - 7 * DAY) + micros
    rows = [*many(40, 5, prefix="new", tier="unvetted", first_seen=seen), *many(30, 5)]
    found = chosen(crowd(*rows), shipped("default"))
    assert Counter(found.members["tier"])["unvetted"] == leaves


def test_what_is_held_stays_and_what_is_watched_leaves_unless_the_policy_says() -> None:
    rows = [
        *many(1, 5, verdict="hold"),
        *many(1, 5, prefix="w", verdict="watch"),
        *many(1, 5, prefix="x"),
    ]
    found = chosen(crowd(*rows))
    assert set(found.members["source"]) == {"w0", "x0"}
    strict = LOOSE.replace('leave_out = ["hold"]', 'leave_out = ["hold", "watch"]')
    found = chosen(crowd(*rows), strict)
    assert found.left_out == {"source on hold": 5, "source on watch": 5}


def test_what_was_not_scored_stays() -> None:
    found = chosen(crowd(*many(1, 5, verdict=""), *many(1, 5, prefix="x")))
    assert set(found.members["source"]) == {"x0"}
    assert found.left_out == {"not scored yet": 5}


def test_what_no_rule_names_stays() -> None:
    found = chosen(crowd(*many(3, 5, kind="correction", origin="automated")))
    assert found.left_out == {"no rule admits it": 15}


def test_what_is_denied_stays() -> None:
    found = chosen(
        crowd(*many(3, 5, kind="rating", aspect="safety"), *many(3, 5, prefix="x", kind="rating"))
    )
    assert len(found.members) == 15
    assert found.left_out == {"denied: no safety by applause": 15}


def test_nothing_in_and_nothing_out() -> None:
    assert chosen(crowd()).members.empty


def test_a_share_that_a_few_sources_cannot_make_up_leaves_nothing() -> None:
    assert chosen(crowd(*many(19, 20)), shipped("demo")).members.empty
    assert len(chosen(crowd(*many(20, 20)), shipped("demo")).members) == 400


def test_the_order_of_arrival_chooses_nobody() -> None:
    candidates = crowd(*many(5, 40))
    mixed = candidates.sample(frac=1, random_state=3)
    assert chosen(mixed, TIGHT).members.equals(chosen(candidates, TIGHT).members)
    by_leaf = candidates[candidates["source"] == "s0"].sort_values("leaf")["index"][:3]
    kept = chosen(candidates, TIGHT).members
    assert set(kept[kept["source"] == "s0"]["index"]) == set(by_leaf)


def test_members_come_in_log_order() -> None:
    assert chosen(crowd(*many(5, 40))).members["index"].is_monotonic_increasing


WORDS = st.fixed_dictionaries(
    {
        "source": st.sampled_from([f"s{n}" for n in range(12)]),
        "target": st.sampled_from([f"t{n}" for n in range(4)]),
        "producer": st.sampled_from(["app", "bot"]),
        "origin": st.sampled_from(["human", "human", "automated", "self-training"]),
        "tier": st.sampled_from(["unvetted", "vetted"]),
        "kind": st.just("label"),
        "cluster": st.sampled_from([f"c{n}" for n in range(8)]),
        "verdict": st.sampled_from(["clear", "clear", "clear", "watch", "hold", ""]),
        "barred": st.sampled_from(["", "", "", "taken back"]),
    }
)
POLICIES = [
    edited(
        shipped(name),
        budget_source=f"rows = 4\nshare = {source}\nlifetime = 6\nper_target = 1",
        budget_cluster=f"rows = 6\nshare = {cluster}\nlifetime = 8\nper_target = 2",
        budget_producer="rows = 30\nshare = 0.8",
        support="rows = 6\nclusters = 2",
    )
    for name in ("default", "demo")
    for source, cluster in ((0.1, 0.2), (0.3, 0.3), (0.8, 0.8))
]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(POLICIES),
    st.lists(WORDS, max_size=120),
    st.lists(WORDS, max_size=20),
)
def test_no_budget_is_exceeded_whatever_the_crowd(
    text: str, rows: list[dict[str, object]], before: list[dict[str, object]]
) -> None:
    policy = load(text)
    past = gone(*({k: v for k, v in row.items() if k in PRIOR} for row in before))
    found = chosen(crowd(*rows), policy, prior=past).members
    ever = pd.concat([found, past])
    size = len(found)
    producers = Counter(found["producer"])
    assert max(producers.values(), default=0) <= min(30, 0.8 * size + 1e-9)
    for keys, voice in (
        (["producer", "source"], policy.budget.source),
        (["cluster"], policy.budget.cluster),
    ):
        now = Counter(zip(*(found[key] for key in keys), strict=True))
        assert max(now.values(), default=0) <= min(voice.rows, voice.share * size + 1e-9)
        whole = Counter(zip(*(ever[key] for key in keys), strict=True))
        assert all(whole[voice_] <= voice.lifetime for voice_ in now)
        spoken = Counter(zip(*(ever[key] for key in [*keys, "target"]), strict=True))
        told = set(zip(*(found[key] for key in [*keys, "target"]), strict=True))
        assert all(spoken[each] <= voice.per_target for each in told)
    for target in set(found["target"]):
        behind = ever[ever["target"] == target]
        assert len(behind) <= 6 or behind["cluster"].nunique() >= 2
    assert set(found["verdict"]) <= {"clear", "watch"}
    assert set(found["barred"]) <= {""}
    through = Counter(_rule(policy, row) for row in found.to_dict("records"))
    for rule in policy.rule:
        assert through[rule.name] <= rule.share * size + 1e-9
    assert through[""] == 0
    if size:
        cluster = policy.budget.cluster
        assert certify(found, policy).worst[0].rows <= min(
            cluster.rows, cluster.share * size + 1e-9
        )


def _rule(policy: Policy, row: dict[str, object]) -> str:
    claim = Claim("helpful", "label", Origin(str(row["origin"])), Tier(str(row["tier"])))
    found = judge(policy, claim)
    return found.name if isinstance(found, Rule) else ""


def test_what_can_stay_within_every_share_stays() -> None:
    sizes = np.array([60, 60, 60, 7, 5])
    rows = [
        {"source": f"s{s}", "target": f"t{n}"}
        for s, many_ in enumerate(sizes)
        for n in range(many_)
    ]
    text = edited(
        LOOSE,
        budget_source="rows = 60\nshare = 0.3\nlifetime = 200\nper_target = 1",
        budget_cluster="rows = 60\nshare = 0.3\nlifetime = 200\nper_target = 3",
    )
    kept = Counter(chosen(crowd(*rows), text).members["source"])
    best = max(
        size for size in range(200) if np.minimum(sizes, int(0.3 * size + 1e-9)).sum() >= size
    )
    assert sum(kept.values()) == best


@given(st.lists(st.binary(min_size=4, max_size=4), unique=True))
def test_rows_are_taken_in_the_order_of_their_leaf_hashes(leaves: list[bytes]) -> None:
    order = _by_leaf(pd.Series(leaves, dtype=object))
    assert [leaves[place] for place in order] == sorted(leaves)


def test_a_source_and_a_target_of_one_name_are_told_apart_whatever_holds_them() -> None:
    rows = crowd(*many(3, 4))
    named = ("producer", "source", "cluster", "target", "kind", "scope", "origin", "tier")
    coded = rows.astype(dict.fromkeys(named, "category"))
    before = gone({"source": "s1"}, {"source": "elsewhere", "target": "t1"})
    plain = chosen(rows, TIGHT, prior=before)
    assert chosen(coded, TIGHT, prior=before).left_out == plain.left_out
    assert [*chosen(coded, TIGHT, prior=before).members["index"]] == [*plain.members["index"]]
