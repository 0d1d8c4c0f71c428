"""The summary of a backtest: every row accounted for, every setting named."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np

from approvals.rules import Policy, load, shipped
from quarantine.errors import UsageError
from quarantine.known import Known
from quarantine.safe import safe
from service.backtest import known
from service.backtest.figures import Shown
from service.backtest.model import BacktestOptions, Feedback, Flags
from service.backtest.words import wording

SEED: Final = 0
"""What a backtest's chance is seeded with: detectors get none, so that this changes nothing."""
_LIBRARIES: Final = ("numpy", "pandas", "pyarrow", "pydantic", "scikit-learn", "scipy")


@dataclass(frozen=True, slots=True)
class Beside:
    """What was given beside the feedback, read before the long work starts."""

    policy: Policy
    gold: Sequence[known.GoldScore]
    items: known.Items | None
    released: Flags
    reference: int
    known: Known


def read_beside(feedback: Feedback, options: BacktestOptions) -> Beside:
    """Read what the options name; raises `UsageError` for what has no meaning."""
    if options.pass_every < 1 or any(k < 1 for k in options.prequential):
        raise UsageError("events are counted from 1: --pass-every and --prequential are at least 1")
    gold = known.read_gold(options.gold) if options.gold else {}
    reference = known.read_reference(options.reference) if options.reference else {}
    items = known.read_items(options.items) if options.items else None
    described = items.targets if items else {}
    return Beside(
        policy=_policy(options.policy),
        gold=known.gold_scores(gold, feedback) if gold else (),
        items=items,
        released=known.released_by(reference, feedback),
        reference=len(reference),
        known=Known(
            gold=gold,
            topics={name: item.topic for name, item in described.items() if item.topic},
            wording=wording(feedback, described),
        ),
    )


def _policy(path: Path | None) -> Policy:
    if path is None:
        return load(shipped("default"))
    try:
        return load(path.read_bytes().decode())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the policy {safe(str(path))} cannot be read: {error}") from error


def summary_of(
    files: Sequence[Path], options: BacktestOptions, shown: Shown, beside: Beside
) -> dict[str, object]:
    """Return the summary, all but the seconds, which end last."""
    scored = shown.judged.scored
    return {
        "files": [path.name for path in files],
        "scope": options.scope,
        "cold_start": scored.cold_start,
        "timed": shown.feedback.timed,
        "pass_every": options.pass_every,
        "seed": SEED,
        "counts": _counts(shown),
        "notes": list(scored.notes),
        "thresholds": scored.thresholds,
        "detectors": scored.versions,
        "policy": {"name": beside.policy.name, "digest": beside.policy.digest},
        "exposure": {
            name: certificate.model_dump(mode="json", exclude_none=True)
            for name, certificate in shown.exposures.items()
        },
        "reference": {"sources": beside.reference, "events": int(beside.released.sum())},
        **_extras(shown, beside),
        "ignored_columns": list(shown.feedback.ignored),
        "malformed": [
            {"file": bad.file, "row": bad.row, "reason": bad.reason, "detail": bad.detail}
            for bad in shown.feedback.bad
        ],
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("feedback-quarantine", *_LIBRARIES)},
        },
    }


def _counts(shown: Shown) -> dict[str, int]:
    feedback, dossiers = shown.feedback, shown.judged.dossiers
    verdicts = Counter(str(dossier.verdict) for dossier in dossiers)
    return {
        "rows": feedback.rows,
        "events": feedback.events.num_rows,
        "duplicates": feedback.duplicates,
        "malformed": len(feedback.bad),
        "other_scope": feedback.elsewhere,
        "sources": len(dossiers),
        "targets": len(np.unique(known.coded(feedback.events, "target")[0])),
        "clusters": len({dossier.cluster for dossier in dossiers}),
        "held_events": int(shown.held.sum()),
        **{name: verdicts[name] for name in ("clear", "watch", "hold")},
    }


def _extras(shown: Shown, beside: Beside) -> dict[str, object]:
    """Return what is known beside the feedback, where it was given."""
    found: dict[str, object] = {}
    if beside.gold:
        answered = sum(each.answered for each in beside.gold)
        right = sum(each.right for each in beside.gold)
        found["gold"] = {
            "answered": answered,
            "right": right,
            "sources": {each.source: [each.right, each.answered] for each in beside.gold},
        }
    if beside.items is not None:
        _, targets = known.coded(shown.feedback.events, "target")
        found["items"] = {
            "rows": beside.items.rows,
            "targets_described": len(beside.items.targets.keys() & set(targets)),
            "malformed": [{"row": row, "detail": safe(why)} for row, why in beside.items.bad],
        }
    return found
