"""A batch cut into the exact slices of its events: a bad event does not spoil its neighbours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from quarantine import strict_json
from quarantine.errors import MalformedError

MOST: Final = 1000
"""Events in one batch, at most."""

_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = b" \t\n\r"
_OPENING: Final = (b"[", b"{")
_CLOSING: Final = (b"]", b"}")
_BLANK = re.compile(r"[ \t\n\r]*")
# A quote that no quote closes is a token of its own: behind it nothing can be told apart.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["\[\]{},]', re.DOTALL)


class Slice(NamedTuple):
    """One element of a batch: its exact bytes, and its value where strict reading went well.

    A value that was read says all that the bytes say; how deep it nests was not looked at.
    """

    body: bytes
    value: object = None
    read: bool = False


def split(batch: bytes) -> list[Slice]:
    """Cut a JSON array (RFC 8259) into the exact bytes of its elements, 1 to 1,000 of them.

    The fast way is for batches in which nothing is unusual; the next reads every element strictly;
    when one is malformed, a structural cutter that knows only strings and brackets saves its
    neighbours. Raises `MalformedError` when the whole cannot be cut: `bom`, `not_utf8`,
    `unsplittable`, `empty_batch`, `too_many_events`.
    """
    if batch.startswith(_BOM):
        raise MalformedError("bom", "a byte order mark stands before the batch")
    try:
        text = batch.decode()
        return _plainly(text, whole=batch) or _counted(_read(text, whole=batch))
    except UnicodeDecodeError as error:
        return _cut_or("not_utf8", f"byte {error.start} is not UTF-8", batch)
    except MalformedError as error:
        if error.reason in {"empty_batch", "too_many_events"}:
            raise
        return _cut_or("unsplittable", error.detail, batch)


def _plainly(text: str, *, whole: bytes) -> list[Slice] | None:
    """Read a batch of objects that hold one object each, their `data`; absent for any other.

    Both are counted and nothing else, so as many pairs come out as are spelled only when no key
    stands twice in either, and nothing deeper holds a pair.
    """
    pairs = strict_json.pairs(whole)
    if pairs is None or text[:1] != "[":
        return None
    try:
        found, held = _plain_objects(text, whole)
    except (MalformedError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return found if held == pairs and len(found) <= MOST else None


def _plain_objects(text: str, whole: bytes) -> tuple[list[Slice], int]:
    """Return each element, read by the plain parser, and their pairs; raises where there is none.

    What is raised only says that this was no plain batch.
    """
    scan, plain = strict_json.scan_plain, len(text) == len(whole)
    found: list[Slice] = []
    held, at, mark = 0, _after_blank(text, 1), ","
    while mark == ",":
        value, end = scan(text, at)
        if not isinstance(value, dict) or not isinstance(value["data"], dict):
            raise TypeError
        held += len(value) + len(value["data"])
        body = whole[at:end] if plain else text[at:end].encode()
        found.append(Slice(body, value, read=True))
        if text.startswith(",{", end):
            at = end + 1
        else:
            at, mark = _mark(text, end, ",]")
    if at != len(text):
        raise ValueError
    return found, held


def _read(text: str, *, whole: bytes) -> Iterator[Slice]:
    """Yield each element, read by the strict parser."""
    plain = len(text) == len(whole)
    at, mark = _mark(text, 0, "[")
    if text.startswith("]", at):
        raise MalformedError("empty_batch", "the batch holds no event")
    while mark != "]":
        value, end = strict_json.scan(text, at)
        spelled = text[at:end]
        strict_json.check(spelled, value)
        yield Slice(whole[at:end] if plain else spelled.encode(), value, read=True)
        at, mark = _mark(text, end, ",]")
    if at != len(text):
        raise MalformedError("unsplittable", f"more follows the batch at character {at}")


def _mark(text: str, at: int, wanted: str) -> tuple[int, str]:
    """Step over blanks, one of the characters `wanted`, and blanks; return where, and which."""
    at = _after_blank(text, at)
    mark = text[at : at + 1]
    if not mark or mark not in wanted:
        raise MalformedError("unsplittable", f"no {wanted[0]} at character {at}")
    return _after_blank(text, at + 1), mark


def _after_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _cut_or(reason: str, detail: str, batch: bytes) -> list[Slice]:
    """Cut by structure; when that fails too, refuse the whole for `reason`."""
    try:
        return _counted(_cut(batch))
    except MalformedError as error:
        if error.reason == "too_many_events":
            raise
        raise MalformedError(reason, detail) from None


def _cut(batch: bytes) -> Iterator[Slice]:
    """Yield the bytes between the commas of the outermost brackets, whatever stands there."""
    stripped = batch.strip(_SPACE)
    if not stripped.startswith(b"["):
        raise MalformedError("unsplittable", "a batch is a JSON array")
    start, mark = 1, b""
    for mark, at in _outermost(stripped):
        if mark not in b",]":
            break
        yield Slice(stripped[start:at].strip(_SPACE))
        start = at + 1
        if mark == b"]":
            break
    if mark != b"]" or start != len(stripped):
        raise MalformedError("unsplittable", "the brackets of the batch do not close")


def _outermost(batch: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the marks inside the first bracket, and no deeper, with where they stand."""
    depth = 0
    for token in _TOKEN.finditer(batch, 1):
        mark = token.group()
        if mark in _OPENING:
            depth += 1
        elif depth and mark in _CLOSING:
            depth -= 1
        elif mark == b'"' or (not depth and len(mark) == 1):
            yield mark, token.start()


def _counted(slices: Iterator[Slice]) -> list[Slice]:
    found: list[Slice] = []
    for each in slices:
        if len(found) == MOST:
            raise MalformedError("too_many_events", f"more than {MOST} events")
        found.append(each)
    return found
