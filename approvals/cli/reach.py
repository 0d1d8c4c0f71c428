"""How far rows went, said in a command's answer: releases, models, what those said, who is near."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from approvals.cli.command import Call

if TYPE_CHECKING:
    from approvals.lineage import Generation, Wider
    from approvals.releases import Left

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`


def reach(call: Call, rows: Sequence[int]) -> tuple[dict[str, object], list[str]]:
    """Say how far `rows` went, and who else may belong to what is named."""
    from approvals.lineage import around, untouched, wider
    from approvals.lineage import trace as followed

    generations = followed(call.store, rows)
    concerned = around(call.store, rows)
    more = wider(call.store, rows, concerned)
    scopes = sorted({left.record.scope for each in generations for left, _ in each.releases})
    standing = _standing(call, generations, rows)
    gone = [row for each in generations for row in each.emitted] + list(rows)
    clean = {scope: untouched(call.store, scope, gone) for scope in scopes}
    document: dict[str, object] = {
        "rows": len(rows),
        "sources": [str(key) for key in concerned.sources],
        "clusters": {name: [*map(str, of)] for name, of in concerned.clusters.items()},
        "releases": _generation(generations[0])["releases"] if generations else [],
        "generations": [_generation(each) for each in generations],
        "wider": [_wider(each) for each in more],
        "still_standing": standing,
        "last_clean": {scope: left.record.name if left else None for scope, left in clean.items()},
    }
    return document, [
        *_told(generations),
        *_proposed(more),
        *_successors(generations, standing),
        *(
            f"- the last release of {scope} that never saw them: {left.record.name}"
            if left
            else f"- every release of {scope} saw them"
            for scope, left in clean.items()
        ),
    ]


def _standing(call: Call, generations: Sequence[Generation], rows: Sequence[int]) -> dict[str, int]:
    """Count what is left of each release that holds `rows`, once they are taken back."""
    gone = call.store.revoked().union(rows)
    into = generations[0].releases if generations else ()
    return {left.record.name: len(set(left.rows(call.store)) - gone) for left, _ in into}


def _successors(generations: Sequence[Generation], standing: Mapping[str, int]) -> list[str]:
    """Say of each release how much of it still stands, and the command that asks for that.

    Of what is gone as a whole there is nothing to ask for.
    """
    into = {left.record.name: left.record for each in generations for left, _ in each.releases}
    return [
        f"- {count} rows of {name} still stand: quarantine request make --replaces {name}"
        f" --scope {into[name].scope} --kind {into[name].kind}"
        if count
        else f"- nothing of {name} still stands"
        for name, count in standing.items()
    ]


def _generation(each: Generation) -> dict[str, object]:
    return {
        "rows": each.rows,
        "releases": _into(each.releases),
        "models": list(each.models),
        "emitted": len(each.emitted),
    }


def _told(generations: Sequence[Generation]) -> list[str]:
    from quarantine.safe import safe

    lines = []
    for each in generations:
        lines += [
            f"- {rows} of them are in {left.record.name} ({rows / left.record.rows:.2%} of it)"
            for left, rows in each.releases
        ]
        lines += [f"- {safe(model)} was trained on those" for model in each.models]
        if each.emitted:
            lines.append(f"- {len(each.emitted)} pseudo-labels came out of that; of these:")
    return lines


def _into(into: Sequence[tuple[Left, int]]) -> list[dict[str, object]]:
    return [
        {
            "release": left.record.name,
            "scope": left.record.scope,
            "rows": rows,
            "share": rows / left.record.rows,
        }
        for left, rows in into
    ]


def _wider(each: Wider) -> dict[str, object]:
    return {
        "cluster": each.cluster or None,
        "sources": [*map(str, each.sources)],
        "more": each.more,
        "releases": _into(each.releases),
        "options": _options(each),
    }


def _options(each: Wider) -> str:
    """Spell what `revoke` and `trace` are to be given to name this instead."""
    from quarantine.model import from_micros
    from quarantine.record import spell_time
    from quarantine.safe import safe

    name = (
        f"--cluster {safe(each.cluster)}"
        if each.cluster
        else f"--source {safe(str(each.sources[0]))}"
    )
    if each.since is None or each.until is None:
        return name
    since, until = (spell_time(from_micros(time)) for time in (each.since, each.until))
    return f"{name} --since {since} --until {until}"


def _proposed(more: Sequence[Wider]) -> Iterator[str]:
    """Propose the voices around what was named, with what taking them back would cost."""
    for each in more:
        who = f"a cluster of {len(each.sources)} sources" if each.cluster else "the same source"
        when = "in all" if each.since is None else "within a day"
        cost = ", ".join(
            f"{rows} in {left.record.name} ({rows / left.record.rows:.2%})"
            for left, rows in each.releases
        )
        yield (
            f"- {who} said {each.more} more rows {when} ({cost or 'none has left'}):"
            f" {_options(each)}"
        )
