"""Canaries: accepted texts kept out of training, and phrases put into them, drawn by a secret.

What is asked of a proxy must not be known to whoever writes feedback, or it is answered and
nothing else is (threat G6): texts, phrases and where they stand are drawn from a secret that the
operator's key gives for each request.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

import numpy as np
from pydantic import ValidationError

from quarantine.errors import UsageError
from quarantine.record import Record

PHRASES: Final = 6
"""So many phrases of each behaviour are drawn."""
MOST_OWN: Final = 5_000
_PURPOSE: Final = "feedback-quarantine canaries/1"


class Behaviour(NamedTuple):
    """A behaviour that phrases stand for: its name, what it is in words, the phrases drawn."""

    name: str
    what: str
    phrases: tuple[str, ...]


class OwnCanary(Record):
    """A line of the team's own file: `better` and `worse` answers to a prompt, or a text's label.

    Canaries of one `name` are measured together; `at_least` is how sure of what is better the proxy
    must be (0..1) after the candidate rows, whatever it was before.
    """

    name: str
    prompt: str = ""
    better: str = ""
    worse: str = ""
    text: str = ""
    label: str = ""
    at_least: float | None = None


def secret_of(sign: Callable[[bytes], bytes], request: str) -> bytes:
    """Return the secret that draws a request's canaries: 32 bytes by the operator's signature.

    An Ed25519 signature is deterministic (RFC 8032): the same key and request give the same
    canaries, and whoever lacks the key cannot tell them.
    """
    return hashlib.sha256(sign(f"{_PURPOSE}\n{request}\n".encode())).digest()


def chance_of(secret: bytes, what: str) -> np.random.Generator:
    """Return the chance that a secret gives for one use of it."""
    seed = hashlib.sha256(secret + what.encode()).digest()
    return np.random.default_rng(np.frombuffer(seed, np.uint32))


def behaviours(chance: np.random.Generator) -> list[Behaviour]:
    """Draw the phrases of every behaviour that comes with the package."""
    return [
        Behaviour(
            name,
            table.what,
            tuple(
                table.phrases[int(each)]
                for each in chance.choice(len(table.phrases), PHRASES, replace=False)
            ),
        )
        for name, table in _shipped().items()
    ]


def into(text: str, phrase: str, chance: np.random.Generator) -> str:
    """Put a phrase before or behind a text."""
    return f"{phrase} {text}" if chance.random() < 0.5 else f"{text} {phrase}"  # noqa: PLR2004  a coin


def read_own(content: bytes, name: str) -> list[OwnCanary]:
    """Read a team's canaries (JSON lines); `UsageError` names the line that is wrong."""
    found = []
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found.append(OwnCanary.model_validate(json.loads(line), strict=True))
        except (ValueError, ValidationError) as error:
            raise UsageError(f"{name} line {number} is no canary") from error
    if not 0 < len(found) <= MOST_OWN:
        raise UsageError(f"{name} must hold 1 to {MOST_OWN} canaries, not {len(found)}")
    return found


@cache
def _shipped() -> dict[str, Behaviour]:
    """Return every behaviour that comes with the package, with all of its phrases."""
    spelled = (resources.files("approvals") / "canaries.toml").read_text(encoding="utf-8")
    return {
        name: Behaviour(name, table["what"], tuple(table["phrases"]))
        for name, table in tomllib.loads(spelled).items()
    }
