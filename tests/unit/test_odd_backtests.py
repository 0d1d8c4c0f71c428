"""Backtests of odd data end with what can be said of it: a warning is an error, as everywhere."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from quarantine.errors import UsageError
from service.backtest import run
from service.backtest.model import BacktestOptions

RATING = "source,target,time,value"
LABEL = "source,target,time,label"


def of(head: str, rows: Iterable[str]) -> str:
    return "\n".join([head, *rows]) + "\n"


def _quiet(_: str) -> None:
    """Nobody waits for these."""


ODD = {
    "one event": of(RATING, ["a,t,,3"]),
    "one source": of(RATING, [f"a,t{n},,{n % 5}" for n in range(30)]),
    "two who differ": of(RATING, ["a,t,,1", "b,t,,2"]),
    "all say the same": of(RATING, [f"s{n % 8},t{n // 8},,3" for n in range(80)]),
    "one label": of(LABEL, [f"s{n % 8},t{n // 8},,yes" for n in range(80)]),
    "nobody ever agrees": of(LABEL, [f"s{n % 8},t{n // 8},,l{n}" for n in range(80)]),
    "names of any alphabet": of(
        LABEL,
        [
            f"\u7528\u6237{n % 5}e\u0301,\u0446\u0435\u043b\u044c{n // 5},,\u0434\u0430"
            for n in range(40)
        ],
    ),
    "times of two spellings": of(RATING, ["a,t,1700000000,1", "b,t,2023-11-14T22:13:21Z,2"]),
    "a source none of whose rows can be read": of(RATING, ["a,t,,five", "b,t,,2"]),
    "a source with a NUL": of(RATING, ["a\x00b,t,,1", "b,t,,2"]),
    "a line that is too short": of(RATING, ["a,t", "b,t,,2", "c,t,,3"]),
    "an answer that was only ever said before another one": of(
        LABEL,
        [
            *(f"s{n % 8},t{n // 8},{n},{'ab'[n % 3 == 0]}" for n in range(80)),
            *(f"s{n},t0,{100 + n},z" for n in range(8)),
            *(f"s{n},t0,{200 + n},a" for n in range(8)),
        ],
    ),
    "targets with one label each": of(LABEL, [f"s{n % 4},t{n // 4},,l{n // 4}" for n in range(40)]),
    "an id said twice": of(f"{RATING},id", ["a,t,,1,x", "a,u,,2,x", "b,t,,1,x"]),
    "a mark before the header": "\ufeff" + of(RATING, ["a,t,,1", "b,t,,2"]),
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_odd_data_is_scored_and_counted(text: str, tmp_path: Path) -> None:
    file = tmp_path / "odd.csv"
    file.write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    run([file], BacktestOptions(out=out), progress=_quiet)
    counts = json.loads((out / "summary.json").read_text())["counts"]
    dossiers = [json.loads(line) for line in (out / "dossiers.jsonl").read_text().splitlines()]
    events = pq.read_table(out / "events.parquet")
    assert events.num_rows == counts["events"] > 0
    assert {each["source"] for each in dossiers} == set(events["source"].to_pylist())
    assert all(0 <= each["score"] <= 1 and each["p_value"] is None for each in dossiers)


@pytest.mark.parametrize(
    "text", ["", RATING + "\n", of(RATING, ["a,t,,nan"]), "source,target,time\n"]
)
def test_data_without_one_readable_event_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "none.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError):
        run([file], BacktestOptions(out=tmp_path / "out"), progress=_quiet)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_few_people_say_of_few_things_is_scored(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    people, things = chance.choice([1, 2, 8, 30]), chance.choice([1, 2, 5, 40])
    head, answers = chance.choice(
        [(RATING, ["1", "3", "5"]), (LABEL, ["no", "yes", "\u00e9", "a"])]
    )
    said = [
        (f"s{chance.randrange(people)}", f"t{chance.randrange(things)}", n, chance.choice(answers))
        for n in range(chance.choice([2, 30, 200]))
    ]
    feedback, reference = tmp_path / "feedback.csv", tmp_path / "reference.csv"
    feedback.write_text(of(head, (",".join(map(str, each)) for each in said)), encoding="utf-8")
    reference.write_text(of("source", (f"s{n}" for n in range(0, people, 2))), encoding="utf-8")
    options = BacktestOptions(
        out=tmp_path / "out", reference=reference if seed % 2 else None, prequential=(1, 3)
    )
    run([feedback], options, progress=_quiet)
    assert pq.read_table(tmp_path / "out" / "events.parquet").num_rows > 0
