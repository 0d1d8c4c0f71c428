"""Deciding again, from a release alone: its policy, its request, its votes, trusted reviewers."""

from __future__ import annotations

import hashlib

from approvals.attest import holds, signed_by, unseal
from approvals.drawing import is_drawn, require_drawn
from approvals.given import POLICY, Given
from approvals.guards import ReviewersDrawn
from approvals.keys import key_id
from approvals.manifest import Bypass
from approvals.model import Request, State, Vote
from approvals.passing import ENDING, require_passed
from approvals.policy import Policy
from approvals.proofs import read_act
from approvals.rules import load
from approvals.workflow import Cast, Outcome, decide
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
    logged, request = _request(given, _only(given, Request.act))
    acts, casts = [logged], []
    for name in given.under("votes"):
        act, cast = _vote(given, name)
        acts.append(act)
        casts.append(cast)
    people = None
    if is_drawn(policy, request):
        act, people = _drawn(given, request, policy)
        acts.append(act)
    acts += require_passed(given, policy, request)
    outcome = decide(
        policy, request, casts, given.trust.reviewers, given.release.created, drawn=people
    )
    if outcome.state is not State.APPROVED:
        reasons = "; ".join(outcome.reasons)
        raise TamperedError(f"votes/: the request was {outcome.state}, not approved: {reasons}")
    if bypass_of(outcome, policy) != given.release.bypass:
        raise TamperedError("the manifest does not say whether the glass was broken")
    return request, acts


def bypass_of(outcome: Outcome, policy: Policy) -> Bypass | None:
    """Return what a manifest says of broken glass; absent where the quorum was met."""
    if outcome.broken is None or policy.glass is None:
        return None
    vote = outcome.broken.vote
    return Bypass(by=vote.by, because=vote.because, review_by=vote.at + policy.glass.review_within)


def _only(given: Given, act: str) -> str:
    """Return the one file of proofs/ that carries such an act; any other number is too many."""
    known = (f"-{Request.act}.dsse.json", f"-{ReviewersDrawn.act}.dsse.json", ENDING)
    files = [name for name in given.under("proofs") if name.endswith(".dsse.json")]
    strange = [name for name in files if not name.endswith(known)]
    found = [name for name in files if name.endswith(f"-{act}.dsse.json")]
    if strange or len(found) != 1:
        raise TamperedError(f"proofs/ holds {len(found)} acts {act} where one belongs")
    return found[0]


def _drawn(given: Given, request: Request, policy: Policy) -> tuple[Logged, tuple[str, ...]]:
    """Check the draw again: the releasing role's proof, and the people who follow from it."""
    name = _only(given, ReviewersDrawn.act)
    logged, record = read_act(name.partition("/")[2], given.read(name))
    if not isinstance(record, ReviewersDrawn):
        raise TamperedError(f"{name} is no draw")
    keys = given.trust.keys_for("release", record.at)
    for public in keys.values():
        if holds(logged.act.body, key_id(public), public):
            reviewers = given.trust.reviewers
            require_drawn(record, request, reviewers, public=public, policy=policy)
            return logged, record.people
    raise TamperedError(f"{name} is not signed by a key that may release")


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
