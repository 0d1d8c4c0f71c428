"""Which versions are known to be dangerous: exactly those before the one that mends them."""

from __future__ import annotations

import pytest

from service.flaws import FLAWS, REDIS, VALKEY, flaws_of, server_of, spelled


def names(server: str, *version: int) -> list[str]:
    return [flaw.name for flaw, _ in flaws_of(server, version)]


@pytest.mark.parametrize(
    ("server", "version", "mend"),
    [
        (REDIS, (7, 2, 10), (7, 2, 11)),
        (REDIS, (7, 4, 5), (7, 4, 6)),
        (REDIS, (8, 0, 3), (8, 0, 4)),
        (REDIS, (8, 2, 1), (8, 2, 2)),
        (REDIS, (7, 0, 15), ()),
        (VALKEY, (7, 2, 10), (7, 2, 11)),
        (VALKEY, (8, 0, 5), (8, 0, 6)),
        (VALKEY, (8, 1, 3), (8, 1, 4)),
    ],
)
def test_d8_a_script_takes_over_a_server_before_its_mend(
    server: str, version: tuple[int, ...], mend: tuple[int, ...]
) -> None:
    found = {flaw.name: fixed for flaw, fixed in flaws_of(server, version)}
    assert found["CVE-2025-49844"] == mend
    if mend:
        assert "CVE-2025-49844" not in names(server, *mend)


@pytest.mark.parametrize(
    ("server", "version", "mended"),
    [
        (REDIS, (8, 6, 2), (8, 6, 3)),
        (REDIS, (7, 4, 8), (7, 4, 9)),
        (VALKEY, (7, 2, 12), (7, 2, 13)),
        (VALKEY, (8, 1, 6), (8, 1, 7)),
        (VALKEY, (9, 0, 3), (9, 0, 4)),
    ],
)
def test_d8_a_waiting_client_takes_over_a_server_before_its_mend(
    server: str, version: tuple[int, ...], mended: tuple[int, ...]
) -> None:
    assert "CVE-2026-23479" in names(server, *version)
    assert "CVE-2026-23479" not in names(server, *mended)
    assert "CVE-2026-23479" not in names(REDIS, 7, 0, 15), "it came with 7.2"


@pytest.mark.parametrize(
    ("server", "version"),
    [
        (REDIS, (7, 2, 15)),
        (REDIS, (7, 4, 10)),
        (REDIS, (8, 2, 8)),
        (REDIS, (8, 8, 1)),
        (REDIS, (9, 0, 0)),
        (VALKEY, (7, 2, 14)),
        (VALKEY, (8, 1, 9)),
        (VALKEY, (9, 1, 1)),
        (VALKEY, (10, 0, 0)),
        ("dragonfly", (1, 0, 0)),
    ],
)
def test_nothing_is_known_against_what_is_mended_or_newer(
    server: str, version: tuple[int, ...]
) -> None:
    assert names(server, *version) == []


def test_each_flaw_names_one_version_a_branch_in_rising_order() -> None:
    for flaw in FLAWS:
        for versions in flaw.mended.values():
            assert sorted(versions) == list(versions)
            assert len({version[:2] for version in versions}) == len(versions)


def test_valkey_is_judged_by_its_own_version_and_not_by_the_one_it_resembles() -> None:
    valkey = {"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.2"}
    assert server_of(valkey) == (VALKEY, (9, 1, 2))
    assert server_of({"redis_version": "7.0.15"}) == (REDIS, (7, 0, 15))
    assert spelled((7, 0, 15)) == "7.0.15"
