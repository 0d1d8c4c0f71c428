"""Recorded feedback in, dossiers out: as the service would have judged it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from approvals.rules import shipped
from quarantine.errors import UsageError
from service.backtest import BacktestOptions, run, writing
from service.sheets import events_in

FILES = {"dossiers.jsonl", "events.parquet", "prequential.jsonl", "summary.json", "report.html"}
Row = tuple[str, str, str, int]


def crowd(seed: int = 1, sources: int = 30, targets: int = 40) -> list[Row]:
    """People who rate what they see, mostly alike; five of them say the contrary of everyone."""
    chance = np.random.default_rng(seed)
    good = chance.integers(1, 6, targets)
    rows = []
    for moment in range(sources * 15):
        source, target = int(chance.integers(sources)), int(chance.integers(targets))
        value = int(np.clip(good[target] + chance.integers(-1, 2), 1, 5))
        rows.append(
            (f"s{source}", f"t{target}", f"{moment * 60}", 6 - value if source < 5 else value)
        )
    return rows


def recorded(folder: Path, rows: Sequence[Row], name: str = "events.csv") -> Path:
    text = "".join(f"{','.join(map(str, row))},1,5\n" for row in rows)
    (folder / name).write_text(f"source,target,time,value,low,high\n{text}")
    return folder / name


def tried(file: Path, options: BacktestOptions) -> dict[str, object]:
    return run([file], options, progress=lambda _: None)


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def options(tmp_path: Path) -> BacktestOptions:
    return BacktestOptions(out=tmp_path / "out", pass_every=100, prequential=(3, 5))


def test_a_backtest_leaves_exactly_its_five_files(tmp_path: Path, options: BacktestOptions) -> None:
    summary = tried(recorded(tmp_path, crowd()), options)
    assert {file.name for file in options.out.iterdir()} == FILES
    assert json.loads((options.out / "summary.json").read_text()) == json.loads(json.dumps(summary))


def test_there_is_one_dossier_a_source_with_the_keys_that_were_promised(
    tmp_path: Path, options: BacktestOptions
) -> None:
    rows = crowd()
    tried(recorded(tmp_path, rows), options)
    dossiers = lines(options.out / "dossiers.jsonl")
    assert [each["source"] for each in dossiers] == list(dict.fromkeys(row[0] for row in rows))
    assert sum(int(str(each["events"])) for each in dossiers) == len(rows)
    for each in dossiers:
        assert list(each) == [
            "producer",
            "source",
            "events",
            "score",
            "p_value",
            "cluster",
            "verdict",
            "findings",
        ]
        assert each["producer"] is None
        assert each["p_value"] is None
        assert 0 <= float(str(each["score"])) <= 1
        assert each["verdict"] in {"clear", "watch", "hold"}


def test_those_who_say_the_contrary_score_worst_and_the_reason_is_in_words(
    tmp_path: Path, options: BacktestOptions
) -> None:
    tried(recorded(tmp_path, crowd()), options)
    dossiers = lines(options.out / "dossiers.jsonl")
    worst = sorted(dossiers, key=lambda each: -float(str(each["score"])))[:5]
    assert {each["source"] for each in worst} == {"s0", "s1", "s2", "s3", "s4"}
    assert all(each["findings"] for each in worst)


def test_events_are_written_in_the_order_of_the_file(
    tmp_path: Path, options: BacktestOptions
) -> None:
    rows = crowd()
    rows[0], rows[-1] = rows[-1], rows[0]
    tried(recorded(tmp_path, rows), options)
    table = pq.read_table(options.out / "events.parquet")
    assert table.column_names == [
        "source",
        "id",
        "target",
        "time",
        "score",
        "score_at_arrival",
        "held",
        "because",
    ]
    assert table.column("id").to_pylist() == [str(number) for number in range(len(rows))]
    assert table.column("source").to_pylist() == [row[0] for row in rows]
    assert [at.timestamp() for at in table.column("time").to_pylist()] == [int(r[2]) for r in rows]


def test_what_is_said_at_arrival_is_known_from_earlier_events_and_the_event_itself(
    tmp_path: Path, options: BacktestOptions
) -> None:
    rows = crowd()
    tried(recorded(tmp_path, rows), options)
    whole = pq.read_table(options.out / "events.parquet").column("score_at_arrival").to_numpy()
    again = replace(options, out=tmp_path / "again")
    later = [(source, target, time, 6 - value) for source, target, time, value in rows[250:]]
    tried(recorded(tmp_path, rows[:250] + later, "other.csv"), again)
    other = pq.read_table(again.out / "events.parquet").column("score_at_arrival").to_numpy()
    np.testing.assert_array_equal(whole[:250], other[:250])
    assert (whole[250:] != other[250:]).any()


def test_what_is_in_force_at_the_kth_event_comes_of_passes_before_it(
    tmp_path: Path, options: BacktestOptions
) -> None:
    rows = crowd()
    options = replace(options, prequential=(3, 5, 20))
    tried(recorded(tmp_path, rows), options)
    again = replace(options, out=tmp_path / "again")
    later = [(source, target, time, 6 - value) for source, target, time, value in rows[250:]]
    tried(recorded(tmp_path, rows[:250] + later, "other.csv"), again)
    seen: dict[str, int] = {}
    stands = {}
    for place, row in enumerate(rows):
        seen[row[0]] = seen.get(row[0], 0) + 1
        stands[row[0], seen[row[0]]] = place
    first, second = (
        {(each["source"], each["k"]): each["score"] for each in lines(out / "prequential.jsonl")}
        for out in (options.out, again.out)
    )
    assert set(first) == {key for key in stands if key[1] in options.prequential}
    assert any(stands[key] >= 300 for key in first)
    assert all(first[key] == second[key] for key in first if stands[key] < 300)
    assert any(first[key] != second[key] for key in first if stands[key] >= 300)
    assert all((first[key] == 0) == (stands[key] < options.pass_every) for key in first)


def test_a_reference_gives_p_values_and_no_reference_says_it_is_a_cold_start(
    tmp_path: Path, options: BacktestOptions
) -> None:
    told: list[str] = []
    file = recorded(tmp_path, crowd())
    cold = run([file], options, progress=told.append)
    assert cold["cold_start"] is True
    assert any("cold start" in line for line in told)
    trusted = tmp_path / "trusted.csv"
    trusted.write_text("source\n" + "".join(f"s{number}\n" for number in range(10, 30)))
    warm = tried(file, replace(options, reference=trusted))
    assert warm["cold_start"] is False
    dossiers = {each["source"]: each for each in lines(options.out / "dossiers.jsonl")}
    assert len(dossiers) == 30
    assert all(each["p_value"] is not None for each in dossiers.values())
    assert dossiers["s20"]["verdict"] == "clear"
    assert dossiers["s20"]["score"] == 0


def test_what_a_producer_sends_of_a_table_is_judged_as_the_table_is(
    tmp_path: Path, options: BacktestOptions
) -> None:
    table = recorded(tmp_path, crowd())
    tried(table, options)
    native = tmp_path / "events.jsonl"
    sent = events_in(table, scope="backtest", at=datetime(2020, 1, 1, tzinfo=UTC))
    native.write_bytes(b"\n".join(sent))
    again = replace(options, out=tmp_path / "again")
    tried(native, again)
    for name in ("dossiers.jsonl", "prequential.jsonl", "events.parquet", "report.html"):
        assert (options.out / name).read_bytes() == (again.out / name).read_bytes()


def test_the_summary_accounts_for_every_row_and_bounds_the_exposure(
    tmp_path: Path, options: BacktestOptions
) -> None:
    file = recorded(tmp_path, crowd())
    with file.open("a") as more:
        more.write("s1,t1,soon,3,1,5\n")
    summary = json.loads(json.dumps(tried(file, options)))
    counts = summary["counts"]
    assert counts["rows"] == counts["events"] + counts["malformed"] == 451
    assert summary["malformed"][0]["row"] == 450
    worst = summary["exposure"]["everything"]["worst"]
    assert [each["clusters"] for each in worst] == [1, 5, 20]
    assert 0 < worst[0]["rows"] < worst[1]["rows"] < worst[2]["rows"] < 450
    assert {"read", "passes", "score", "write"} <= summary["seconds"].keys()
    assert {"python", "numpy", "scikit-learn"} <= summary["versions"].keys()
    assert "seed" in summary
    assert summary["thresholds"]


def test_within_budgets_no_source_holds_more_than_the_policy_gives_it(
    tmp_path: Path, options: BacktestOptions
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(shipped("default").replace("rows = 50\n", "rows = 7\n"))
    file = recorded(tmp_path, crowd())
    summary = json.loads(json.dumps(tried(file, replace(options, policy=policy))))
    worst = summary["exposure"]["within_budgets"]["worst"][0]
    assert worst["rows"] <= 7 < summary["exposure"]["everything"]["worst"][0]["rows"]


def test_events_of_every_kind_in_one_file_are_judged_together(
    tmp_path: Path, options: BacktestOptions
) -> None:
    said: dict[str, dict[str, object]] = {
        "rating": {"value": 1, "low": 0, "high": 2},
        "label": {"label": "a", "labels": ["a", "b"]},
        "preference": {"prompt": "?", "chosen": "a", "rejected": "b"},
        "correction": {"prompt": "?", "completion": "a", "corrected": "b"},
        "signal": {"name": "clicks", "value": 3},
        "pseudo_label": {
            "label": "a",
            "labels": ["a"],
            "confidence": 0.5,
            "model": "m",
            "generation": 1,
        },
    }
    file = tmp_path / "all.jsonl"
    with file.open("w") as out:
        for number in range(120):
            kind = sorted(said)[number % len(said)]
            event = {
                "specversion": "1.0",
                "id": str(number),
                "source": f"s{number % 10}",
                "subject": f"t{number % 7}",
                "type": f"feedback.{kind}.v1",
                "time": f"2024-01-01T{number // 60:02}:{number % 60:02}:00Z",
                "scope": "s" if number % 3 else "r",
                "data": said[kind],
            }
            out.write(json.dumps(event) + "\n")
    summary = json.loads(json.dumps(tried(file, options)))
    assert summary["counts"]["events"] == 120
    assert summary["exposure"]["everything"]["rows"] == 120


def test_gold_and_items_are_told_of(tmp_path: Path, options: BacktestOptions) -> None:
    gold, items = tmp_path / "gold.csv", tmp_path / "items.jsonl"
    gold.write_text("target,label\nt1,3\nt2,\n")
    items.write_text('{"target": "t1", "text": "<b>"}\n')
    tried_with = replace(options, gold=gold, items=items)
    summary = json.loads(json.dumps(tried(recorded(tmp_path, crowd()), tried_with)))
    assert summary["gold"]["answered"] >= summary["gold"]["right"] > 0
    assert summary["items"] == {"rows": 1, "targets_described": 1, "malformed": []}
    assert "Against known answers" in (options.out / "report.html").read_text()


def test_the_report_shows_its_plots_and_no_name_in_it_does_anything(
    tmp_path: Path, options: BacktestOptions
) -> None:
    rows = [*crowd(), *[("<script>", "t\u202e1", "99999", 1)] * 3]
    tried(recorded(tmp_path, rows), options)
    text = (options.out / "report.html").read_text()
    assert text.count("<svg") >= 3
    assert "<script" not in text
    assert "\u202e" not in text


def test_a_backtest_again_takes_the_place_of_the_one_before(
    tmp_path: Path, options: BacktestOptions
) -> None:
    tried(recorded(tmp_path, crowd(1)), options)
    before = (options.out / "dossiers.jsonl").read_bytes()
    tried(recorded(tmp_path, crowd(2)), options)
    assert (options.out / "dossiers.jsonl").read_bytes() != before
    assert {path.name for path in tmp_path.iterdir()} == {"events.csv", "out"}


def test_what_is_not_a_backtest_is_never_written_over(
    tmp_path: Path, options: BacktestOptions
) -> None:
    file = recorded(tmp_path, crowd())
    options.out.mkdir()
    (options.out / "precious").write_text("mine")
    with pytest.raises(UsageError, match="something else"):
        tried(file, options)
    assert [path.name for path in options.out.iterdir()] == ["precious"]
    with pytest.raises(UsageError, match="no directory"):
        tried(file, replace(options, out=file))


def test_a_backtest_that_breaks_off_leaves_what_was_there(
    tmp_path: Path, options: BacktestOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = recorded(tmp_path, crowd())
    tried(file, options)
    before = (options.out / "dossiers.jsonl").read_bytes()

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(writing, "write_prequential", full)
    with pytest.raises(OSError, match="no space"):
        tried(recorded(tmp_path, crowd(2)), options)
    with pytest.raises(OSError, match="no space"):
        tried(file, replace(options, out=tmp_path / "new"))
    assert (options.out / "dossiers.jsonl").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"events.csv", "out"}


@pytest.mark.parametrize(
    "asked",
    [
        lambda options, _: replace(options, pass_every=0),
        lambda options, _: replace(options, prequential=(0,)),
        lambda options, folder: replace(options, policy=folder / "absent.toml"),
        lambda options, folder: replace(options, gold=folder / "absent.csv"),
        lambda options, _: replace(options, scope="nobody's"),
    ],
)
def test_options_without_a_meaning_are_usage_errors(
    tmp_path: Path,
    options: BacktestOptions,
    asked: Callable[[BacktestOptions, Path], BacktestOptions],
) -> None:
    file = tmp_path / "events.csv"
    file.write_text("source,target,time,value,scope\ns,t,,1,here\n")
    with pytest.raises(UsageError):
        tried(file, asked(options, tmp_path))
    assert not options.out.exists()


def test_one_event_alone_is_enough(tmp_path: Path, options: BacktestOptions) -> None:
    file = tmp_path / "events.csv"
    file.write_text("source,target,time,label\ns,t,,yes\n")
    summary = json.loads(json.dumps(tried(file, options)))
    assert summary["counts"]["events"] == 1
    assert summary["timed"] is False
    assert pq.read_table(options.out / "events.parquet").column("time").to_pylist() == [None]
