"""Mutants of a release: one thing changed in its directory, by chance."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from approvals.attest import seal, unseal
from approvals.directory import digests
from approvals.manifest import MANIFEST, read_manifest, sign_manifest
from approvals.ports import Signer
from tests.press import signed_again

ROWS: Final = "data/train-00000-of-00001.parquet"
EVENTS: Final = "proofs/events.parquet"
NODES: Final = "proofs/nodes.parquet"
NOTE: Final = "proofs/checkpoint"


class Mutant(NamedTuple):
    """What was done, and what a finding about it must name: one of these words."""

    what: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Victim:
    """A release directory, the key that may sign it, keys that may not, and an earlier release."""

    folder: Path
    ours: Signer
    others: Sequence[Signer]
    earlier: Path

    @property
    def files(self) -> list[str]:
        """Return the names of its files."""
        return sorted(digests(self.folder))


def flip(chance: random.Random, victim: Victim) -> Mutant:
    """Flip one bit of one byte."""
    name = chance.choice(victim.files)
    content = bytearray((victim.folder / name).read_bytes())
    place = chance.randrange(len(content))
    content[place] ^= 1 << chance.randrange(8)
    (victim.folder / name).write_bytes(content)
    return Mutant(f"byte {place} of {name}", (name,))


def cut(chance: random.Random, victim: Victim) -> Mutant:
    """Cut a file off, or write something behind it."""
    name = chance.choice(victim.files)
    content = (victim.folder / name).read_bytes()
    shorter = content[: chance.randrange(len(content))]
    (victim.folder / name).write_bytes(chance.choice([shorter, content + b"\n"]))
    return Mutant(f"{name} is longer or shorter", (name,))


def drop(chance: random.Random, victim: Victim) -> Mutant:
    """Take a file away."""
    name = chance.choice(victim.files)
    (victim.folder / name).unlink()
    return Mutant(f"{name} is gone", (name, *_folder_of(name)))


def _folder_of(name: str) -> tuple[str, ...]:
    return (f"{name.partition('/')[0]}/",) if "/" in name else ()


def double(chance: random.Random, victim: Victim) -> Mutant:
    """Lay a file there once more, under another name."""
    name = chance.choice(victim.files)
    more = f"{name}.{chance.randrange(10)}"
    shutil.copyfile(victim.folder / name, victim.folder / more)
    return Mutant(f"{more} is new", (more,))


def swap(chance: random.Random, victim: Victim) -> Mutant:
    """Swap two files that differ."""
    one, two = chance.sample(victim.files, 2)
    first, second = ((victim.folder / name).read_bytes() for name in (one, two))
    (victim.folder / one).write_bytes(second)
    (victim.folder / two).write_bytes(first)
    return Mutant(f"{one} and {two} are swapped", (one, two, MANIFEST))


def of_another(chance: random.Random, victim: Victim) -> Mutant:
    """Put in the file of an earlier release, as it was."""
    same = sorted(set(victim.files) & set(digests(victim.earlier)))
    changed = [
        name
        for name in same
        if (victim.folder / name).read_bytes() != (victim.earlier / name).read_bytes()
    ]
    name = chance.choice(changed)
    shutil.copyfile(victim.earlier / name, victim.folder / name)
    # With an earlier manifest whatever comes first is not what that one says.
    names = tuple(victim.files) if name == MANIFEST else (name,)
    return Mutant(f"{name} is that of another release", names)


def rows(chance: random.Random, victim: Victim) -> Mutant:
    """Drop, double or reorder rows of one file, unsigned."""
    name = chance.choice([ROWS, EVENTS])
    return Mutant(f"{_reorder(chance, victim, [name])} in {name}", (name,))


def wrong_key(chance: random.Random, victim: Victim) -> Mutant:
    """Drop, double or reorder rows, or none, and sign all of it with a key that may not."""
    what = _reorder(chance, victim, [ROWS, EVENTS]) if chance.random() < 0.7 else "nothing changed"
    signed_again(victim.folder, chance.choice(victim.others))
    return Mutant(f"{what}, signed with a wrong key", (MANIFEST,))


def faithless(chance: random.Random, victim: Victim) -> Mutant:
    """Drop, double or reorder rows in all files, signed with the right key."""
    what = _reorder(chance, victim, [ROWS, EVENTS])
    signed_again(victim.folder, victim.ours)
    return Mutant(f"{what}, signed by a faithless releaser", ("data/", "proofs/"))


def faithless_cell(chance: random.Random, victim: Victim) -> Mutant:
    """Change one cell of one row, signed with the right key."""
    name = chance.choice([ROWS, EVENTS])
    table = pq.read_table(victim.folder / name)
    column = chance.choice([each for each in table.schema.names if each != "index"])
    row = chance.randrange(table.num_rows)
    cells = table.column(column).to_pylist()
    place, field = table.schema.names.index(column), table.schema.field(column)
    cells[row] = _other(chance, cells, row, field.type)
    changed = table.set_column(place, field, pa.array(cells, type=field.type))
    pq.write_table(changed, victim.folder / name)
    signed_again(victim.folder, victim.ours)
    names = ("data/", "proofs/", "certificate.json", "the rows are of other sources")
    return Mutant(f"{column} of row {row} in {name}, signed by a faithless releaser", names)


def _other(chance: random.Random, cells: list[object], row: int, type_: pa.DataType) -> object:
    """Return a value of the same kind that this cell does not have."""
    others = [each for each in cells if each != cells[row]]
    if others:
        return chance.choice(others)
    value = cells[row]
    if isinstance(value, str | bytes):
        return value + value[:1] if value else (b"x" if isinstance(value, bytes) else "x")
    if isinstance(value, bool | int | float):
        return not value if isinstance(value, bool) else value + 1
    if pa.types.is_timestamp(type_):
        return datetime(2001, 2, 3, tzinfo=UTC)
    return ["x"] if pa.types.is_list(type_) else pa.scalar("1").cast(type_).as_py()


def faithless_votes(chance: random.Random, victim: Victim) -> Mutant:
    """Drop a vote, put one under another's place, or change one; signed with the right key."""
    one, two = sorted((victim.folder / "votes").iterdir())[:2]
    what = chance.choice(["dropped", "moved", "changed"])
    if what == "dropped":
        chance.choice([one, two]).unlink()
    elif what == "moved":
        one.write_bytes(two.read_bytes())
    else:
        envelope = unseal(one.read_bytes())
        payload = envelope.payload.replace(b'"decision":"approve"', b'"decision":"reject"')
        one.write_bytes(seal(payload, envelope.payload_type, [chance.choice(victim.others)]))
    signed_again(victim.folder, victim.ours)
    return Mutant(f"a vote is {what}, signed by a faithless releaser", ("votes/", "proofs/"))


