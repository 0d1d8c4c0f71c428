"""Class F, the gate: who approves what, whether it is still what they read, and with which key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from approvals.attest import act_of
from approvals.desk import cast, find_request, rows_to_read, votes_on
from approvals.drawing import draw
from approvals.ledger import Ledger
from approvals.model import Decision, Request, ReviewerRevoked
from approvals.relisting import relisted
from approvals.rules import shipped
from approvals.sampling import bound, needed
from approvals.screen.marks import marks
from quarantine.arrivals import Arrival, put_aside
from quarantine.model import Dossier, Finding, Verdict, to_micros
from quarantine.safe import safe
from service import wiring
from service.redteam import corpus
from service.redteam.ground import PRODUCER, Ground, crowd
from service.redteam.model import Outcome, Trial, every, found, refused
from service.redteam.saying import said
from service.redteam.speech import SCOPE, rating
from service.redteam.tampering import tamper
from service.redteam.yard import Yard

# ruff: noqa: PLR2004  the numbers are the catalogue's

_HOUR: Final = timedelta(hours=1)
_SHARE: Final = 0.05
_READING: Final = f"\n[reading]\nshare = {_SHARE}\nconfidence = 0.95\n"
_OTHER: Final = "safety"
_OTHER_BODY: Final = "body = replace(CAST(body AS TEXT), '4', '1')"


def _crowded(ground: Ground, scopes: tuple[str, ...] = (SCOPE,), each: int = 5) -> list[str]:
    """Let 40 vetted people rate, judged clear: enough for a request under the policy for use."""

    def speak(source: str, n: int) -> bytes:
        scope = scopes[n % len(scopes)]
        return rating(source, f"{source}-{n}", f"answer-{n}", scope=scope)

    names = crowd(ground, 40, each * len(scopes), speak)
    ground.clear(names)
    return names


@contextmanager
def _asked(yard: Yard, text: str = "") -> Iterator[tuple[Ground, Request]]:
    """Give a ground on which ana has asked for the crowd's ratings."""
    with yard.ground(text) as ground:
        _crowded(ground)
        yield ground, ground.ask("rating")[0]


def escapes(yard: Yard) -> Outcome:
    """F1: control sequences in findings and dead letters, printed by the commands themselves."""
    texts = corpus.sequences()
    with yard.ground() as ground:
        ground.hear([rating("rater/0", "1", "answer")])
        told = [Finding(detector="lockstep", score=0.9, because=text) for text in texts]
        dossier = Dossier(
            producer=PRODUCER,
            source="rater/0",
            events=1,
            score=0.9,
            cluster="app/rater/0",
            verdict=Verdict.HOLD,
            findings=tuple(told),
        )
        ground.store.judge([dossier], to_micros(ground.later()), ground.store.size())
        _put_aside(ground, texts)
        state = ("--state", str(ground.state.root))
        printed = b"".join(
            said(*words, *state).printed
            for words in (
                ("sources", "show", "app/rater/0"),
                ("dead", "list", "--limit", "1000"),
                ("dead", "show", "1"),
            )
        )
    lines = printed.decode("utf-8", "replace").split("\n")
    bad = sum(not line.isprintable() for line in lines)
    facts = [("every line is printable", bad == 0), ("they were printed", len(lines) > len(texts))]
    return every(
        facts,
        f"{bad} of {len(lines)} lines hold what a terminal acts on",
        "untrusted text is made visible wherever it is printed",
    )


def _put_aside(ground: Ground, texts: list[str]) -> None:
    at = to_micros(ground.later())
    arrival = Arrival(producer=PRODUCER, stream=f"feedback:in:{PRODUCER}", entry="7-0", arrived=at)
    dead = [
        put_aside(arrival, n, "bad_value", text, text.encode("utf-8", "replace"))
        for n, text in enumerate(texts)
    ]
    ground.store.take(
        [Arrival(producer=PRODUCER, stream=arrival.stream, entry="7-0", arrived=at, dead=dead)]
    )


def hidden_text(_: Yard) -> Outcome:
    """F2: reordered text, characters that nobody sees, letters of another alphabet."""
    hidden, alphabets = corpus.hidden(), corpus.alphabets()
    marked = sum(bool(marks(text)) and safe(text) != text for text in hidden)
    letters = sum("mixed scripts" in marks(text) for text in alphabets)
    told = (
        f"{marked} of {len(hidden)} reordered or invisible marked, "
        f"{letters} of {len(alphabets)} with a letter of another alphabet"
    )
    shares = [(marked / len(hidden), 1.0), (letters / len(alphabets), 1.0)]
    return found(shares, told, "samples carry marks; what is hidden is spelled out")


def injections(yard: Yard) -> Outcome:
    """F3: 200 texts that order a model to approve, beside the same events without them."""
    texts = corpus.injections(200)
    thought = []
    for told in (True, False):
        with yard.ground() as ground:
            ground.hear(
                rating(
                    f"rater/{n % 40}",
                    f"{n}",
                    f"answer-{n % 20}",
                    5 if n % 40 < 4 else n % 5 + 1,
                    **({"text": texts[n]} if told else {}),
                )
                for n in range(200)
            )
            ground.judge()
            thought.append(ground.verdicts())
            acts = {each.act.kind for each in ground.store.acts()}
    order = (Verdict.CLEAR, Verdict.WATCH, Verdict.HOLD)
    eased = [s for s in thought[1] if order.index(thought[0][s]) < order.index(thought[1][s])]
    facts = [("no verdict was eased", not eased), ("nobody voted", "vote-cast" not in acts)]
    return every(
        facts, f"{len(eased)} of 40 sources thought better of", "no text decides; no model is asked"
    )


