"""Whether reviewers are awake: `probe plant`, `appeal`, `strike`; `reviewer record`, `pairs`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, cast

import typer

from approvals.cli.command import Call, columns, command
from approvals.cli.sources import AsOption, BecauseOption, SignOption

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from approvals.probes import Probe
    from approvals.vigilance import Answer
    from quarantine.model import SourceKey
    from quarantine.scene import Attack

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`


SealArgument = Annotated[
    str, typer.Argument(metavar="SEAL", help="The probe, as `reviewer record` shows it.")
]
_SIGNED = "--because 'its samples are fine' --as ana --sign ana.pem"


def register(root: typer.Typer) -> None:
    """Add these commands to `root`; the group `reviewer` is there already."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        app,
        name="probe",
        help="Cases with known answers, among the real ones.",
        epilog="Example: quarantine probe plant --each 3",
    )
    command(app, "plant", example="quarantine probe plant --each 3 --seed 7")(plant)
    command(app, "record", example="quarantine probe record ana --json")(record_)
    command(app, "pairs", example="quarantine probe pairs")(pairs)
    command(app, "appeal", example=f"quarantine probe appeal 3f9ac2d4 {_SIGNED}")(appeal)
    command(app, "strike", example=f"quarantine probe strike 3f9ac2d4 {_SIGNED}")(strike)


def plant(
    call: Call,
    *,
    each: Annotated[int, typer.Option("--each", min=1, help="So many of every attack.")] = 3,
    seed: Annotated[int, typer.Option("--seed", help="Of the attacks and of the choice.")] = 0,
) -> None:
    """Make probes beside what waits now, keep them, and commit to them in the log."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from approvals import minting, probes
    from approvals.desk import released_indexes
    from quarantine.errors import UnmetError
    from quarantine.plugins import offered

    left = pa.array(released_indexes(call.store), pa.int64())
    gone = pa.array(released_indexes(call.store, revoked=True), pa.int64())
    back = pa.array(sorted(call.store.revoked()), pa.int64())
    frame = call.store.frame()
    out = pc.or_(*(pc.is_in(frame["index"], value_set=each) for each in (gone, back)))
    genuine = minting.Genuine(
        frame.filter(pc.is_in(frame["index"], value_set=left)),
        cast("Mapping[str, Attack]", offered("quarantine.attacks", "ATTACK")),
        frame.filter(pc.invert(out)),
        call.roster.standings,
        minting.called_now(call.store.dossiers()),
    )
    made = minting.made(genuine, seed=seed, each=each, salt=call.rim.nonce) if len(left) else []
    if not made:
        raise UnmetError("no probe can be made: too little was released to mix attackers into")
    probes.plant(
        call.store, call.state, made, signer=call.rim.role(call.state, "scoring"), at=call.rim.now()
    )
    bad = sum(probe.bad for probe in made)
    call.say(
        {"probes": len(made), "bad": bad, "good": len(made) - bad},
        [f"{bad} bad and {len(made) - bad} good probes are among the cases now"],
    )


def record_(call: Call, name: str) -> None:
    """Show a reviewer's own record on probes: what they missed, of what, and whether it rang."""
    from approvals.vigilance import record
    from quarantine.errors import UsageError
    from quarantine.safe import safe

    if name not in call.roster.reviewers:
        raise UsageError(f"there is no reviewer {safe(name)}: quarantine reviewer list")
    person = call.reviewer(name).person
    own = _answers(call).get(person, [])
    found = record(own)
    document = {"reviewer": name, "person": person, **asdict(found)}
    document["missed"] = [{"probe": a.probe, "attack": a.attack} for a in own if not a.is_right]
    rang = f"rang after {found.flagged_after}" if found.flagged_after else "does not ring"
    lines = [f"{person}: {found.answers} probes, the test {rang}"]
    for what, rate in (("bad", found.bad), ("good", found.good), *found.by_attack.items()):
        lines.append(
            f"{what}: missed {rate.missed} of {rate.of} ({rate.low:.0%} to {rate.high:.0%})"
        )
    lines += [f"missed {a.probe[:12]} {a.attack or 'a good one'}" for a in own if not a.is_right]
    call.say(document, lines)


def pairs(call: Call) -> None:
    """Name the reviewers who are wrong on the same probes more often than two strangers are."""
    from approvals.vigilance import pairs as found_in

    found = found_in(_answers(call))
    heads = ("first", "second", "joint", "together", "chance")
    rows = [(p.first, p.second, p.joint, p.together, f"{p.chance:.2g}") for p in found]
    call.say([pair._asdict() for pair in found], columns(heads, rows))


def appeal(
    call: Call, seal: SealArgument, *, because: BecauseOption, by: AsOption, sign: SignOption
) -> None:
    """Say that a probe's known answer is wrong; another person decides."""
    from approvals.attest import act_of
    from approvals.desk import require_reason, require_seat
    from approvals.guards import ProbeAppealed

    found = _sealed(call, seal)
    reviewer, signer = call.signed(by, sign)
    at = call.rim.now()
    require_seat(call.roster, reviewer, signer, at)
    require_reason(because)
    act = ProbeAppealed(at=at, seal=found, because=because, by=by)
    call.store.record([act_of(act, signer)])
    call.say({"probe": found, "appealed": True}, [f"{found[:12]} is appealed by {by}"])


def strike(
    call: Call, seal: SealArgument, *, because: BecauseOption, by: AsOption, sign: SignOption
) -> None:
    """Agree that a probe was no good: it counts for nobody; not by who appealed or missed it."""
    from approvals.attest import act_of
    from approvals.desk import require_reason, require_seat
    from approvals.guards import ProbeStruck
    from quarantine.errors import NotAuthorisedError

    found = _sealed(call, seal)
    with call.trying("probe strike", by=by, about=found[:12]):
        reviewer, signer = call.signed(by, sign)
        at = call.rim.now()
        require_seat(call.roster, reviewer, signer, at)
        require_reason(because)
        missed = {
            person
            for person, own in _answers(call).items()
            if any(each.probe == found and not each.is_right for each in own)
        }
        if reviewer.person in missed:
            raise NotAuthorisedError(f"{by} answered this probe wrongly: another must look at it")
        act = ProbeStruck(at=at, seal=found, because=because, by=by)
        call.store.record([act_of(act, signer)])
    call.say({"probe": found, "struck": True}, [f"{found[:12]} counts for nobody"])


def _probes(call: Call) -> Mapping[SourceKey, Probe]:
    from approvals.probes import kept

    return kept(call.state, call.store.acts())


def _answers(call: Call) -> Mapping[str, Sequence[Answer]]:
    from approvals.probes import answers

    return answers(_probes(call), call.store.acts(), call.roster)


def _sealed(call: Call, seal: str) -> str:
    from quarantine.errors import UsageError

    found = [p.seal for p in _probes(call).values() if len(seal) >= 8 and p.seal.startswith(seal)]  # noqa: PLR2004
    if len(found) != 1:
        raise UsageError(f"{len(found) or 'no'} probes are called {seal}: name 8 or more digits")
    return found[0]
