"""How much bad clusters could put into what would leave: without caps, and within the budgets."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from approvals.admission import COLUMNS
from approvals.budget import PRIOR, choose
from approvals.certificate import Certificate, certify
from approvals.model import Assurance
from approvals.rules import Policy
from approvals.sayings import Sayings, column_sayings
from quarantine.envelope import kind_named
from quarantine.model import Tier, from_micros
from quarantine.wording import ROLES
from service.backtest.known import coded
from service.backtest.model import Feedback, Flags
from service.backtest.passes import Judged

_WORDS: Final = ("source", "kind", "scope", "target", "question")
_LABELLED: Final = frozenset({"label", "pseudo_label"})


def exposures(feedback: Feedback, judged: Judged, policy: Policy) -> dict[str, Certificate]:
    """Certify all events, those that would not stay behind, and those that budgets let leave.

    `everything` trusts no detector, `passed` leaves out what the policy's verdicts leave out, and
    `within_budgets` is chosen from everything, again without a detector, one release for each
    scope and kind, as if all waits were over and every source was vetted by people.
    """
    rows = _candidates(feedback, judged)
    sayings = _sayings(feedback)
    passed = rows[~left_out(feedback, judged, policy)]
    within = _within_budgets(rows, policy, sayings, rows.head(0))
    return {
        name: certify(some, policy, spoken=sayings.spoken(some["index"].to_numpy()))
        for name, some in (("everything", rows), ("passed", passed), ("within_budgets", within))
    }


def left_out(feedback: Feedback, judged: Judged, policy: Policy) -> Flags:
    """Say for each event whether it stays behind.

    It does where the policy leaves its source's verdict out, or a whole window is held around it.
    """
    source, names = coded(feedback.events, "source")
    stays = {
        dossier.source
        for dossier in judged.dossiers
        if dossier.verdict in policy.verdicts.leave_out
    }
    suspects = np.array([name in stays for name in names], bool)[source]
    return (suspects | judged.rushed) & ~judged.released


def kept_within(
    feedback: Feedback, judged: Judged, policy: Policy, *, releases: int = 1
) -> list[Flags]:
    """Say which events would have left within the budgets alone after each of so many releases.

    No detector is trusted. Equal parts of the events come before each, in their order, and what one
    release leaves behind is asked for again in the next.
    """
    rows, sayings = _candidates(feedback, judged), _sayings(feedback)
    gone, found = rows.head(0), []
    for each in range(1, releases + 1):
        heard = rows.head(len(rows) * each // releases)
        waits = heard[~heard["index"].isin(gone["index"])]
        if len(waits):
            gone = pd.concat([gone, _within_budgets(waits, policy, sayings, gone)])
        kept = np.zeros(feedback.events.num_rows, np.bool_)
        kept[gone["index"].to_numpy()] = True
        found.append(kept)
    return found


def _sayings(feedback: Feedback) -> Sayings:
    """Return the texts of the rows' own cells; what others tell of items is not what leaves."""
    columns = [feedback.words.column(role).cast(pa.string()) for role in ROLES]
    return column_sayings([column.combine_chunks() for column in columns])


def _within_budgets(
    rows: pd.DataFrame, policy: Policy, sayings: Sayings, gone: pd.DataFrame
) -> pd.DataFrame:
    """Return what of `rows` would leave, in one release a scope and kind, after the `gone`."""
    longest = max(rule.min_age + rule.dwell for rule in policy.rule)
    at = from_micros(int(rows["arrived"].max())) + longest + timedelta(seconds=1)
    prior = gone.reindex(columns=list(PRIOR), fill_value="").assign(revoked=False)
    chosen = [
        choose(
            release.reindex(columns=list(COLUMNS), fill_value=""),
            policy,
            prior=prior,
            at=at,
            sayings=sayings,
        ).members["index"]
        for _, release in rows.groupby(["scope", "kind"], sort=True)
    ]
    return rows[rows["index"].isin(pd.concat(chosen))]


def _candidates(feedback: Feedback, judged: Judged) -> pd.DataFrame:
    """Return every event as what a release chooses from (`admission.COLUMNS`), and its label."""
    codes = {name: coded(feedback.events, name) for name in _WORDS}
    rows = pd.DataFrame(
        {name: np.array(words, dtype=object)[code] for name, (code, words) in codes.items()}
    )
    source, names = codes["source"]
    cluster = {dossier.source: dossier.cluster for dossier in judged.dossiers}
    rows["index"] = np.arange(len(rows))
    # A name of which no row could be read stands among the words, and has no dossier.
    rows["cluster"] = np.array([cluster.get(name, "") for name in names], dtype=object)[source]
    rows["producer"] = rows["source"]  # nobody vouches for anyone here: each stands for itself
    rows["origin"] = rows["kind"].map({n: str(kind_named(n).origin) for n in codes["kind"][1]})
    rows["tier"] = str(Tier.VETTED)
    rows["assurance"] = str(Assurance.CHANNEL_AUTHENTICATED)
    rows["aspect"] = rows["barred"] = ""
    rows["verdict"] = "clear"
    rows["arrived"] = feedback.events.column("arrived").to_numpy()
    rows["first_seen"] = rows.groupby("source")["arrived"].transform("min")
    rows["leaf"] = _leaves(rows["source"], feedback)
    if set(codes["kind"][1]) <= _LABELLED:
        answer, answers = coded(feedback.events, "answer")
        rows["label"] = np.array(answers, dtype=object)[answer]
    return rows


def _leaves(sources: pd.Series[str], feedback: Feedback) -> list[bytes]:
    """Return what orders the choice: a hash that no source had a say in beyond its name and id."""
    ids = feedback.events.column("id").to_pylist()
    return [
        hashlib.sha256(f"{source}\x00{name}".encode()).digest()
        for source, name in zip(sources, ids, strict=True)
    ]
