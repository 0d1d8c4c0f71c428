"""The settings of a running service: from the environment, else from a file, checked at the start.

A name that is not known is refused, with the one that was probably meant: a typo must not be a
setting that silently does nothing.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from quarantine.errors import UsageError

PREFIX: Final = "FQ_"
TESTS: Final = "FQ_TEST_"
"""What tests are told, and a service passes over."""

_LONGEST_SECRET: Final = 4096


def _words(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


class Options(BaseModel):
    """What can be set, by the name in the file; the variable is `FQ_` and the name in capitals.

    What the command line says wins over the environment, and that over the file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: Annotated[
        str | None, Field(description="URL of a PostgreSQL; else SQLite in the state directory.")
    ] = None
    bus: Annotated[
        str | None,
        Field(
            description="The bus's URL; else the embedded one.",
            pattern=r"^(rediss?(\+cluster|\+sentinel)?|unix)://",
        ),
    ] = None
    bus_password_file: Annotated[
        Path | None, Field(description="A file with the password of the bus's user.")
    ] = None
    only: Annotated[
        tuple[Literal["intake", "scoring", "releasing", "witness"], ...],
        BeforeValidator(_words),
        Field(description="Just these roles: intake, scoring, releasing, witness."),
    ] = ()
    http: Annotated[
        str | None,
        Field(description="HOST:PORT where /livez, /readyz, /startupz, /metrics are answered."),
    ] = None
    allow_volatile: Annotated[bool, Field(description="Take a bus that forgets on a crash.")] = (
        False
    )
    allow_flawed: Annotated[
        bool, Field(description="Take a server whose version has known flaws.")
    ] = False
    witness: Annotated[
        Path | None,
        Field(description="The file in which the witness remembers; on a disk of its own."),
    ] = None
    log: Annotated[Literal["plain", "json"], Field(description="How log lines are spelled.")] = (
        "plain"
    )
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Field(description="INFO: a line a decision; WARNING: only what needs somebody."),
    ] = "WARNING"
    otlp: Annotated[
        str | None,
        Field(
            description="URL of an OpenTelemetry collector's traces (OTLP over HTTP); else none.",
            pattern="^https?://",
        ),
    ] = None
    traces: Annotated[
        float, Field(ge=0.0, le=1.0, description="The share of traces that is kept.")
    ] = 1.0

    def unlocked(self, url: str) -> str:
        """Return `url` with the password of `bus_password_file`, where it has none of its own.

        Raises `UsageError` when the file cannot be read.
        """
        parts = urlsplit(url)
        user, at, host = parts.netloc.rpartition("@")
        if self.bus_password_file is None or ":" in user or parts.scheme == "unix":
            return url
        secret = quote(_secret(self.bus_password_file), safe="")
        if not secret:
            return url
        return parts._replace(netloc=f"{user if at else ''}:{secret}@{host}").geturl()


def read(environment: Mapping[str, str], file: Path) -> Options:
    """Return what is set; raises `UsageError` naming each setting that is wrong, and its mend."""
    said = _in_file(file)
    for name, value in environment.items():
        if name.startswith(PREFIX) and not name.startswith(TESTS) and value:
            said[name.removeprefix(PREFIX).lower()] = (name, value)
    try:
        return Options.model_validate({name: value for name, (_, value) in said.items()})
    except ValidationError as error:
        wrong = "; ".join(
            _wrong(said, str(each["loc"][0]), str(each["type"]), str(each["msg"]))
            for each in error.errors()
        )
        raise UsageError(f"settings: {wrong}") from error


def _in_file(file: Path) -> dict[str, tuple[str, object]]:
    try:
        spelled = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
    try:
        return {name: (f"{file}: {name}", value) for name, value in tomllib.loads(spelled).items()}
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file} is no TOML: {error}") from error


def _wrong(said: Mapping[str, tuple[str, object]], name: str, kind: str, because: str) -> str:
    where = said[name][0] if name in said else name
    if kind != "extra_forbidden":
        return f"{where}: {because}"
    spelled = {each: _spelled(each, where) for each in Options.model_fields}
    near = difflib.get_close_matches(name, spelled, n=1)
    mend = (
        f"did you mean {spelled[near[0]]}" if near else f"there are {', '.join(spelled.values())}"
    )
    return f"{where} is no setting: {mend}"


def _spelled(name: str, where: str) -> str:
    """Spell a setting's name as it stands where another one was wrong."""
    return f"{PREFIX}{name.upper()}" if where.startswith(PREFIX) else name


def _secret(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as held:
            return held.read(_LONGEST_SECRET).strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the password file {file} cannot be read: {error}") from error
