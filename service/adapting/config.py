"""An adapter's settings: one strict TOML file each, in the state directory's `adapters/`."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Final, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from approvals.electorate import Duration
from approvals.model import Assurance
from quarantine.errors import UsageError
from quarantine.model import PRODUCER_NAME
from quarantine.plugins import offered
from service.adapting.paths import steps
from service.adapting.words import Adapter, Term

Text = Annotated[str, Field(min_length=1, max_length=1024)]


class Part(BaseModel):
    """A table of the file: frozen, strict, refusing keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Sender(Part):
    """Under which producer's key goes what is at least so sure of its source."""

    assurance: Assurance
    producer: Annotated[str, Field(pattern=f"^(?:{PRODUCER_NAME.pattern})$")]
    sign: Path


class Question(Part):
    """What one question of the other system is to us; `name` is what that system calls it."""

    name: Text
    low: float | None = None
    high: float | None = None
    labels: tuple[Text, ...] = ()
    aspect: str = ""
    scope: str = ""


class Config(Part):
    """All of an adapter's file. Paths in it are seen from the state directory."""

    adapter: Text
    scope: Text
    send: Annotated[tuple[Sender, ...], Field(min_length=1)]
    url: str = ""
    secret: Path | None = None
    every: Duration = timedelta(minutes=1)
    look_back: Duration = timedelta(days=1)
    query: dict[str, str] = {}
    kind: str = ""
    fields: dict[str, str] = {}
    constants: dict[str, str | int | float | bool | list[str]] = {}
    question: Annotated[tuple[Question, ...], Field(alias="term")] = ()

    def term(self, name: str) -> Term:
        """Return what was said of a question, an empty term where nothing was."""
        for each in self.question:
            if each.name == name:
                return Term(each.low, each.high, each.labels, each.aspect, each.scope)
        return Term()

    def sender(self, assurance: Assurance) -> Sender | None:
        """Return the surest sender that this is sure enough for, nothing where it is for none."""
        fit = [each for each in self.send if assurance.reaches(each.assurance)]
        order = list(Assurance)
        return max(fit, key=lambda each: order.index(each.assurance), default=None)


@cache
def adapters() -> dict[str, Adapter]:
    """Return every adapter by its name."""
    found = cast("dict[str, Adapter]", dict(offered("service.adapters", "ADAPTER")))
    return {each.name: each for each in found.values()}


SUFFIX: Final = ".toml"


def read_config(folder: Path, name: str) -> Config:
    """Read `folder/NAME.toml`; raises `UsageError` that names what is wrong and the mend."""
    file = folder / f"{name}{SUFFIX}"
    if not file.is_file():
        raise UsageError(f"there is no {file}: write one (see docs/adapters.md)")
    config = _parsed(file)
    if config.adapter not in adapters():
        known = ", ".join(sorted(adapters()))
        raise UsageError(f"{file}: there is no adapter {config.adapter!r}; there are {known}")
    for path in config.fields.values():
        if path.startswith("$"):
            steps(path)
    return config


def secret_in(root: Path, name: str, config: Config) -> str:
    """Return an adapter's secret, empty where it has none; `UsageError` where its file is away.

    `root` is the state directory, from which paths of the settings are seen.
    """
    if config.secret is None:
        return ""
    file = root / config.secret
    if not file.is_file():
        raise UsageError(f"there is no file {file} with the secret of {name}: write it there")
    return file.read_text(encoding="utf-8").strip()


def proved_by(root: Path, name: str, config: Config) -> str:
    """Return what a call of an adapter is proved by; `UsageError` where it is called and has none.

    Without one whoever calls would be believed.
    """
    secret = secret_in(root, name, config)
    if not secret:
        where = root / config.secret if config.secret else "secret = …"
        raise UsageError(
            f"the adapter {name} is called over HTTP and has no secret: name a file with"
            f" one in its settings ({where})"
        )
    return secret


def require_whole(root: Path, folder: Path) -> None:
    """Raise `UsageError`, which names the mend, where an adapter in `folder` could not work.

    Looked at before anything starts: its settings, its secret, the keys that it signs with.
    """
    for name in names_in(folder):
        config = read_config(folder, name)
        if adapters()[config.adapter].authentic is not None:
            proved_by(root, name, config)
        secret_in(root, name, config)
        for sender in config.send:
            if not (root / sender.sign).is_file():
                raise UsageError(
                    f"there is no file {root / sender.sign} with which {name} signs as"
                    f" {sender.producer}: quarantine keys new {root / sender.sign}"
                )


def _parsed(file: Path) -> Config:
    try:
        return Config.model_validate(tomllib.loads(file.read_text()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is no TOML: {error}") from error
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        told = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in faults]
        raise UsageError(f"{file}: {'; '.join(told)}") from error


def names_in(folder: Path) -> list[str]:
    """Return the names of all adapters that were set up, in order."""
    return sorted(file.stem for file in folder.glob(f"*{SUFFIX}"))
