"""Verify an evidence pack offline: python -I verify.py PACK --trust trust.toml.

Only `cryptography` is needed, nothing of the project is imported: this file is copied into every
pack as `verify.py`. The trust file must come from somebody else than the pack. Exit 0 when all
holds, 5 when something does not, 2 when it was asked for in a way that has no meaning.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import struct
import sys
import tomllib
from bisect import bisect
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MANIFEST = "manifest.dsse.json"
PREDICATE = "https://feedback-quarantine.dev/evidence-pack/v1"
TYPE = "application/vnd.feedback-quarantine.{}.v1+json"
ROLES = {
    "operator": "producer-added producer-revoked reviewer-added reviewer-revoked policy-adopted "
    "letters-redriven release-consumed gold-added gate-reported events-retired",
    "scoring": "verdict-changed window-held power-drilled power-lost probes-planted probe-answered",
    "intake": "loss-reported producer-paused stream-forged stream-reset",
    "releasing": "released refused reviewers-drawn",
}
BY_ROLE = {kind: role for role, kinds in ROLES.items() for kind in kinds.split()}
"""Acts that a role signs; all others are a person's, by the reviewer whom they name."""
_ARGUMENTS = 3
_NOTE_LINES = 3
_MARK = 4
_FAILED, _USAGE = 5, 2

Json = dict[str, object]
Nodes = dict[tuple[int, int], bytes]


class FailedError(Exception):
    """Something in the pack does not hold; its text says what."""


def require(holds: object, what: str) -> None:
    """Stop unless something holds."""
    if not holds:
        raise FailedError(what)


def digest(content: bytes) -> str:
    """Return the SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def read_key(pem: str) -> Ed25519PublicKey:
    """Read an Ed25519 public key (PEM SubjectPublicKeyInfo)."""
    key = serialization.load_pem_public_key(pem.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise FailedError("a key is no Ed25519 key")
    return key


def raw(pem: str) -> bytes:
    """Return the 32 bytes of a public key."""
    encoding, spelling = serialization.Encoding, serialization.PublicFormat
    return read_key(pem).public_bytes(encoding.Raw, spelling.Raw)


def key_id(pem: str) -> str:
    """Return the id of a key: 16 hex digits of the SHA-256 of its DER."""
    encoding, spelling = serialization.Encoding, serialization.PublicFormat
    return digest(read_key(pem).public_bytes(encoding.DER, spelling.SubjectPublicKeyInfo))[:16]


def verifies(pem: str, signature: bytes, message: bytes) -> bool:
    """Say whether an Ed25519 signature (RFC 8032) holds."""
    try:
        read_key(pem).verify(signature, message)
    except InvalidSignature:
        return False
    return True


class Trust:
    """Whom to believe, from the trust file: role keys with their powers, the log's name."""

    def __init__(self, file: Path) -> None:
        """Read the file; keys must have the ids they claim."""
        told = tomllib.loads(file.read_text(encoding="utf-8"))
        self.origin: str = told["origin"]
        self.keys: list[Json] = told["key"]
        for key in self.keys:
            known = key_id(str(key["public"]))
            require(known == key["id"], "the trust file gives a key another id")

    def publics(self, power: str, at: datetime) -> dict[str, str]:
        """Return the keys (id to PEM) that may sign this at that time."""
        return {str(key["id"]): str(key["public"]) for key in self.keys if _may(key, power, at)}


def _may(key: Json, power: str, at: datetime) -> bool:
    powers, since, until = key["powers"], key["since"], key.get("until")
    after = isinstance(since, datetime) and since <= at
    before = not (isinstance(until, datetime) and until <= at)
    return isinstance(powers, list) and power in powers and after and before


