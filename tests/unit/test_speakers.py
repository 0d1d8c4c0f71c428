"""Who speaks in frozen rows, counted once each."""

from __future__ import annotations

from approvals.speakers import Speaker, speakers
from quarantine.model import Member, SourceKey


def test_a_source_in_two_clusters_is_two_speakers_with_their_rows() -> None:
    said = [("c1", "app", "a"), ("c1", "app", "a"), ("c2", "app", "a"), ("c1", "bot", "a")]
    members = [Member(n, b"leaf", *names, target=f"t{n}") for n, names in enumerate(said)]
    found = speakers(members)
    assert found == {
        Speaker("c1", "app", "a"): 2,
        Speaker("c2", "app", "a"): 1,
        Speaker("c1", "bot", "a"): 1,
    }
    assert {each.key for each in found} == {SourceKey("app", "a"), SourceKey("bot", "a")}
    assert not speakers([])
