"""What compose mounts is prepared: a key a home, passwords that hold on real servers, no more."""

from __future__ import annotations

import runpy
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.exceptions import NoPermissionError

from approvals.attest import act_of
from approvals.model import ProducerAdded, ProducerKey
from approvals.signers.file import new_key
from service import embedded, health, wiring
from service.bus import OURS
from service.embedded import server_binary
from service.options import read
from service.settings import State
from tests.faults.asking import free_place
from tests.producing import Site, batch_of, event, fields_of, until

SCRIPT = Path(__file__).parents[2] / "examples" / "deploy" / "prepare.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


@pytest.fixture
def house(tmp_path: Path, script: dict[str, Any]) -> Path:
    place = tmp_path / "house"
    place.mkdir(mode=0o700)
    script["prepare"](place, ["app", "web"])
    return place


@pytest.fixture
def server(house: Path) -> Iterator[str]:
    place = free_place()
    port = place.rpartition(":")[2]
    words = [str(server_binary()), "--port", port, "--bind", "127.0.0.1", "--dir", str(house)]
    words += ["--appendonly", "yes", "--maxmemory-policy", "noeviction"]
    words += ["--aclfile", str(house / "redis" / "users.acl")]
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            assert running.poll() is None, "the server takes the users"
            try:
                redis.Redis.from_url(f"redis://health:any@{place}").ping()
                break
            except redis.ConnectionError:
                continue
        yield place
    finally:
        running.kill()
        running.wait()


def test_each_home_has_its_own_private_key_and_everybodys_public_ones(
    house: Path, script: dict[str, Any]
) -> None:
    for name, (key, _, _) in script["HOMES"].items():
        keys = house / name / "keys"
        assert [each.stem for each in keys.glob("*.pem")] == ([key] if key else [])
        assert {each.name for each in keys.glob("*.pub")} == {
            f"{role}.pem.pub" for role in script["KEYS"]
        }
        wiring.prepare(State(house / name))
        assert [each.stem for each in keys.glob("*.pem")] == ([key] if key else []), "none is made"
    assert not (house / "keys").exists()


def test_nobody_else_reads_a_secret(house: Path) -> None:
    assert stat.S_IMODE(house.stat().st_mode) == 0o700
    open_ = {"users.acl", "roles.sql"}
    for file in house.rglob("*"):
        if file.is_file() and file.suffix != ".pub" and file.name not in open_:
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    secrets = [
        each.read_text().strip()
        for each in (*house.rglob("*bus-password"), *house.rglob("owner-password"))
    ]
    secrets += [each.read_text().strip().rpartition(":")[2] for each in house.rglob("pgpass")]
    for name in open_:
        (file,) = house.rglob(name)
        assert not [secret for secret in secrets if secret in file.read_text()]


def test_a_real_server_lets_each_user_do_its_own_and_no_more(house: Path, server: str) -> None:
    password = (house / "producers" / "app.bus-password").read_text()
    with redis.Redis.from_url(f"redis://app:{password}@{server}?protocol=2") as app:
        app.execute_command("XADD", "feedback:in:app", "*", "f", "v")
        for words in (("XADD", "feedback:in:web", "*", "f", "v"), ("XLEN", "feedback:in:app")):
            with pytest.raises(NoPermissionError):
                app.execute_command(*words)
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(f"redis://app:wrong@{server}").ping()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(f"redis://{server}").ping()
    home = house / "releasing"
    settings = read({"FQ_BUS_PASSWORD_FILE": str(home / "bus-password")}, home / "none")
    with redis.Redis.from_url(settings.unlocked(f"redis://releasing@{server}?protocol=2")) as own:
        own.xadd("feedback:notices", {"event": "{}"})
        with pytest.raises(NoPermissionError):
            own.xadd("feedback:in:app", {"f": "v"})


def test_the_intakes_user_may_do_what_intake_does(house: Path, server: str) -> None:
    home = house / "intake-1"
    settings = read({"FQ_BUS_PASSWORD_FILE": str(home / "bus-password")}, home / "none")
    url = settings.unlocked(f"redis://intake@{server}")
    health.require(url, allow_volatile=False)
    assert embedded.answers(url)


async def test_what_a_prepared_producer_sends_a_prepared_intake_takes_in(
    house: Path, server: str
) -> None:
    home = house / "intake-1"
    settings = read({"FQ_BUS_PASSWORD_FILE": str(home / "bus-password")}, home / "none")
    key = new_key(house / "app.pem")
    added = ProducerAdded(
        at=wiring.now(),
        name="app",
        key=ProducerKey(id=key.key_id, algorithm="ed25519", public=key.public),
    )
    operator = wiring.role_signer(State(house / "operator"), "operator")
    password = (house / "producers" / "app.bus-password").read_text()
    with (
        wiring.open_store(State(home)) as store,
        redis.Redis.from_url(f"redis://app:{password}@{server}?protocol=2") as app,
    ):
        store.record([act_of(added, operator)])
        fields = fields_of(key, "app", 1, batch_of([event(1)]))
        app.execute_command(
            "XADD", "feedback:in:app", "*", *(word for each in fields.items() for word in each)
        )
        site = Site(State(home), settings.unlocked(f"redis://intake@{server}"), store, house)
        async with site.taking_in():
            await until(lambda: site.received("app") == 1)
        assert store.counts()["app"].stored == 1
        site.client.close()


def test_a_verifier_is_of_its_password(script: dict[str, Any]) -> None:
    """SCRAM-SHA-256 as PostgreSQL keeps it; the known pair is of RFC 7677, section 3."""
    import base64

    fixed = script["_scram"].__globals__
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    kept = fixed["secrets"]
    fixed["secrets"] = type("Fixed", (), {"token_bytes": staticmethod(lambda _: salt)})
    try:
        made = script["_scram"]("pencil")
    finally:
        fixed["secrets"] = kept
    assert made == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
        ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_the_users_that_are_made_are_those_that_no_producer_may_be(script: dict[str, Any]) -> None:
    assert {*script["BUS"], "default", "health"} == OURS


def test_it_is_a_command_that_writes_over_nothing(tmp_path: Path) -> None:
    words = [sys.executable, str(SCRIPT), str(tmp_path / "house"), "--producer", "app"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("FQ_UID=")
    assert subprocess.run(words, capture_output=True, check=False).returncode != 0
    words[-1] = "Not A Name"
    assert subprocess.run(words, capture_output=True, check=False).returncode == 2


@pytest.mark.parametrize("name", ["intake", "releasing", "health", "default", "Not a name"])
def test_no_producer_is_given_what_is_the_services_own(tmp_path: Path, name: str) -> None:
    command = [sys.executable, str(SCRIPT), str(tmp_path / "house"), "--producer", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert repr(name) in done.stderr
    assert not (tmp_path / "house").exists()
