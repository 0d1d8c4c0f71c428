"""The demo's steps in order: publish, wait, look, let leave, take back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from approvals.releases import current, releases
from approvals.revoke import TakingBack, take_back
from approvals.signers.file import FileSigner
from approvals.trust import load_trust
from approvals.verify import verify
from quarantine.errors import TamperedError, UnavailableError
from quarantine.model import Dossier, SourceKey, Verdict
from quarantine.ports import Store
from quarantine.record import spell_time
from quarantine.safe import safe
from service import releasing, wiring
from service.app import Supervisor
from service.demo import people
from service.demo.departure import Departure, Show
from service.demo.harm import Harm, picture
from service.demo.progress import progress
from service.demo.seats import APP, BEN, LOOP, METER, key_file, seated
from service.reconcile import status
from service.settings import State

FIRST: Final = people.Ring(members=40, push=6, nuke=6, filler=15)
SECOND: Final = people.Ring(members=30, push=5, nuke=5, filler=25)
PATIENCE_S: Final = 150.0
POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Ended:
    """What came out: a document, a table (what, without, with), and the report's path."""

    document: Mapping[str, object]
    table: Sequence[Sequence[str]]
    report: Path


@dataclass(slots=True)
class _Round:
    """One round of publishing: what was said in it, and where the release of it is."""

    given: Sequence[people.Given]
    directory: Path = Path()