def own_feedback(yard: Yard) -> Outcome:
    """F4: the asker, the asker under another name, and somebody of a source's cluster approve."""
    with yard.ground() as ground:
        names = _crowded(ground)
        ground.hear([rating("rater/cleo", "mine", "answer-1")])
        ground.clear(["rater/cleo", names[0]], cluster="app/rater/0")
        ground.reviewer("ana-2", person="ana")
        request = ground.ask("rating")[0]
        said_ = {
            name: refused(lambda name=name: ground.vote(request, name))  # type: ignore[misc]
            for name in ("ana", "ana-2", "cleo")
        }
        left = refused(lambda: ground.release(request))
    facts = [*((name, bool(because)) for name, because in said_.items()), ("release", bool(left))]
    refusals = sum(bool(each) for each in said_.values())
    return every(facts, f"{refusals} of 3 approvals refused", "interest by person and by cluster")


def stale_approval(yard: Yard) -> Outcome:
    """F8: one row changed in the store after two people approved."""
    with _asked(yard) as (ground, request):
        for name in ("ben", "cleo"):
            ground.vote(request, name)
        row = ground.store.members(find_request(ground.store, request.digest)[0])[7].index
        tamper(ground.state.store, f"UPDATE event SET {_OTHER_BODY} WHERE idx = {row}")  # noqa: S608  an attack
        because = refused(lambda: ground.release(request))
    return every(
        [("refused", bool(because))],
        f"1 of {request.rows} rows: {because[:120]}",
        "votes sign the Merkle root, and every row is checked again",
    )


def replays(yard: Yard) -> Outcome:
    """F9: votes taken over to another scope, and a used vote after it was withdrawn."""
    with yard.ground() as ground:
        _crowded(ground, (SCOPE, _OTHER))
        helpful, safety = ground.ask("rating")[0], ground.ask("rating", scope=_OTHER)[0]
        for name in ("ben", "cleo"):
            ground.vote(helpful, name)
        for each in votes_on(ground.store, helpful):
            moved = each.vote.model_copy(update={"request": safety.digest})
            ground.store.record([act_of(moved, ground.keys[each.vote.by])])
        elsewhere = refused(lambda: ground.release(safety))
        used = votes_on(ground.store, helpful)[-1].vote
        ground.vote(helpful, "cleo", Decision.WITHDRAW)
        ground.store.record([act_of(used, ground.keys["cleo"])])
        again = refused(lambda: ground.release(helpful))
    facts = [("another scope", bool(elsewhere)), ("a second time", bool(again))]
    return every(facts, f"{again[:120]}", "votes are bound to request, scope, purpose and a nonce")


def bulk_laundering(yard: Yard) -> Outcome:
    """F10: two people approve a whole request without reading the rows that were drawn."""
    with _asked(yard, shipped("default") + _READING) as (ground, request):
        unread = refused(lambda: ground.vote(request, "ben"))
        signer = wiring.role_signer(ground.state, "releasing")
        ledger = Ledger.read(ground.store.acts())
        draw(ground.store, ground.policy, ledger, signer=signer, at=ground.at)
        rows = rows_to_read(ground.store, request, ground.policy)
        still = refused(lambda: ground.vote(request, "ben"))
        for name in ("ben", "cleo"):
            terms = ground.terms(name)
            terms["read"] = tuple(rows)
            cast(ground.store, request, Decision.APPROVE, because="read them", **terms)
        reading = ground.policy.reading
        assert reading is not None  # noqa: S101  the text says so
        worst = bound(request.rows, needed(request.rows, reading), 0, reading.confidence)
        left = refused(lambda: ground.release(request))
    facts = [
        ("an unread approval is refused", bool(unread) and bool(still)),
        ("what was read bounds the rest", worst <= _SHARE),
        ("a read one is not", not left),
    ]
    told = f"{len(rows)} of {request.rows} rows read: at most {worst:.1%} bad at 95 %"
    return every(facts, told, "a random sample must be shown to each approver")


def stolen_key(yard: Yard) -> Outcome:
    """F12: somebody approves with a reviewer's key after the time of its revocation."""
    with _asked(yard) as (ground, request):
        ground.vote(request, "ben")
        since = ground.later(_HOUR / 2)
        act = ReviewerRevoked(at=ground.later(_HOUR), name="ben", since=since)
        before = ground.roster.reviewers["ben"]
        ground.store.record([act_of(act, ground.operator)])
        late = refused(lambda: ground.vote(request, "ben"))
        terms = ground.terms("ben")
        terms["by"] = before
        old = refused(
            lambda: cast(
                ground.store,
                request,
                Decision.APPROVE,
                because="x",
                **terms,
            )
        )
        listed = relisted(ground.store, "ben")
    facts = [
        ("votes after it fail", bool(late) and bool(old)),
        ("those before are listed", [each.vote.by for each in listed] == ["ben"]),
    ]
    return every(
        facts, f"{late[:100]}; {len(listed)} earlier vote listed", "keys count from and to a time"
    )


TRIALS: Final = (
    Trial(
        id="F1",
        tried="250 control sequences through three commands",
        run=escapes,
        open="a real terminal's state: the tests do that",
    ),
    Trial(
        id="F2", tried="hidden and look-alike characters as the screen shows them", run=hidden_text
    ),
    Trial(id="F3", tried="200 injections beside the same events without them", run=injections),
    Trial(id="F4", tried="approval by the asker, an alias, a cluster's member", run=own_feedback),
    Trial(id="F8", tried="one of 200 rows changed after two approvals", run=stale_approval),
    Trial(id="F9", tried="votes moved to another scope, and used twice", run=replays),
    Trial(id="F10", tried="approving 200 rows without reading", run=bulk_laundering),
    Trial(id="F12", tried="votes with a key that was revoked since", run=stolen_key),
)
