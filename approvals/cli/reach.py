"""How far rows went, said in a command's answer: releases, models, what those said, who is near."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from approvals.cli.command import Call

if TYPE_CHECKING:
    from approvals.lineage import Concerned, Generation

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`


def reach(call: Call, rows: Sequence[int]) -> tuple[dict[str, object], list[str]]:
    """Say how far `rows` went, and who else may belong to what is named."""
    from approvals.lineage import around, untouched
    from approvals.lineage import trace as followed

    generations = followed(call.store, rows)
    concerned = around(call.store, rows)
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
        "still_standing": standing,
        "last_clean": {scope: left.record.name if left else None for scope, left in clean.items()},
    }
    return document, [
        *_told(generations),
        *_proposed(call, concerned),
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
    """Say of each release how much of it still stands, and the command that asks for that."""
    into = {left.record.name: left.record for each in generations for left, _ in each.releases}
    return [
        f"- {count} rows of {name} still stand: quarantine request make --replaces {name}"
        f" --scope {into[name].scope} --kind {into[name].kind}"
        for name, count in standing.items()
    ]


def _generation(each: Generation) -> dict[str, object]:
    return {
        "rows": each.rows,
        "releases": [
            {
                "release": left.record.name,
                "scope": left.record.scope,
                "rows": rows,
                "share": rows / left.record.rows,
            }
            for left, rows in each.releases
        ],
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


def _proposed(call: Call, concerned: Concerned) -> list[str]:
    """Propose the clusters around what was named, with what taking them back would cost."""
    from quarantine.model import Named
    from quarantine.safe import safe

    lines = []
    for name, members in concerned.clusters.items():
        others = [key for key in members if key not in concerned.sources]
        if others:
            rows = sum(
                len(call.store.find(Named(producer=key.producer, source=key.source)))
                for key in others
            )
            lines.append(
                f"- {len(others)} more sources with {rows} rows are thought to be one voice with"
                f" them: --cluster {safe(name)}"
            )
    return lines
