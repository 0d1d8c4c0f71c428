"""Make what compose.yaml mounts: a home for every role with its own key, and passwords, in files.

`python examples/deploy/prepare.py --producer app` makes the directory `house`. Every role's home
has its own private key, everybody's public keys, the policy, and its own passwords; nothing that
another role needs. The servers get digests of the passwords (Redis) and SCRAM verifiers
(PostgreSQL, RFC 5802), so that no file of theirs lets anybody in.
"""

# ruff: noqa: INP001  a script

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import os
import secrets
import shutil
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Final

from approvals.signers.file import new_key
from quarantine.model import PRODUCER_NAME
from service.bus import OURS

KEYS: Final = ("operator", "intake", "scoring", "releasing", "export")
HOMES: Final = {
    "intake-1": ("intake", "intake", "intake"),
    "intake-2": ("intake", "intake", "intake"),
    "scoring": ("scoring", "", "scorer"),
    "releasing": ("releasing", "releasing", "releaser"),
    "witness": ("", "", "reviewer"),
    "operator": ("operator", "intake", "operator"),
    "owner": ("", "", "keeper"),
}
"""Each home's key, its user on the bus, its role in PostgreSQL; empty where it has none."""

READS: Final = (
    "+ping +hello +auth +client|setinfo +client|setname +client|id +time +scan +info +config|get "
    "+multi +exec +xinfo +xlen +xrange +xrevrange +xpending"
)
BUS: Final = {
    "intake": (
        "%RW~feedback:in:* %RW~feedback:dead %W~feedback:notices -@all "
        f"{READS} +watch +unwatch +xadd +xgroup|create +xgroup|delconsumer +xgroup|setid "
        "+xreadgroup +xack +xclaim +xautoclaim +xtrim +xsetid"
    ),
    "releasing": f"%R~feedback:in:* %R~feedback:dead %W~feedback:notices -@all {READS} +xadd",
}
OWNER: Final = "keeper"
"""Owns the tables; its password is the one that the server is made with."""
ITERATIONS: Final = 4096
NOBODY: Final = 10001
"""Whom the image runs as where root prepares; else it runs as who did."""


def main(arguments: Sequence[str]) -> int:
    """Make the directory, which must not be there yet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("house", type=Path, nargs="?", default=Path("house"))
    parser.add_argument("--producer", action="append", default=[], help="who may publish")
    given = parser.parse_args(arguments)
    for name in given.producer:
        if not PRODUCER_NAME.fullmatch(name):
            parser.error(f"a producer's name is {PRODUCER_NAME.pattern}, not {name!r}")
        if name in OURS:
            parser.error(f"{name!r} is a user of the service's own: call the producer otherwise")
    given.house.mkdir(mode=0o700)
    prepare(given.house, given.producer)
    sys.stderr.write(f"{given.house}: a home for each of {', '.join(HOMES)}\n")
    user, group = (os.getuid(), os.getgid()) if os.getuid() else (NOBODY, NOBODY)
    for place in (given.house / name for name in (*HOMES, "grafana")):
        for each in (place, *place.rglob("*")):
            os.chown(each, user, group)
    sys.stdout.write(f"FQ_UID={user}\nFQ_GID={group}\n")
    return 0


def prepare(house: Path, producers: Sequence[str]) -> None:
    """Make everything in `house`."""
    keys = house / "keys"
    keys.mkdir(mode=0o700)
    for role in KEYS:
        new_key(keys / f"{role}.pem")
    bus = {name: secrets.token_urlsafe(32) for name in (*BUS, *producers)}
    sql = {role: secrets.token_urlsafe(32) for _, _, role in HOMES.values()}
    for name in HOMES:
        _home(house / name, keys, bus, sql)
    _producers(house / "producers", {name: bus[name] for name in producers})
    _servers(house, bus, sql, producers)
    shutil.rmtree(keys)


def _home(home: Path, keys: Path, bus: dict[str, str], sql: dict[str, str]) -> None:
    key, user, role = HOMES[home.name]
    (home / "keys").mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    for public in keys.glob("*.pub"):
        shutil.copy(public, home / "keys" / public.name)
    if key:
        shutil.copy(keys / f"{key}.pem", home / "keys" / f"{key}.pem")
    policy = resources.files("approvals.policies") / "default.toml"
    _write(home / "policy.toml", policy.read_text(encoding="utf-8"))
    _write(home / "pgpass", f"postgres:5432:quarantine:{role}:{sql[role]}\n")
    if user:
        _write(home / "bus-password", bus[user])


def _producers(place: Path, passwords: dict[str, str]) -> None:
    place.mkdir(mode=0o700)
    for name, password in passwords.items():
        _write(place / f"{name}.bus-password", password)


def _servers(
    house: Path, bus: dict[str, str], sql: dict[str, str], producers: Sequence[str]
) -> None:
    """Write what Redis, PostgreSQL and Grafana start with; Redis's and the roles hold no secret."""
    redis, postgres, grafana = house / "redis", house / "postgres", house / "grafana"
    for place in (redis, postgres, grafana):
        place.mkdir(mode=0o755)
    lines = ["user default off", "user health on nopass -@all +ping"]
    lines += [f"user {name} on {_hashed(bus[name])} resetchannels {BUS[name]}" for name in BUS]
    lines += [
        f"user {name} on {_hashed(bus[name])} resetkeys %W~feedback:in:{name} resetchannels"
        " -@all +xadd"
        for name in producers
    ]
    _write(redis / "users.acl", "\n".join(lines) + "\n", 0o644)
    roles = [
        f"CREATE ROLE {role} LOGIN PASSWORD '{_scram(password)}';"
        for role, password in sorted(sql.items())
        if role != OWNER
    ]
    _write(postgres / "roles.sql", "\n".join([*roles, ""]), 0o644)
    _write(postgres / "owner-password", sql[OWNER])
    _write(grafana / "admin-password", secrets.token_urlsafe(32))


def _hashed(password: str) -> str:
    """Return a password as an ACL file has it: of 256 random bits a plain digest is enough."""
    return f"#{hashlib.sha256(password.encode()).hexdigest()}"


def _scram(password: str) -> str:
    """Return the SCRAM-SHA-256 verifier of a password, as PostgreSQL stores it."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    client = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    spelled = [base64.b64encode(each).decode() for each in (salt, client, server)]
    return f"SCRAM-SHA-256${ITERATIONS}:{spelled[0]}${spelled[1]}:{spelled[2]}"


def _write(file: Path, text: str, mode: int = 0o600) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
    file.chmod(mode)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
