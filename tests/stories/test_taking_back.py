"""A drill, end to end and by commands alone: a ring found late is traced, taken back, replaced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from approvals.audit import audit
from approvals.exporting import Export, export
from approvals.loader import open_release
from approvals.releases import releases
from quarantine.errors import TamperedError
from quarantine.model import Named, Verdict
from service import wiring
from tests.gatehouse import Gatehouse
from tests.press import event
from tests.room import body

RING = [f"rater/9{n}" for n in range(3)]
MODEL = "models:/assistant/7"


@pytest.fixture
def gate(tmp_path: Path) -> Gatehouse:
    return Gatehouse(tmp_path)


def released(gate: Gatehouse, *names: str, **asked: str) -> tuple[Path, dict[str, Any]]:
    request = gate.ask(**asked)
    gate.vote(request, *(names or ("ben", "cleo")))
    out = gate.release(request)
    return out, gate.run("release", "verify", str(out), "--trust", str(gate.state.trust))


def ring_speaks(gate: Gatehouse) -> None:
    """Three accounts praise each answer beside four honest people, and nobody sees it yet."""
    honest = [f"rater/5{n}" for n in range(4)]
    gate.room.hear(
        [body(name, f"{name}-{n}", f"new-{n}") for name in (*RING, *honest) for n in range(3)]
    )
    gate.room.score([*RING, *honest])


def trained(gate: Gatehouse, release: Path) -> None:
    """A model is trained on a release, and labels what it is shown from then on."""
    gate.run("consumed", str(release), "--model", MODEL)
    gate.room.hear(
        [event("pseudo_label", "loop/1", f"p{n}", model=MODEL) for n in range(5)]
        + [event("pseudo_label", "loop/1", "q", model="models:/other/1")]
    )


def test_a_ring_found_late_is_traced_taken_back_and_replaced_by_a_clean_release(
    gate: Gatehouse,
) -> None:
    first, before = released(gate)
    ring_speaks(gate)
    second, poisoned = released(gate)
    assert current(gate) == poisoned["release"]
    trained(gate, second)

    gate.room.score(RING, cluster="app/rater/90", verdict=Verdict.HOLD)
    require_traced(gate, poisoned["release"], before["release"])
    require_stopped(gate, poisoned["release"])

    # Whoever follows `current` rolls back; the loader and the exporter refuse what was poisoned.
    assert current(gate) == before["release"]
    assert open_release(first, trust=gate.state.trust, at=gate.room.at).rows == 36
    require_refused(gate, second)

    # A clean successor, by the quorum again, with its own proof.
    third, clean = released(gate, replaces=poisoned["release"])
    page = gate.folder / "report.html"
    shown = ("release", "show", str(third), "--trust", str(gate.state.trust), "--html", str(page))
    assert gate.run(*shown)["rows"] == 12
    assert page.read_bytes() == (third / "report.html").read_bytes()
    assert current(gate) == clean["release"]
    trust = gate.state.trust
    differs = gate.run("release", "diff", str(second), str(third), "--trust", str(trust))
    assert (differs["common"], differs["gone"], differs["new"]) == (12, 9, 0)
    assert differs["sources_gone"] == [f"app/{name}" for name in RING]
    assert open_release(third, trust=trust, at=gate.room.at).rows == 12
    assert audit(gate.room.store, roles=wiring.role_publics(gate.state)) == []


def current(gate: Gatehouse) -> str:
    return str(gate.run("release", "current", "helpful")["release"])


def require_traced(gate: Gatehouse, release: str, clean: str) -> None:
    """Into which release it went, which model was trained, what that said, and who is near."""
    traced = gate.run("trace", "--cluster", "app/rater/90")
    assert traced["rows"] == 9
    assert [each["release"] for each in traced["releases"]] == [release]
    assert traced["generations"][0]["models"] == [MODEL]
    assert traced["generations"][0]["emitted"] == 5
    assert traced["last_clean"] == {"helpful": clean}
    alone = gate.run("trace", "--source", "app/rater/91")
    assert alone["clusters"] == {"app/rater/90": [f"app/{name}" for name in RING]}
    (wide,) = alone["wider"]
    assert (wide["more"], wide["releases"][0]["rows"]) == (6, 9)
    assert wide["options"].startswith("--cluster app/rater/90 --since ")
    assert gate.run("trace", *wide["options"].split())["rows"] == 9
    row = gate.room.store.members(releases(gate.room.store)[-1].request)[0]
    about = gate.run("trace", "--target", row.target)
    assert (about["named"], about["rows"]) == (
        "target",
        len(gate.room.store.find(Named(target=row.target))),
    )
    near = gate.run("trace", "--target", row.target, "--source", f"{row.producer}/{row.source}")
    assert near["named"] == "source"
    assert 0 < near["rows"] < about["rows"]


def require_stopped(gate: Gatehouse, release: str) -> None:
    """What it would cost is said before anything is done; then one person stops it."""
    size = gate.room.store.size()
    revoke = ("revoke", "--cluster", "app/rater/90", *gate.signed("ana", "one voice"))
    dry = gate.run(*revoke, "--dry-run")
    assert (dry["revoked"], dry["rows"]) == (False, 9)
    assert dry["still_standing"] == {release: 12}
    assert (gate.room.store.size(), gate.room.store.revoked()) == (size, set())
    assert gate.run(*revoke)["revoked"]


def require_refused(gate: Gatehouse, release: Path) -> None:
    trust = gate.state.trust
    with pytest.raises(TamperedError, match=r"9 rows of .* were taken back"):
        open_release(release, trust=trust, at=gate.room.at)
    gate.run("release", "verify", str(release), "--trust", str(trust), code=5)
    order = Export(
        release=release, format="jsonl", out=gate.folder / "x", trust=trust, at=gate.room.at
    )
    with pytest.raises(TamperedError, match="were taken back"):
        export(order)  # the command does the same, and confines its process for good


def test_what_a_stolen_key_vouched_for_is_taken_back_and_the_rest_stays(gate: Gatehouse) -> None:
    since = gate.room.later().isoformat()
    gate.room.hear([body("rater/3", "forged", "answer-8"), body("x", "f2", "answer-8")], key="k2")
    gate.room.score(["x"])
    _, made = released(gate)
    named = ("--key", "k2", "--producer", "app", "--since", since)
    assert gate.run("trace", *named)["releases"][0]["rows"] == 2
    done = gate.run("revoke", *named, *gate.signed("ana", "stolen"))
    assert (done["named"], done["rows"]) == ("key", 2)
    assert done["still_standing"] == {made["release"]: 36}
    whole = gate.run("revoke", "--producer", "app", *gate.signed("ana"), "--dry-run")
    assert (whole["still_standing"], whole["wider"]) == ({made["release"]: 0}, [])
    gate.run("revoke", "--key", "k2", "--source", "app/rater/3", *gate.signed("ana"), code=2)
    gate.run("revoke", "--key", "k9", *gate.signed("ana"), code=2)
    assert audit(gate.room.store, roles=wiring.role_publics(gate.state)) == []


def test_a_release_that_stands_and_one_that_was_replaced_have_no_successor(
    gate: Gatehouse,
) -> None:
    _, before = released(gate)
    asked = ("request", "make", "--scope", "helpful", "--kind", "rating", *gate.signed("ana")[:4])
    gate.run(*asked, "--replaces", before["release"], code=1)
    gate.run("revoke", "--source", "app/rater/3", *gate.signed("ana"))
    _, clean = released(gate, replaces=before["release"])
    gate.run(*asked, "--replaces", before["release"], code=6)
    gate.run(*asked, "--replaces", clean["release"], code=1)
    gate.run(*asked, "--replaces", "nothing@2026-01-01.1", code=2)


def test_a_row_that_leaves_again_counts_once_to_its_lifetime(gate: Gatehouse) -> None:
    """Each of twelve people may put three rows into releases, ever; they have."""
    text = gate.state.policy.read_text().replace("rows = 60", "rows = 3")
    gate.state.policy.write_text(text.replace("lifetime = 200", "lifetime = 3"))
    gate.room.crowd(12, 1, first=60)
    _, before = released(gate)
    gate.run("revoke", "--event", "rater/3-1", "--source", "app/rater/3", *gate.signed("ana"))
    out, _ = released(gate, replaces=before["release"])
    assert open_release(out, trust=gate.state.trust, at=gate.room.at).rows == 47
    gate.room.hear([body("rater/4", "late", "answer-9")])
    gate.room.score(["rater/4"])
    asked = ("request", "make", "--scope", "helpful", "--kind", "rating", *gate.signed("ana")[:4])
    gate.run(*asked, code=6)


def test_a_source_is_erased_by_two_and_what_holds_it_is_listed(gate: Gatehouse) -> None:
    out, made = released(gate)
    gate.run("consumed", str(out), "--model", MODEL)
    dry = gate.run("erase", "--source", "app/rater/3", *gate.signed("ana"), "--dry-run")
    assert (dry["rows"], dry["erased"], dry["proposal"]) == (3, False, None)
    asked = gate.run("erase", "--source", "app/rater/3", *gate.signed("ana", "asked to be"))
    assert [each["release"] for each in asked["releases"]] == [made["release"]]
    assert asked["generations"][0]["models"] == [MODEL]
    assert "1 releases and their exports" in asked["elsewhere"][0]
    confirm = ("erase", "--confirm", asked["proposal"])
    gate.run(*confirm, *gate.signed("ana"), code=4)
    gate.refused("erase", asked["proposal"], "another person must confirm")
    assert not gate.run(*confirm, *gate.signed("ben"), "--dry-run")["erased"]
    done = gate.run(*confirm, *gate.signed("ben", "seen the request"))
    assert (done["erased"], done["rows"], done["proposal"]) == (True, 3, asked["proposal"])
    assert gate.run(*confirm, *gate.signed("cleo"))["again"]
    gate.run("erase", *gate.signed("ana"), code=2)
    gate.run("audit", "verify")
    gate.run("release", "verify", str(out), "--trust", str(gate.state.trust))
    listed = json.dumps(gate.run("sources", "show", "app/rater/3"))
    assert "rater/3" in listed
