"""The collector of cycles waits while many rows are made, and is never left off."""

from __future__ import annotations

import gc

import pytest

from quarantine.unswept import unswept


def test_it_waits_inside_and_goes_on_after() -> None:
    assert gc.isenabled()
    with unswept():
        assert not gc.isenabled()
        with unswept():
            assert not gc.isenabled()
        assert not gc.isenabled(), "who came second does not turn it on for the first"
    assert gc.isenabled()


def test_it_goes_on_after_an_error_in_a_decorated_function() -> None:
    @unswept()
    def refuse() -> None:
        assert not gc.isenabled()
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            refuse()
        assert gc.isenabled()


def test_one_who_had_it_off_finds_it_off() -> None:
    gc.disable()
    try:
        with unswept():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
