"""How one round of the demo leaves: ask, vote twice, release, verify, export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from approvals import desk
from approvals.draft import Press
from approvals.exporting import Export, export
from approvals.hands import Terms
from approvals.model import Decision, Request
from approvals.release import make
from approvals.signers.file import FileSigner
from approvals.trust import load_trust
from approvals.verify import verify
from approvals.workflow import request_id
from quarantine.ports import Store
from service import releasing, wiring
from service.demo.people import SCOPE
from service.demo.seats import ANA, BEN, CAM
from service.settings import State

Show = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """What leaves of a `store`: everybody signs with their own of `keys`; each step is shown."""

    state: State
    store: Store
    keys: Mapping[str, FileSigner]
    show: Show

    def leave(self, number: int) -> Path:
        """Let the round of this number leave; return the release's directory."""
        request = self._asked()
        for name in (BEN, CAM):
            why = "looked at the dossiers"
            desk.cast(self.store, request, Decision.APPROVE, because=why, **self._terms(name))
            self.show(f"  {name} approves")
        directory = self.state.root / "out" / f"release-{number}"
        self._release(request, directory)
        for name in ("ratings", "parquet"):
            self._export(directory, name, self.state.root / "out" / f"train-{number}-{name}")
        return directory

    def _terms(self, name: str) -> Terms:
        roster, at = wiring.roster_of(self.store, self.state), wiring.now()
        return {
            "by": roster.reviewers[name],
            "signer": self.keys[name],
            "at": at,
            "nonce": wiring.nonce(),
            "policy": wiring.adopt_policy(self.state, self.store, at),
            "roster": roster,
        }

    def _asked(self) -> Request:
        until, terms = wiring.now(), self._terms(ANA)
        request, _, choice = desk.make_request(
            self.store, scope=SCOPE, kind="rating", until=until, **terms
        )
        left = ", ".join(f"{count:,} {why}" for why, count in sorted(choice.left_out.items()))
        self.show(f"  {ANA} requests {request_id(request)}: {request.rows:,} events; not: {left}")
        return request

    def _release(self, request: Request, directory: Path) -> None:
        directory.parent.mkdir(exist_ok=True)
        press = Press(
            store=self.store,
            policy=wiring.adopt_policy(self.state, self.store, wiring.now()),
            signer=wiring.role_signer(self.state, "releasing"),
            at=wiring.now(),
            origin=wiring.origin(self.state),
            roles=wiring.role_publics(self.state),
            detectors=wiring.detector_settings(),
        )
        made = make(request_id(request), directory, press)
        releasing.publish_trust(self.state, self.store)
        report = verify(directory, load_trust(self.state.trust), wiring.now())
        self.show(f"  released and verified as {report.release.name}: {made.rows:,} rows")

    def _export(self, directory: Path, name: str, out: Path) -> None:
        trust = self.state.trust
        export(Export(release=directory, format=name, out=out, trust=trust, at=wiring.now()))
        self.show(f"  exported as {name}: {out}")
