"""Log lines: one a decision, as JSON where that is asked for, and never what an event says.

Only the fields named here are written, whatever a caller passes along: a payload, a key or a
password cannot slip into a line by its field. Who is named (producer, source, event, entry) is
written as JSON spells it, so that no control character of a stranger reaches a terminal.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

import structlog

from quarantine import strict_json
from quarantine.arrivals import DeadLetter
from quarantine.errors import MalformedError
from service.door import Passed
from service.traced import trace_id, vouched

Style = Literal["plain", "json"]

FIELDS: Final = (
    "decision",
    "producer",
    "source",
    "event_id",
    "stream",
    "entry",
    "position",
    "reason",
    "stored",
    "duplicates",
    "dead",
    "before",
    "after",
    "trace_id",
)
"""What a line may say besides its message, its level, its logger and its time."""

CHATTY: Final = ("service.broker", "uvicorn")
"""Loggers that say on INFO what no decision is."""

_LONGEST: Final = 512
_log = logging.getLogger(__name__)


def begin(style: Style = "plain", level: str = "WARNING") -> None:
    """Write what is logged to standard error, as lines of text or as one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(style))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def telling(style: Style, plainly: Callable[[str], None]) -> Callable[[str], None]:
    """Return how the one who supervises tells what it has to: `plainly`, or as others' lines."""
    if style == "plain":
        return plainly
    begin(style, "INFO")
    return logging.getLogger("supervisor").info


def formatter(style: Style) -> logging.Formatter:
    """Return how a line is spelled."""
    if style == "plain":
        return logging.Formatter("%(name)s: %(message)s")
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ExtraAdder(allow=FIELDS),
            structlog.processors.format_exc_info,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(ensure_ascii=True, sort_keys=True),
        ],
    )


def passed(what: Passed) -> None:
    """Write a line for what was taken in at once, and one for each dead letter."""
    if not _log.isEnabledFor(logging.INFO):
        return
    _log.info(
        "taken in",
        extra={
            "decision": "held",
            "stream": what.stream,
            "entry": what.entries[-1][0] if what.entries else "",
            "stored": what.taken.stored,
            "duplicates": what.taken.duplicates,
            "dead": len(what.taken.dead),
        },
    )
    for letter in what.taken.dead:
        _log.info("put aside", extra={**_letter(letter)})


def verdict(producer: str, source: str, before: str | None, after: str) -> None:
    """Write the line of a verdict that changed; `before` is absent for a new source."""
    said = {"producer": producer, "source": source, "before": before, "after": after}
    _log.info("verdict changed", extra={"decision": "verdict", **said})


def _letter(letter: DeadLetter) -> Mapping[str, object]:
    return {
        "decision": "dead-lettered",
        "producer": letter.producer,
        "stream": letter.stream,
        "entry": letter.entry,
        "position": letter.position,
        "reason": letter.reason,
        "trace_id": trace_id(*vouched(letter)),
        **dict(_named(letter)),
    }


def _named(letter: DeadLetter) -> Iterator[tuple[str, str]]:
    """Yield the id and the source that a slice names, where it can be read at all."""
    if letter.position < 0 or not letter.whole:
        return
    try:
        said = strict_json.parse(letter.content.decode())
    except (MalformedError, UnicodeDecodeError):
        return
    if isinstance(said, dict):
        for field, name in (("event_id", "id"), ("source", "source")):
            if isinstance(said.get(name), str):
                yield field, said[name][:_LONGEST]
