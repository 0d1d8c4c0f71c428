"""Cases with a known answer among the real ones: made by the real line, so that nothing tells.

Attackers are mixed into genuine feedback and scored with it; a probe is a dossier that came out,
of an attacker (bad) or of a genuine source that scoring doubts all the same (good), under a name
like any other. What is shown, the wording and the scores are therefore those of real cases.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from approvals.aliases import Aliases
from approvals.attest import act_of, record_of
from approvals.guards import ProbeAnswered, ProbesPlanted, ProbeStruck
from approvals.model import ActRecord, SourceRuled
from approvals.roster import Roster
from approvals.shadow import Shadow, names_of, rows_of, scenery, shadow
from approvals.vigilance import Answer
from quarantine.model import Dossier, Logged, SourceKey, Standing, Tier, Verdict
from quarantine.plugins import offered
from quarantine.record import Record
from quarantine.verdicts import called as meaning
from quarantine.verdicts import verdict

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    import pyarrow as pa

    from approvals.ports import Signer
    from quarantine.ports import Store
    from quarantine.scene import Attack

FILE: Final = "probes.jsonl"
"""Where the service keeps the probes of a state directory, readable by its owner alone."""
USUAL: Final = 0.05
"""The p-value up to which probes are doubted where no real case says."""
_DOUBTED: Final = frozenset({Verdict.HOLD, Verdict.WATCH})


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


class Genuine(NamedTuple):
    """What probes are made of: feedback that people let leave, and the attacks to play.

    `held` is what waits now, among which they are laid; `standings` is what is known of sources,
    `called` the largest p-value that is doubted now: by how many others ring, the same evidence
    is doubted one day and not the next, and probes are doubted as cases are today.
    """

    events: pa.Table
    attacks: Mapping[str, Attack]
    held: pa.Table | None = None
    standings: Mapping[SourceKey, Standing] = MappingProxyType({})
    called: float | None = None


def seal_of(salt: str, key: SourceKey, *, bad: bool, attack: str) -> str:
    """Commit to a probe: the SHA-256 of its salt, its name, and what it was made to be."""
    told = json.dumps([salt, *key, bad, attack]).encode()
    return hashlib.sha256(told).hexdigest()


def made(genuine: Genuine, *, seed: int, each: int, salt: Callable[[], str]) -> list[Probe]:
    """Make at least `each` bad and up to as many good probes of every attack that can be played.

    Of a ring all who are doubted are probes, as in a real one all are cases. The same `seed` gives
    the same probes but for their salts. An attack that scoring does not doubt at all gives none:
    no answer to it is known to be visible.
    """
    import numpy as np  # noqa: PLC0415  a reviewer's record needs no arrays

    chance = np.random.default_rng(seed)
    known = sorted({*names_of(genuine.events), *names_of(genuine.held)})
    aliases = Aliases(known, chance)
    found: list[Probe] = []
    for name, attack in sorted(genuine.attacks.items()):
        scene = scenery(genuine.events, genuine.held, chance)
        played = shadow(scene, attack, int(chance.integers(2**31)))
        if played is None:
            continue
        names = _names(played, known, aliases)
        for bad in (True, False):
            for dossier in _picked(played, chance, each, genuine.called, bad=bad):
                found.append(_probe(played, dossier, names, genuine.standings, salt()))
                found[-1] = found[-1].model_copy(update={"attack": name if bad else ""})
    return found


def called_now(dossiers: Iterable[Dossier]) -> float | None:
    """Return the largest p-value of those that scoring doubts now, absent on a cold start."""
    doubted = (each.p_value for each in dossiers if each.verdict in _DOUBTED)
    return max((each for each in doubted if each is not None), default=None)


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


def _picked(
    played: Shadow, chance: np.random.Generator, each: int, called: float | None, *, bad: bool
) -> list[Dossier]:
    """Draw doubted dossiers of one sort, whole rings at once, until there are `each` of them.

    A ring that people of another sort belong to is left out: its other members could be looked up.
    """
    sort = played.bad if bad else played.good
    known = len(names_of(played.before))
    rings: defaultdict[str, list[Dossier]] = defaultdict(list)
    for dossier in played.dossiers:
        rings[dossier.cluster].append(_as_today(dossier, called, known))
    fit = [
        [one for one in ring if one.verdict in _DOUBTED]
        for _, ring in sorted(rings.items())
        if all(one.source in sort for one in ring)
    ]
    fit = [ring for ring in fit if ring]
    drawn: list[Dossier] = []
    for number in chance.permutation(len(fit)).tolist():
        if len(drawn) < each:
            drawn += fit[number]
    return drawn


def _as_today(dossier: Dossier, least: float | None, known: int) -> Dossier:
    """Return a dossier with the verdict that its p-value gets today; without one, as it is.

    Where nobody is doubted now, few being too few to call anybody, `USUAL` stands in. What is
    called says what that means beside so many `known`, as any case does.
    """
    if dossier.p_value is None:
        return dossier
    if dossier.p_value > (USUAL if least is None else least):
        return dossier.model_copy(update={"verdict": Verdict.CLEAR})
    if dossier.verdict in _DOUBTED:
        return dossier
    from quarantine.scoring import FALSE_SHARE  # noqa: PLC0415  a record needs no arrays

    channels = _channels()
    rang = {channels.get(each.detector, each.detector) for each in dossier.findings}
    told = (*dossier.findings, meaning(dossier.p_value, known, FALSE_SHARE))
    return dossier.model_copy(
        update={"verdict": verdict(rang or {"reference"}, Standing()), "findings": told}
    )


def _channels() -> dict[str, str]:
    """Return the channel of each detector."""
    found = offered("quarantine.detectors", "DETECTOR")
    return {name: str(getattr(each, "channel", name)) for name, each in found.items()}


def _probe(
    played: Shadow,
    dossier: Dossier,
    names: Mapping[str, str],
    standings: Mapping[SourceKey, Standing],
    salt: str,
) -> Probe:
    """Make a probe of a dossier: under another name, with what it said and had said before."""
    own = standings.get(dossier.key)
    return Probe(
        dossier=_renamed(dossier, names),
        events=(
            *(_past(row) for row in rows_of(played.before, dossier.source)),
            *(_said(row) for row in rows_of(played.events, dossier.source)),
        ),
        company=tuple(_company(played.dossiers, dossier, names)),
        tier=own.tier if own else None,
        bad=dossier.source in played.bad,
        salt=salt,
    )


def _past(row: Mapping[str, object]) -> Said:
    """Tell what was approved: who really said it is no other voice."""
    value = row["value"]
    worth = value if isinstance(value, float) and not math.isnan(value) else None
    shift = (-1.0, -1.0, -(worth or 0.0), 0.0 if worth is None else -1.0)
    return _said({**row, "shift": shift}, released=True)


def _said(row: Mapping[str, object], *, released: Literal[True] | None = None) -> Said:
    told = {name: each for name, each in row.items() if name != "value"}
    return Said.model_validate({**told, "released": released})


def _names(played: Shadow, genuine: Sequence[str], aliases: Aliases) -> dict[str, str]:
    """Give every source of a shadow a name that nobody has: strangers one like anybody's."""
    known = frozenset(genuine)
    return {
        source: aliases.like(source) if source in known else aliases.another()
        for source in played.sources
    }


def _renamed(dossier: Dossier, names: Mapping[str, str]) -> Dossier:
    """Put the new names wherever a dossier tells one."""
    spelled = dossier.canonical().decode()
    new = {_in_json(old): _in_json(name) for old, name in names.items()}
    told = sorted((old for old in new if old in spelled), key=len, reverse=True)
    found = re.compile("|".join(map(re.escape, told)))
    return Dossier.model_validate_json(found.sub(lambda match: new[match[0]], spelled))


def _in_json(text: str) -> str:
    """Spell a text as it stands inside a canonical record."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _company(
    dossiers: Sequence[Dossier], dossier: Dossier, names: Mapping[str, str]
) -> Iterator[Companion]:
    """Yield the whole cluster of a dossier under its new names; nobody where it is alone."""
    linked = [each for each in dossiers if each.cluster == dossier.cluster]
    for each in linked if len(linked) > 1 else ():
        yield Companion(source=names[each.source], verdict=each.verdict)
