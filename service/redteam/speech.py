"""What attackers and honest people say here: events spelled as a producer would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

SCOPE: Final = "helpful"
LABELS: Final = ("bad", "fair", "good")
_CLAIMED: Final = "2025-12-31T00:00:00Z"


def spelled(
    kind: str, source: str, id_: str, target: str, data: Mapping[str, object], **rest: object
) -> bytes:
    """Spell one CloudEvent (contract, 1) of the type `feedback.<kind>.v1`."""
    event = {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "subject": target,
        "type": f"feedback.{kind}.v1",
        "time": _CLAIMED,
        "scope": SCOPE,
        "data": data,
    }
    return json.dumps(event | rest, separators=(",", ":")).encode()


def rating(source: str, id_: str, target: str, value: float = 4, **rest: object) -> bytes:
    """Spell a rating from 1 to 5; `text` and `item` go into its data."""
    said: dict[str, object] = {"value": value, "low": 1, "high": 5}
    said |= {name: rest.pop(name) for name in ("text", "item") if name in rest}
    return spelled("rating", source, id_, target, said, **rest)


def usual(source: str, n: int) -> bytes:
    """Spell the rating number `n` of somebody who says nothing remarkable."""
    return rating(source, f"{source}-{n}", f"answer-{n}")


def label(source: str, id_: str, target: str, said: int, **rest: object) -> bytes:
    """Spell one of three labels, by its number."""
    data: dict[str, object] = {"label": LABELS[said], "labels": list(LABELS)}
    data |= {name: rest.pop(name) for name in ("text", "item") if name in rest}
    return spelled("label", source, id_, target, data, **rest)


def preference(  # the five words of a comparison
    source: str, id_: str, prompt: str, chosen: str, rejected: str
) -> bytes:
    """Spell a preference; each pair is a target of its own, named by its id."""
    data = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
    return spelled("preference", source, id_, f"pair-{id_}", data)


def batch(*events: bytes) -> bytes:
    """Spell a batch of events."""
    return b"[" + b",".join(events) + b"]"
