"""Deciding again, from a release alone: its policy, its request, its votes, trusted reviewers."""

from __future__ import annotations

import hashlib

from approvals.attest import signed_by, unseal
from approvals.given import POLICY, Given
from approvals.model import Request, State, Vote
from approvals.policy import Policy
from approvals.proofs import read_act
from approvals.rules import load
from approvals.workflow import Cast, decide
from quarantine.errors import QuarantineError, TamperedError
from quarantine.model import Logged


def policy_of(given: Given) -> Policy:
    """Return the policy, which must be the one that the manifest names."""
    content = given.read(POLICY)
    if hashlib.sha256(content).hexdigest() != given.release.policy:
        raise TamperedError(f"{POLICY} is not the policy that the manifest names")
    try:
        return load(content.decode())
    except (QuarantineError, UnicodeDecodeError) as error:
        raise TamperedError(f"{POLICY} cannot be read: {error}") from error


def decided(given: Given, policy: Policy) -> tuple[Request, list[Logged]]:
    """Make the decision again; return the request, and all acts with the request's first."""
    asked = [name for name in given.under("proofs") if name.endswith(".dsse.json")]
    if len(asked) != 1:
        raise TamperedError(f"proofs/ holds {len(asked)} requests where one belongs")
    logged, request = _request(given, asked[0])
    acts, casts = [logged], []
    for name in given.under("votes"):
        act, cast = _vote(given, name)
        acts.append(act)
        casts.append(cast)
    outcome = decide(policy, request, casts, given.trust.reviewers, given.release.created)
    if outcome.state is not State.APPROVED:
        reasons = "; ".join(outcome.reasons)
        raise TamperedError(f"votes/: the request was {outcome.state}, not approved: {reasons}")
    return request, acts


def _request(given: Given, name: str) -> tuple[Logged, Request]:
    logged, record = read_act(name.partition("/")[2], given.read(name))
    release = given.release
    if not isinstance(record, Request) or record.digest != release.request:
        raise TamperedError(f"{name} is not the request that the manifest names")
    said = (record.scope, record.kind, record.purpose, record.rows, record.policy)
    if said != (release.scope, release.kind, release.purpose, release.rows, release.policy):
        raise TamperedError(f"{name} asks for something else than the manifest says")
    _signed(given, name, logged, record.key)
    return logged, record


def _vote(given: Given, name: str) -> tuple[Logged, Cast]:
    logged, record = read_act(name.partition("/")[2], given.read(name))
    if not isinstance(record, Vote) or record.request != given.release.request:
        raise TamperedError(f"{name} is no vote on this request")
    _signed(given, name, logged, record.key)
    return logged, Cast(record, record.key, logged.index)


def _signed(given: Given, name: str, logged: Logged, key: str) -> None:
    keys = {each.key: each.public for each in given.trust.reviewers if each.key == key}
    envelope = unseal(logged.act.body)
    try:
        signed = signed_by(envelope, keys)
    except TamperedError as error:
        raise TamperedError(f"{name}: {error}") from error
    if signed != [key] or signed != list(envelope.signatures):
        raise TamperedError(f"{name} is not signed by a reviewer whom the trust file names")
