"""Class E: what hostile bytes do to the parser, to fingerprints, to the files that leave."""

from __future__ import annotations

import ast
import json
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from approvals.exporting import Export, export
from quarantine.likeness import likeness, signatures
from quarantine.normal import normal
from service.redteam import corpus
from service.redteam.ground import crowd
from service.redteam.model import Outcome, Trial, at_most, every, found
from service.redteam.speech import batch, preference, rating
from service.redteam.wirework import Wire
from service.redteam.yard import Yard

_UNPICKLING: Final = frozenset({"pickle", "joblib", "marshal", "shelve", "dill", "cloudpickle"})
_PACKAGES: Final = ("quarantine", "approvals", "service")
_DIFFERING: Final = (
    *("NaN", "Infinity", "-Infinity", "1e999", "18446744073709551616", "-9223372036854775809"),
    *('"\\ud800"', '"\\udc00\\ud800"', "01", "1.", "'4'", "\ufeff4"),
)
_ALIKE: Final = 0.8


def duplicate_keys(yard: Yard) -> Outcome:
    """E1: one of every event's keys stands twice, at any depth, in two spellings."""
    chance, tries = yard.chance(), yard.some(10_000, 1_000)
    plain = rating("rater/1", "x", "answer")[:-1].decode()
    keys = [place for place in range(len(plain)) if plain.startswith('":', place)]
    with yard.ground() as ground:
        wire = Wire(ground)
        app = wire.sender("app")
        doubled = []
        for number in range(tries):
            end = keys[int(chance.integers(len(keys)))]
            start = plain.rindex('"', 0, end)
            name = plain[start + 1 : end]
            if number % 2:
                name = "".join(f"\\u{ord(letter):04x}" for letter in name)
            doubled.append(f'{plain[:start]}"{name}":{number},{plain[start:]}}}'.encode())
        size = 500
        entries = [app.sealed(batch(*doubled[n : n + size])) for n in range(0, tries, size)]
        taken = wire.take(app.stream, entries)
        reasons = Counter(letter.reason for letter in taken.dead)
    told = f"{taken.stored} of {tries:,} held; {dict(reasons)}"
    return at_most(taken.stored, 0, told, "one pinned parser that refuses what parsers differ on")


def differing_values(yard: Yard) -> Outcome:
    """E2: twelve values on which JSON parsers disagree."""
    with yard.ground() as ground:
        wire = Wire(ground)
        app = wire.sender("app")
        spelled = rating("rater/1", "x", "answer").decode()
        bad = [
            app.sealed(batch(spelled.replace('"value":4', f'"value":{each}').encode()))
            for each in _DIFFERING
        ]
        taken = wire.take(app.stream, bad)
        loaded = {letter.reason for letter in taken.dead}
    told = f"{taken.stored} of {len(_DIFFERING)} held, refused as {', '.join(sorted(loaded))}"
    return at_most(taken.stored, 0, told, "the parser is ours, whichever others are installed")


def deep_and_huge(yard: Yard) -> Outcome:
    """E3: nesting of 100,000, fields of a megabyte, a thousand events too many."""
    with yard.ground() as ground:
        wire = Wire(ground)
        app, other = wire.sender("app"), wire.sender("other")
        good = rating("rater/1", "good", "answer")
        deep = good.replace(b'"value":4', b'"value":' + b"[" * 40 + b"]" * 40)
        hostile = [
            batch(deep.replace(b"good", b"deep"), good.replace(b"answer", b"x" * 65_536)),
            b"[" * 100_000 + b"]" * 100_000,
            b"[" * 500_000,
            b'["' + b"x" * 1_048_576 + b'"]',
            batch(*(rating("rater/1", f"n{n}", "a") for n in range(1001))),
        ]
        taken = wire.take(app.stream, [app.sealed(each) for each in hostile])
        after = wire.take(other.stream, [other.entry(good)])
        reasons = sorted({letter.reason for letter in taken.dead})
    facts = [("nothing of it is held", taken.stored == 0), ("others go on", after.stored == 1)]
    return every(facts, f"refused as {', '.join(reasons)}", "limits on bytes, depth and number")


def disguised_copies(yard: Yard) -> Outcome:
    """E4: copies of one text, changed by look-alikes, invisible and full-width characters."""
    chance, tries = yard.chance(), yard.some(1_000, 300)
    original = " ".join(f"word{chance.integers(1000)}" for _ in range(30))
    copies = [corpus.disguised(original, chance) for _ in range(tries)]
    marks = signatures([original, *copies])
    alike = likeness(marks, np.zeros(tries, np.int64), np.arange(1, tries + 1))
    share = float((alike >= _ALIKE).mean())
    fuzz = [corpus.noise(chance) for _ in range(tries)]
    stable = float(np.mean([normal(normal(text)) == normal(text) for text in fuzz]))
    told = f"{share:.1%} of {tries} copies linked; f(f(x)) = f(x) in {stable:.1%}"
    return found([(share, 0.99), (stable, 1.0)], told, "fingerprints of the normal form")


