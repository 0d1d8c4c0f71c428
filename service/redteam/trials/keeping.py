"""Class G: what can be done to the store, the log, the files that left, and the way back."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Final

from approvals.attest import record_of, seal, unseal
from approvals.audit import audit, sign_checkpoint
from approvals.erase import confirm
from approvals.erase import propose as propose_erasure
from approvals.lineage import around, consume, trace
from approvals.manifest import MANIFEST
from approvals.model import Consumed, Released
from approvals.signers.file import new_key
from quarantine.model import Named
from quarantine.stores.sqlite import STORE
from service import wiring
from service.redteam.ground import DAY, Ground, crowded
from service.redteam.model import Outcome, Result, Trial, at_most, every, refused
from service.redteam.saying import run_alone, said
from service.redteam.speech import batch, rating, usual
from service.redteam.tampering import tamper
from service.redteam.wirework import Wire
from service.redteam.yard import Yard

# ruff: noqa: PLR2004  the numbers are the catalogue's

_CONFINED: Final = """
import sys
from pathlib import Path
from approvals.confinement import confine
release, out, *others = map(Path, sys.argv[1:])
if not confine(read=[release], write=[out]):
    sys.exit(3)
for other in others:
    try:
        other.read_bytes() if other.is_file() else list(other.iterdir())
    except OSError:
        continue
    print(other.name)
"""
_NO_LANDLOCK: Final = 3
_CHANGES: Final = (
    *("body = CAST(replace(CAST(body AS TEXT), '4', '5') AS BLOB)", "id = 'another'"),
    *("arrived = arrived + 1", "key = 'k2'", "salt = zeroblob(16)", "leaf = zeroblob(32)"),
    *("scope = 'another'", "target = 'another'", "answer = '5'", "value = 0.1", "kind = 'signal'"),
)


def _audited(ground: Ground, file: Path) -> list[str]:
    """Audit a copy of the store against this ground's witness."""
    copy = STORE(str(file))
    try:
        roles = wiring.role_publics(ground.state)
        return audit(copy, roles=roles, witness=ground.state.witness)
    finally:
        copy.close()


def row_tampering(yard: Yard) -> Outcome:
    """G1: one column of one row is changed past the store, each column in its turn."""
    named = 0
    with yard.ground() as ground:
        crowded(ground)
        row = ground.store.find(Named(source="rater/7"))[0]
        for number, change in enumerate(_CHANGES):
            copy = ground.folder / f"copy-{number}.db"
            ground.store.copy(str(copy))
            tamper(copy, f"UPDATE event SET {change} WHERE idx = {row}")  # noqa: S608  an attack
            named += any(f"log row {row}" in each for each in _audited(ground, copy))
    return at_most(
        len(_CHANGES) - named,
        0,
        f"{named} of {len(_CHANGES)} changes named by row",
        "every row is hashed again and its columns are read again from its bytes",
    )


def rollback(yard: Yard) -> Outcome:
    """G2: yesterday's store is put back, and the newest rows are cut off."""
    with yard.ground() as ground:
        crowded(ground)
        old, cut = ground.folder / "old.db", ground.folder / "cut.db"
        ground.store.copy(str(old))
        ground.hear([usual("rater/1", 99), usual("rater/2", 99)])
        signer = wiring.role_signer(ground.state, "releasing")
        origin = wiring.origin(ground.state)
        sign_checkpoint(ground.store, signer, origin=origin, witness=ground.state.witness)
        ground.store.copy(str(cut))
        last = ground.store.size() - 1
        tamper(cut, f"DELETE FROM event WHERE idx >= {last}")  # noqa: S608  an attack
        back, short = _audited(ground, old), _audited(ground, cut)
    facts = [("an old copy", bool(back)), ("a cut log", bool(short))]
    return every(facts, (back or [""])[0][:140], "signed checkpoints, the newest with a witness")


