"""Where a store is, as it may be said aloud; and what is said when it cannot be opened."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from quarantine.errors import TamperedError, UnavailableError, UsageError
from quarantine.stores.postgres import STORE
from service import stores
from service.settings import State
from tests.postgres import GIVEN, Server
from tests.shell import Shell

SECRETIVE = (
    "postgresql://keeper:secret@db/house",
    "postgresql://keeper:secret@db:5432,other:5433/house?target_session_attrs=read-write",
    "postgresql://keeper@db/house?password=secret",
    "postgresql://keeper@db/house?sslmode=require&password=secret&connect_timeout=3",
    "postgresql://keeper@db/house?p%61ssword=secret",
    "postgresql://keeper@db/house?sslpassword=secret&sslkey=key.pem",
    "postgresql://keeper:secret@db/house?password=secret",
    "postgresql://keeper:se/secret@db/house",
    "postgresql://keeper:x@secret@db/house",
    "postgresql://keeper:?secret@db/house",
    "postgresql://keeper:#secret@db/house",
    "postgresql://keeper:secret@[db/house",
    "postgres://:secret@/house",
)
UNREADABLE = (
    "postgresql://keeper:sec%zzret@db/house",
    "postgresql://keeper:secret@[db/house",
    "postgresql://keeper@db/house?pasword=secret",
)
NO_URLS = ("postgresql:/keeper:secret@db/house", "host=db password=secret", "mysql://k:secret@db/x")


@pytest.mark.parametrize("url", SECRETIVE)
def test_a_place_is_shown_without_any_password(url: str) -> None:
    assert "secret" not in stores.shown(url)
    assert stores.shown(url).startswith(url.partition("://")[0])


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://keeper@db/house",
        "postgresql:///house?host=/run/postgresql",
        "postgresql://keeper@[::1]:5432/house?passfile=/state/pgpass&sslmode=verify-full",
    ],
)
def test_a_place_without_a_password_is_shown_as_it_is(url: str) -> None:
    assert stores.shown(url) == url


@pytest.mark.parametrize("url", SECRETIVE)
def test_no_password_is_written_down(url: str, tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    with pytest.raises(UsageError, match="passfile") as refused:
        stores.choose(state, url)
    assert "secret" not in str(refused.value)
    assert not state.elsewhere.exists()


@pytest.mark.parametrize("words", NO_URLS)
def test_what_is_no_url_of_a_store_is_refused_and_not_repeated(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FQ_STORE", words)
    with pytest.raises(UsageError, match="postgresql://") as refused:
        stores.location(State(tmp_path))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", UNREADABLE)
def test_a_url_that_cannot_be_read_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(UsageError, match="percent-encoded") as refused:
        stores.opened(url)
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__, "nor in a log that shows what led to it"


def test_a_server_that_is_away_is_named_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="start it, or mend its address") as away:
        stores.opened(f"postgresql://keeper:secret@/house?host={tmp_path}")
    assert str(tmp_path) in str(away.value)
    assert "secret" not in str(away.value)


@pytest.fixture
def locked(postgres: Server) -> str:
    """Return the URL of a database into which the role `locked` comes by password alone."""
    if os.environ.get(GIVEN):
        pytest.skip(f"the server in {GIVEN} decides itself who asks how")
    url = postgres.new()
    rules = Path(postgres.url.partition("host=")[2]) / "data" / "pg_hba.conf"
    rule = "local all locked scram-sha-256\n"
    with psycopg.connect(postgres.url, autocommit=True) as admin:
        if rule not in (before := rules.read_text()):
            rules.write_text(rule + before)
            admin.execute("CREATE ROLE locked LOGIN PASSWORD 'right'")
            admin.execute("SELECT pg_reload_conf()")
    STORE(url).close()
    return url.replace("keeper@", "locked@")


def test_a_password_that_is_wrong_or_missing_is_said_with_the_mend(
    locked: str, tmp_path: Path
) -> None:
    with pytest.raises(UnavailableError, match="password authentication failed") as refused:
        stores.opened(locked.replace("locked@", "locked:wr0ng@"))
    assert "wr0ng" not in str(refused.value)
    with pytest.raises(UnavailableError, match="passfile of mode 0600"):
        stores.opened(locked)
    passfile = tmp_path / "pgpass"
    passfile.write_text("*:*:*:locked:right\n")
    passfile.chmod(0o600)
    with pytest.raises(Exception, match="may not do this"):  # it came in, and has no rights there
        stores.opened(f"{locked}&passfile={passfile}")


def test_a_driver_that_is_not_installed_is_named_with_its_extra() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from service.stores import opened\n"
        "try:\n    opened('postgresql://keeper@db/house')\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "UsageError a store in PostgreSQL needs psycopg" in told.stdout
    assert "pip install 'feedback-quarantine[postgres]'" in told.stdout


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ("INSERT INTO migration VALUES (99, '0099_later.sql', 'x')", "newer program"),
        ("UPDATE migration SET digest = 'x'", "is not the one that was applied"),
    ],
)
def test_a_schema_of_another_program_is_one_sentence_and_an_exit_code(
    postgres: Server, edit: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new()
    STORE(url).close()
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(edit.encode())
    with pytest.raises(TamperedError, match=said):
        STORE(url)
    monkeypatch.setenv("FQ_STORE", url)
    told = Shell(tmp_path / "state").run("store", "show")
    assert (told.code, told.err.count("\n")) == (5, 1), told
    assert said in told.err
