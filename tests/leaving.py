"""Candidates for a release, and what of them may leave: builders for tests of budgets."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pandas as pd

from approvals.admission import COLUMNS
from approvals.budget import PRIOR, Choice, choose
from approvals.policy import Policy
from approvals.rules import load
from quarantine.model import to_micros
from tests.room import LOOSE, START

DAY = timedelta(days=1)
USUAL = {
    "producer": "app",
    "origin": "human",
    "tier": "vetted",
    "assurance": "self-declared",
    "kind": "label",
    "scope": "helpful",
    "aspect": "",
    "label": "",
    "question": "",
    "arrived": to_micros(START - 30 * DAY),
    "first_seen": to_micros(START - 60 * DAY),
    "verdict": "clear",
    "barred": "",
}


def crowd(*rows: dict[str, object]) -> pd.DataFrame:
    """Build candidates; a source is its own cluster unless told, leaves are unpredictable."""
    filled = []
    for n, row in enumerate(rows):
        leaf = hashlib.sha256(f"leaf {n}".encode()).digest()
        known = {"index": n, "leaf": leaf, "target": f"t{n}", "cluster": row["source"]}
        filled.append(USUAL | known | row)
    return pd.DataFrame(filled, columns=list(COLUMNS))


def many(sources: int, each: int, **rest: object) -> list[dict[str, object]]:
    return [
        {"source": f"{rest.get('prefix', 's')}{s}", "target": f"t{n}"}
        | {key: value for key, value in rest.items() if key != "prefix"}
        for s in range(sources)
        for n in range(each)
    ]


def gone(*rows: dict[str, object]) -> pd.DataFrame:
    """Build what left before."""
    filled = [
        USUAL | {"index": -1 - n, "cluster": row["source"], "target": "old", "revoked": False} | row
        for n, row in enumerate(rows)
    ]
    return pd.DataFrame(filled, columns=list(PRIOR))


def chosen(
    candidates: pd.DataFrame, policy: Policy | str = LOOSE, *, prior: pd.DataFrame | None = None
) -> Choice:
    policy = load(policy) if isinstance(policy, str) else policy
    before = gone() if prior is None else prior
    found = choose(candidates, policy, prior=before, at=START)
    assert len(found.members) + sum(found.left_out.values()) == len(candidates)
    return found


def edited(text: str, **budgets: str) -> str:
    """Change one table of a policy: `budget_source="rows = 1 …"`."""
    for table, lines in budgets.items():
        head = f"[{table.replace('_', '.')}]\n"
        start = text.index(head) + len(head)
        end = text.index("\n\n", start)
        text = text[:start] + lines + text[end:]
    return text
