"""A name that nobody has is a usage error, whichever command is given it; who acts is another."""

from __future__ import annotations

import pytest

from tests.shell import Shell

ID = "3f9ac2d41b07"
SIGNED = ("--as", "ana", "--sign", "ana.pem", "--because", "x")

UNKNOWN: tuple[tuple[str, ...], ...] = (
    ("dead", "show", "9"),
    ("dead", "redrive", "9"),
    ("sources", "show", "app/zoe"),
    ("sources", "hold", "app/zoe", *SIGNED),
    ("sources", "clear", "app/zoe", *SIGNED),
    ("sources", "appeal", "app/zoe", *SIGNED),
    ("sources", "tier", "app/zoe", "vetted", *SIGNED),
    ("sources", "tier", "zoe/*", "vetted", *SIGNED),
    ("probe", "record", "zoe"),
    ("probe", "appeal", ID, *SIGNED),
    ("probe", "strike", ID, *SIGNED),
    ("producer", "revoke", "zoe"),
    ("producer", "revoke", "app", "--key", ID),
    ("reviewer", "revoke", "zoe"),
    ("request", "show", ID),
    ("request", "sample", ID),
    ("request", "make", "--scope", "s", "--kind", "applause", *SIGNED[:4]),
    ("request", "make", "--scope", "s", "--kind", "rating", "--replaces", "zoe", *SIGNED[:4]),
    ("approve", ID, *SIGNED),
    ("reject", ID, *SIGNED),
    ("withdraw", ID, *SIGNED),
    ("gate", ID),
    ("glass", "break", ID, *SIGNED),
    ("glass", "review", ID, "--sound", *SIGNED),
    ("windows", "clear", ID, *SIGNED),
    ("policy", "approve", ID, *SIGNED),
    ("release", "make", ID, "--out", "release"),
    ("erase", "--source", "app/zoe", *SIGNED),
    ("erase", "--event", "zoe", "--dry-run"),
    ("erase", "--confirm", ID, *SIGNED),
    ("trace", "--source", "app/zoe"),
    ("trace", "--cluster", "zoe"),
    ("trace", "--producer", "zoe"),
    ("trace", "--event", "zoe"),
    ("trace", "--release", "zoe"),
    ("revoke", "--source", "app/zoe", *SIGNED),
    ("revoke", "--producer", "zoe", *SIGNED),
    ("revoke", "--release", "zoe", "--dry-run"),
    ("audit", "prove", "99999"),
    ("drift", "--scope", "zoe"),
    ("adapter", "pull", "zoe", "--once"),
    ("up", "--only", "zoe"),
)
"""Commands with the name of something that is not there."""

WRONG_TIMES: tuple[tuple[str, ...], ...] = (
    ("reviewer", "revoke", "ana", "--since", "yesterday"),
    ("producer", "revoke", "app", "--since", "yesterday"),
    ("request", "make", "--scope", "s", "--kind", "rating", "--until", "soon", *SIGNED[:4]),
    ("policy", "simulate", "--policy", "state/policy.toml", "--since", "yesterday"),
    ("trace", "--window", "yesterday..today"),
    ("store", "retire", "--before", "yesterday", "--because", "x"),
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Return a state directory with one producer and one reviewer, and nothing said yet."""
    folder = tmp_path_factory.mktemp("house")
    shell = Shell(folder / "state")
    for name in ("app", "ana"):
        assert shell.run("keys", "new", str(folder / f"{name}.pem")).code == 0
    words = ("producer", "add", "app", "--key", str(folder / "app.pem.pub"))
    assert shell.run(*words).code == 0
    words = ("reviewer", "add", "ana", "--person", "ana@example.org")
    assert shell.run(*words, "--key", str(folder / "ana.pem.pub")).code == 0
    return shell


@pytest.mark.parametrize("words", [*UNKNOWN, *WRONG_TIMES], ids=" ".join)
def test_a_name_that_nobody_has_is_a_usage_error(
    words: tuple[str, ...], house: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(house.state.parent)
    told = house.run(*words)
    assert (told.code, told.out) == (2, ""), told
    assert told.err.startswith("quarantine: ")
    assert told.err.count("\n") == 1, "one sentence"


@pytest.mark.parametrize(
    "words",
    [
        ("request", "make", "--scope", "s", "--kind", "rating"),
        ("revoke", "--source", "app/zoe", "--because", "x"),
        ("sources", "hold", "app/zoe", "--because", "x"),
    ],
    ids=" ".join,
)
def test_who_acts_under_a_name_that_nobody_has_is_not_authorised(
    words: tuple[str, ...], house: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(house.state.parent)
    code = house.run(*words, "--as", "zoe", "--sign", "ana.pem").code
    assert code == (2 if words[0] == "sources" else 4), "whom it is about is looked for first there"


@pytest.mark.parametrize(
    "words", [("revoke", "--release", "r"), ("erase", "--source", "app/zoe")], ids=" ".join
)
def test_only_a_preview_needs_no_key(words: tuple[str, ...], house: Shell) -> None:
    told = house.run(*words, "--as", "ana")
    assert (told.code, told.out) == (2, "")
    assert "give --sign and --because: only --dry-run needs no key" in told.err
    assert "there is no" in house.run(*words, "--dry-run").err, "it looked"
