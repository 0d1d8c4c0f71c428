"""Probes beside what waits: in its weeks, beside its reference, in company, with a past."""

from __future__ import annotations

from functools import cache
from itertools import count
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from approvals.aliases import Aliases
from approvals.probes import Genuine, Probe, called_now, made
from approvals.screen.planted import planted
from approvals.shadow import FEWEST, names_of, rows_of, scenery
from quarantine.model import Dossier, Finding, SourceKey, Standing, Tier, Verdict
from quarantine.plugins import offered
from quarantine.scene import Attack
from tests import crowd

MONTH = 30 * crowd.DAY


def spoken(start: int, seed: int, sources: int, first: int = 0, *, at: int = 0) -> pa.Table:
    """Let people label random targets over a month that starts at `start`."""
    chance = np.random.default_rng(seed)
    table = crowd.table(
        crowd.Said(
            f"rater/{first + 3 * source}",
            f"t{target}",
            f"l{target % 3 if chance.random() < 0.8 else int(chance.integers(3))}",
            at=start + int(chance.integers(0, MONTH)),
            producer="app",
        )
        for source in range(sources)
        for target in chance.choice(50, 14 if at == 0 else 8, replace=False).tolist()
    )
    place = table.schema.get_field_index("index")
    numbers = pa.array(np.arange(table.num_rows) + at)
    return table.set_column(place, table.schema.field(place), numbers)


@cache
def released() -> pa.Table:
    return spoken(crowd.START, 0, 60)


@cache
def held() -> pa.Table:
    return spoken(crowd.START + 2 * MONTH, 1, 60, 90, at=released().num_rows)


@cache
def some() -> tuple[Probe, ...]:
    attacks = cast("dict[str, Attack]", offered("quarantine.attacks", "ATTACK"))
    chosen = {name: attacks[name] for name in ("copying_ring", "majority_class")}
    known = {SourceKey("app", f"rater/{3 * n}"): Standing(tier=Tier.VETTED) for n in range(90)}
    salts = count()
    genuine = Genuine(released(), chosen, held(), known)
    return tuple(made(genuine, seed=3, each=4, salt=lambda: f"{next(salts):032x}"))


def test_names_are_new_of_the_same_shape_and_near_those_that_are_there() -> None:
    names = [f"rater/{n}" for n in range(0, 300, 3)] + ["bot/007", "someone"]
    aliases = Aliases(names, np.random.default_rng(0))
    mine = [aliases.like("rater/150") for _ in range(50)] + [aliases.like("bot/007")]
    assert len({*mine, *names}) == len(mine) + len(names)
    assert all(80 <= int(name.partition("/")[2]) <= 220 for name in mine[:50])
    assert len(mine[-1]) == len("bot/007")
    assert aliases.like("someone").startswith("someone-")
    assert len({aliases.another() for _ in range(200)} & set(names)) == 0


def test_what_is_lent_waits_again_and_its_past_stays() -> None:
    scene = scenery(released(), held(), np.random.default_rng(0))
    assert scene.before is not None
    assert len(scene.lent) >= 5
    own = sum(len(rows_of(held(), name)) for name in scene.lent)
    whole = released().num_rows + held().num_rows
    assert scene.events.num_rows + scene.before.num_rows == whole - own
    window = pc.min_max(held()["arrived"]).as_py()
    for name in scene.lent:
        again = [row["arrived"] for row in rows_of(scene.events, name)]
        assert all(window["min"] <= each <= window["max"] + 3_600_000_000 for each in again)
        assert len(rows_of(scene.before, name)) >= 4, "nobody lends all they have"


def test_where_little_waits_what_was_released_is_the_scene() -> None:
    scene = scenery(released(), held().slice(0, FEWEST - 1), np.random.default_rng(0))
    assert scene.before is None
    assert scene.lent == frozenset(names_of(released()))


def test_probes_speak_when_real_cases_do_and_are_judged_beside_the_same_reference() -> None:
    assert any(probe.bad for probe in some())
    first = pc.min(held()["arrived"]).as_py()
    for probe in some():
        assert not probe.dossier.cold_start
        assert probe.dossier.p_value is not None
        waiting = [each.arrived for each in probe.events if not each.released]
        past = [each.arrived for each in probe.events if each.released]
        assert min(waiting) >= first
        assert not past or max(past) < first


def test_of_a_ring_all_who_are_doubted_are_probes() -> None:
    laid = {probe.dossier.source for probe in some()}
    rings = [probe for probe in some() if probe.company]
    for probe in rings:
        doubted = {e.source for e in probe.company if e.verdict is not Verdict.CLEAR}
        assert doubted <= laid


