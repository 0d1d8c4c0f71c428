"""An entry's fields and signature: who vouched, for which exact bytes, and what is put aside."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.model import ProducerKey
from approvals.roster import Producer, Tenure
from approvals.signers.file import FileSigner, new_key
from quarantine.arrivals import REASONS, Arrival
from quarantine.errors import UnavailableError
from quarantine.model import Origin, to_micros
from service.shapes import FEWEST
from service.vouching import LARGEST_BATCH, Entry, HmacKey, hmac_key_id, signed_bytes
from service.wire import UNVOUCHED, give_up, sift
from tests.producing import batch_of, event, fields_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = HmacKey(b"a secret that nobody knows")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> FileSigner:
    return new_key(tmp_path_factory.mktemp("keys") / "app.pem")


@pytest.fixture(scope="module")
def app(key: FileSigner) -> Producer:
    keys = {
        key.key_id: (ProducerKey(id=key.key_id, algorithm="ed25519", public=key.public)),
        SECRET.key_id: ProducerKey(id=SECRET.key_id, algorithm="hmac-sha256"),
    }
    tenure = Tenure(NOW - timedelta(days=1), NOW + timedelta(days=1))
    return Producer(
        "app", Origin.HUMAN, ("*",), ("*",), "", "", {id_: (k, tenure) for id_, k in keys.items()}
    )


def known(id_: str) -> bytes | None:
    return SECRET.secret if id_ == SECRET.key_id else None


def heard(fields: dict[str | bytes, object], who: Producer | None, at: datetime = NOW) -> Arrival:
    raw = {
        (name.encode() if isinstance(name, str) else name): (
            value if isinstance(value, bytes) else str(value).encode()
        )
        for name, value in fields.items()
    }
    return sift(Entry("feedback:in:app", "5-0", raw, to_micros(at)), who, known)


def reason(arrival: Arrival) -> str:
    (letter,) = arrival.dead
    assert letter.reason in REASONS
    assert not arrival.events
    return letter.reason


def test_what_is_signed_is_exactly_what_the_contract_says() -> None:
    assert signed_bytes("app", 7, b"[{}]") == b"feedback-batch/v1\napp\n7\n[{}]"


def test_the_id_of_a_secret_is_stable_and_tells_nothing_of_it() -> None:
    assert hmac_key_id(b"secret") == "7dc9cc0e167646be"


@pytest.mark.parametrize("with_secret", [False, True])
def test_a_batch_that_its_producer_signed_is_heard(
    key: FileSigner, app: Producer, *, with_secret: bool
) -> None:
    batch = batch_of([event(1), event(2)])
    arrival = heard(fields_of(SECRET if with_secret else key, "app", 3, batch), app)
    assert (arrival.seq, arrival.batch, len(arrival.events)) == (3, batch, 2)
    assert arrival.key == (SECRET if with_secret else key).key_id
    assert b"[" + b",".join(each.body for each in arrival.events) + b"]" == batch


def test_a_signature_for_another_stream_number_or_batch_does_not_hold(
    key: FileSigner, app: Producer
) -> None:
    good = fields_of(key, "app", 3, batch_of([event(1)]))
    assert reason(heard(fields_of(key, "other", 3, batch_of([event(1)])), app)) == "bad_signature"
    assert reason(heard({**good, "seq": "4"}, app)) == "bad_signature"
    assert reason(heard({**good, "batch": batch_of([event(2)])}, app)) == "bad_signature"
    assert reason(heard({**good, "sig": str(good["sig"])[:-4]}, app)) == "bad_signature"


@pytest.mark.parametrize("with_secret", [False, True])
def test_every_flipped_bit_of_a_signature_is_noticed(
    key: FileSigner, app: Producer, *, with_secret: bool
) -> None:
    good = fields_of(SECRET if with_secret else key, "app", 3, batch_of([event(1)]))
    signature = base64.b64decode(bytes(good["sig"]))  # type: ignore[arg-type]
    for bit in range(8 * len(signature)):
        flipped = bytearray(signature)
        flipped[bit // 8] ^= 1 << bit % 8
        forged = {**good, "sig": base64.b64encode(flipped)}
        assert reason(heard(forged, app)) == "bad_signature"


@pytest.mark.parametrize(
    "spelled", [b"", b"====", b"not base64!", b"Zm9y", b"Zm9yZ2Vk\n", b"Zm9yZ2V\xff", b"-_-_"]
)
def test_a_signature_is_standard_padded_base64(
    key: FileSigner, app: Producer, spelled: bytes
) -> None:
    good = fields_of(key, "app", 1, batch_of([event(1)]))
    assert reason(heard({**good, "sig": spelled}, app)) == "bad_signature"


def test_a_signature_has_one_spelling(key: FileSigner, app: Producer) -> None:
    good = fields_of(key, "app", 1, batch_of([event(1)]))
    spelled = bytes(good["sig"])  # type: ignore[arg-type]
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = alphabet[alphabet.index(spelled[-3]) + 1 :][:1]  # differs in bits that mean nothing
    same = spelled[:-3] + other + spelled[-2:]
    assert base64.b64decode(same) == base64.b64decode(spelled)
    assert reason(heard({**good, "sig": same}, app)) == "bad_signature"


@pytest.mark.parametrize(
    "seq", ["", "0", "01", "+1", "-1", "1.0", "1e3", " 1", "1\n", "\u0661", str(2**63), "9" * 40]
)
def test_a_number_has_one_spelling(key: FileSigner, app: Producer, seq: str) -> None:
    good = fields_of(key, "app", 1, batch_of([event(1)]))
    assert reason(heard({**good, "seq": seq}, app)) == "bad_seq"


def test_the_last_number_is_heard(key: FileSigner, app: Producer) -> None:
    last = 2**63 - 1
    assert heard(fields_of(key, "app", last, batch_of([event(1)])), app).seq == last


def test_an_entry_has_its_four_fields_and_no_other(key: FileSigner, app: Producer) -> None:
    good = fields_of(key, "app", 1, batch_of([event(1)]))
    for name in good:
        assert reason(heard({n: v for n, v in good.items() if n != name}, app)) == "bad_entry"
    assert reason(heard({**good, "headers": "{}"}, app)) == "bad_entry"
    assert reason(heard({}, app)) == "bad_entry"


def test_a_key_is_registered_and_counts_at_the_time(key: FileSigner, app: Producer) -> None:
    good = fields_of(key, "app", 1, batch_of([event(1)]))
    assert reason(heard({**good, "key": "0" * 16}, app)) == "unknown_key"
    assert reason(heard({**good, "key": b"\xff\x00"}, app)) == "unknown_key"
    for late in (NOW - timedelta(days=2), NOW + timedelta(days=2)):
        arrival = heard(good, app, late)
        assert reason(arrival) == "key_not_valid"
        assert arrival.seq is None


def test_nobody_is_heard_on_a_strangers_stream(key: FileSigner) -> None:
    assert reason(heard(fields_of(key, "app", 1, batch_of([event(1)])), None)) == "unknown_producer"


def test_checks_come_in_their_order(key: FileSigner, app: Producer) -> None:
    large = b"[" + b" " * LARGEST_BATCH
    wrong: dict[str | bytes, object] = {"batch": large, "seq": "x", "key": "y", "sig": "z"}
    assert reason(heard({**wrong, "more": ""}, app)) == "batch_too_large"
    wrong["batch"] = b"no batch"
    assert reason(heard({**wrong, "more": ""}, app)) == "bad_entry"
    assert reason(heard(wrong, app)) == "bad_seq"
    wrong["seq"] = "1"
    assert reason(heard(wrong, app)) == "unknown_key"
    wrong["key"] = key.key_id
    assert reason(heard(wrong, app)) == "bad_signature"
    assert reason(heard(fields_of(key, "app", 1, b"no batch"), app)) == "unsplittable"


def test_a_number_counts_as_the_producers_only_when_the_signature_holds(
    key: FileSigner, app: Producer
) -> None:
    unreadable = heard(fields_of(key, "app", 9, b"no batch"), app)
    forged = heard({**fields_of(key, "app", 9, b"[1]"), "sig": "AAAA"}, app)
    assert (unreadable.seq, forged.seq) == (9, None)
    assert reason(unreadable) not in UNVOUCHED
    assert reason(forged) in UNVOUCHED


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (b"", "unsplittable"),
        (b"null", "unsplittable"),
        (b'{"id":1}', "unsplittable"),
        (b"[", "unsplittable"),
        (b"[1]]", "unsplittable"),
        (b'[{"a":"b]', "unsplittable"),
        (b"[]", "empty_batch"),
        (b" [ ] ", "empty_batch"),
        (b"\xef\xbb\xbf[1]", "bom"),
        (b"\xff\xfe", "not_utf8"),
        (b"[" + b"1," * 1000 + b"1]", "too_many_events"),
        (b"[" * 100_000, "unsplittable"),
    ],
)
def test_a_batch_that_cannot_be_cut_is_one_dead_letter(
    key: FileSigner, app: Producer, batch: bytes, said: str
) -> None:
    arrival = heard(fields_of(key, "app", 1, batch), app)
    assert reason(arrival) == said
    assert arrival.dead[0].position == -1


def with_data(spelled: str) -> str:
    return json.dumps(event("bad", data=0)).replace('"data": 0', f'"data": {spelled}')


BAD_EVENTS = {
    "e1 a duplicate key": (with_data('{"value":4,"value":5,"low":1,"high":5}'), "duplicate_key"),
    "e1 a duplicate id": ('{"id":"1","id":"2"}', "duplicate_key"),
    "e2 not a number": (with_data('{"value":NaN,"low":1,"high":5}'), "not_finite"),
    "e2 infinity": (with_data('{"value":-Infinity,"low":1,"high":5}'), "not_finite"),
    "e2 a number beyond floats": (with_data('{"value":1e999}'), "number_out_of_range"),
    "e2 two to the 64": (with_data('{"value":18446744073709551616}'), "number_out_of_range"),
    "e2 two to the 63": (with_data('{"value":9223372036854775808}'), "number_out_of_range"),
    "e2 ten thousand digits": (with_data('{"value":' + "9" * 10_000 + "}"), "number_out_of_range"),
    "e2 half a surrogate": (with_data('{"text":"\\ud800"}'), "lone_surrogate"),
    "e2 the other half": (with_data('{"text":"\\udc00x"}'), "lone_surrogate"),
    "e2 a byte order mark": ("\ufeff" + json.dumps(event("bad")), "bom"),
    "e3 depth 33": (with_data("[" * 32 + "]" * 32), "too_deep"),
    "e3 depth 100,000": (with_data("[" * 100_000 + "]" * 100_000), "event_too_large"),
    "e3 too large": (with_data('{"text":"' + "x" * 65_536 + '"}'), "event_too_large"),
    "e7 an old version": (json.dumps(event("bad", specversion="0.3")), "old_version"),
    "an unknown field": (json.dumps(event("bad", headers={})), "unknown_field"),
    "an unknown type": (json.dumps(event("bad", type="feedback.vote.v1")), "unknown_type"),
    "a time ahead": (json.dumps(event("bad", time="2026-03-01T12:05:01Z")), "time_ahead"),
    "a control character": ('{"id":"a\nb"}', "bad_json"),
    "no object": ("42", "bad_value"),
    "nothing": ("", "bad_json"),
    "e2 what no float holds": (
        json.dumps(event("bad")).replace('"value": 4', '"value": ' + "4" * 400),
        "number_out_of_range",
    ),
    "two values": ("{} {}", "bad_json"),
}


@pytest.mark.parametrize(("bad", "said"), BAD_EVENTS.values(), ids=BAD_EVENTS.keys())
def test_a_malformed_event_falls_alone(key: FileSigner, app: Producer, bad: str, said: str) -> None:
    good = [json.dumps(event(number)) for number in range(4)]
    batch = f"[{good[0]},{good[1]}, {bad} ,{good[2]},{good[3]}]".encode()
    arrival = heard(fields_of(key, "app", 1, batch), app)
    assert [each.id for each in arrival.events] == ["0", "1", "2", "3"]
    assert [each.position for each in arrival.events] == [0, 1, 3, 4]
    (letter,) = arrival.dead
    assert (letter.reason, letter.position) == (said, 2)
    assert letter.detail.isprintable()


@pytest.mark.parametrize(("bad", "said"), BAD_EVENTS.values(), ids=BAD_EVENTS.keys())
@pytest.mark.parametrize("place", [0, 1, FEWEST])
def test_a_malformed_event_falls_alone_among_many_that_are_spelled_alike(
    key: FileSigner, app: Producer, place: int, bad: str, said: str
) -> None:
    events = [json.dumps(event(number)) for number in range(FEWEST)]
    events.insert(place, bad)
    arrival = heard(fields_of(key, "app", 1, f"[{', '.join(events)}]".encode()), app)
    assert len(arrival.events) == FEWEST
    assert [(letter.reason, letter.position) for letter in arrival.dead] == [(said, place)]


def test_bytes_that_are_not_utf8_fall_alone(key: FileSigner, app: Producer) -> None:
    spoilt = json.dumps(event("bad")).encode().replace(b"helpful", b"h\xffpful")
    batch = b"[" + json.dumps(event(1)).encode() + b"," + spoilt + b"]"
    arrival = heard(fields_of(key, "app", 1, batch), app)
    assert [each.id for each in arrival.events] == ["1"]
    assert [(letter.reason, letter.content) for letter in arrival.dead] == [("not_utf8", spoilt)]


def test_a_producer_says_only_what_it_may(key: FileSigner, app: Producer) -> None:
    limited = Producer("app", Origin.HUMAN, ("rating",), ("helpful",), "", "", app.keys)
    label = event(2, type="feedback.label.v1", data={"label": "a", "labels": ["a", "b"]})
    batch = batch_of([event(1), label, event(3, scope="safety")])
    arrival = heard(fields_of(key, "app", 1, batch), limited)
    assert [each.id for each in arrival.events] == ["1"]
    assert [letter.reason for letter in arrival.dead] == ["kind_not_allowed", "scope_not_allowed"]


def test_a_secret_that_is_not_here_is_nobodys_fault(app: Producer) -> None:
    fields = fields_of(SECRET, "app", 1, batch_of([event(1)]))
    raw = {
        str(name).encode(): bytes(str(v), "ascii") if isinstance(v, str) else v
        for name, v in fields.items()
    }
    with pytest.raises(UnavailableError, match=SECRET.key_id):
        sift(Entry("feedback:in:app", "1-0", raw, to_micros(NOW)), app, lambda _: None)  # type: ignore[arg-type]


def test_an_entry_that_is_given_up_keeps_its_bytes() -> None:
    arrival = give_up(Entry("feedback:in:app", "1-0", {b"batch": b"[1]"}, 5), 5)
    (letter,) = arrival.dead
    assert (letter.reason, letter.content) == ("delivered_too_often", b"[1]")
    assert "5" in letter.detail


@given(
    st.dictionaries(
        st.sampled_from([b"batch", b"seq", b"key", b"sig", b"more"]), st.binary(max_size=200)
    )
)
def test_no_entry_makes_it_raise(fields: dict[bytes, bytes]) -> None:
    arrival = sift(Entry("feedback:in:app", "1-0", fields, 0), None, known)
    assert [letter.reason for letter in arrival.dead] == ["unknown_producer"]


@given(st.binary(max_size=300) | st.text(alphabet='[]{},:"\\ \n0aé', max_size=80).map(str.encode))
def test_no_signed_batch_makes_it_raise(batch: bytes) -> None:
    tenure = Tenure(NOW)
    keys = {SECRET.key_id: (ProducerKey(id=SECRET.key_id, algorithm="hmac-sha256"), tenure)}
    who = Producer("app", Origin.HUMAN, ("*",), ("*",), "", "", keys)
    arrival = heard(fields_of(SECRET, "app", 1, batch), who)
    assert arrival.dead
    assert {letter.reason for letter in arrival.dead} <= REASONS
