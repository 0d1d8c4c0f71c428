"""Versions of servers that are known to be dangerous, and the first of each branch that is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

Version = tuple[int, ...]

REDIS: Final = "redis"
VALKEY: Final = "valkey"


class Flaw(NamedTuple):
    """What a client can do to a server, and the versions that mend it, one a branch.

    A branch is the first two numbers of a version. One that is older than the newest branch listed
    and has no version there is not known to be mended; one that is newer never had the flaw.
    """

    name: str
    what: str
    mended: Mapping[str, Sequence[Version]]

    def mend(self, server: str, version: Version) -> Version | None:
        """Return the version that mends it, an empty one where none is known for that branch.

        Nothing is returned when this version does not have the flaw.
        """
        known = {each[:2]: each for each in self.mended.get(server, ())}
        here = known.get(version[:2])
        if here is not None:
            return here if version < here else None
        return () if known and version[:2] < max(known) else None


FLAWS: Final[Sequence[Flaw]] = (
    # The notes of Redis 7.4.3 and Valkey 8.1.1; other branches as of the next flaw.
    Flaw(
        "CVE-2025-21605",
        "who gives no password can fill its memory",
        {
            REDIS: ((7, 2, 11), (7, 4, 3)),
            VALKEY: ((7, 2, 11), (8, 0, 6), (8, 1, 1)),
        },
    ),
    # docker-library/official-images#20011; valkey-io/valkey#2684, #2686, Valkey 8.1.4.
    Flaw(
        "CVE-2025-49844",
        "a script can take it over",
        {
            REDIS: ((7, 2, 11), (7, 4, 6), (8, 0, 4), (8, 2, 2)),
            VALKEY: ((7, 2, 11), (8, 0, 6), (8, 1, 4)),
        },
    ),
    # It came with Redis 7.2. The notes of 7.4.9 and 8.6.3, other branches as of the next flaw;
    # valkey-io/valkey#3631 to #3635 (8.0.8 was withdrawn for 8.0.9).
    Flaw(
        "CVE-2026-23479",
        "a client that waits can take it over",
        {
            REDIS: ((7, 0, 0), (7, 2, 15), (7, 4, 9), (8, 2, 8), (8, 4, 5), (8, 6, 3)),
            VALKEY: ((7, 2, 13), (8, 0, 9), (8, 1, 7), (9, 0, 4), (9, 1, 0)),
        },
    ),
    # docker-library/official-images#21922.
    Flaw(
        "what Redis mended on 24 July 2026",
        "a client can take it over",
        {REDIS: ((7, 2, 15), (7, 4, 10), (8, 2, 8), (8, 4, 5), (8, 6, 5), (8, 8, 1))},
    ),
    # The Valkey releases of 21 July 2026.
    Flaw(
        "CVE-2026-63639",
        "a forged copy of a stream can take it over",
        {VALKEY: ((7, 2, 14), (8, 0, 10), (8, 1, 9), (9, 0, 5), (9, 1, 1))},
    ),
)
"""Flaws by which a client takes the server over or fills it, as far as their releases say so."""


def server_of(told: Mapping[str, object]) -> tuple[str, Version]:
    """Return which server it is and its version, from the server section of `INFO`.

    Valkey says the Redis version that it is compatible with as `redis_version`, and its own beside.
    """
    name = str(told.get("server_name", REDIS))
    spelled = str(told.get("valkey_version" if name == VALKEY else "redis_version", ""))
    return name, tuple(int(part) for part in spelled.split(".") if part.isdecimal())


def flaws_of(server: str, version: Version) -> Iterator[tuple[Flaw, Version]]:
    """Yield what is known against a version of a server, each with the version that mends it."""
    for flaw in FLAWS:
        mend = flaw.mend(server, version)
        if mend is not None:
            yield flaw, mend


def spelled(version: Version) -> str:
    """Return a version as its server spells it."""
    return ".".join(map(str, version))
