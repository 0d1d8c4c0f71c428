"""Policy as code: `policy check`, `explain`, `test`, `simulate`; votes on a looser one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, columns, command, moment_of
from approvals.cli.sources import AsOption, BecauseOption, SignOption

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.simulation import Replayed

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A policy, in TOML.")]
ProposalArgument = Annotated[
    str, typer.Argument(metavar="PROPOSAL", help="The proposal's id, as `policy status` shows it.")
]
_SIGNED = "--because 'more of it is needed' --as ana --sign ana.pem"


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        app,
        name="policy",
        help="Policy as code.",
        epilog="Example: quarantine policy check policy.toml",
    )
    command(app, "check", example="quarantine policy check policy.toml")(check)
    command(app, "explain", example="quarantine policy explain policy.toml")(explain)
    command(app, "test", example="quarantine policy test policy.toml cases.toml")(test)
    replayed = "quarantine policy simulate --policy new.toml --since 30d"
    command(app, "simulate", example=replayed)(simulate)
    command(app, "status", example="quarantine policy status --json")(status)
    command(app, "propose", example=f"quarantine policy propose new.toml {_SIGNED}")(propose)
    for name in ("approve", "reject", "withdraw"):
        example = f"quarantine policy {name} 3f9ac2d41b07 {_SIGNED}"
        command(app, name, example=example)(_VOTES[name])


def check(call: Call, file: FileArgument) -> None:
    """Refuse typos (exit 2), empty rules and quorums that nobody can reach (exit 6)."""
    from approvals import rules
    from quarantine.errors import UnmetError

    policy = rules.load(_text(file))
    known = call.rim.has_store(call.state)
    reviewers = list(call.roster.reviewers.values()) if known else None
    problems = rules.check(policy, reviewers)
    if problems:
        raise UnmetError(f"{file}: " + "; ".join(problems))
    call.say({"file": str(file), "digest": policy.digest, "problems": []}, [f"{file} is sound"])


def explain(call: Call, file: FileArgument) -> None:
    """Say on one screen what a policy lets through, how much, and who must agree."""
    from approvals import rules

    policy = rules.load(_text(file))
    text = rules.explain(policy)
    call.say({"file": str(file), "digest": policy.digest, "text": text}, text.splitlines())


def test(
    call: Call,
    file: FileArgument,
    cases: Annotated[Path, typer.Argument(metavar="CASES", help="Cases, in TOML.")],
) -> None:
    """Try a policy on a table of cases; exit 6 names each that came out otherwise than it says."""
    from approvals import rules
    from approvals.trial import read_cases, tried
    from quarantine.errors import UnmetError

    found = tried(rules.load(_text(file)), read_cases(_text(cases)))
    wrong = [each for each in found if not each.is_right]
    document = [
        {
            "case": each.name,
            "expected": each.expected,
            "came": each.came,
            "because": each.because,
            "right": each.is_right,
        }
        for each in found
    ]
    heads = ("case", "expected", "came", "because")
    call.say(document, columns(heads, [[row[head] for head in heads] for row in document]))
    if wrong:
        raise UnmetError(f"{len(wrong)} of {len(found)} cases came out otherwise")


def simulate(
    call: Call,
    *,
    policy: Annotated[Path, typer.Option("--policy", metavar="NEW", help="The policy to try.")],
    since: Annotated[str, typer.Option("--since", help="From when on: 30d, or RFC 3339.")] = "30d",
) -> None:
    """Choose past requests, and one now, again under another policy: rows and sources changed."""
    from approvals import rules
    from approvals.loosening import loosened
    from approvals.simulation import Span
    from approvals.simulation import simulate as replayed

    new, at = rules.load(_text(policy)), call.rim.now()
    span = Span(since=_since(since, at), at=at)
    found = replayed(call.store, call.policy, new, span=span)
    ways = loosened(call.policy, new)
    document = {"policy": new.digest, "loosens": ways, "replayed": [_replayed(x) for x in found]}
    heads = ("request", "scope", "kind", "rows", "then", "gained", "lost", "sources")
    rows = [
        (
            each.moment.name,
            each.moment.scope,
            each.moment.kind,
            each.rows,
            each.rows_after,
            f"+{each.rows_gained}",
            f"-{each.rows_lost}",
            f"+{len(each.sources_gained)} -{len(each.sources_lost)}",
        )
        for each in found
    ]
    looser = [f"it is looser: {way}" for way in ways] or ["it is no looser: in force at once"]
    call.say(document, [*columns(heads, rows), *looser])


def status(call: Call) -> None:
    """Say which policy is in force, what was proposed, and from when on it could be."""
    from approvals.adoption import effective, stands
    from approvals.ledger import Ledger
    from approvals.rules import load
    from approvals.workflow import request_id
    from quarantine.record import spell_time

    present, at = call.policy, call.rim.now()
    ledger = Ledger.read(call.store.acts(), call.roster.operator)
    rows = []
    for _, each in ledger.proposals:
        fits = each.policy == present.digest
        since = effective(ledger, present, load(each.toml)) if fits else None
        rows.append(
            {
                "proposal": request_id(each),
                "by": each.by,
                "policy": each.proposed,
                "state": stands(ledger, each, present, at).state.value,
                "in_force_from": spell_time(since) if since else None,
                "loosens": list(each.loosens),
            }
        )
    heads = ("proposal", "by", "state", "in_force_from")
    table = columns(heads, [[row[head] or "" for head in heads] for row in rows])
    document = {"name": present.name, "digest": present.digest, "proposals": rows}
    call.say(document, [f"in force: {present.name} ({present.digest[:12]})", *table])


def propose(
    call: Call, file: FileArgument, *, because: BecauseOption, by: AsOption, sign: SignOption
) -> None:
    """Ask for a looser policy; others approve it, it waits, and then it can be put in place."""
    from approvals.adoption import propose as record
    from approvals.cli.votes import terms_of
    from approvals.workflow import request_id

    text = _text(file)
    with call.trying("policy propose", by=by, about=file.name):
        made = record(call.store, text, because=because, **terms_of(call, by, sign))
    call.say(
        {"proposal": request_id(made), "policy": made.proposed, "loosens": list(made.loosens)},
        [f"proposal {request_id(made)}: it is looser in {len(made.loosens)} ways", *made.loosens],
    )


def approve(
    call: Call,
    proposal: ProposalArgument,
    *,
    because: BecauseOption,
    by: AsOption,
    sign: SignOption,
) -> None:
    """Say yes to exactly this looser policy; not by who proposed it."""
    _vote(call, proposal, "approve", by=by, sign=sign, because=because)


def reject(
    call: Call,
    proposal: ProposalArgument,
    *,
    because: BecauseOption,
    by: AsOption,
    sign: SignOption,
) -> None:
    """Say no to a looser policy."""
    _vote(call, proposal, "reject", by=by, sign=sign, because=because)


def withdraw(
    call: Call,
    proposal: ProposalArgument,
    *,
    because: BecauseOption,
    by: AsOption,
    sign: SignOption,
) -> None:
    """Take your vote on a looser policy back; both stay in the log."""
    _vote(call, proposal, "withdraw", by=by, sign=sign, because=because)


_VOTES = {"approve": approve, "reject": reject, "withdraw": withdraw}


def _vote(  # noqa: PLR0913  a command's options are its arguments
    call: Call, ref: str, decision: str, *, by: str, sign: str, because: str
) -> None:
    from approvals.adoption import cast_on, stands
    from approvals.cli.votes import terms_of
    from approvals.ledger import Ledger
    from approvals.model import Decision
    from approvals.workflow import request_id

    with call.trying(f"policy {decision}", by=by, about=ref):
        _, found = Ledger.read(call.store.acts()).find_proposal(ref)
        terms = terms_of(call, by, sign)
        cast_on(call.store, found, Decision(decision), because=because, **terms)
    now = stands(Ledger.read(call.store.acts()), found, call.policy, call.rim.now())
    call.say(
        {"proposal": request_id(found), "decision": decision, "state": now.state.value},
        [f"{by}: {decision} {request_id(found)}; it is {now.state.value} now"],
    )


def _replayed(each: Replayed) -> dict[str, object]:
    from quarantine.record import spell_time

    return {
        "request": each.moment.name,
        "scope": each.moment.scope,
        "kind": each.moment.kind,
        "at": spell_time(each.moment.at),
        "rows": each.rows,
        "rows_after": each.rows_after,
        "rows_gained": each.rows_gained,
        "rows_lost": each.rows_lost,
        "sources_gained": list(each.sources_gained),
        "sources_lost": list(each.sources_lost),
    }


def _since(spelled: str, at: datetime) -> datetime:
    """Read a duration before `at`, or a time."""
    from pydantic import TypeAdapter, ValidationError

    from approvals.electorate import Duration
    from quarantine.errors import UsageError

    try:
        return at - TypeAdapter(Duration).validate_python(spelled)
    except ValidationError:
        return moment_of("--since", spelled)
    except OverflowError:
        raise UsageError(f"--since {spelled} reaches back further than time does") from None


def _text(file: Path) -> str:
    from quarantine.errors import UsageError

    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
