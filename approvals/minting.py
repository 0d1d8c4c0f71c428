"""New cases with a known answer, made by the real line, so that nothing tells them from real ones.

Attackers are mixed into genuine feedback and scored with it; a probe is a dossier that came out,
of an attacker (bad) or of a genuine source that scoring doubts all the same (good), under a name
like any other. What is shown, the wording and the scores are therefore those of real cases.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from approvals.aliases import Aliases
from approvals.probes import Companion, Probe, Said
from approvals.shadow import Shadow, names_of, rows_of, scenery, shadow
from quarantine.model import Dossier, SourceKey, Standing, Verdict
from quarantine.plugins import offered
from quarantine.verdicts import called as meaning
from quarantine.verdicts import verdict

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from quarantine.scene import Attack

USUAL: Final = 0.05
"""The p-value up to which probes are doubted where no real case says."""
_DOUBTED: Final = frozenset({Verdict.HOLD, Verdict.WATCH})


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