def pickles(yard: Yard) -> Outcome:
    """E5: bytes that run a command in whoever unpickles them, as batch, as key, inside a text."""
    file = yard.place() / "exploded"
    bomb = f"cos\nsystem\n(S'touch {file}'\ntR.".encode()
    with yard.ground() as ground:
        wire = Wire(ground)
        app = wire.sender("app")
        entries = [
            app.sealed(bomb),
            app.sealed(b"[" + bomb + b"]"),
            {b"batch": bomb, b"seq": b"9", b"key": bomb, b"sig": bomb},
            app.entry(rating("rater/1", "x", "answer", text=bomb.decode())),
        ]
        taken = wire.take(app.stream, entries)
        ground.judge()
    able = [file_.name for file_ in _own_files() if _unpickles(file_)]
    facts = [
        ("the bomb did not go off", not file.exists()),
        ("the event beside it is held", taken.stored == 1),
        ("no file of ours imports what unpickles", not able),
    ]
    return every(facts, f"{len(taken.dead)} of 3 put aside", "bodies are bytes; nothing unpickles")


def _own_files() -> list[Path]:
    folders = [find_spec(name) for name in _PACKAGES]
    return [
        file
        for spec in folders
        if spec and spec.submodule_search_locations
        for file in Path(spec.submodule_search_locations[0]).rglob("*.py")
    ]


def _unpickles(file: Path) -> bool:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return bool({name.partition(".")[0] for name in names} & _UNPICKLING)


def harmful_files(yard: Yard) -> Outcome:
    """E6: a hundred values that do harm in file formats leave in a release and in an export."""
    values = corpus.for_files()
    with yard.ground() as ground:
        said = iter(values)

        def speak(source: str, n: int) -> bytes:
            return preference(source, f"{source}-{n}", "a question", next(said), "no answer")

        names = crowd(ground, 25, 4, speak)
        ground.clear(names)
        request, release = ground.let_leave("preference")
        order = Export(
            release=release,
            format="jsonl",
            out=ground.folder / "out",
            trust=ground.state.trust,
            at=ground.at,
        )
        export(order)
        lines = (order.out / "train.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
        back = {json.loads(line)["chosen"] for line in lines}
        strays = [each for each in ground.folder.rglob("*") if "passwd" in each.name]
    facts = [
        ("every value came back as it was", back == set(values)),
        ("one line a row", len(lines) == request.rows),
        ("no file lies outside", not strays),
    ]
    return every(
        facts,
        f"{len(back & set(values))} of {len(values)} byte for byte",
        "values are never names; formats are written by their libraries",
    )


def older_versions(yard: Yard) -> Outcome:
    """E7: versions of the envelope and of the types that skip newer checks."""
    with yard.ground() as ground:
        wire = Wire(ground)
        app = wire.sender("app")
        changes: tuple[dict[str, object], ...] = (
            {"specversion": "0.3"},
            {"specversion": "2.0"},
            {"type": "feedback.rating.v0"},
            {"type": "feedback.rating.v2"},
            {"type": "feedback.applause.v1"},
        )
        said = [rating("rater/1", f"{n}", "a", 4, **each) for n, each in enumerate(changes)]
        taken = wire.take(app.stream, [app.entry(*said)])
        reasons = sorted({letter.reason for letter in taken.dead})
    return at_most(
        taken.stored,
        0,
        f"{taken.stored} of {len(changes)} held: {', '.join(reasons)}",
        "each type has one version, and others are put aside",
    )


TRIALS: Final = (
    Trial(id="E1", tried="10,000 events with a key that stands twice", run=duplicate_keys),
    Trial(
        id="E2",
        tried="12 values on which parsers disagree",
        run=differing_values,
        open="with and without orjson installed: the tests do that",
    ),
    Trial(
        id="E3",
        tried="nesting of 100,000, a megabyte in a field, 1,001 events",
        run=deep_and_huge,
        open="the latency of others meanwhile: benchmarks/flood.py measures it",
    ),
    Trial(id="E4", tried="1,000 copies in look-alike characters", run=disguised_copies),
    Trial(id="E5", tried="pickles as batch, as key and in a text", run=pickles),
    Trial(id="E6", tried="100 harmful values through release and export", run=harmful_files),
    Trial(id="E7", tried="older and unknown versions", run=older_versions),
)
