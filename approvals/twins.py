"""No two people who read alike, and no key of two people: a second name is no second person."""

from __future__ import annotations

from collections.abc import Iterable

from approvals.roster import Reviewer
from quarantine.errors import UsageError
from quarantine.normal import normal
from quarantine.safe import safe


def require_apart(name: str, person: str, key: str, known: Iterable[Reviewer]) -> None:
    """Refuse who would stand in the roster as one more person and be the same to those who read it.

    A name or person that is spelled otherwise than a known one and reads like it (Unicode TR 39
    skeletons, letter case, spaces, invisible characters), or a `key` (its id) that is somebody
    else's, raises `UsageError`. Names of one person share it letter by letter.
    """
    for text in (name, person):
        if not text or text != text.strip() or safe(text) != text:
            raise UsageError(f"{safe(text)!r} is empty, hides characters, or ends with a space")
    for each in known:
        why = _confused(each, name, person, key)
        if why:
            raise UsageError(why)


def _confused(known: Reviewer, name: str, person: str, key: str) -> str:
    """Say how a new name is taken for a known one; empty where it is not."""
    if known.name != name and normal(known.name) == normal(name):
        return f"{safe(name)} reads like the reviewer {safe(known.name)}"
    if known.person == person:
        return ""
    if normal(known.person) == normal(person):
        return f"{safe(person)} reads like {safe(known.person)}, who is {safe(known.name)}"
    whose = f"{safe(known.name)}, who is {safe(known.person)}"
    return f"this is the key of {whose}" if known.key == key else ""
