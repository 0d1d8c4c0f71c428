"""A producer in any language: what the README does with openssl is what the service verifies."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from approvals.attest import act_of
from approvals.model import ProducerAdded, ProducerKey
from approvals.roster import Roster
from approvals.signers.file import key_id, new_key
from quarantine.model import Logged
from service.vouching import Entry
from service.wire import sift
from service.wiring import now
from tests.producing import event

README = Path(__file__).parent.parent.parent / "README.md"

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@needs_openssl
def test_a_batch_signed_as_the_readme_says_is_taken_in(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    script = next(
        each for each in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "-rawin" in each
    )
    new_key(tmp_path / "app.pem")
    public = (tmp_path / "app.pem.pub").read_text()
    (tmp_path / "batch.json").write_text(json.dumps([event(1), event(2)]))
    send = 'printf "%s\\n%s" "$KEY" "$SIG"'
    lines = [send if line.startswith("redis-cli") else line for line in script.splitlines()]
    done = subprocess.run(
        ["bash", "-euc", "\n".join(lines)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    key, sig = done.stdout.split("\n")
    assert key == key_id(public)
    fields = {
        b"batch": (tmp_path / "batch.json").read_bytes(),
        b"seq": b"1",
        b"key": key.encode(),
        b"sig": sig.encode(),
    }
    app = _roster(tmp_path, public).producers["app"]
    arrival = sift(_entry(fields), app, lambda _: None)
    assert list(arrival.dead) == []
    assert [each.id for each in arrival.events] == ["1", "2"]


def _roster(folder: Path, public: str) -> Roster:
    key = ProducerKey(id=key_id(public), algorithm="ed25519", public=public)
    added = act_of(ProducerAdded(at=now(), name="app", key=key), new_key(folder / "operator.pem"))
    roster = Roster()
    roster.follow([Logged(0, added)])
    return roster


def _entry(fields: dict[bytes, bytes]) -> Entry:
    return Entry("feedback:in:app", "1-0", fields, int(now().timestamp() * 1e6))
