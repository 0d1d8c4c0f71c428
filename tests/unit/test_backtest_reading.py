"""Files become events: by the same rules as from the bus, every row accounted for."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarantine.envelope import kind_named, read
from quarantine.errors import MalformedError, UsageError
from service.backtest.model import Feedback
from service.backtest.reading import read_feedback

FAR = 2**62


def written(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    text = io.StringIO()
    sheet = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    sheet.writeheader()
    sheet.writerows(rows)
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def heard(*files: Path, scope: str | None = None) -> Feedback:
    return read_feedback(files, scope=scope, progress=lambda _: None)


def rating(number: int, **more: object) -> dict[str, object]:
    return {"source": f"s{number}", "target": "t", "time": number, "value": 3} | more


def reasons(feedback: Feedback) -> list[tuple[int, str]]:
    return [(bad.row, bad.reason) for bad in feedback.bad]


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"value": 1}, "rating"),
        ({"label": "a"}, "label"),
        ({"prompt": "p", "chosen": "a", "rejected": "b"}, "preference"),
    ],
)
def test_the_kind_follows_from_the_columns(
    tmp_path: Path, columns: dict[str, object], kind: str
) -> None:
    file = written(tmp_path / "f.csv.gz", [{"source": "s", "target": "t", "time": ""} | columns])
    assert heard(file).events.column("kind").to_pylist() == [kind]


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("source,target,time,text", "no kind"),
        ("source,target,time,chosen", "no kind"),
        ("source,target,time,value,label", "several kinds"),
        ("source,target,value", "no column time"),
        ("source,target,time,chosen,rejected", "no column prompt"),
        ("source,target,time,value,value", "twice"),
        ("", "no kind"),
    ],
)
def test_columns_that_tell_no_one_kind_are_a_usage_error(
    tmp_path: Path, header: str, why: str
) -> None:
    file = tmp_path / "f.csv"
    file.write_text(header + "\n1,2,3,4,5\n")
    with pytest.raises(UsageError, match=why):
        heard(file)


def test_a_file_of_another_kind_and_one_that_is_cut_short_are_usage_errors(tmp_path: Path) -> None:
    cut = tmp_path / "f.csv.gz"
    cut.write_bytes(written(tmp_path / "w.csv.gz", [rating(1)]).read_bytes()[:-9])
    (tmp_path / "f.parquet").write_bytes(b"PAR1")
    for file in (cut, tmp_path / "f.parquet", tmp_path / "absent.csv"):
        with pytest.raises(UsageError):
            heard(file)


def cloud_event(row: Mapping[str, str], number: int, data: dict[str, object], kind: str) -> bytes:
    """Make the event a producer would have made of a row; an empty cell is absent."""
    named = {"source": row["source"], "subject": row["target"]}
    texts = {"text": row["text"]} if row["text"] else {}
    shown = {"shown": row["shown"].split("|")} if row["shown"] else {}
    event = {
        "specversion": "1.0",
        "id": str(number),
        "type": kind_named(kind).event_type,
        "time": "2020-01-01T00:00:00Z",
        "scope": "backtest",
        "data": data | texts | shown,
    }
    return json.dumps(event | {name: word for name, word in named.items() if word}).encode()


def data_of(row: Mapping[str, str], kind: str, labels: Sequence[str]) -> dict[str, object]:
    match kind:
        case "rating":
            return {name: float(row[name]) for name in ("value", "low", "high")}
        case "label":
            return {"labels": labels} | ({"label": row["label"]} if row["label"] else {})
        case _:
            return {name: row[name] for name in ("prompt", "chosen", "rejected") if row[name]}


def by_the_bus(rows: Sequence[Mapping[str, str]], kind: str) -> list[dict[str, object]]:
    labels = sorted({row["label"] for row in rows if row.get("label")})
    found: list[dict[str, object]] = []
    for number, row in enumerate(rows):
        body = cloud_event(row, number, data_of(row, kind, labels), kind)
        try:
            event = read(body, position=number, arrived=FAR)
        except MalformedError as error:
            found.append({"reason": error.reason})
        else:
            named = {"source": event.source, "target": event.target, "id": event.id}
            found.append(event.said._asdict() | named)
    return found


def by_columns(file: Path) -> list[dict[str, object]]:
    feedback = heard(file)
    names = ["answer", "value", "question", "place", "source", "target", "id"]
    said = feedback.events.select(names).to_pylist()
    events = dict(zip(feedback.row.tolist(), said, strict=True))
    bad = {each.row: {"reason": each.reason} for each in feedback.bad}
    return [(events | bad)[number] for number in range(feedback.rows)]


NAMES = st.sampled_from(["a", "b", "", "ü", "a\x07", "x" * 600])
TEXTS = st.sampled_from(["", "yes", "no", 'quo"ted, and\nbroken', "long " * 40, "\u202e"])
NUMBERS = st.sampled_from(["1", "2.5", "-3", "1e2", "0.1", "4"])
SHOWN = st.sampled_from(["", "yes|no", "no|yes", "other"])
COMMON = {"source": NAMES, "target": NAMES, "time": st.just(""), "shown": SHOWN, "text": TEXTS}
GOOD = {"source": "s", "target": "t", "time": "", "shown": "", "text": "", "label": "yes"}
GOOD |= {"value": "1", "low": "0", "high": "2", "prompt": "?", "chosen": "yes", "rejected": "no"}


def rows_of(
    *columns: str, cells: st.SearchStrategy[str]
) -> st.SearchStrategy[list[dict[str, str]]]:
    row = st.fixed_dictionaries(COMMON | dict.fromkeys(columns, cells))
    good = {name: cell for name, cell in GOOD.items() if name in {*COMMON, *columns}}
    return st.lists(row, max_size=12).map(lambda rows: [good, *rows])


PLAIN = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@PLAIN
@given(rows=rows_of("value", "low", "high", cells=NUMBERS))
def test_ratings_by_columns_say_what_they_say_on_the_bus(
    tmp_path: Path, rows: list[dict[str, str]]
) -> None:
    assert by_columns(written(tmp_path / "f.csv", rows)) == by_the_bus(rows, "rating")


@PLAIN
@given(rows=rows_of("label", cells=TEXTS))
def test_labels_by_columns_say_what_they_say_on_the_bus(
    tmp_path: Path, rows: list[dict[str, str]]
) -> None:
    assert by_columns(written(tmp_path / "f.csv", rows)) == by_the_bus(rows, "label")


@PLAIN
@given(rows=rows_of("prompt", "chosen", "rejected", cells=TEXTS))
def test_preferences_by_columns_say_what_they_say_on_the_bus(
    tmp_path: Path, rows: list[dict[str, str]]
) -> None:
    assert by_columns(written(tmp_path / "f.csv", rows)) == by_the_bus(rows, "preference")


def test_native_lines_are_events_and_bad_ones_are_named(tmp_path: Path) -> None:
    row = {name: GOOD[name] for name in ("source", "target", "text", "shown")}
    good = cloud_event(row, 7, {"value": 1.0, "low": 0.0, "high": 4.0}, "rating")
    file = tmp_path / "f.jsonl.gz"
    lines = [good, b"", b"{", good, good.replace(b"1.0,", b"2.0,", 2), good.replace(b'"s"', b'"r"')]
    file.write_bytes(gzip.compress(b"\r\n".join(lines)))
    feedback = heard(file)
    assert feedback.events.select(["source", "id", "value"]).to_pylist() == [
        {"source": "s", "id": "7", "value": 0.25},
        {"source": "r", "id": "7", "value": 0.25},
    ]
    assert reasons(feedback) == [(1, "bad_json"), (3, "conflict")]
    assert (feedback.rows, feedback.duplicates) == (5, 1)


def test_the_mark_before_a_file_is_none_of_its_first_event(tmp_path: Path) -> None:
    row = {name: GOOD[name] for name in ("source", "target", "text", "shown")}
    good = cloud_event(row, 7, {"value": 1.0, "low": 0.0, "high": 4.0}, "rating")
    other = good.replace(b'"s"', b'"r"')
    file = tmp_path / "f.jsonl"
    file.write_bytes(b"\n".join([b"\xef\xbb\xbf" + good, b"\xef\xbb\xbf" + other]))
    feedback = heard(file)
    assert feedback.events.column("source").to_pylist() == ["s"]
    assert reasons(feedback) == [(1, "bom")]


def test_an_id_said_again_with_other_words_is_a_conflict(tmp_path: Path) -> None:
    rows = [rating(1, id="x"), rating(1, id="x"), rating(1, id="x", value=4), rating(2, id="x")]
    feedback = heard(written(tmp_path / "f.csv", rows))
    assert feedback.events.num_rows == 2
    assert feedback.duplicates == 1
    assert reasons(feedback) == [(2, "conflict")]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"value": "nan"}, "not_finite"),
        ({"value": "-Infinity"}, "not_finite"),
        ({"value": "1e999"}, "number_out_of_range"),
        ({"value": "1_000"}, "bad_value"),
        ({"value": "three"}, "bad_value"),
        ({"value": ""}, "missing_field"),
        ({"value": 3, "low": 4, "high": 5}, "bad_value"),
        ({"value": 3, "low": 5, "high": 4}, "bad_value"),
        ({"time": "yesterday"}, "bad_value"),
        ({"time": "2020-13-01T00:00:00Z"}, "bad_value"),
        ({"time": "1600000000000"}, "bad_value"),
        ({"source": ""}, "missing_field"),
        ({"target": "two\nlines"}, "bad_value"),
        ({"scope": "\x1b[31m"}, "bad_value"),
        ({"text": "x" * 70_000}, "event_too_large"),
        ({"text": "\udcff"}, "not_utf8"),
    ],
)
def test_a_bad_row_is_named_and_its_neighbours_are_kept(
    tmp_path: Path, cells: dict[str, object], reason: str
) -> None:
    plain = rating(0, low=1, high=5, text="", scope="")
    file = tmp_path / "f.csv"
    written(file, [plain, plain])
    text = io.StringIO()
    csv.DictWriter(text, list(plain), lineterminator="\n").writerow(plain | cells)
    header, *rest = file.read_bytes().splitlines(keepends=True)
    bad = text.getvalue().encode("utf-8", "surrogateescape")
    file.write_bytes(b"".join([header, rest[0], bad, rest[1]]))
    feedback = heard(file)
    assert reasons(feedback) == [(1, reason)]
    assert feedback.events.column("id").to_pylist() == ["0", "2"]


def test_rows_of_another_width_and_open_quotes_are_named_with_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text('source,target,time,value\na,t,1,2\na,t\n\na,t,2,3,4\na,t,3,4\n"a,t,4,5\n')
    feedback = heard(file)
    assert reasons(feedback) == [(1, "bad_value"), (2, "bad_value"), (4, "bad_value")]
    assert feedback.events.column("id").to_pylist() == ["0", "3"]
    assert feedback.rows == feedback.events.num_rows + len(feedback.bad)


def test_a_file_without_one_good_row_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no event could be read: of 1 rows 1 are bad"):
        heard(written(tmp_path / "f.csv", [rating(1, value="?")]))


def test_the_scale_is_as_observed_in_each_scope_where_it_is_missing(tmp_path: Path) -> None:
    rows = [
        rating(1, value=1, scope="stars", low="", high=""),
        rating(2, value=3, scope="stars", low="", high=""),
        rating(3, value=5, scope="stars", low="", high=""),
        rating(4, value=10, scope="points", low="", high=""),
        rating(5, value=50, scope="points", low=0, high=""),
        rating(6, value=7, scope="lonely", low="", high=""),
    ]
    feedback = heard(written(tmp_path / "f.csv", rows))
    assert feedback.events.column("value").to_pylist() == [0.0, 0.5, 1.0, 0.2, 1.0, 0.0]


def test_the_scale_is_observed_over_all_files(tmp_path: Path) -> None:
    first = written(tmp_path / "1.csv", [rating(1, value=1), rating(2, value=2)])
    second = written(tmp_path / "2.csv", [rating(3, value=5)])
    assert heard(first, second).events.column("value").to_pylist() == [0.0, 0.25, 1.0]


def test_times_are_seconds_or_rfc_3339_and_where_empty_the_row_before_stands_in(
    tmp_path: Path,
) -> None:
    times = ["", "1289241911.72836", "", "2010-11-08T19:45:11+01:00", "1289241910", "-1.5"]
    rows = [rating(number, time=time) for number, time in enumerate(times)]
    feedback = heard(written(tmp_path / "f.csv", rows))
    first = 1_289_241_911_728_360
    assert feedback.row.tolist() == [5, 4, 3, 0, 1, 2]
    assert feedback.events.column("arrived").to_pylist() == [
        -1_500_000,
        1_289_241_910_000_000,
        1_289_241_911_000_000,
        first,
        first,
        first,
    ]
    assert feedback.dated.tolist() == [True, True, True, False, True, False]
    assert feedback.timed


def test_without_times_the_order_of_the_file_stands_in(tmp_path: Path) -> None:
    feedback = heard(written(tmp_path / "f.csv", [rating(n, time="") for n in (3, 1, 2)]))
    assert feedback.row.tolist() == [0, 1, 2]
    assert not feedback.timed


def test_rows_are_numbered_over_all_files_and_named_within_their_own(tmp_path: Path) -> None:
    first = written(tmp_path / "1.csv", [rating(1, time=9), rating(1, value="?"), rating(1)])
    second = written(tmp_path / "2.csv", [rating(1), rating(1, value="?")])
    feedback = heard(first, second)
    assert feedback.events.column("id").to_pylist() == ["2", "3", "0"]
    assert [(bad.file, bad.row) for bad in feedback.bad] == [("1.csv", 1), ("2.csv", 1)]


def test_a_scope_takes_its_own_events_and_those_that_name_none(tmp_path: Path) -> None:
    rows = [rating(1, scope="a"), rating(2, scope="b"), rating(3, scope="")]
    file = written(tmp_path / "f.csv", rows)
    feedback = heard(file, scope="a")
    assert feedback.events.select(["source", "scope"]).to_pylist() == [
        {"source": "s1", "scope": "a"},
        {"source": "s3", "scope": "a"},
    ]
    assert feedback.elsewhere == 1
    assert heard(file).events.column("scope").to_pylist() == ["a", "b", "backtest"]


def test_other_columns_are_named_once_and_only_the_first_bad_rows_are_spoken_of(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    rows = [rating(n, value="?", **{"mood\x1b": 1}) for n in range(50)] + [
        rating(1, **{"mood\x1b": 1})
    ]
    file = written(tmp_path / "f.csv", rows)
    feedback = read_feedback([file, file], scope=None, progress=told.append)
    assert told[0] == "columns ignored: mood^["
    assert len(told) == 22
    assert "80 more" in told[-1]
    assert len(feedback.bad) == 100


def test_where_an_option_was_shown_is_known(tmp_path: Path) -> None:
    row = {"source": "s", "target": "t", "time": "", "label": "b"}
    rows = [row | {"shown": shown} for shown in ("a|b", "b|a", "", "c|d")]
    feedback = heard(written(tmp_path / "f.csv", rows))
    assert feedback.events.column("place").to_pylist() == [1, 0, None, None]
