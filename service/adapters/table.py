"""Any file of rows (JSONL, CSV, Parquet), by a mapping that says where each word stands.

`kind` is one of ours, `[fields]` gives the path of each word in a row (`source`, `subject`, `time`
and `id`, and those of the kind's data), `[constants]` what is the same in all rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from approvals.model import Assurance
from quarantine.errors import MalformedError, UsageError
from service.adapting.paths import at_path
from service.adapting.words import Adapter, Found, Json, Said, Terms, bytes_of, in_utc

NAMES: Final = ("source", "subject", "time")
NUMBERS: Final = frozenset({"value", "low", "high", "margin", "confidence"})
WHOLE: Final = frozenset({"generation"})


def read(record: object, terms: Terms) -> Iterator[Found]:
    """Read one row."""
    lacking = [name for name in NAMES if name not in terms.fields]
    if lacking or not terms.kind:
        raise UsageError(f"the mapping lacks {', '.join(lacking) or 'kind'}")
    told = {name: at_path(record, path) for name, path in terms.fields.items()}
    missing = [name for name in NAMES if told[name] is None or told[name] == ""]
    if missing:
        raise MalformedError("missing_field", f"the row holds no {missing[0]}")
    spelled = hashlib.sha256(bytes_of(record)).hexdigest()[:32]
    yield Said(
        native=str(told.get("id") or spelled),
        version=in_utc(str(told["updated"])) if told.get("updated") else "",
        source=str(told["source"]),
        subject=str(told["subject"]),
        kind=terms.kind,
        time=in_utc(str(told["time"])),
        data=_data(told, terms),
        assurance=Assurance.SELF_DECLARED,
    )


def _data(told: dict[str, object], terms: Terms) -> Json:
    besides = {*NAMES, "id", "updated"}
    found = {name: value for name, value in told.items() if name not in besides}
    said = {name: _typed(name, value) for name, value in found.items() if value is not None}
    return {**terms.constants, **said}


def _typed(name: str, value: object) -> object:
    """Return a number where the word is one: the fields of a CSV are all texts."""
    if not isinstance(value, str) or name not in NUMBERS | WHOLE:
        return value
    try:
        return int(value) if name in WHOLE else float(value)
    except ValueError:
        raise MalformedError("bad_value", f"{name}: {value[:40]!r} is no number") from None


ADAPTER = Adapter("table", "Files of rows, by a mapping", read)
