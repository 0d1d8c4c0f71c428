"""A checkpoint is a signed note that others can read, and that nobody can change."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from approvals.checkpoint import Checkpoint, make, origin_of, read
from approvals.keys import read_public
from approvals.signers.file import FileSigner, new_key
from quarantine.errors import TamperedError, UsageError

ROOT = bytes(range(32))


@pytest.fixture
def signer(tmp_path: Path) -> FileSigner:
    return new_key(tmp_path / "key.pem")


def test_a_checkpoint_reads_back(signer: FileSigner) -> None:
    checkpoint = Checkpoint(origin_of(signer.public), 7, ROOT)
    note = make(checkpoint, signer)
    assert read(note, {signer.key_id: signer.public}) == checkpoint


def test_the_note_is_laid_out_as_the_standard_says(signer: FileSigner) -> None:
    import hashlib

    note = make(Checkpoint("example.org/log", 7, ROOT), signer).decode()
    origin, size, root, gap, signature, end = note.split("\n")
    assert (origin, size, gap, end) == ("example.org/log", "7", "", "")
    assert base64.b64decode(root) == ROOT
    dash, name, spelled = signature.split(" ")
    assert (dash, name) == ("\u2014", "example.org/log")
    raw = read_public(signer.public).public_bytes(Encoding.Raw, PublicFormat.Raw)
    content = base64.b64decode(spelled)
    assert content[:4] == hashlib.sha256(b"example.org/log\n\x01" + raw).digest()[:4]
    read_public(signer.public).verify(content[4:], f"{origin}\n{size}\n{root}\n".encode())


def test_every_changed_byte_is_noticed(signer: FileSigner) -> None:
    for size in range(8):  # of some signatures the last character has a twin
        note = make(Checkpoint("example.org/log", size, ROOT), signer)
        for place in range(len(note)):
            changed = bytearray(note)
            changed[place] ^= 1
            with pytest.raises(TamperedError):
                read(bytes(changed), {"k": signer.public})


def test_anothers_signature_does_not_count(signer: FileSigner, tmp_path: Path) -> None:
    other = new_key(tmp_path / "other.pem")
    note = make(Checkpoint("example.org/log", 7, ROOT), other)
    with pytest.raises(TamperedError, match="no key of the log"):
        read(note, {"k": signer.public})


def test_a_witness_may_add_its_signature(signer: FileSigner, tmp_path: Path) -> None:
    checkpoint = Checkpoint("example.org/log", 7, ROOT)
    witness = make(checkpoint, new_key(tmp_path / "witness.pem")).split(b"\n\n")[1]
    assert read(make(checkpoint, signer) + witness, {"k": signer.public}) == checkpoint


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "l\n7", "l\u00f6g"])
def test_a_name_that_a_note_cannot_carry_is_refused(signer: FileSigner, origin: str) -> None:
    with pytest.raises(UsageError):
        make(Checkpoint(origin, 7, ROOT), signer)


@pytest.mark.parametrize(
    "note", [b"", b"\n\n", b"a\n1\nAAAA\n\n\xe2\x80\x94 a AAAA\n", b"\xff\xfe"]
)
def test_what_is_no_note_is_refused(signer: FileSigner, note: bytes) -> None:
    with pytest.raises(TamperedError):
        read(note, {"k": signer.public})
