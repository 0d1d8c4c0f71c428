"""A private state directory for one trial: people with keys, a clock that is told, a real store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from approvals import desk
from approvals.attest import act_of
from approvals.budget import Choice
from approvals.draft import Press
from approvals.gate import GateReport
from approvals.gatekeeper import Bench, keep, measure
from approvals.hands import Hand, Terms
from approvals.model import (
    Decision,
    ProducerAdded,
    ProducerKey,
    Request,
    ReviewerAdded,
    SourceTiered,
    Vote,
)
from approvals.policy import Policy
from approvals.ports import Signer
from approvals.release import Made, make
from approvals.revoke import publish
from approvals.roster import Roster
from approvals.rules import shipped
from approvals.signers.file import FileSigner, new_key
from approvals.trust import load_trust
from approvals.verify import Report, verify
from approvals.workflow import request_id
from quarantine.arrivals import Arrival
from quarantine.envelope import read
from quarantine.errors import UsageError
from quarantine.model import Dossier, Origin, SourceKey, Tier, Verdict, to_micros
from quarantine.ports import Store
from quarantine.scoring import Scored
from service import releasing, stores, wiring
from service.redteam.speech import SCOPE, usual
from service.scoring import Scorer
from service.settings import State

START: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
PRODUCER: Final = "app"
BATCH: Final = 1000
GATED: Final = '\n[[gate]]\nname = "behaviour"\nscopes = ["*"]\nkinds = ["preference"]\n'
"""What makes a policy ask for a behaviour gate, where it does not yet."""
REVIEWERS: Final = ("ana", "ben", "cleo", "dov")


@dataclass
class Ground:
    """The parts of this build on a directory of their own; `at` only moves when told.

    The policy is the one that is shipped for use, unless a trial says another. Four reviewers and
    one producer of human feedback are registered.
    """

    folder: Path
    text: str = field(default_factory=lambda: shipped("default"))
    at: datetime = START
    keys: dict[str, FileSigner] = field(default_factory=dict)
    _entries: int = 0

    def __post_init__(self) -> None:
        """Make the state directory and seat the people."""
        self.state = State(self.folder / "state")
        stores.require_own(self.state)
        wiring.prepare(self.state)
        self.state.policy.write_text(self.text, encoding="utf-8")
        self.store: Store = wiring.open_store(self.state)
        self.operator: Signer = wiring.role_signer(self.state, "operator")
        self.producer(PRODUCER)
        for name in REVIEWERS:
            self.reviewer(name)

    @property
    def roster(self) -> Roster:
        """Who may speak and decide."""
        return wiring.roster_of(self.store, self.state)

    @property
    def policy(self) -> Policy:
        """The policy in force now, recorded where it is new."""
        return wiring.adopt_policy(self.state, self.store, self.at)

    def later(self, by: timedelta = MINUTE) -> datetime:
        """Let time pass; return the time."""
        self.at += by
        return self.at

    def producer(self, name: str, *, origin: Origin = Origin.HUMAN, owner: str = "") -> None:
        """Register a producer, its key named `k1`."""
        key = ProducerKey(id="k1", algorithm="hmac-sha256")
        record = ProducerAdded(at=self.later(), name=name, key=key, origin=origin, owner=owner)
        self.store.record([act_of(record, self.operator)])

    def reviewer(
        self, name: str, *, person: str = "", key: str = "", roles: Sequence[str] = ("reviewer",)
    ) -> None:
        """Register a reviewer with a new key, or with the key of another name."""
        self.keys[name] = (
            self.keys[key] if key else new_key(self.folder / f"{name}-{len(self.keys)}.pem")
        )
        record = ReviewerAdded(
            at=self.later(),
            name=name,
            person=person or name,
            key=self.keys[name].key_id,
            public=self.keys[name].public,
            roles=tuple(roles),
        )
        self.store.record([act_of(record, self.operator)])

    def hear(self, bodies: Iterable[bytes], *, producer: str = PRODUCER, key: str = "k1") -> int:
        """Hold events as if they had just come in, a minute a batch; return how many are new."""
        every, stored = list(bodies), 0
        for start in range(0, len(every), BATCH):
            arrived = to_micros(self.later())
            self._entries += 1
            some = every[start : start + BATCH]
            arrival = Arrival(
                producer=producer,
                stream=f"feedback:in:{producer}",
                entry=f"{self._entries}-0",
                arrived=arrived,
                seq=self._entries,
                key=key,
                digest=self._entries.to_bytes(32, "big"),
                events=[read(body, position=n, arrived=arrived) for n, body in enumerate(some)],
            )
            stored += self.store.take([arrival]).stored
        return stored

    def vet(self, sources: Iterable[str], tier: Tier = Tier.VETTED, **rest: str) -> None:
        """Let a reviewer say how well sources are known; they must have spoken."""
        at = self.later()
        acts = [
            SourceTiered(
                at=at,
                producer=rest.get("producer", PRODUCER),
                source=source,
                tier=tier,
                because="known to us",
                by="ana",
            )
            for source in sources
        ]
        self.store.record([act_of(act, self.keys["ana"]) for act in acts])

    def clear(self, sources: Iterable[str], *, producer: str = PRODUCER, cluster: str = "") -> None:
        """Let no detector see anything: every source is judged clear, in a cluster where told."""
        dossiers = [
            Dossier(
                producer=producer,
                source=name,
                events=1,
                score=0.0,
                cluster=cluster or str(SourceKey(producer, name)),
                verdict=Verdict.CLEAR,
            )
            for name in sources
        ]
        self.store.judge(dossiers, to_micros(self.later()), self.store.size())

    def judge(self) -> Scored | None:
        """Run one pass of the scoring loop, as its process does."""
        signer = wiring.role_signer(self.state, "scoring")
        return Scorer(self.store, self.roster, signer).once(self.later())

    def verdicts(self) -> dict[str, Verdict]:
        """Return what scoring thinks of each source."""
        return {each.source: each.verdict for each in self.store.dossiers()}

    def ask(self, kind: str, by: str = "ana", scope: str = SCOPE) -> tuple[Request, int, Choice]:
        """Ask for all that may leave; raises what `desk.make_request` does."""
        return desk.make_request(
            self.store,
            scope=scope,
            kind=kind,
            until=self.at,
            by=self.roster.reviewers[by],
            signer=self.keys[by],
            policy=self.policy,
            roster=self.roster,
            at=self.at,
            nonce=wiring.nonce(),
        )

    def leaving(self, kind: str) -> list[str]:
        """Return, row by row, the sources of what a request of this kind would let leave."""
        choice = self.ask(kind)[2]
        return [str(source) for source in choice.members["source"]]

    def terms(self, name: str) -> Terms:
        """Return the terms on which somebody acts, a minute later, with their own key."""
        self.later()
        return {
            "by": self.roster.reviewers[name],
            "signer": self.keys[name],
            "policy": self.policy,
            "roster": self.roster,
            "at": self.at,
            "nonce": wiring.nonce(),
        }

    def hand(self, name: str) -> Hand:
        """Return who acts, a minute later, with their own key."""
        return {"by": self.roster.reviewers[name], "signer": self.keys[name], "at": self.later()}

    def vote(
        self, request: Request, by: str, decision: Decision = Decision.APPROVE, *, key: str = ""
    ) -> Vote:
        """Cast a vote through the desk, a minute later; with another's key where `key` says."""
        terms = self.terms(by)
        terms["signer"] = self.keys[key or by]
        because = "read the samples"
        return desk.cast(self.store, request, decision, because=because, **terms)

    def release(self, request: Request, out: Path | None = None) -> tuple[Made, Path]:
        """Make the release of a request, and publish whom to trust; raises what `make` does."""
        self.later()
        out = out or self.folder / f"release-{request_id(request)}"
        signer = wiring.role_signer(self.state, "releasing")
        made = make(
            request_id(request),
            out,
            Press(
                store=self.store,
                policy=self.policy,
                signer=signer,
                at=self.at,
                origin=wiring.origin(self.state),
                roles=wiring.role_publics(self.state),
                detectors=wiring.detector_settings(),
            ),
        )
        self.publish_trust()
        return made, out

    def publish_trust(self) -> None:
        """Write the trust file and the revocation list, by this ground's clock."""
        releasing.publish_trust(self.state, self.store)
        signer = wiring.role_signer(self.state, "releasing")
        publish(self.store, self.state.revocations, signer, self.at)

    def gate(self, request: Request, draw: Signer | None = None) -> GateReport:
        """Measure what a request would change, and keep the report; the policy must have a gate.

        Another key that draws the canaries is measured with, and nothing is kept.
        """
        asked = self.policy.gate_for(request.scope, request.kind)
        if asked is None:
            raise UsageError("this policy has no gate")
        bench = Bench(
            store=self.store,
            gate=asked,
            signer=draw or self.operator,
            folder=self.state.root,
            at=self.later(),
        )
        report = measure(desk.find_request(self.store, request.digest)[0], request, bench)
        if draw is None:
            keep(report, bench)
        return report

    def let_leave(self, kind: str) -> tuple[Request, Path]:
        """Ask, approve by two people, release; return the request and the directory."""
        request, _, _ = self.ask(kind)
        for name in ("ben", "cleo"):
            self.vote(request, name)
        return request, self.release(request)[1]

    def verified(self, release: Path) -> Report:
        """Verify a release against the trust file of this ground."""
        return verify(release, load_trust(self.state.trust), self.at)

    def named(self, source: str, producer: str = PRODUCER) -> SourceKey:
        """Return a source's full name."""
        return SourceKey(producer, source)


Speak = Callable[[str, int], bytes]
"""Makes the event number `n` of a source."""


def crowd(ground: Ground, sources: int, each: int, speak: Speak, **told: str) -> list[str]:
    """Let `sources` honest people say `each` things, be vetted and wait two days; their names."""
    stem = told.get("stem", "rater")
    names = [f"{stem}/{number}" for number in range(sources)]
    ground.hear(speak(name, n) for name in names for n in range(each))
    ground.vet(names)
    ground.later(2 * DAY)
    return names


def crowded(ground: Ground, each: int = 5) -> list[str]:
    """Let 40 vetted people rate, judged clear: enough for a request under the shipped policy."""
    names = crowd(ground, 40, each, usual)
    ground.clear(names)
    return names
