"""A producer that may die at any moment: nothing left out, no number used for two batches."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from quarantine.errors import RefusedError, TamperedError, UnavailableError, UsageError
from service import ledger, wiring
from service.ledger import Ledger, Signed
from service.producer import Publisher, Sent, open_key, publish_file
from service.sheets import events_in
from service.vouching import LARGEST_BATCH, HmacKey
from tests.faults.checker import complaints
from tests.producing import Sender, Site, batch_of, event, until


def bodies(numbers: Iterable[int]) -> list[bytes]:
    return [batch_of([event(number)])[1:-1] for number in numbers]


def entry(seq: int) -> Signed:
    return Signed(seq, "d", "k", "s", 1, "f", seq, "[1]")


@pytest.fixture
def app(site: Site) -> Sender:
    return site.register("app")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


def publisher(site: Site, app: Sender, path: Path, **more: Any) -> Publisher:
    return Publisher(site.url, "app", app.key, path, **more)


def key_file(directory: Path) -> Path:
    (file,) = directory.glob("app-*.pem")
    return file


def started(words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words)


def seqs(site: Site, app: Sender) -> list[int]:
    found: Any = site.client.xrange(app.stream)
    return [int(fields[b"seq"]) for _, fields in found]


class TestLedger:
    def test_remembers_what_was_sent_and_what_was_acknowledged(self, path: Path) -> None:
        with Ledger(path) as first:
            first.send([entry(1), entry(2), entry(3)])
            first.acknowledge([(1, "1-0"), (3, "3-0")])
        with Ledger(path) as second:
            assert second.last == 3
            assert list(second.unacknowledged) == [2]
            assert second.unacknowledged[2] == entry(2)
            assert second.files == {"f": 3}

    def test_a_line_that_was_cut_off_was_never_sent(self, path: Path) -> None:
        with Ledger(path) as first:
            first.send([entry(1), entry(2)])
        path.write_bytes(path.read_bytes()[:-9])
        with Ledger(path) as second:
            assert second.last == 1
            second.send([entry(2)])
        with Ledger(path) as third:
            assert third.last == 2

    def test_a_line_that_was_changed_is_noticed(self, path: Path) -> None:
        path.write_bytes(b'{"seq":1}\n')
        with pytest.raises(TamperedError, match="line 1"):
            Ledger(path)

    def test_two_publishers_cannot_use_it_at_once(self, path: Path) -> None:
        with Ledger(path), pytest.raises(RefusedError, match="in use"):
            Ledger(path)

    def test_lets_go_of_old_bytes_and_of_nothing_else(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Ledger(path) as first:
            first.send([entry(1), entry(2)])
            first.acknowledge([(1, "1-0")])
        monkeypatch.setattr(ledger, "COMPACT", 0)
        with Ledger(path) as second:
            assert (second.last, second.unacknowledged) == (2, {2: entry(2)})
            second.send([entry(3)])
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert [line.get("batch") for line in lines] == [None, "[1]", None, "[1]"]
        with Ledger(path) as third:
            assert (third.last, sorted(third.unacknowledged)) == (3, [2, 3])


class TestPublisher:
    def test_sends_signed_batches_and_counts(self, site: Site, app: Sender, path: Path) -> None:
        with publisher(site, app, path) as sending:
            assert sending.publish(bodies(range(250))) == Sent(250, 3, 3)
            assert sending.publish(bodies(range(250, 260)), batch=5) == Sent(10, 2, 2)
        assert seqs(site, app) == [1, 2, 3, 4, 5]

    async def test_what_it_sends_is_held(self, site: Site, app: Sender, path: Path) -> None:
        with publisher(site, app, path) as sending:
            sending.publish(bodies(range(250)))
        async with site.taking_in():
            await until(lambda: site.received("app") == 3)
        assert complaints(path, site.state.store, "app") == []

    async def test_a_crash_before_the_answer_repeats_the_same_bytes(
        self, site: Site, app: Sender, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def crash(_ledger: Ledger, _acknowledged: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched, publisher(site, app, path) as sending:
            patched.setattr(Ledger, "acknowledge", crash)
            with pytest.raises(KeyboardInterrupt):
                sending.publish(bodies(range(100)), batch=50)
        with publisher(site, app, path) as sending:
            assert sending.publish(bodies(range(100, 150)), batch=50) == Sent(50, 1, 3)
        assert seqs(site, app) == [1, 2, 1, 2, 3]
        async with site.taking_in():
            await until(lambda: site.received("app") == 5)
        counts = site.store.counts()["app"]
        assert (counts.stored, counts.duplicates, counts.dead_lettered) == (150, 100, 0)

    def test_a_crash_before_sending_leaves_no_number_out(
        self, site: Site, app: Sender, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def crash(_publisher: Publisher, _entries: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched, publisher(site, app, path) as sending:
            patched.setattr(Publisher, "_deliver", crash)
            with pytest.raises(KeyboardInterrupt):
                sending.publish(bodies(range(100)), batch=50)
        with publisher(site, app, path) as sending:
            assert sending.resume() == 2
        assert seqs(site, app) == [1, 2]

    def test_no_batch_is_larger_than_the_bus_takes(
        self, site: Site, app: Sender, path: Path
    ) -> None:
        large = [batch_of([event(n, subject="x" * 60_000)])[1:-1] for n in range(40)]
        with publisher(site, app, path) as sending:
            assert sending.publish(large, batch=1000).entries == 3
        found: Any = site.client.xrange(app.stream)
        assert max(len(fields[b"batch"]) for _, fields in found) <= LARGEST_BATCH

    def test_a_full_bus_is_waited_for_and_then_said(
        self, site: Site, app: Sender, path: Path
    ) -> None:
        site.client.config_set("maxmemory", "1")
        with (
            publisher(site, app, path, patience_s=0.2) as sending,
            pytest.raises(UnavailableError, match="does not take"),
        ):
            sending.publish(bodies(range(3)))
        site.client.config_set("maxmemory", "0")
        with publisher(site, app, path) as sending:
            assert sending.publish([]) == Sent(0, 0, 1)
        assert seqs(site, app) == [1]

    def test_a_bus_that_is_away_is_unavailable(self, app: Sender, path: Path) -> None:
        with (
            Publisher("unix:///nowhere/bus", "app", app.key, path, patience_s=0.1) as sending,
            pytest.raises(UnavailableError),
        ):
            sending.publish(bodies(range(3)))

    def test_a_bus_that_refuses_is_not_asked_again(
        self, site: Site, app: Sender, path: Path
    ) -> None:
        site.client.set(app.stream, "no stream")
        with publisher(site, app, path) as sending, pytest.raises(RefusedError, match="WRONGTYPE"):
            sending.publish(bodies(range(3)))

    @pytest.mark.parametrize("batch", [0, 1001])
    def test_a_batch_has_its_limits(self, site: Site, app: Sender, path: Path, batch: int) -> None:
        with publisher(site, app, path) as sending, pytest.raises(UsageError):
            sending.publish(bodies(range(3)), batch=batch)

    def test_a_name_that_is_none_is_refused(self, site: Site, app: Sender, path: Path) -> None:
        with pytest.raises(UsageError, match="name"):
            Publisher(site.url, "App/1", app.key, path)

    def test_a_slow_pace_sends_all_the_same(self, site: Site, app: Sender, path: Path) -> None:
        heard: list[int] = []
        with publisher(site, app, path) as sending:
            sending.publish(bodies(range(40)), batch=10, rate=79, progress=heard.append)
        assert heard == [10, 20, 30, 40]


class TestFiles:
    @pytest.fixture
    def jsonl(self, tmp_path: Path) -> Path:
        file = tmp_path / "events.jsonl"
        lines = [json.dumps(event(number)) for number in range(1000)]
        file.write_text("\n".join([lines[0] + "  ", "", *lines[1:]]), encoding="utf-8")
        return file

    def sent(self, site: Site, app: Sender, path: Path, file: Path, **more: Any) -> Sent:
        return publish_file(file, publisher(site, app, path), at=wiring.now(), **more)

    def test_a_finished_file_sends_nothing_again(
        self, site: Site, app: Sender, path: Path, jsonl: Path
    ) -> None:
        assert self.sent(site, app, path, jsonl) == Sent(1000, 10, 10)
        assert self.sent(site, app, path, jsonl) == Sent(0, 0, 0)
        jsonl.write_text(jsonl.read_text() + "\n" + json.dumps(event("new")))
        assert self.sent(site, app, path, jsonl).sent == 1001

    async def test_a_publisher_that_is_killed_goes_on_where_it_was(
        self, site: Site, app: Sender, path: Path, jsonl: Path, tmp_path: Path
    ) -> None:
        program = (
            "import sys; from pathlib import Path; from service import wiring;"
            "from service.producer import Publisher, open_key, publish_file;"
            "url, key, ledger, file = sys.argv[1:];"
            "p = Publisher(url, 'app', open_key(Path(key)), Path(ledger));"
            "publish_file(Path(file), p, at=wiring.now(), batch=1, rate=100)"
        )
        key = key_file(tmp_path)
        words = [sys.executable, "-c", program, site.url, str(key), str(path), str(jsonl)]
        process = started(words)
        await until(lambda: site.client.xlen(app.stream) > 50)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        rest = self.sent(site, app, path, jsonl, batch=1)
        assert 0 < rest.sent < 1000
        added: Any = site.client.xinfo_stream(app.stream)
        async with site.taking_in():
            await until(lambda: site.received("app") == added["entries-added"])
        assert site.store.counts()["app"].stored == 1000
        assert site.store.spans("app") == [(1, 1000)]
        assert complaints(path, site.state.store, "app") == []

    def test_a_line_is_sent_as_its_exact_bytes(self, tmp_path: Path) -> None:
        file = tmp_path / "events.jsonl"
        line = '{"id": "é",\t"a":1.50}'
        file.write_text(f"\ufeff{line}\r\n\n{line}", encoding="utf-8")
        assert list(events_in(file, scope="", at=wiring.now())) == [line.encode()] * 2

    def test_a_row_becomes_an_event(self, tmp_path: Path) -> None:
        file = tmp_path / "ratings.csv.gz"
        rows = "source,target,time,value,text,shown,scope,id,more\n"
        rows += (
            'u1,t1,2026-01-01T00:00:00Z,4,"so,\nwell",a|b,s2,e9,x\nu2,t2,0,1,,,,,x\nu2,t3,,2,,,,,x'
        )
        file.write_bytes(gzip.compress(rows.encode()))
        at = wiring.now()
        first, second, third = (json.loads(e) for e in events_in(file, scope="s1", at=at))
        assert first == {
            "specversion": "1.0",
            "id": "e9",
            "source": "u1",
            "subject": "t1",
            "type": "feedback.rating.v1",
            "time": "2026-01-01T00:00:00Z",
            "scope": "s2",
            "data": {
                "value": 4.0,
                "low": 1.0,
                "high": 4.0,
                "text": "so,\nwell",
                "shown": ["a", "b"],
            },
        }
        assert (second["id"], second["scope"]) == ("1", "s1")
        assert second["time"] == "1970-01-01T00:00:00.000000Z"
        assert third["time"].startswith(at.strftime("%Y-%m-%dT%H:%M:%S"))

    @pytest.mark.parametrize(
        ("columns", "kind", "said"),
        [
            ("label,x", "label", {"label": "a", "labels": ["a", "b"]}),
            (
                "prompt,chosen,rejected",
                "preference",
                {"prompt": "a", "chosen": "b", "rejected": "c"},
            ),
        ],
    )
    def test_the_kind_follows_from_the_columns(
        self, tmp_path: Path, columns: str, kind: str, said: dict[str, object]
    ) -> None:
        file = tmp_path / "some.csv"
        file.write_text(f"source,target,time,{columns}\nu,t,,a,b,c\nu,t,,b,b,c\n")
        (made, _) = (json.loads(e) for e in events_in(file, scope="s", at=wiring.now()))
        assert (made["type"], made["data"]) == (f"feedback.{kind}.v1", said)

    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("a.csv", "source,target,time,value,label\n", "needs the columns"),
            ("a.csv", "source,target,time\n", "needs the columns"),
            ("a.csv", "source,value\n", "needs the columns"),
            ("a.csv", "", "needs the columns"),
            ("a.csv", "source,target,value\nu,t,1\nu,t,many\n", "data row 1"),
            ("a.csv", "source,target,value\nu,t,nan\n", "data row 0"),
            ("a.csv", 'source,target,value\nu,"t,1\n', "unexpected end"),
            ("a.jsonl", "{}\n{", "line 2"),
            ("a.jsonl", '{"a":1,"a":2}', "line 1"),
            ("a.jsonl", "[]", "line 1"),
            ("a.jsonl", b"\xff", "UTF-8"),
            ("a.jsonl.gz", "not packed", "not whole"),
            ("a.txt", "", "neither"),
        ],
    )
    def test_a_file_that_is_none_is_refused(
        self, tmp_path: Path, name: str, content: str | bytes, said: str
    ) -> None:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(UsageError, match=said):
            list(events_in(file, scope="s", at=wiring.now()))

    def test_a_file_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no file"):
            events_in(tmp_path / "a.csv", scope="s", at=wiring.now())


def test_a_key_file_is_a_key_pair_or_a_secret(tmp_path: Path, app: Sender) -> None:
    file = key_file(tmp_path)
    assert open_key(file).key_id == app.key.key_id
    secret = tmp_path / "secret"
    secret.write_bytes(b"a secret that nobody knows")
    assert open_key(secret) == HmacKey(b"a secret that nobody knows")
    with pytest.raises(UsageError):
        open_key(tmp_path / "nothing")


def test_a_producer_needs_no_heavy_library() -> None:
    program = (
        "import sys, service.producer;"
        "print([m for m in ('pandas', 'faststream', 'sklearn', 'pyarrow') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert said.stdout.strip() == b"[]"