def round_the_gate(yard: Yard) -> Outcome:
    """G3: an exporting process opens the store, the keys, the policy and the witness."""
    with yard.ground() as ground:
        crowded(ground)
        release = ground.let_leave("rating")[1]
        out = yard.place()
        state = ground.state
        others = (state.store, state.key("releasing"), state.policy, state.root, Path.home())
        done = run_alone(_CONFINED, str(release), str(out), *map(str, others))
    if done.code == _NO_LANDLOCK:
        because = "this kernel has no Landlock, so no process can confine itself"
        return Outcome(Result.NOT_TRIED, because, "")
    opened = done.printed.decode().split()
    failed = [("the process ran", False)] if done.code else []
    facts = [*failed, ("nothing else opens", not opened)]
    return every(facts, f"{len(opened)} of {len(others)} opened", "export gives up all other files")


def swapped_export(yard: Yard) -> Outcome:
    """G5: one byte of each file changed, a file more, and the whole signed by another key."""
    with yard.ground() as ground:
        crowded(ground)
        release = ground.let_leave("rating")[1]
        files = [each for each in sorted(release.rglob("*")) if each.is_file()]
        refusals = []
        for number, file in enumerate(files):
            copy = ground.folder / f"copy-{number}"
            shutil.copytree(release, copy)
            bad = copy / file.relative_to(release)
            content = bytearray(bad.read_bytes())
            content[len(content) // 2] ^= 1
            bad.write_bytes(content)
            refusals.append(refused(lambda copy=copy: ground.verified(copy)))  # type: ignore[misc]
        more = ground.folder / "more"
        shutil.copytree(release, more)
        (more / "data" / "train-9.parquet").write_bytes(b"")
        other = ground.folder / "other"
        shutil.copytree(release, other)
        envelope = unseal((other / MANIFEST).read_bytes())
        thief = new_key(ground.folder / "thief.pem")
        signed = seal(envelope.payload, envelope.payload_type, [thief])
        (other / MANIFEST).write_bytes(signed)
        facts = [
            ("every changed file", all(refusals)),
            ("a file too many", bool(refused(lambda: ground.verified(more)))),
            ("another signer", bool(refused(lambda: ground.verified(other)))),
            ("the true one opens", not refused(lambda: ground.verified(release))),
        ]
    return every(
        facts,
        f"{sum(map(bool, refusals))} of {len(files)} changed files refused",
        "the manifest names every file; trust comes from elsewhere",
    )


def late_discovery(yard: Yard) -> Outcome:
    """G7: a source turns out bad after two releases and two models; who has it is asked."""
    with yard.ground() as ground:
        crowded(ground)
        ground.let_leave("rating")
        ground.later(DAY)
        for number in (1, 2):
            left = _released(ground)[0]
            record = Consumed(
                at=ground.later(), name=left.name, manifest=left.manifest, model=f"model://{number}"
            )
            consume(ground.store, record, ground.operator)
        started = time.process_time()
        rows = ground.store.find(Named(source="rater/7"))
        found = trace(ground.store, rows)
        took = time.process_time() - started
        size = ground.store.size()
    names = [left.record.name for each in found for left, _ in each.releases]
    models = [model for each in found for model in each.models]
    facts = [("the release", len(names) == 1), ("both models", len(models) == 2)]
    told = f"{len(names)} release and {len(models)} models in {took:.2f} s of a log of {size}"
    return every(facts, told, "rows, releases and models are linked in the log")


def _released(ground: Ground) -> list[Released]:
    every_ = (record_of(each.act) for each in ground.store.acts() if each.act.kind == Released.act)
    return [each for each in every_ if isinstance(each, Released)]


def under_revocation(yard: Yard) -> Outcome:
    """G8: one event of a source in a ring of ten is named; the tool proposes."""
    with yard.ground() as ground:
        names = crowded(ground)
        ring = names[:10]
        ground.clear(ring, cluster="app/rater/0")
        row = ground.store.find(Named(source=ring[3]))[0]
        near = around(ground.store, [row])
        state = ("--state", str(ground.state.root))
        key = str(next(ground.folder.glob("ana-*.pem")))
        sign = ("--because", "poison", "--as", "ana", "--sign", key)
        told = said("revoke", "--event", f"{ring[3]}-0", *sign, "--dry-run", "--no-input", *state)
    spoken = told.printed.decode()
    facts = [
        ("the cluster is named", near.clusters.keys() == {"app/rater/0"}),
        ("with its size", "a cluster of 10 sources said 49 more rows within a day" in spoken),
        ("the window is named", "--since" in spoken and "--until" in spoken),
    ]
    line = next((each for each in spoken.splitlines() if "a cluster of" in each), spoken[:120])
    return every(facts, line, "a dry run shows whom and how much the cluster costs")


def erasure(yard: Yard) -> Outcome:
    """G9: evidence against a source is to vanish by an erasure: by one person, then by two."""
    words = "words that are to be gone"
    with yard.ground() as ground:
        crowded(ground)
        ground.hear([rating("rater/7", "last", "answer-x", text=words)])
        ground.clear(["rater/7"])
        named = Named(source="rater/7")
        made, doomed = propose_erasure(ground.store, named, because="asked", **ground.terms("ana"))
        alone = refused(
            lambda: confirm(ground.store, made.digest[:12], because="yes", **ground.terms("ana"))
        )
        confirm(ground.store, made.digest[:12], because="yes", **ground.terms("ben"))
        roles = wiring.role_publics(ground.state)
        problems = audit(ground.store, roles=roles, witness=ground.state.witness)
        files = b"".join(
            file.read_bytes() for file in ground.state.root.glob("store.db*") if file.is_file()
        )
        verdict = ground.verdicts().get("rater/7", "gone")
    facts = [
        ("one person cannot", bool(alone)),
        ("the log still verifies", not problems),
        ("the content is gone from the files", words.encode() not in files),
        ("the verdict stays", verdict == "clear"),
    ]
    told = f"{len(doomed.indexes)} events erased by two people, {len(problems)} problems in the log"
    return every(facts, told, "salted leaves keep proofs; two people who are not the source")


def silent_loss(yard: Yard) -> Outcome:
    """G10: good, bad, repeated and forged entries in disorder; every event is accounted for."""
    chance, tries = yard.chance(), yard.some(400, 120)
    with yard.ground() as ground:
        wire = Wire(ground)
        app = wire.sender("app")
        entries, said_ = [], Counter[str]()
        for number in range(tries):
            events = [usual(f"rater/{number}", n) for n in range(5)]
            events += [b'{"data":null}'] * (number % 3)
            fields = app.sealed(batch(*events))
            if number % 7 == 0:
                fields = {**fields, b"sig": b"Zm9yZ2Vk"}
            said_["entries"] += 1
            entries += [fields] * (1 + (number % 11 == 0))
        order = chance.permutation(len(entries))
        taken = wire.take(app.stream, [entries[int(n)] for n in order])
        counts = wire.counts(app)
        letters = len(wire.dead())
    gap = counts.received - counts.stored - counts.duplicates - counts.dead_lettered
    facts = [
        ("in is out", gap == 0),
        ("every entry is received", counts.entries_received == len(entries)),
        ("each dead letter is there", letters == counts.dead_lettered == len(taken.dead)),
    ]
    told = (
        f"{counts.received} received = {counts.stored} stored + {counts.duplicates} duplicates"
        f" + {counts.dead_lettered} dead letters"
    )
    return every(facts, told, "each event ends in one of three places, counted with its row")


TRIALS: Final = (
    Trial(id="G1", tried="each column of a row changed in a copy of the store", run=row_tampering),
    Trial(id="G2", tried="an old copy put back, the newest row cut off", run=rollback),
    Trial(
        id="G3",
        tried="a confined process opens store, keys, policy, home",
        run=round_the_gate,
        open="SQL grants of a second store",
    ),
    Trial(id="G5", tried="one byte of every file, a file more, another signer", run=swapped_export),
    Trial(
        id="G7",
        tried="a bad source in a release that two models were trained on",
        run=late_discovery,
        open="10 million rows",
    ),
    Trial(id="G8", tried="one event of a ring of ten is to be revoked", run=under_revocation),
    Trial(id="G9", tried="a source asks to be erased, by one person, then by two", run=erasure),
    Trial(
        id="G10",
        tried="400 entries good, bad, repeated and forged, in disorder",
        run=silent_loss,
        open="with crashes in between: the fault tests do that",
    ),
)
