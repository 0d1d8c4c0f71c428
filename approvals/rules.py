"""Policy as code: load it strictly, check that it can work, explain it in one screen."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources
from itertools import combinations
from typing import Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from approvals.conditions import nonsense
from approvals.conditions import told as told_of_gates
from approvals.model import ANY, Assurance
from approvals.policy import Deny, PhraseSupport, Policy, ProducerBudget, Reach, Rule, Voice
from approvals.roster import Reviewer
from approvals.seats import contradictions, told, unreachable
from quarantine.envelope import kinds
from quarantine.errors import UsageError
from quarantine.model import Verdict

__all__ = ["SHIPPED", "Policy", "check", "explain", "load", "shipped", "spell"]

SHIPPED: Final = ("default", "demo")
"""The policies that come with the package."""


@lru_cache(maxsize=64)
def load(text: str) -> Policy:
    """Read a policy from its exact `text` (TOML 1.0).

    Raises `UsageError` with the path of each wrong field and how to mend it: duplicate keys,
    unknown keys, wrong types, rules that contradict each other, a quorum that nobody can reach.
    """
    try:
        spelled = json.dumps(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the policy is no TOML: {error}") from error
    except TypeError as error:
        raise UsageError("a policy holds no dates: write durations such as '24h'") from error
    try:
        policy = Policy.model_validate_json(spelled, context=text)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise UsageError("; ".join(_mend(fault) for fault in faults)) from error
    problems = list(_contradictions(policy))
    if problems:
        raise UsageError("; ".join(problems))
    return policy


def shipped(name: str) -> str:
    """Return the exact text of a policy that comes with the package, one of `SHIPPED`."""
    if name not in SHIPPED:
        raise UsageError(f"there is no shipped policy {name!r}; there are {', '.join(SHIPPED)}")
    file = resources.files("approvals") / "policies" / f"{name}.toml"
    return file.read_bytes().decode()


def check(policy: Policy, reviewers: Sequence[Reviewer] | None = None) -> list[str]:
    """Return every reason why `policy` cannot work with `reviewers`, one sentence each.

    Absent reviewers are not asked about (a policy may be written before there is a roster); what
    is wrong with a policy by itself is found here as well, though `load` refuses it already.
    """
    found = list(_contradictions(policy))
    if reviewers is not None:
        found += unreachable(policy, reviewers)
    return found


def explain(policy: Policy) -> str:
    """Return `policy` in words, one screen of plain text."""
    budget, support, quorum = policy.budget, policy.support, policy.quorum
    lines = [
        f"policy {policy.name} ({policy.digest[:12]})",
        "",
        "What may leave (the first rule that matches decides; nothing matches: it stays):",
        *(f"  {_rule_line(rule)}" for rule in policy.rule),
    ]
    if policy.deny:
        lines += ["What never leaves:", *(f"  {each.name}: {_reach(each)}" for each in policy.deny)]
    lines += [
        "How much one voice weighs, whatever is thought of it:",
        f"  a source: {_voice_line(budget.source)}",
        f"  a cluster of linked sources: {_voice_line(budget.cluster)}",
        f"  a producer: {_most(budget.producer)}",
        f"  a target in over {support.rows} rows needs {support.clusters} clusters behind it",
        f"  {_phrases_line(policy.phrases)}",
        f"Sources on {' or '.join(policy.verdicts.leave_out)} stay behind.",
        "Who decides:",
        f"  {quorum.people} people, none of whom made the request"
        + (f", filling {', '.join(quorum.roles)} (one person, one role)" if quorum.roles else ""),
        f"  a rejection by {_any(quorum.veto, 'anyone')} stops it",
        f"  a vote counts for {spell(quorum.vote_ttl)}, a request for {spell(quorum.request_ttl)}",
        *told(policy),
        *(["What is measured before anything leaves:"] if policy.gate else []),
        *told_of_gates(policy.gate),
    ]
    return "\n".join(lines)


def spell(duration: timedelta) -> str:
    """Spell a duration as a policy does, in the largest whole unit."""
    seconds = int(duration.total_seconds())
    for unit, length in (("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _rule_line(rule: Rule) -> str:
    waits = f"source {spell(rule.min_age)} old, event {spell(rule.dwell)} held"
    if rule.needs_gold is not None:
        need = rule.needs_gold
        waits += f", {_percent(need.right)} of {need.answers} known answers or more right"
    shares = [f"{_percent(rule.share)} of a release"] if rule.share < 1 else []
    if rule.share_of_scope < 1:
        shares.append(f"{_percent(rule.share_of_scope)} of all the scope ever released")
    most = f", at most {' and '.join(shares)}" if shares else ""
    if rule.assurance is not Assurance.NONE:
        waits += f", known by {rule.assurance} or better"
    return f"{rule.name}: {_reach(rule)}; {waits}{most}"


def _reach(rule: Reach) -> str:
    words = (
        _any(rule.tiers, ""),
        _any(rule.origins, ""),
        _any(rule.kinds, "everything"),
        "" if ANY in rule.scopes else f"for {', '.join(rule.scopes)}",
        "" if ANY in rule.aspects else f"on {', '.join(rule.aspects)}",
        "" if ANY in rule.labels else f"labelled {', '.join(rule.labels)}",
        "" if ANY in rule.targets else f"of {', '.join(rule.targets)}",
    )
    return " ".join(word for word in words if word)


def _any(words: Sequence[str], everything: str) -> str:
    return everything if ANY in words else "/".join(words)


def _percent(share: float) -> str:
    return f"{share * 100:g}%"


def _most(budget: Voice | ProducerBudget) -> str:
    return f"{budget.rows:,} rows and {_percent(budget.share)} of a release"


def _voice_line(voice: Voice) -> str:
    return f"{_most(voice)}, {voice.lifetime:,} rows ever, {voice.per_target} on one target"


def _phrases_line(phrases: PhraseSupport) -> str:
    if not phrases.words:
        return "phrases need nobody behind them"
    return (
        f"a phrase of up to {phrases.words} words in over {phrases.rows} rows"
        f" needs {phrases.clusters} clusters behind it"
        + (
            f"; among {phrases.small:,} rows or fewer, one for every {phrases.each}"
            if phrases.small
            else ""
        )
    )


def _mend(fault: ErrorDetails) -> str:
    """Say where a field is wrong and what would be right."""
    path = fault["loc"]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)[1:]
    if fault["type"] == "extra_forbidden":
        near = get_close_matches(str(path[-1]), _fields(path[:-1]), n=1)
        return f"{where}: there is no such key" + (f"; did you mean {near[0]}?" if near else "")
    if fault["type"] == "missing":
        return f"{where}: this key is missing; nothing is assumed"
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}"


def _fields(path: Sequence[str | int]) -> list[str]:
    """Return the keys that the table at `path` may hold."""
    model: type[BaseModel] = Policy
    for part in path:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            inner = next(iter(get_args(annotation)), annotation)
            if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
                return []
            model = inner
    return list(model.model_fields)


def _contradictions(policy: Policy) -> Iterator[str]:
    """Yield what is wrong with a policy whoever the reviewers are."""
    yield from _names(policy)
    yield from _unreached(policy)
    yield from _upside_down(policy)
    for name, support in (("support", policy.support), ("phrases", policy.phrases)):
        if support.rows < 3 * support.clusters:
            yield (
                f"{name}: rows ({support.rows}) must be at least three times clusters"
                f" ({support.clusters}), or what is honest and rare is held"
            )
    yield from contradictions(policy)
    yield from nonsense(policy.gate, sorted(kind.name for kind in kinds().values()))
    if Verdict.HOLD not in policy.verdicts.leave_out:
        yield 'verdicts.leave_out: must hold "hold": what is held never leaves'


def _names(policy: Policy) -> Iterator[str]:
    names = [each.name for each in (*policy.rule, *policy.deny)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"rule {name!r}: two rules have this name"


def _unreached(policy: Policy) -> Iterator[str]:
    """Yield rules that can never decide: an earlier one, or a denial, speaks of all they name."""
    pairs: list[tuple[Deny | Rule, Rule]] = [
        *((deny, rule) for deny in policy.deny for rule in policy.rule),
        *combinations(policy.rule, 2),
    ]
    for before, rule in pairs:
        if before.covers(rule):
            yield f"rule {rule.name!r}: never decides, {before.name!r} comes before it"


def _upside_down(policy: Policy) -> Iterator[str]:
    """Yield caps that contradict each other: the larger voice must have the larger cap."""
    source, cluster, producer = (
        policy.budget.source,
        policy.budget.cluster,
        policy.budget.producer,
    )
    for small, large, name in (
        (source.rows, cluster.rows, "cluster.rows is below source.rows"),
        (source.share, cluster.share, "cluster.share is below source.share"),
        (source.lifetime, cluster.lifetime, "cluster.lifetime is below source.lifetime"),
        (source.per_target, cluster.per_target, "cluster.per_target is below source.per_target"),
        (cluster.rows, producer.rows, "producer.rows is below cluster.rows"),
        (cluster.share, producer.share, "producer.share is below cluster.share"),
        (source.rows, source.lifetime, "source.lifetime is below source.rows"),
        (cluster.rows, cluster.lifetime, "cluster.lifetime is below cluster.rows"),
    ):
        if large < small:
            yield f"budget.{name}: the larger one would never be reached"
