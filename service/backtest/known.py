"""What is known beside the feedback: right answers, the items judged, sources already trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from quarantine import strict_json
from quarantine.errors import MalformedError, UsageError
from quarantine.known import right_answer
from quarantine.safe import safe
from service.backtest.model import Feedback, Flags, Ints
from service.backtest.opening import Sheet, opened, read_time

_ALWAYS: Final = 2**63 - 1
_DESCRIBES: Final = ("target", "text", "prompt", "a", "b", "topic")


@dataclass(frozen=True, slots=True)
class GoldScore:
    """How often one source gave the known answer: `right` of `answered`."""

    source: str
    answered: int
    right: int


class Item(NamedTuple):
    """What was judged: its text or prompt, its two options where it has them, and its topic."""

    asked: str = ""
    a: str = ""
    b: str = ""
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Items:
    """What was judged, by target, and the lines that describe none."""

    targets: Mapping[str, Item]
    rows: int
    bad: tuple[tuple[int, str], ...]


def read_gold(path: Path) -> Mapping[str, str]:
    """Read right answers (CSV `target,label`; an empty label is unknown), by target.

    Raises `UsageError` for another file, or when a target has two right answers.
    """
    rows = _rows(path, "target", "label")
    return {row["target"]: row["label"] for row in rows if row["label"].strip()}


def read_reference(path: Path) -> Mapping[str, int]:
    """Read trusted sources (CSV `source[,until]`): until when (µs) what they said is released.

    Raises `UsageError` for another file, a time that is none, or a source named twice.
    """
    return {row["source"]: _until(path, row) for row in _rows(path, "source")}


def _until(path: Path, row: Mapping[str, str]) -> int:
    spelled = row.get("until", "").strip()
    try:
        return read_time(spelled) if spelled else _ALWAYS
    except MalformedError as error:
        raise UsageError(f"{safe(path.name)}, {safe(row['source'])}: {error.detail}") from error


def read_items(path: Path) -> Items:
    """Read what was judged (JSONL: `target` with `text`, or with `prompt`, `a`, `b`)."""
    targets: dict[str, Item] = {}
    bad: list[tuple[int, str]] = []
    rows = 0
    with opened(path) as stream:
        for line in stream:
            if not line.strip():
                continue
            try:
                target, item = _item(line)
                targets.setdefault(target, item)
            except (MalformedError, UnicodeDecodeError) as error:
                bad.append((rows, str(error)))
            rows += 1
    if rows and not targets:
        raise UsageError(f"{safe(path.name)} describes no target: {safe(bad[0][1])}")
    return Items(targets, rows, tuple(bad))


def released_by(reference: Mapping[str, int], feedback: Feedback) -> Flags:
    """Say for every event whether its source is trusted up to then; `UsageError` without times."""
    if not feedback.timed and any(until != _ALWAYS for until in reference.values()):
        raise UsageError("the reference says until when, but the events have no times")
    source, names = coded(feedback.events, "source")
    until = np.array([reference.get(name, -_ALWAYS) for name in names], np.int64)
    return np.asarray(feedback.events.column("arrived").to_numpy() <= until[source])


def gold_scores(gold: Mapping[str, str], feedback: Feedback) -> list[GoldScore]:
    """Count each source's answers to targets whose right answer is known, in source order."""
    source, names = coded(feedback.events, "source")
    target, targets = coded(feedback.events, "target")
    answer, answers = coded(feedback.events, "answer")
    place = {word: code for code, word in enumerate(answers)}
    right = np.array(
        [right_answer(gold[name], place) if name in gold else -1 for name in targets], np.int64
    )[target]
    known = np.array([name in gold for name in targets], bool)[target]
    answered = np.bincount(source[known], minlength=len(names))
    correct = np.bincount(source[known & (right == answer)], minlength=len(names))
    return [
        GoldScore(names[code], int(answered[code]), int(correct[code]))
        for code in np.flatnonzero(answered).tolist()
    ]


def coded(events: pa.Table, name: str) -> tuple[Ints, list[str]]:
    """Return a column of words as codes and the words they stand for."""
    column = events.column(name).unify_dictionaries().combine_chunks()
    return column.indices.to_numpy().astype(np.int64), column.dictionary.to_pylist()


def _item(line: bytes) -> tuple[str, Item]:
    item = strict_json.parse(line.decode())
    if not isinstance(item, dict):
        raise MalformedError("bad_value", "an item is a JSON object")
    described = "text" in item or {"prompt", "a", "b"} <= item.keys()
    texts = [
        item[name] for name in _DESCRIBES if name in item and (name, item[name]) != ("topic", None)
    ]
    if not described or "target" not in item:
        raise MalformedError("missing_field", "an item has target, and text or prompt, a, b")
    if not all(isinstance(text, str) for text in texts):
        raise MalformedError("bad_value", "an item's fields are strings")
    target, text, prompt, a, b, topic = (str(item.get(name) or "") for name in _DESCRIBES)
    return target, Item(text or prompt, a, b, topic)


def _rows(path: Path, name: str, *needed: str) -> Iterator[dict[str, str]]:
    """Yield each row by its columns; a bad row, or a `name` that stands twice, is refused."""
    seen: set[str] = set()
    with opened(path) as stream:
        sheet = Sheet(path, stream)
        sheet.need([name, *needed])
        for _, cells in sheet.rows():
            row = dict(zip(sheet.header, cells, strict=True))
            if row[name] in seen:
                raise UsageError(f"{safe(path.name)} names the {name} {safe(row[name])} twice")
            seen.add(row[name])
            yield row
        for number, reason, detail in sheet.bad:
            raise UsageError(f"{safe(path.name)} row {number}: {reason}: {detail}")
