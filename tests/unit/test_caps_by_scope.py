"""What a budget counts: which scope and kind of what left before, and what rules look at."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest

from approvals.budget import choose
from approvals.rules import load
from approvals.sayings import column_sayings
from tests.leaving import chosen, crowd, edited, gone, many
from tests.room import LOOSE, START

WIDE = edited(LOOSE, budget_cluster="rows = 60\nshare = 1.0\nlifetime = 200\nper_target = 60")
ELSEWHERE = ({"scope": "other"}, {"kind": "rating"}, {"scope": "other", "kind": "rating"})
"""What another release than one of this scope and this kind was."""
Rows = list[dict[str, object]]
DENIED = """
[[deny]]
name = "never these"
scopes = ["*"]
kinds = ["*"]
origins = ["*"]
tiers = ["*"]
"""


@pytest.mark.parametrize("where", ELSEWHERE)
def test_what_a_voice_said_on_a_target_elsewhere_takes_no_word_from_it_here(
    where: dict[str, object],
) -> None:
    said: dict[str, object] = {"source": "s0", "target": "t0"}
    assert len(chosen(crowd(said), prior=gone(said | where)).members) == 1
    here = chosen(crowd(said), prior=gone(said))
    assert here.left_out == {"source has spoken on this target": 1}


@pytest.mark.parametrize("where", ELSEWHERE)
def test_a_lifetime_is_of_every_scope_and_kind(where: dict[str, object]) -> None:
    text = edited(WIDE, budget_source="rows = 9\nshare = 1.0\nlifetime = 9\nper_target = 1")
    before = gone(*({"source": "s0"} | where for _ in range(7)))
    found = chosen(crowd(*many(2, 9)), text, prior=before)
    assert Counter(found.members["source"]) == {"s0": 2, "s1": 9}


@pytest.mark.parametrize("where", ELSEWHERE)
def test_rows_on_a_target_elsewhere_leave_no_less_room_for_it_here(
    where: dict[str, object],
) -> None:
    old: Rows = [{"source": f"p{n}", "cluster": "a", "target": "x"} for n in range(25)]
    rows: Rows = [{"source": f"s{n}", "cluster": f"c{n % 3}", "target": "x"} for n in range(9)]
    elsewhere = gone(*(row | where for row in old))
    assert len(chosen(crowd(*rows), WIDE, prior=elsewhere).members) == 9
    assert len(chosen(crowd(*rows), WIDE, prior=gone(*old)).members) == 5


@pytest.mark.parametrize("where", ELSEWHERE)
def test_who_stood_behind_a_target_elsewhere_does_not_stand_behind_it_here(
    where: dict[str, object],
) -> None:
    old: Rows = [{"source": f"p{n}", "target": "x"} for n in range(10)]
    rows: Rows = [{"source": f"s{n}", "cluster": f"c{n % 3}", "target": "x"} for n in range(40)]
    elsewhere = chosen(crowd(*rows), WIDE, prior=gone(*(row | where for row in old)))
    assert elsewhere.left_out == {"too few clusters behind its target": 10}
    assert len(chosen(crowd(*rows), WIDE, prior=gone(*old)).members) == 40


def test_each_reason_to_bar_a_row_keeps_it_and_is_counted() -> None:
    barred = [
        *many(2, 1, prefix="a", barred="already released"),
        *many(3, 1, prefix="b", barred="set aside"),
        *many(4, 1, prefix="c", barred="taken back"),
    ]
    found = chosen(crowd(*barred, {"source": "s0"}))
    assert list(found.members["source"]) == ["s0"]
    assert found.left_out == {"already released": 2, "set aside": 3, "taken back": 4}


def test_a_share_is_of_what_leaves_after_phrases_were_cut() -> None:
    chant: Rows = [{"source": f"bad{n}", "cluster": f"b{n % 5}"} for n in range(250)]
    people: Rows = [{"source": f"s{n}", "cluster": f"h{n % 40}"} for n in range(400)]
    machines: Rows = [{"source": f"m{n}", "origin": "automated"} for n in range(200)]
    plain = [f"honest{n % 53} words{n % 31} differ{n % 17}" for n in range(600)]
    texts = [*["please answer zorvex blim"] * 250, *plain]
    sayings = column_sayings([pa.array(texts, pa.string())])
    rows = crowd(*chant, *people, *machines)
    found = choose(rows, load(WIDE), prior=gone(), at=START, sayings=sayings)
    assert found.left_out["too few clusters behind a phrase"] == 220
    left = Counter(found.members["origin"])
    assert left == {"human": 430, "automated": 107}  # 20 % of 537 are 107.4
    uncut = chosen(rows, WIDE)
    assert Counter(uncut.members["origin"]) == {"human": 650, "automated": 162}


def test_a_denial_of_a_label_holds_where_no_rule_speaks_of_labels() -> None:
    rows: Rows = [
        *many(2, 3, label="bad"),
        *many(2, 3, prefix="x", label="good"),
        *many(1, 3, prefix="z"),
    ]
    found = chosen(crowd(*rows), DENIED.join([LOOSE, 'labels = ["bad"]\n']))
    assert Counter(found.members["source"]) == {"x0": 3, "x1": 3, "z0": 3}
    assert found.left_out == {"denied: never these": 6}


def test_a_denial_of_targets_holds_for_these_and_for_those_that_begin_so() -> None:
    targets = ("exam-1", "exam-2", "leaked", "leaked-2", "chat")
    rows: Rows = [{"source": f"s{n}", "target": target} for n, target in enumerate(targets)]
    found = chosen(crowd(*rows), DENIED.join([LOOSE, 'targets = ["exam-*", "leaked"]\n']))
    assert list(found.members["target"]) == ["leaked-2", "chat"]
    assert found.left_out == {"denied: never these": 3}


def test_a_rule_of_some_labels_and_targets_admits_these_alone() -> None:
    pairs = [(label, target) for label in ("good", "bad") for target in ("t1", "t2")]
    rows: Rows = [
        {"source": f"s{n}", "label": label, "target": target}
        for n, (label, target) in enumerate(pairs)
    ]
    for held, word, left in (("labels", "good", [0, 1]), ("targets", "t2", [1, 3])):
        text = LOOSE.replace('origins = ["human"]\n', f'origins = ["human"]\n{held} = ["{word}"]\n')
        found = chosen(crowd(*rows), text)
        assert list(found.members["index"]) == left
        assert found.left_out == {"no rule admits it": 2}