def test_a_past_is_shown_as_approved_and_a_tier_as_given() -> None:
    with_past = [probe for probe in some() if any(each.released for each in probe.events)]
    assert with_past, "those who were taken over have said things before"
    probes = {probe.key: probe for probe in some()}
    size = released().num_rows + held().num_rows
    laid = planted(pa.concat_tables([released(), held()]), probes, size)
    shown = {laid.named[number][0] for number in laid.released}
    assert shown == {probe.key for probe in with_past}
    assert all(each.tier is Tier.VETTED for each in laid.tiers().values())
    assert laid.tiers().keys() <= probes.keys()


def test_a_name_that_json_spells_otherwise_is_renamed_too() -> None:
    from approvals.probes import _renamed

    known = some()[0].dossier.model_copy(update={"source": 'rater/"7"', "cluster": 'app/rater/"7"'})
    again = _renamed(known, {'rater/"7"': "rater/\\8", "rater/9": "rater/10"})
    assert (again.source, again.cluster) == ("rater/\\8", "app/rater/\\8")


def test_a_few_left_over_do_not_stretch_the_weeks_of_a_scene() -> None:
    old = spoken(crowd.START, 5, 1, 900, at=released().num_rows + held().num_rows)
    scene = scenery(released(), pa.concat_tables([old, held()]), np.random.default_rng(0))
    assert "rater/900" not in names_of(scene.events)
    first = int(np.min(scene.events.column("arrived").to_numpy()))
    assert first >= crowd.START + 2 * MONTH


def test_probes_are_told_beside_the_others_of_their_own_scene() -> None:
    rings = [probe for probe in some() if probe.attack == "copying_ring"]
    now = [said for probe in rings for said in probe.events if not said.released]
    assert now
    assert all(said.shift is not None for said in now)
    # Five members take five slots of a target: each hears four fellows there for five who left.
    assert any(said.shift and said.shift[0] < 0 < said.shift[1] for said in now)
    past = [said for probe in some() for said in probe.events if said.released]
    assert {said.shift for said in past} == {(-1.0, -1.0, 0.0, 0.0)}


@pytest.mark.parametrize(
    ("detector", "p_value", "verdict"),
    [
        ("pattern", 0.02, Verdict.HOLD),
        ("pattern", 0.4, Verdict.CLEAR),
        ("disagreement", 0.02, Verdict.WATCH),
        ("disagreement", 0.4, Verdict.CLEAR),
    ],
)
def test_probes_are_doubted_at_the_p_value_of_today(
    detector: str, p_value: float, verdict: Verdict
) -> None:
    from approvals.probes import _as_today

    finding = Finding(detector=detector, score=0.9, because="odd")
    change = {"p_value": p_value, "verdict": Verdict.CLEAR, "findings": (finding,)}
    then = some()[0].dossier.model_copy(update=change)
    today = _as_today(then, 0.05, 60)
    assert today.verdict is verdict
    told = [each.because for each in today.findings if each.detector == "reference"]
    assert len(told) == (verdict is not Verdict.CLEAR), "who is called is told what that means"
    assert all("of 60 reviewed sources" in each for each in told)
    assert _as_today(then, None, 60).verdict is verdict, "where nobody is doubted, 0.05 stands in"
    late = then.model_copy(update={"p_value": 0.4, "verdict": Verdict.HOLD})
    assert _as_today(late, 0.05, 60).verdict is Verdict.CLEAR
    cold = then.model_copy(update={"p_value": None})
    assert _as_today(cold, 0.05, 60) is cold


def test_today_is_what_the_least_sure_of_the_doubted_has() -> None:
    def doubted(p_value: float | None, verdict: Verdict) -> Dossier:
        known = some()[0].dossier
        return known.model_copy(update={"p_value": p_value, "verdict": verdict})

    found = [doubted(0.01, Verdict.HOLD), doubted(0.03, Verdict.WATCH), doubted(0.9, Verdict.CLEAR)]
    assert called_now(found) == 0.03
    assert called_now([doubted(None, Verdict.HOLD)]) is None


def test_the_file_of_probes_without_a_past_is_read_as_before(tmp_path: Path) -> None:
    del tmp_path
    for probe in some():
        plain = probe.model_copy(
            update={"tier": None, "events": tuple(e for e in probe.events if not e.released)}
        )
        assert b"released" not in plain.canonical()
        assert b"tier" not in plain.canonical()
        assert Probe.parse(plain.canonical()) == plain
