"""Roles of a store in PostgreSQL: each does its own work, nobody changes what was kept (T17)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import errors

from quarantine.errors import NotAuthorisedError, UnavailableError
from quarantine.model import Act, Dossier, Member, Verdict
from quarantine.ports import Store
from quarantine.stores.postgres import STORE
from tests.holding import entry, said
from tests.postgres import ROLES, Server

RECORD = (
    *("event", "identity", "source", "act", "tile", "checkpoint", "entry", "dead_letter", "loss"),
    *("member", "revoked", "erased", "erased_letter", "period", "retired"),
)
"""Tables whose rows are evidence."""


@dataclass
class Base:
    """A database with a store, and the same as each role sees it."""

    url: str

    def as_role(self, role: str) -> str:
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=f"{role}@"))

    def store(self, role: str) -> Store:
        return STORE(self.as_role(role))

    def raw(self, role: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.as_role(role), autocommit=True)


def _filled(postgres: Server) -> Base:
    """Make a store in which every table of the record that others read has a row."""
    made = Base(postgres.new())
    with STORE(made.url) as store:
        store.take([entry(1, *(said(f"e{n}") for n in range(300)))])
        store.record([Act("tried", 1, b"{}")])
        rows = [Member(row.index, row.leaf, "app/rater/1") for row in store.held([0, 1])]
        store.revoke(Act("revoked", 2, b"{}"), [store.freeze(Act("request-made", 2, b"{}"), rows)])
        store.checkpoint(300, b"note")
        store.lost(Act("loss-reported", 3, b"{}"), "app", 7, 8)
    return made


@pytest.fixture
def base(postgres: Server) -> Base:
    return _filled(postgres)


@pytest.fixture(scope="module")
def kept(postgres: Server) -> Base:
    """Return a store in which every try fails, so that all share it."""
    return _filled(postgres)


def test_each_role_does_its_own_work(base: Base) -> None:
    with base.store("intake") as intake:
        assert intake.take([entry(2, said("x", source="rater/2"), said("e1"))]).duplicates == 1
        other = intake.take([entry(3, said("x", source="rater/2", body=b"other"))])
        assert [letter.reason for letter in other.dead] == ["conflict"]
        assert intake.counts()["app"].stored == 301
    dossier = Dossier(
        producer="app", source="rater/2", events=1, score=0.5, cluster="c", verdict=Verdict.HOLD
    )
    with base.store("scorer") as scorer:
        assert scorer.frame().num_rows == 301
        token = scorer.lease("scoring", "one", at=0, until=9)
        scorer.judge([dossier], 5, 9, require=lambda: scorer.fence("scoring", token))
        scorer.record([Act("verdict", 6, b"{}")])
    with base.store("reviewer") as reviewer:
        assert reviewer.dossiers() == [dossier]
        rows = [Member(row.index, row.leaf, "c") for row in reviewer.held([0])]
        assert reviewer.members(reviewer.freeze(Act("request-made", 7, b"{}"), rows))
    with base.store("releaser") as releaser:
        releaser.record([Act("released", 8, b"{}")])
        releaser.checkpoint(releaser.size(), b"another")
    with base.store("operator") as operator:
        operator.revoke(Act("revoked", 9, b"{}"), [3])
        assert list(operator.verify()) == []


@pytest.mark.parametrize("role", ROLES)
def test_nobody_changes_or_deletes_what_was_kept(kept: Base, role: str) -> None:
    with kept.raw(role) as session:
        for table in RECORD:
            column = session.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum = 1",
                (table,),
            ).fetchone()
            assert column is not None
            for statement in (
                f"UPDATE {table} SET {column[0]} = {column[0]}",
                f"DELETE FROM {table}",
                f"TRUNCATE {table}",
                f"ALTER TABLE {table} DISABLE TRIGGER ALL",
                f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
                f"DROP TABLE {table} CASCADE",
            ):
                with pytest.raises(errors.InsufficientPrivilege):
                    session.execute(statement.encode())


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("intake", "SELECT body FROM event"),
        ("intake", "SELECT * FROM event_0"),
        ("intake", "SELECT * FROM dossier"),
        ("intake", "INSERT INTO member VALUES (1, 1, '', '')"),
        ("intake", "INSERT INTO dossier VALUES (1, 1, 0, 'clear', '')"),
        ("intake", "INSERT INTO checkpoint VALUES (1, '')"),
        ("intake", "INSERT INTO erased VALUES (1, 1, '')"),
        ("scorer", "INSERT INTO identity VALUES (9999, 1, 'x')"),
        ("scorer", "INSERT INTO member VALUES (1, 1, '', '')"),
        ("scorer", "SELECT open_period(1)"),
        ("reviewer", "INSERT INTO dossier VALUES (1, 1, 0, 'clear', '')"),
        ("reviewer", "INSERT INTO identity VALUES (9999, 1, 'x')"),
        ("reviewer", "INSERT INTO checkpoint VALUES (1, '')"),
        ("releaser", "INSERT INTO dossier VALUES (1, 1, 0, 'clear', '')"),
        ("releaser", "INSERT INTO member VALUES (1, 1, '', '')"),
        ("operator", "INSERT INTO dossier VALUES (1, 1, 0, 'clear', '')"),
        ("exporter", "SELECT * FROM event"),
        ("exporter", "SELECT * FROM member"),
        ("exporter", "SELECT 1 FROM gate FOR UPDATE"),
        ("exporter", "SELECT * FROM heard('app', '{}', '{}', '{}')"),
    ],
)
def test_nobody_does_another_roles_work(kept: Base, role: str, statement: str) -> None:
    with kept.raw(role) as session, pytest.raises(errors.InsufficientPrivilege):
        session.execute(statement.encode())


def test_what_was_granted_by_mistake_changes_no_row(base: Base) -> None:
    with base.raw("keeper") as owner:
        for table in RECORD:
            owner.execute(f"GRANT SELECT, UPDATE, DELETE ON {table} TO intake".encode())
    with base.raw("intake") as session:
        for table in RECORD:
            assert session.execute(f"DELETE FROM {table}".encode()).rowcount == 0
        assert session.execute("UPDATE event SET body = ''").rowcount == 0
    with base.store("keeper") as store:
        assert list(store.verify()) == []


@pytest.mark.parametrize(
    "table", sorted(set(RECORD) - {"erased", "erased_letter", "dead_letter", "retired"})
)
def test_the_guards_hold_for_the_owner_too_and_for_a_replica(kept: Base, table: str) -> None:
    with kept.raw("keeper") as owner:
        for role in ("origin", "replica"):
            owner.execute(f"SET session_replication_role = {role}".encode())
            for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
                with pytest.raises(errors.RestrictViolation, match="append-only"):
                    owner.execute(statement.encode())
        with pytest.raises(errors.RestrictViolation, match="append-only"):
            owner.execute("UPDATE event SET body = ''")
        with pytest.raises(errors.RestrictViolation, match="append-only"):
            owner.execute("DELETE FROM event_0")


def test_a_function_of_the_owner_names_no_table_of_its_caller(base: Base) -> None:
    with base.raw("intake") as session:
        session.execute("CREATE TEMP TABLE period (first bigint, until bigint, opened bigint)")
        session.execute("CREATE TEMP TABLE event (idx bigint)")
        for _ in range(2):  # the second finds one that is empty, and leaves it at that
            assert session.execute("SELECT open_period(%s)", (2**60,)).fetchone() == (2**21,)
        assert session.execute("SELECT count(*) FROM pg_temp.period").fetchone() == (0,)


def test_only_the_owner_erases(base: Base) -> None:
    with base.store("operator") as store:
        for refused in (lambda: store.erase(Act("erased", 9, b"{}"), [0]), store.scrub):
            with pytest.raises(NotAuthorisedError):
                refused()
        assert store.erased() == {}
    with base.store("keeper") as owner:
        owner.erase(Act("erased", 9, b"{}"), [0])
        assert list(owner.verify()) == []


def test_a_role_that_came_later_is_given_its_rights_by_the_owner(postgres: Server) -> None:
    url = postgres.new()
    base = Base(url)
    STORE(url).close()
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("UPDATE granted SET said = 'before'")
        admin.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM intake")
        admin.execute("GRANT SELECT ON dossier TO intake")
    with pytest.raises(NotAuthorisedError):
        base.store("intake")
    STORE(url).close()
    with base.store("intake") as store:
        assert store.take([entry(1, said("a"))]).stored == 1
        with pytest.raises(NotAuthorisedError):
            store.dossiers()


def test_an_older_schema_is_brought_up_to_date_by_its_owner_alone(postgres: Server) -> None:
    base = Base(postgres.new())
    with pytest.raises(UnavailableError, match="as the owner"):
        base.store("scorer")
    with base.store("keeper") as store:
        assert store.size() == 0
