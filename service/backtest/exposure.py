"""How much bad clusters could put into what would leave: of everything, and of what is not held."""

from __future__ import annotations

import numpy as np
import pandas as pd

from approvals.certificate import Certificate, certify
from approvals.rules import Policy
from service.backtest.known import coded
from service.backtest.model import Feedback, Flags
from service.backtest.passes import Judged


def exposures(feedback: Feedback, judged: Judged, policy: Policy) -> dict[str, Certificate]:
    """Certify all events (`everything`: no detector trusted) and what would leave (`passed`)."""
    rows = _rows(feedback, judged)
    passed = ~left_out(feedback, judged, policy)
    return {"everything": certify(rows, policy), "passed": certify(rows[passed], policy)}


def left_out(feedback: Feedback, judged: Judged, policy: Policy) -> Flags:
    """Say for each event whether it stays behind: the policy leaves its source's verdict out."""
    source, names = coded(feedback.events, "source")
    stays = {
        dossier.source
        for dossier in judged.dossiers
        if dossier.verdict in policy.verdicts.leave_out
    }
    return np.array([name in stays for name in names], bool)[source] & ~judged.released


def _rows(feedback: Feedback, judged: Judged) -> pd.DataFrame:
    source, names = coded(feedback.events, "source")
    target, targets = coded(feedback.events, "target")
    kind, kinds = coded(feedback.events, "kind")
    cluster = {dossier.source: dossier.cluster for dossier in judged.dossiers}
    rows = pd.DataFrame(
        {
            "cluster": np.array([cluster[name] for name in names], dtype=object)[source],
            "target": np.array(targets, dtype=object)[target],
        }
    )
    if kinds == ["label"] and len(kind):
        answer, answers = coded(feedback.events, "answer")
        rows["label"] = np.array(answers, dtype=object)[answer]
    return rows
