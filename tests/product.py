"""Other people's programs, each in an environment of its own that `make` put it into."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
import urllib3

PRODUCTS = Path(__file__).resolve().parent.parent / ".products"
DEADLINE_S = 240
"""How long a product may take to start: it makes its database, on a machine that has other work."""


def program(product: str, name: str, target: str = "test") -> Path:
    """Return a product's program; skips the test, with the reason, where it is not to be had.

    `target` of make installs it. `FQ_TEST_MLFLOW` and the like name a program somewhere else. What
    is not for every run waits for `make test-products`, which says `FQ_TEST_PRODUCTS`.
    """
    named = os.environ.get(f"FQ_TEST_{product.upper()}")
    if named is None and target != "test" and not os.environ.get("FQ_TEST_PRODUCTS"):
        pytest.skip(f"{product} is not for every run: `make {target}`")
    found = named or shutil.which(name, path=str(PRODUCTS / product / "bin"))
    if found is None:
        log = PRODUCTS / f"{product}.log"
        tried = log.read_text().strip().splitlines() if log.is_file() else []
        why = f"it could not be installed: {tried[-1]}" if tried else f"`make {target}` installs it"
        pytest.skip(f"{product} is not there; {why}")
    return Path(found)


@contextmanager
def served(
    command: Sequence[str], *, up: str, folder: Path, env: Mapping[str, str]
) -> Iterator[None]:
    """Run a server until `up`, an address, answers 200, and end it and its children at the end."""
    log = folder / "server.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            list(command),
            cwd=folder,
            env={**os.environ, **env},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + DEADLINE_S
            while not _answers(up):
                assert server.poll() is None, log.read_text()[-2000:]
                assert time.monotonic() < deadline, log.read_text()[-2000:]
                time.sleep(0.2)
            yield
        finally:
            _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(server.pid, how)
            server.wait(20)


def _answers(url: str) -> bool:
    with urllib3.PoolManager(retries=False, timeout=5) as pool:
        try:
            return bool(pool.request("GET", url).status == 200)
        except urllib3.exceptions.HTTPError:
            return False


class Visitor:
    """Somebody at a product's site, with cookies, as in a browser."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.jar = CookieJar()
        self.headers: dict[str, str] = {}
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def ask(self, path: str, sent: object = None, method: str | None = None) -> Any:
        """Send JSON, and return the JSON of the answer, nothing where it has none."""
        body = None if sent is None else json.dumps(sent).encode()
        return self.send(path, body, "application/json", method)

    def send(self, path: str, body: bytes | None, form: str, method: str | None = None) -> Any:
        asked = urllib.request.Request(
            f"{self.url}{path}",
            data=body,
            headers={"Content-Type": form, **self.headers},
            method=method,
        )
        try:
            with self._opener.open(asked, timeout=60) as answer:
                content = answer.read()
        except HTTPError as error:
            raise AssertionError((path, error.code, error.read()[:500])) from error
        return json.loads(content) if content.startswith((b"{", b"[")) else None

    def cookie(self, name: str) -> str:
        return next(str(each.value) for each in self.jar if each.name == name)


def until_true(what: Any) -> Any:
    """Return what `what` says once it is true."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found
