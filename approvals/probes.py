"""Cases with a known answer among the real ones: how they are kept, sealed, and answered.

Who has answered what is read from the log: rulings that people signed as on any case. What such
cases are made of is `approvals.minting`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from approvals.attest import act_of, record_of
from approvals.guards import ProbeAnswered, ProbesPlanted, ProbeStruck
from approvals.model import ActRecord, SourceRuled
from approvals.roster import Roster
from approvals.vigilance import Answer
from quarantine.model import Dossier, Logged, SourceKey, Tier, Verdict
from quarantine.record import Record

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.ports import Signer
    from quarantine.ports import Store

FILE: Final = "probes.jsonl"
"""Where the service keeps the probes of a state directory, readable by its owner alone."""


class Said(Record):
    """One event of a probe, as much as a reviewer is shown; `arrived` in µs.

    `released` marks what belongs to its approved past; `shift` is by how much else other voices
    speak of its target than if the probe's attack had never been (`approvals.overheard`).
    """

    target: str
    answer: str
    kind: str
    arrived: int
    released: Literal[True] | None = None
    shift: tuple[float, float, float, float] | None = None


class Companion(Record):
    """A source that counts to the same voice as a probe, as much as a reviewer is shown of it."""

    source: str
    verdict: Verdict


class Probe(Record):
    """A case, what it was made to be, and the salt under which it was committed to."""

    dossier: Dossier
    events: tuple[Said, ...]
    company: tuple[Companion, ...] = ()
    tier: Tier | None = None
    bad: bool
    attack: str = ""
    salt: str

    @property
    def key(self) -> SourceKey:
        """Return whom it seems to be about."""
        return self.dossier.key

    @property
    def seal(self) -> str:
        """Return what the log says of it beforehand: a commitment that tells nothing."""
        return seal_of(self.salt, self.key, bad=self.bad, attack=self.attack)


def seal_of(salt: str, key: SourceKey, *, bad: bool, attack: str) -> str:
    """Commit to a probe: the SHA-256 of its salt, its name, and what it was made to be."""
    told = json.dumps([salt, *key, bad, attack]).encode()
    return hashlib.sha256(told).hexdigest()


def plant(
    store: Store, folder: Path, probes: Sequence[Probe], *, signer: Signer, at: datetime
) -> None:
    """Keep `probes` in `folder` and commit to them in the log, signed by the scoring role."""
    lines = b"".join(probe.canonical() + b"\n" for probe in probes)
    handle = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "ab") as out:
        out.write(lines)
        out.flush()
        os.fsync(out.fileno())
    record = ProbesPlanted(at=at, seals=tuple(sorted(probe.seal for probe in probes)))
    store.record([act_of(record, signer)])


def kept(folder: Path, acts: Iterable[Logged]) -> dict[SourceKey, Probe]:
    """Return the probes of a state directory by name: those that the log committed to alone."""
    file = folder / FILE
    if not file.exists():
        return {}
    sealed = {
        seal
        for logged in acts
        if logged.act.kind == ProbesPlanted.act
        for seal in _planted(logged).seals
    }
    probes = (Probe.parse(line) for line in file.read_bytes().splitlines())
    return {probe.key: probe for probe in probes if probe.seal in sealed}


def waiting(
    probes: Mapping[SourceKey, Probe], acts: Iterable[Logged], roster: Roster, person: str
) -> list[Probe]:
    """Return the probes that this person did not decide on yet; each is shown to them once."""
    mine = {each.probe for each in answers(probes, acts, roster).get(person, [])}
    return [probe for probe in probes.values() if probe.seal not in mine]


def answers(
    probes: Mapping[SourceKey, Probe], acts: Iterable[Logged], roster: Roster
) -> dict[str, list[Answer]]:
    """Return each person's answers to probes, oldest first: the rulings that they signed.

    The first ruling of a person on a probe counts; a probe that was struck counts for nobody.
    """
    found: defaultdict[str, dict[str, Answer]] = defaultdict(dict)
    struck: set[str] = set()
    for logged in acts:
        if logged.act.kind == ProbeStruck.act:
            struck.add(str(getattr(record_of(logged.act), "seal", "")))
        elif logged.act.kind in (SourceRuled.act, ProbeAnswered.act):
            for person, given in _given(record_of(logged.act), probes, roster):
                found[person].setdefault(given.probe, given)
    return {
        person: [each for each in own.values() if each.probe not in struck]
        for person, own in found.items()
    }


def _given(
    record: ActRecord, probes: Mapping[SourceKey, Probe], roster: Roster
) -> Iterator[tuple[str, Answer]]:
    """Yield who answered what, where an act is an answer to a probe, still kept or opened since."""
    match record:
        case SourceRuled():
            probe = probes.get(SourceKey(record.producer, record.source))
            by = roster.reviewers.get(record.by)
            if probe is not None and by is not None:
                is_right = (record.ruling == "hold") == probe.bad
                yield by.person, Answer(probe.seal, probe.bad, probe.attack, is_right)
        case ProbeAnswered():
            is_right = (record.answer == "hold") == record.bad
            yield record.by, Answer(record.seal, record.bad, record.attack, is_right)
        case _:
            return


def opened(
    probes: Mapping[SourceKey, Probe], acts: Iterable[Logged], roster: Roster, at: datetime
) -> list[ProbeAnswered]:
    """Return what the log can be told once these probes are shown no more: every answer, opened."""
    every = list(acts)
    known = {probe.seal: probe for probe in probes.values()}
    return [
        ProbeAnswered(
            at=at,
            seal=each.probe,
            salt=known[each.probe].salt,
            by=person,
            bad=each.bad,
            attack=each.attack,
            answer="hold" if each.is_right == each.bad else "clear",
        )
        for person, own in sorted(answers(probes, every, roster).items())
        for each in own
        if each.probe in known
    ]


def _planted(logged: Logged) -> ProbesPlanted:
    record = record_of(logged.act)
    assert isinstance(record, ProbesPlanted)  # noqa: S101  its kind says so
    return record