@dataclass
class Story:
    """Tells the story once, with a `share` of the people; `show` gets one line at a time."""

    state: State
    bus: str
    seed: int
    show: Show
    share: float = 1.0
    _keys: dict[str, FileSigner] = field(default_factory=dict)
    _said: int = 0

    def tell(self) -> Ended:
        """Run it all; raises `UnavailableError` when a step does not finish in its time."""
        rng = np.random.default_rng(self.seed)
        crowd = people.some(people.ratings(), self.share, rng)
        order = [crowd[n] for n in rng.permutation(len(crowd))]
        cut = int(0.6 * len(order))
        rounds = [
            _Round(people.mixed(order[:cut], people.ring_of(FIRST, crowd, rng), rng)),
            _Round(people.mixed(order[cut:], people.ring_of(SECOND, crowd, rng, skip=100), rng)),
        ]
        with wiring.open_store(self.state) as store:
            self._keys = seated(self.state, store)
            supervisor = Supervisor(self.state, self.bus, tell=self.show)
            supervisor.start()
            try:
                return self._rounds(store, supervisor, rounds, rng)
            finally:
                supervisor.stop()

    def _rounds(
        self,
        store: Store,
        supervisor: Supervisor,
        rounds: Sequence[_Round],
        rng: np.random.Generator,
    ) -> Ended:
        for number, each in enumerate(rounds, 1):
            self.show(f"round {number}: {len(each.given):,} ratings, attackers among them")
            self._publish(each.given, rng, alone=number > 1)
            self._wait(store, supervisor)
            self._look(store, each.given)
            leaving = Departure(state=self.state, store=store, keys=self._keys, show=self.show)
            each.directory = leaving.leave(number)
        harm = Harm([said for each in rounds for said in each.given], self._left(store))
        dossiers = store.dossiers()
        self._take_back(store, rounds)
        return self._end(store, harm, dossiers)

    def _publish(
        self, given: Sequence[people.Given], rng: np.random.Generator, *, alone: bool
    ) -> None:
        """Publish a round's ratings, and in the first round the two machine-made streams."""
        at = spell_time(wiring.now())
        streams = {APP: (list(people.spoken(given, at, self._said)), 500)}
        self._said += len(given)
        if not alone:
            targets = sorted({each.target for each in given})
            streams[METER] = (list(people.clicks(targets, 3000, at, rng)), 100)
            streams[LOOP] = (list(people.pseudo_labels(targets, 2000, at, rng)), 100)
        for name, (events, batch) in streams.items():
            publisher = wiring.publisher(self.state, name, key_file(self.state, name), self.bus)
            with publisher, progress(f"{name} publishes", len(events)) as done:
                sent = publisher.publish(events, batch=batch, progress=done)
            self.show(
                f"  {name}: {sent.sent:,} events in {sent.entries} signed entries, "
                f"{sent.acknowledged} acknowledged"
            )

    def _wait(self, store: Store, supervisor: Supervisor) -> None:
        """Wait until nothing is pending and scoring has seen everything."""
        deadline = time.monotonic() + PATIENCE_S
        wanted = 0
        while time.monotonic() < deadline:
            supervisor.mind()
            if not wanted and self._taken_in(store):
                wanted = store.size()
                self._law(store)
            if wanted and store.judged_size() >= wanted:
                return
            time.sleep(POLL_S)
        raise UnavailableError(f"the demo's round was not scored in {PATIENCE_S:.0f} s")

    def _taken_in(self, store: Store) -> bool:
        counted = status(store, self.bus, open_requests=0)["producers"]
        assert isinstance(counted, dict)  # noqa: S101  the contract's own shape
        entries = [each["entries"] for each in counted.values()]
        return bool(entries) and all(
            each["pending"] == 0 and each["added"] == each["received"] for each in entries
        )

    def _law(self, store: Store) -> None:
        for name, counts in store.counts().items():
            self.show(
                f"  {name}: {counts.received:,} received = {counts.stored:,} stored + "
                f"{counts.duplicates} duplicates + {counts.dead_lettered} dead letters; "
                f"{counts.entries_lost} entries lost"
            )

    def _look(self, store: Store, given: Sequence[people.Given]) -> None:
        """Show what scoring thinks, the ring's worst three in full."""
        dossiers = [each for each in store.dossiers() if each.producer == APP]
        held = [each for each in dossiers if each.verdict is Verdict.HOLD]
        bad = {each.source for each in given if each.poison}
        caught = sum(each.source in bad for each in held)
        start = " (a cold start: nothing was released yet)" if dossiers[0].cold_start else ""
        self.show(
            f"  scored{start}: {len(held)} sources held, {caught} of the {len(bad)} attackers"
        )
        for each in [each for each in held if each.source in bad][:3]:
            self.show(f"    {safe(str(each.key))}: {each.score:.3f}, cluster {safe(each.cluster)}")
            for finding in each.findings[:3]:
                self.show(f"      {finding.detector}: {safe(finding.because, 200)}")

    def _left(self, store: Store) -> frozenset[tuple[str, str]]:
        return frozenset(
            (member.source, member.target)
            for left in releases(store)
            for member in store.members(left.request)
        )

    def _take_back(self, store: Store, rounds: Sequence[_Round]) -> None:
        """Take one source back, and show what that touches."""
        roster = wiring.roster_of(store, self.state)
        first, second = (
            [member.source for member in store.members(left.request)] for left in releases(store)
        )
        # Somebody new, so that the first release stays good; among few people nobody may be new.
        late = sorted(set(second) - set(first)) or sorted(set(second))
        source = SourceKey(APP, max(late, key=second.count))
        taking = TakingBack(source=source, because="asked to be left out", by=BEN, at=wiring.now())
        done = take_back(store, taking, self._keys[roster.reviewers[BEN].name])
        releasing.publish_trust(self.state, store)
        self.show(f"revoked {source}: {done.rows} rows taken back")
        for touched, rows in done.releases:
            self.show(f"  {rows} of them are in {touched.record.name}")
        for each in rounds:
            try:
                verify(each.directory, load_trust(self.state.trust), wiring.now())
            except TamperedError as refused:
                self.show(f"  {each.directory.name} is refused now: {refused}")
        newest = current(store, people.SCOPE)
        self.show(f"  current release: {newest.record.name if newest else 'none, until the next'}")

    def _end(self, store: Store, harm: Harm, dossiers: Sequence[Dossier]) -> Ended:
        rows = harm.table()
        report = self.state.root / "out" / "report.html"
        mine = [each for each in dossiers if each.producer == APP]
        report.write_text(picture(harm, mine, rows), encoding="utf-8")
        document = {
            "table": [{"what": a, "without": b, "with": c} for a, b, c in rows],
            "status": status(store, self.bus, open_requests=0),
            "report": str(report),
        }
        return Ended(document, rows, report)
