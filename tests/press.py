"""A press for tests: a reviewers' room with the roles' keys, a trust file and releases."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from approvals import desk
from approvals.attest import act_of
from approvals.checkpoint import origin_of
from approvals.directory import digests
from approvals.draft import Press
from approvals.exporting import Export
from approvals.manifest import MANIFEST, read_manifest, sign_manifest
from approvals.model import PolicyAdopted, Request
from approvals.ports import Signer
from approvals.release import Made, make
from approvals.revoke import publish
from approvals.signers.file import FileSigner, new_key
from approvals.trust import RoleKey, Trust, load_trust, write_trust
from approvals.verify import Report, verify
from quarantine.envelope import kinds
from tests.room import Room

HOSTILE = (
    "=cmd|'/C calc'!A0",
    "two\nlines\r\nand\u2028more",
    "../../etc/passwd",
    '"quoted", <b>bold</b> {"a": 1} \\n',
    "\u202eevil\u200b \U000e0041 \x1b[2J\x07",
    "naïve 日本語 🙂",
)
"""Values that formats, screens and paths have tripped over."""

DATA: dict[str, dict[str, object]] = {
    "rating": {"value": 4, "low": 1, "high": 5, "prompt": "p", "completion": "c"},
    "label": {"label": "good", "labels": ["good", "bad"]},
    "preference": {"prompt": "p", "chosen": "a", "rejected": "b"},
    "correction": {"prompt": "p", "completion": "c", "corrected": "d"},
    "signal": {"name": "clicks", "value": 0.5, "low": 0, "high": 1},
    "pseudo_label": {
        "label": "good",
        "labels": ["good", "bad"],
        "confidence": 0.9,
        "model": "m-1",
        "generation": 1,
    },
}
"""The least that each kind's data must hold."""


def event(kind: str, source: str, id_: str, **data: object) -> bytes:
    """Spell an event of any kind as its producer would; `data` goes over the least."""
    types = {each.name: each.event_type for each in kinds().values()}
    return json.dumps(
        {
            "specversion": "1.0",
            "id": id_,
            "source": source,
            "subject": str(data.pop("subject", f"answer-{id_}")),
            "type": types[kind],
            "time": "2025-12-31T01:02:03.5+01:00",
            "scope": "helpful",
            "data": DATA[kind] | data,
        }
    ).encode()


@dataclass
class Printer:
    """A room in which requests are approved and printed, and the trust file readers are given."""

    room: Room
    keys: dict[str, FileSigner] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the roles' keys; three people may decide."""
        self.keys = {"operator": self.room.operator} | {
            role: new_key(self.room.folder / f"{role}.pem")
            for role in ("intake", "scoring", "releasing")
        }
        for name in ("ana", "ben", "cho"):
            self.room.add(name, roles=("reviewer",))
        self.room.producer("app")
        policy = self.room.policy
        adopted = PolicyAdopted(at=self.room.at, policy=policy.digest, toml=policy.text)
        self.room.store.record([act_of(adopted, self.room.operator)])

    @property
    def origin(self) -> str:
        """Name the log."""
        return origin_of(self.room.operator.public)

    @property
    def roles(self) -> dict[str, str]:
        """Return the roles' public keys."""
        return {role: signer.public for role, signer in self.keys.items()}

    @property
    def trust_file(self) -> Path:
        """Return where the trust file is."""
        return self.room.folder / "trust.toml"

    def publish(self) -> Trust:
        """Write the trust file and the revocation list anew."""
        write_trust(
            self.trust_file,
            roster=self.room.roster,
            keys=[RoleKey(role=role, public=public) for role, public in self.roles.items()],
            origin=self.origin,
        )
        trust = load_trust(self.trust_file)
        publish(self.room.store, trust.revocations, self.keys["releasing"], self.room.at)
        return trust

    def press(self) -> Press:
        """Return what a release is made with, now."""
        return Press(
            store=self.room.store,
            policy=self.room.policy,
            signer=self.keys["releasing"],
            at=self.room.later(),
            origin=self.origin,
            roles=self.roles,
            detectors={"lockstep": "1"},
        )

    def hear(self, kind: str, bodies: Iterable[bytes], sources: Iterable[str]) -> None:
        """Take events in and have their sources scored clear."""
        del kind
        self.room.hear(bodies)
        self.room.score(sources)

    def ask(self, kind: str = "rating") -> Request:
        """Ask for all of a kind, as ana."""
        at = self.room.later()
        request, _, _ = desk.make_request(
            self.room.store,
            scope="helpful",
            kind=kind,
            until=at,
            by=self.room.reviewer("ana"),
            signer=self.room.signers["ana"],
            policy=self.room.policy,
            roster=self.room.roster,
            at=at,
            nonce=self.room.nonce(),
        )
        return request

    def approved(self, kind: str = "rating") -> Request:
        """Ask for all of a kind, and have two others approve it."""
        request = self.ask(kind)
        for name in ("ben", "cho"):
            self.room.vote(request, name)
        return request

    def print(self, name: str = "release", kind: str = "rating") -> Path:
        """Ask, approve and make the release `name`; return its directory."""
        out = self.room.folder / name
        self.make(self.approved(kind), out)
        return out

    def make(self, request: Request, out: Path) -> Made:
        """Make the release of a request, and publish what its readers need."""
        made = make(request.digest, out, self.press())
        self.room.later()
        self.publish()
        return made

    def verify(self, directory: Path, *, at: datetime | None = None) -> Report:
        """Verify a directory with the trust file as it is."""
        return verify(directory, load_trust(self.trust_file), at or self.room.at)

    def export(self, directory: Path, format_: str, name: str = "export") -> Export:
        """Return the order to export a directory."""
        return Export(
            release=directory,
            format=format_,
            out=self.room.folder / name,
            trust=self.trust_file,
            at=self.room.at,
        )


def printed(folder: Path) -> Printer:
    """Return a printer that has made one release of forty rows, `folder / "release"`."""
    printer = Printer(Room(folder))
    printer.room.crowd(8, 5)
    printer.print("release")
    return printer


def signed_again(release: Path, signer: Signer, **says: object) -> None:
    """Make the manifest say what the files are now, and `says`, as a faithless releaser would."""
    statement = read_manifest((release / MANIFEST).read_bytes())
    files = {name: digest for name, digest in digests(release).items() if name != MANIFEST}
    said = statement.predicate.model_copy(update=says)
    (release / MANIFEST).write_bytes(sign_manifest(files, said, signer))
