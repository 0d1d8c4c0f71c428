"""The auditor's pack: made by the command, verified offline by what lies in it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from approvals import audit
from approvals.attest import IN_TOTO, payload_type, seal, unseal
from approvals.checkpoint import Checkpoint, make
from approvals.manifest import MANIFEST
from approvals.signers.file import new_key
from quarantine.log import act_leaf, peaks_of
from quarantine.model import Verdict
from service import wiring
from service.pack import offline
from tests.gatehouse import Gatehouse
from tests.reviewing import rating


class Packed(NamedTuple):
    gate: Gatehouse
    pack: Path
    trust: Path
    told: dict[str, Any]


SECRET = "words that nobody outside may read"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Packed]:
    gate = Gatehouse(tmp_path_factory.mktemp("gate"))
    with gate.room.store:
        request = gate.ask()
        gate.vote(request, "ben", "cleo")
        release = gate.release(request)
        gate.room.hear([rating("rater/3", "late", "answer-9", 4, SECRET)])
        gate.run("audit", "checkpoint")
        gate.run("sources", "hold", "app/rater/3", *gate.signed("dov"))
        found = gate.room.store.dossiers()
        assert {each.verdict for each in found} == {Verdict.CLEAR}
        card = gate.folder / "card"
        gate.run("redteam", "--only", "E7", "--quick", "--out", str(card))
        pack = gate.folder / "pack"
        words = ("--releases", str(release.parent), "--scorecard", str(card))
        told = gate.run("evidence", "--out", str(pack), *words)
        yield Packed(gate, pack, Path(told["trust"]), told)


def verify(pack: Path, trust: Path, script: Path | None = None) -> tuple[int, str]:
    """Run the verifier as an auditor does: isolated, from elsewhere, nothing of ours near."""
    done = subprocess.run(
        [sys.executable, "-I", str(script or pack / "verify.py"), str(pack), "--trust", str(trust)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={},
    )
    return done.returncode, done.stdout + done.stderr


def test_a_pack_verifies_offline_and_says_what_was_checked(packed: Packed) -> None:
    code, said = verify(packed.pack, packed.trust)
    assert code == 0, said
    assert said.count("ok  ") == 7
    assert "earlier checkpoints begin it" in said
    assert "1 releases left, 1 of their manifests and certificates are here" in said
    assert packed.told["manifests"] == 1


def test_a_pack_holds_what_an_auditor_asks_for_and_no_words_of_feedback(packed: Packed) -> None:
    names = {each.name for each in packed.pack.iterdir()}
    assert names >= {
        *("log", "policies", "releases", "redteam", "keys.json", "roster.json", "releases.json"),
        *("revocations.dsse.json", "drift.json", "detectors.json", "reviewers.json"),
        *("conservation.json", "doctor.json", "verify.py", "README.md", MANIFEST),
    }
    every = b"".join(file.read_bytes() for file in packed.pack.rglob("*") if file.is_file())
    assert SECRET.encode() not in every
    lines = (packed.pack / "log/acts.jsonl").read_text().splitlines()
    acts = [json.loads(line) for line in lines]
    kinds = {act["kind"] for act in acts}
    assert kinds >= {"request-made", "vote-cast", "released", "policy-adopted", "source-ruled"}
    counts = json.loads((packed.pack / "conservation.json").read_text())["producers"]["app"]
    assert counts["events"]["stored"] == 37


def changed(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def tamper(pack: Path) -> None:
        (pack / name).write_bytes(change((pack / name).read_bytes()))

    return tamper


def signed_anew(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path, Packed], None]:
    """Change a file, and let the releasing role itself sign a manifest over the lie."""
    import hashlib

    import rfc8785

    def tamper(pack: Path, packed: Packed) -> None:
        changed(name, change)(pack)
        statement = json.loads(unseal((pack / MANIFEST).read_bytes()).payload)
        for each in statement["subject"]:
            if each["name"] == name:
                each["digest"]["sha256"] = hashlib.sha256((pack / name).read_bytes()).hexdigest()
        signer = wiring.role_signer(packed.gate.state, "releasing")
        (pack / MANIFEST).write_bytes(seal(rfc8785.dumps(statement), IN_TOTO, [signer]))

    return tamper


@pytest.fixture
def copy(packed: Packed, tmp_path: Path) -> Path:
    shutil.copytree(packed.pack, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (changed("roster.json", lambda b: b.replace(b"ana", b"eve", 1)), "roster.json was changed"),
        (changed("log/acts.jsonl", lambda b: b[:-40] + b"\n"), "log/acts.jsonl was changed"),
        (lambda pack: (pack / "drift.json").unlink(), "drift.json is missing"),
        (lambda pack: (pack / "more").write_text("x"), "more is not in the manifest"),
        (lambda pack: (pack / "link").symlink_to("/etc/passwd"), "a file is a link"),
        (changed(MANIFEST, lambda b: b.replace(b'"sig":"', b'"sig":"A')), "cannot be read"),
    ],
)
def test_a_pack_that_was_changed_is_refused(
    packed: Packed, copy: Path, tamper: Callable[[Path], None], said: str
) -> None:
    tamper(copy)
    code, told = verify(copy, packed.trust, packed.pack / "verify.py")
    assert code == 5
    assert said in told


def another_node(spelled: bytes) -> bytes:
    told = json.loads(spelled)
    told[0]["nodes"][0][2] = "00" * 32
    return json.dumps(told).encode()


def dropped(lines: bytes) -> bytes:
    return b"\n".join(lines.split(b"\n")[1:])


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (signed_anew("log/acts.jsonl", dropped), "the proof lacks log row 0"),
        (
            signed_anew(
                "log/acts.jsonl", lambda b: b.replace(b'"kind":"vote-cast"', b'"kind":"x"')
            ),
            "the acts are not those of the log",
        ),
        (
            signed_anew("conservation.json", lambda b: b.replace(b'"stored": 37', b'"stored": 36')),
            "do not add up",
        ),
        (signed_anew("log/earlier.json", another_node), "is not what its proof says"),
        (signed_anew("releases/0001/certificate.json", lambda b: b + b" "), "another certificate"),
        (signed_anew("keys.json", lambda b: b.replace(b'"operator"', b'"o"')), "cannot be read"),
    ],
)
def test_not_even_who_signs_the_pack_can_tell_another_story(
    packed: Packed, copy: Path, tamper: Callable[[Path, Packed], None], said: str
) -> None:
    tamper(copy, packed)
    code, told = verify(copy, packed.trust)
    assert code == 5, told
    assert said in told


def test_no_act_stands_behind_a_node_of_the_proof(packed: Packed, copy: Path) -> None:
    """Else the root would follow from the nodes alone, and no act would have to be true."""
    size = int((copy / "log/checkpoint").read_text().split("\n")[1])
    peaks = [[*node, packed.gate.room.store.node(*node).hex()] for node in peaks_of(size)]
    whole = json.loads((copy / "log/nodes.json").read_text())
    for nodes, said in ((peaks, "a node stands for the act"), (peaks + whole, "twice")):
        signed_anew("log/nodes.json", lambda _, nodes=nodes: json.dumps(nodes).encode())(
            copy, packed
        )
        code, told = verify(copy, packed.trust)
        assert (code, said in told) == (5, True), told


def forged(packed: Packed, kind: str, **said: object) -> dict[str, object]:
    """Spell an act of any kind that the releasing role has signed."""
    told = {"at": "2026-11-23T00:00:00Z", **said}
    signer = wiring.role_signer(packed.gate.state, "releasing")
    body = seal(json.dumps(told).encode(), payload_type(kind), [signer]).decode()
    return {"index": 0, "kind": kind, "at": 0, "body": body}


def test_no_checkpoint_of_another_history_begins_the_log(packed: Packed, copy: Path) -> None:
    """Signed by the right key, and its proof has a node for each of the two histories."""
    name, size, _ = (copy / "log/checkpoint").read_text().split("\n")[:3]
    other = bytes(32)
    note = make(Checkpoint(name, 1, other), wiring.role_signer(packed.gate.state, "releasing"))
    peaks = [[*node, packed.gate.room.store.node(*node).hex()] for node in peaks_of(int(size))]
    earlier = [{"note": note.decode(), "nodes": [[0, 0, other.hex()], *peaks]}]
    signed_anew("log/earlier.json", lambda _: json.dumps(earlier).encode())(copy, packed)
    code, told = verify(copy, packed.trust)
    assert (code, "says one part of the log twice" in told) == (5, True), told


@pytest.mark.parametrize("place", [0, -1, 10**9])
def test_no_act_is_told_that_the_log_does_not_have(packed: Packed, copy: Path, place: int) -> None:
    lie = {**forged(packed, "released", name="another"), "index": place}

    def told(lines: bytes) -> bytes:
        more = json.dumps(lie).encode() + b"\n"
        return lines + more if place else more + lines

    signed_anew("log/acts.jsonl", told)(copy, packed)
    code, said = verify(copy, packed.trust)
    assert (code, "stands where no act of it can" in said) == (5, True), said


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("policy-adopted", "may not have signed this"),
        ("source-ruled", "nobody who has a seat"),
    ],
)
def test_whose_act_it_is_must_have_signed_it_though_the_log_has_it(
    packed: Packed, copy: Path, kind: str, said: str
) -> None:
    """A log that somebody else wrote too: here of that one act."""
    act = forged(packed, kind, by="nobody")
    leaf = act_leaf(kind.encode(), 0, str(act["body"]).encode())
    signer = wiring.role_signer(packed.gate.state, "releasing")
    origin = (copy / "log/checkpoint").read_text().split("\n")[0]
    note = make(Checkpoint(origin, 1, leaf), signer)
    for name, content in (
        ("log/checkpoint", note),
        ("log/earlier.json", b"[]"),
        ("log/nodes.json", b"[]"),
        ("log/acts.jsonl", json.dumps(act).encode() + b"\n"),
    ):
        signed_anew(name, lambda _, content=content: content)(copy, packed)
    code, told = verify(copy, packed.trust)
    assert (code, said in told) == (5, True), told


def test_the_verifier_knows_whose_act_each_is_as_the_house_does() -> None:
    assert offline.BY_ROLE == audit.BY_ROLE


def test_a_pack_signed_by_somebody_else_is_refused(packed: Packed, copy: Path) -> None:
    envelope = unseal((copy / MANIFEST).read_bytes())
    thief = new_key(copy.parent / "thief.pem")
    (copy / MANIFEST).write_bytes(seal(envelope.payload, envelope.payload_type, [thief]))
    code, told = verify(copy, packed.trust)
    assert (code, "may not have signed this" in told) == (5, True), told


def test_another_trust_file_believes_no_pack_of_this_log(packed: Packed, tmp_path: Path) -> None:
    other = Gatehouse(tmp_path)
    with other.room.store:
        told = other.run("evidence", "--out", str(tmp_path / "other"))
    assert verify(tmp_path / "other", Path(told["trust"]))[0] == 0
    assert verify(packed.pack, Path(told["trust"]))[0] == 5


def test_without_a_trust_file_nothing_is_verified(packed: Packed, tmp_path: Path) -> None:
    assert verify(packed.pack, tmp_path / "none")[0] == 2


def test_a_pack_is_never_written_over_another(packed: Packed) -> None:
    packed.gate.run("evidence", "--out", str(packed.pack), code=2)