class Envelope:
    """A DSSE envelope: its payload, its type, its signatures by key id."""

    def __init__(self, spelled: bytes) -> None:
        """Read an envelope."""
        told = json.loads(spelled)
        self.payload = base64.b64decode(told["payload"], validate=True)
        self.type: str = told["payloadType"]
        self.signatures = {
            str(each["keyid"]): base64.b64decode(each["sig"], validate=True)
            for each in told["signatures"]
        }

    @property
    def message(self) -> bytes:
        """Return what is signed (DSSE's pre-authentication encoding)."""
        parts = (b"DSSEv1", b"%d" % len(self.type), self.type.encode())
        return b" ".join((*parts, b"%d" % len(self.payload), self.payload))

    def signed_by(self, publics: dict[str, str]) -> str:
        """Return the one signer, which must be among `publics`, or stop."""
        require(len(self.signatures) == 1, "an envelope does not have exactly one signature")
        ((key, signature),) = self.signatures.items()
        require(key in publics, f"key {key} may not have signed this")
        require(verifies(publics[key], signature, self.message), f"key {key}: no such signature")
        return key


def hash_node(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into their parent (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def act_leaf(kind: str, at: int, body: bytes) -> bytes:
    """Hash an act as the log's leaf: its kind, its time (µs), its exact bytes, each framed."""
    parts = (b"act/1", kind.encode(), b"%d" % at, body)
    framed = b"".join(struct.pack(">I", len(part)) + part for part in parts)
    return hashlib.sha256(b"\x00" + framed).digest()


def root(first: int, last: int, known: Nodes) -> bytes:
    """Return the root over leaves `first` to before `last`; `known` are hashes of such ranges."""
    if (first, last) in known:
        return known[first, last]
    require(last - first > 1, f"the proof lacks log row {first}")
    half = 1 << ((last - first - 1).bit_length() - 1)
    return hash_node(root(first, first + half, known), root(first + half, last, known))


def nodes_of(told: object) -> Nodes:
    """Read subtrees (level, number, hash in hex) as ranges of leaves, none within another.

    Else one root could follow from some of them and another root from others.
    """
    found: Nodes = {}
    for level, number, hashed in told if isinstance(told, list) else []:
        found[number << level, (number + 1) << level] = bytes.fromhex(hashed)
    apart = all(one[1] <= other[0] for one, other in pairwise(sorted(found)))
    require(apart, "a proof says one part of the log twice")
    return found


def read_note(note: str, origin: str, publics: dict[str, str]) -> tuple[int, bytes]:
    """Return size and root of a signed checkpoint (C2SP tlog-checkpoint) of the log `origin`."""
    text, gap, signatures = note.partition("\n\n")
    lines = text.split("\n")
    require(gap and len(lines) == _NOTE_LINES and lines[0] == origin, "no checkpoint of this log")
    marks = {_mark(origin, pem): pem for pem in publics.values()}
    held = False
    for line in signatures.rstrip("\n").split("\n"):
        content = base64.b64decode(line.split(" ")[-1], validate=True)
        pem = marks.get(content[:_MARK])
        held |= pem is not None and verifies(pem, content[_MARK:], f"{text}\n".encode())
    require(held, "nobody who is trusted has signed the checkpoint")
    return int(lines[1]), base64.b64decode(lines[2], validate=True)


def _mark(origin: str, pem: str) -> bytes:
    return hashlib.sha256(origin.encode() + b"\n\x01" + raw(pem)).digest()[:_MARK]


def _seat(people: dict[str, str], kind: str, said: Json) -> None:
    """Follow who has a seat: public keys by name."""
    if kind == "reviewer-added":
        name, public = str(said["name"]), str(said["public"])
        require(key_id(public) == said["key"], f"the key of {name} has another id")
        people[name] = public
    elif kind == "reviewer-revoked":
        people.pop(str(said["name"]), None)


class Pack:
    """A pack and what is believed of it; each check returns one line of what it found."""

    def __init__(self, folder: Path, trust: Trust) -> None:
        """Open the pack; nothing is believed before `manifest` has held."""
        self.folder, self.trust = folder, trust
        envelope = Envelope((folder / MANIFEST).read_bytes())
        self.statement = json.loads(envelope.payload)
        self.said: Json = self.statement["predicate"]
        self.at = datetime.fromisoformat(str(self.said["created"])).astimezone(UTC)
        self.signer = envelope.signed_by(trust.publics("release", self.at))

    def text(self, name: str) -> str:
        """Return a file's text."""
        return (self.folder / name).read_text(encoding="utf-8")

    def manifest(self) -> str:
        """Compare every file with the signed manifest; none may be missing or too many."""
        require(self.statement["predicateType"] == PREDICATE, "the manifest is of something else")
        wanted = {each["name"]: each["digest"]["sha256"] for each in self.statement["subject"]}
        found = {
            file.relative_to(self.folder).as_posix(): file
            for file in self.folder.rglob("*")
            if file.is_symlink() or not file.is_dir()
        }
        found.pop(MANIFEST, None)
        require(not any(file.is_symlink() for file in found.values()), "a file is a link")
        for name in sorted(wanted.keys() | found.keys()):
            require(name in wanted, f"{name} is not in the manifest")
            require(name in found, f"{name} is missing")
            require(digest(found[name].read_bytes()) == wanted[name], f"{name} was changed")
        return f"{len(wanted)} files are as key {self.signer} signed them at {self.said['created']}"

    def checkpoint(self) -> str:
        """Check the newest checkpoint's signature, and that the earlier ones begin its log."""
        publics = self.trust.publics("log", self.at)
        size, top = read_note(self.text("log/checkpoint"), self.trust.origin, publics)
        self.size, self.root = size, top
        earlier = json.loads(self.text("log/earlier.json"))
        for each in earlier:
            before, old = read_note(each["note"], self.trust.origin, publics)
            known = nodes_of(each["nodes"])
            require(
                before <= size and (before == 0 or root(0, before, known) == old),
                f"the checkpoint of {before} rows is not what its proof says",
            )
            require(root(0, size, known) == top, f"the log does not begin with its {before} rows")
        return f"the log of {size} rows is signed, and {len(earlier)} earlier checkpoints begin it"

    def acts(self) -> str:
        """Rebuild the log's root from every act, and check who signed each.

        Each stands at a place of its own, and no node stands for it: else the root would follow
        from others, and the act itself would prove nothing.
        """
        self.told: list[Json] = []
        before = -1
        known = nodes_of(json.loads(self.text("log/nodes.json")))
        nodes = sorted(known)
        for line in self.text("log/acts.jsonl").splitlines():
            act = json.loads(line)
            index, body = int(act["index"]), act.get("body")
            require(before < index < self.size, f"log row {index} stands where no act of it can")
            before = index
            leaf = (
                bytes.fromhex(act["leaf"])
                if body is None
                else act_leaf(act["kind"], int(act["at"]), str(body).encode())
            )
            first, last = nodes[bisect(nodes, (index, math.inf)) - 1] if nodes else (0, 0)
            require(not first <= index < last, f"a node stands for the act at log row {index}")
            known[index, index + 1] = leaf
            self.told.append(act)
        require(
            self.size == 0 or root(0, self.size, known) == self.root,
            "the acts are not those of the log that was signed",
        )
        withheld = sum("body" not in act for act in self.told)
        return (
            f"{len(self.told)} acts are in that log, {withheld} without their text (their kinds"
            f" are only claimed); signed by {self._signers()}"
        )

    def _signers(self) -> str:
        """Check that who signed each act is the role, or the seated person, whose act it is."""
        roles: dict[str, str] = json.loads(self.text("keys.json"))
        name = f"feedback-quarantine/{digest(raw(roles['operator']))[:16]}"
        require(name == self.trust.origin, "the operator's key is not the one the log is named by")
        people: dict[str, str] = {}
        seen: Counter[str] = Counter()
        for act in self.told:
            if "body" in act:
                envelope, kind = Envelope(str(act["body"]).encode()), str(act["kind"])
                said = act["said"] = json.loads(envelope.payload)
                what, role = f"{kind} at log row {act['index']}", BY_ROLE.get(kind)
                require(envelope.type == TYPE.format(kind), f"{what} is signed as something else")
                public = roles.get(role) if role else people.get(said["by"])
                require(public, f"{what} is of nobody who has a seat")
                key = envelope.signed_by({key_id(str(public)): str(public)})
                require(kind != "vote-cast" or said["key"] == key, "a vote names another key")
                seen[role or "reviewers"] += 1
                _seat(people, kind, said)
        return ", ".join(f"{who} {count}" for who, count in sorted(seen.items()))

    def _of(self, kind: str) -> list[Json]:
        return [
            said
            for act in self.told
            if act["kind"] == kind
            for said in [act.get("said")]
            if isinstance(said, dict)
        ]

    def policies(self) -> str:
        """Compare every policy that was put in force with its file and its digest."""
        adopted = self._of("policy-adopted")
        for each in adopted:
            text, name = str(each["toml"]).encode(), str(each["policy"])
            require(digest(text) == name, f"policy {name[:12]} is not what was adopted")
            require(
                (self.folder / f"policies/{name}.toml").read_bytes() == text,
                f"policies/{name}.toml is not what was adopted",
            )
        return f"{len(adopted)} policies are as they were put in force"

    def releases(self) -> str:
        """Compare the manifests of releases with the log, their certificates with the manifests."""
        known = {str(each["name"]): str(each["manifest"]) for each in self._of("released")}
        there = 0
        for folder in sorted((self.folder / "releases").glob("*")):
            spelled = (folder / MANIFEST).read_bytes()
            envelope = Envelope(spelled)
            said = json.loads(envelope.payload)
            name = str(said["predicate"]["name"])
            made = datetime.fromisoformat(said["predicate"]["created"]).astimezone(UTC)
            envelope.signed_by(self.trust.publics("release", made))
            require(known.get(name) == digest(spelled), f"release {name} is not the one that left")
            files = {each["name"]: each["digest"]["sha256"] for each in said["subject"]}
            certificate = (folder / "certificate.json").read_bytes()
            same = files["certificate.json"] == digest(certificate)
            require(same, f"{name}: another certificate")
            there += 1
        return f"{len(known)} releases left, {there} of their manifests and certificates are here"

    def revocations(self) -> str:
        """Check who signed the list of what was taken back."""
        envelope = Envelope((self.folder / "revocations.dsse.json").read_bytes())
        said = json.loads(envelope.payload)
        issued = datetime.fromisoformat(said["issued_at"]).astimezone(UTC)
        envelope.signed_by(self.trust.publics("revocation", issued))
        require(envelope.type == TYPE.format("revocation-list"), "that is no revocation list")
        return f"revocation list {said['sequence']} is signed, {len(said.get('events', []))} rows"

    def conservation(self) -> str:
        """Count: received is stored, duplicates and dead letters, for every producer."""
        told = json.loads(self.text("conservation.json"))["producers"]
        for name, each in told.items():
            events = each["events"]
            parts = events["stored"] + events["duplicates"] + events["dead_lettered"]
            require(events["received"] == parts, f"the events of {name} do not add up")
        return f"the events of {len(told)} producers add up"


def main(words: list[str]) -> int:
    """Check a pack, print a line for each thing that holds; return the exit code."""
    if len(words) != _ARGUMENTS or words[1] != "--trust":
        sys.stderr.write("usage: python -I verify.py PACK --trust trust.toml\n")
        return _USAGE
    try:
        trust = Trust(Path(words[2]))
    except (OSError, ValueError, KeyError, FailedError) as error:
        sys.stderr.write(f"the trust file cannot be used: {error!r}\n")
        return _USAGE
    try:
        pack = Pack(Path(words[0]), trust)
        for check in (
            *(pack.manifest, pack.checkpoint, pack.acts, pack.policies),
            *(pack.releases, pack.revocations, pack.conservation),
        ):
            sys.stdout.write(f"ok  {check()}\n")
    except FailedError as error:
        sys.stdout.write(f"!!  {error}\n")
        return _FAILED
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        sys.stdout.write(f"!!  the pack cannot be read: {type(error).__name__}: {error!r}\n")
        return _FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
