"""Cases with a known answer among the real ones: made by the real line, so that nothing tells.

Attackers are mixed into genuine feedback and scored with it; a probe is a dossier that came out,
of an attacker (bad) or of a genuine source that scoring doubts all the same (good), under a name
like any other. What is shown, the wording and the scores are therefore those of real cases.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from approvals.attest import act_of, record_of
from approvals.guards import ProbeAnswered, ProbesPlanted, ProbeStruck
from approvals.model import ActRecord, SourceRuled
from approvals.roster import Roster
from approvals.vigilance import Answer
from quarantine.model import Dossier, Logged, SourceKey, Verdict
from quarantine.record import Record

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    import pyarrow as pa

    from approvals.ports import Signer
    from quarantine.ports import Store
    from quarantine.scene import Attack, Mixed

FILE: Final = "probes.jsonl"
"""Where the service keeps the probes of a state directory, readable by its owner alone."""
_DOUBTED: Final = frozenset({Verdict.HOLD, Verdict.WATCH})
_TRIES: Final = 50
"""So many names of a shape are tried before one with another digit, and so on."""
_DIGITS: Final = re.compile(r"[0-9]+")


class Said(Record):
    """One event of a probe, as much as a reviewer is shown; `arrived` in µs."""

    target: str
    answer: str
    kind: str
    arrived: int


class Companion(Record):
    """A source that counts to the same voice as a probe, as much as a reviewer is shown of it."""

    source: str
    verdict: Verdict


class Probe(Record):
    """A case, what it was made to be, and the salt under which it was committed to."""

    dossier: Dossier
    events: tuple[Said, ...]
    company: tuple[Companion, ...] = ()
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


class Genuine(NamedTuple):
    """What probes are made of: feedback that people let leave, and the attacks to play on it."""

    events: pa.Table
    attacks: Mapping[str, Attack]


def seal_of(salt: str, key: SourceKey, *, bad: bool, attack: str) -> str:
    """Commit to a probe: the SHA-256 of its salt, its name, and what it was made to be."""
    told = json.dumps([salt, *key, bad, attack]).encode()
    return hashlib.sha256(told).hexdigest()


def made(genuine: Genuine, *, seed: int, each: int, salt: Callable[[], str]) -> list[Probe]:
    """Make up to `each` bad and as many good probes of every attack that can be played here.

    The same `seed` gives the same probes but for their salts. An attack that scoring does not
    doubt at all gives none: no answer to it is known to be visible.
    """
    import numpy as np  # noqa: PLC0415  a reviewer's record needs no arrays

    from quarantine.evidence import evidence_from  # noqa: PLC0415
    from quarantine.scene import Order, events_of, scene_of  # noqa: PLC0415
    from quarantine.scoring import score  # noqa: PLC0415

    chance = np.random.default_rng(seed)
    scene = scene_of(genuine.events, {}, timed=True)
    taken = set(scene.sources)
    found: list[Probe] = []
    for name, attack in sorted(genuine.attacks.items()):
        if attack.refuses(scene):
            continue
        mixed = attack.play(scene, Order(seed=int(chance.integers(2**31))))
        table = events_of(mixed.scene, genuine.events)
        dossiers = score(evidence_from(table)).dossiers
        names = _names(mixed, scene.sources, taken, chance)
        for bad in (True, False):
            picked = _picked(dossiers, _bad(mixed), chance, bad=bad)[:each]
            found += [
                Probe(
                    dossier=_renamed(each_, names),
                    events=tuple(_events(table, each_.source)),
                    company=tuple(_company(dossiers, each_, names)),
                    bad=bad,
                    attack=name if bad else "",
                    salt=salt(),
                )
                for each_ in picked
            ]
    return found


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


def _bad(mixed: Mixed) -> set[str]:
    return {name for name, bad in zip(mixed.scene.sources, mixed.bad.tolist(), strict=True) if bad}


def _picked(
    dossiers: Sequence[Dossier],
    bad_ones: Collection[str],
    chance: np.random.Generator,
    *,
    bad: bool,
) -> list[Dossier]:
    """Return the doubted dossiers of one sort in an order that chance gives."""
    fit = [
        each for each in dossiers if each.verdict in _DOUBTED and (each.source in bad_ones) == bad
    ]
    return [fit[int(n)] for n in chance.permutation(len(fit))]


def _names(
    mixed: Mixed, genuine: Sequence[str], taken: set[str], chance: np.random.Generator
) -> dict[str, str]:
    """Give every source in a mixed scene a name like the genuine ones, which nobody has."""
    names: dict[str, str] = {}
    for source in mixed.scene.sources:
        like = genuine[int(chance.integers(len(genuine)))]
        name, tries = _like(like, chance), 0
        while name in taken:
            tries += 1
            name = _like(like + "0" * (tries // _TRIES), chance)
        taken.add(name)
        names[source] = name
    return names


def _like(name: str, chance: np.random.Generator) -> str:
    """Return a name of the same shape: other digits where it has any, else some behind it."""

    def other(match: re.Match[str]) -> str:
        first = str(int(chance.integers(1, 10)))
        rest = (str(int(chance.integers(10))) for _ in match[0][1:])
        return first + "".join(rest)

    shaped = name if _DIGITS.search(name) else f"{name}-10"
    return _DIGITS.sub(other, shaped)


def _renamed(dossier: Dossier, names: Mapping[str, str]) -> Dossier:
    """Put the new names wherever a dossier tells one."""
    old = re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)))
    spelled = old.sub(lambda match: names[match[0]], dossier.canonical().decode())
    return Dossier.model_validate_json(spelled)


def _company(
    dossiers: Sequence[Dossier], dossier: Dossier, names: Mapping[str, str]
) -> Iterator[Companion]:
    """Yield the whole cluster of a dossier under its new names; nobody where it is alone."""
    linked = [each for each in dossiers if each.cluster == dossier.cluster]
    for each in linked if len(linked) > 1 else ():
        yield Companion(source=names[each.source], verdict=each.verdict)


def _events(table: pa.Table, source: str) -> Iterator[Said]:
    import pyarrow.compute as pc  # noqa: PLC0415

    mine = table.filter(pc.equal(table.column("source").cast("string"), source))
    for row in mine.select(["target", "answer", "kind", "arrived"]).to_pylist():
        yield Said(**row)