def faithless_proof(chance: random.Random, victim: Victim) -> Mutant:
    """Change, drop or double a node of the proof, or sign another checkpoint."""
    table = pq.read_table(victim.folder / NODES)
    what = chance.choice(["dropped", "doubled", "changed"])
    order = list(range(table.num_rows))
    place = chance.randrange(len(order))
    if what == "changed":
        hashes = table.column("hash").to_pylist()
        hashes[place] = bytes(chance.randrange(256) for _ in range(32))
        field = table.schema.field("hash")
        table = table.set_column(2, field, pa.array(hashes, type=field.type))
    else:
        order[place : place + 1] = [] if what == "dropped" else [place, place]
    pq.write_table(table.take(order), victim.folder / NODES)
    signed_again(victim.folder, victim.ours)
    return Mutant(f"node {place} is {what}, signed by a faithless releaser", (NODES,))


def faithless_manifest(chance: random.Random, victim: Victim) -> Mutant:
    """Say something else of the release in its manifest, signed with the right key."""
    statement = read_manifest((victim.folder / MANIFEST).read_bytes())
    said = statement.predicate
    changes: dict[str, object] = {
        "rows": said.rows + 1,
        "sources": said.sources + 1,
        "clusters": said.clusters - 1,
        "scope": "other",
        "kind": "label",
        "purpose": "other",
        "request": "0" * 64,
        "policy": "0" * 64,
        "certificate": "0" * 64,
        "log": said.log.model_copy(update={"size": said.log.size + 1}),
    }
    name = chance.choice(sorted(changes))
    other = said.model_copy(update={name: changes[name]})
    envelope = sign_manifest(dict(statement.files), other, victim.ours)
    (victim.folder / MANIFEST).write_bytes(envelope)
    named = ("manifest", "proofs/", "data/", "certificate.json", "votes/", "no kind")
    return Mutant(f"the manifest says another {name}, signed by a faithless releaser", named)


RELEASE: Final[Sequence[Callable[[random.Random, Victim], Mutant]]] = (
    flip,
    flip,
    cut,
    drop,
    double,
    swap,
    of_another,
    rows,
    wrong_key,
    faithless,
    faithless_cell,
    faithless_votes,
    faithless_proof,
    faithless_manifest,
)


def _reorder(chance: random.Random, victim: Victim, names: Sequence[str]) -> str:
    count = pq.read_metadata(victim.folder / names[0]).num_rows
    order = list(range(count))
    place, what = chance.randrange(count), chance.choice(["dropped", "doubled", "moved"])
    if what == "moved":
        other = (place + chance.randrange(1, count)) % count
        order[place], order[other] = order[other], order[place]
    else:
        order[place : place + 1] = [] if what == "dropped" else [place, place]
    for name in names:
        table = pq.read_table(victim.folder / name)
        pq.write_table(table.take(order), victim.folder / name)
    return f"row {place} is {what}"
