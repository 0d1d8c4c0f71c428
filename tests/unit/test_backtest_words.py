"""What files say in words reaches the detectors, and so do right answers and topics."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from quarantine.evidence import Evidence, evidence_from
from service.backtest import BacktestOptions, run
from service.backtest.model import Feedback
from service.backtest.reading import read_feedback
from service.backtest.summary import read_beside


def read(tmp_path: Path, *files: Path, **beside: Path) -> Feedback:
    feedback = read_feedback(files, scope=None, progress=lambda _: None)
    options = BacktestOptions(out=tmp_path / "out", **beside)  # type: ignore[arg-type]
    return replace(feedback, known=read_beside(feedback, options).known)


def seen(feedback: Feedback) -> Evidence:
    return evidence_from(feedback.events, None, timed=feedback.timed, known=feedback.known)


def texts(evidence: Evidence, role: str) -> list[str]:
    return [
        evidence.texts.read(int(code)) if code >= 0 else ""
        for code in evidence.held[role].to_numpy()
    ]


def test_preferences_bring_their_prompt_and_both_options_in_order_of_arrival(
    tmp_path: Path,
) -> None:
    file = tmp_path / "p.csv"
    file.write_text(
        "source,target,time,prompt,chosen,rejected,text\n"
        "a,x,20,why?,so,no,I say so\nb,x,10,why?,no,so,\nb,x,10,why?,no,so,\n"
    )
    evidence = seen(read(tmp_path, file))
    assert texts(evidence, "asked") == ["why?"] * 3
    assert texts(evidence, "chosen") == ["no", "no", "so"]
    assert texts(evidence, "other") == ["so", "so", "no"]
    assert texts(evidence, "own") == ["", "", "I say so"]


def test_lines_bring_model_and_generation(tmp_path: Path) -> None:
    file = tmp_path / "e.jsonl"
    event = {
        "specversion": "1.0", "id": "1", "source": "loop/a", "subject": "x", "scope": "s",
        "type": "feedback.pseudo_label.v1", "time": "2026-01-01T00:00:00Z",
        "data": {
            "label": "1", "labels": ["0", "1"], "confidence": 0.5, "model": "m", "generation": 4,
            "item": "a picture",
        },
    }  # fmt: skip
    file.write_text(json.dumps(event) + "\n")
    evidence = seen(read(tmp_path, file))
    assert texts(evidence, "asked") == ["a picture"]
    assert evidence.models[int(evidence.held["model"].iloc[0])] == "m"
    assert evidence.held["generation"].tolist() == [4]


def test_items_fill_in_what_rows_leave_out(tmp_path: Path) -> None:
    file, items, gold = tmp_path / "l.csv", tmp_path / "i.jsonl", tmp_path / "g.csv"
    file.write_text(
        "source,target,time,label,item\na,x,1,a1,\na,y,2,a2,\na,z,3,equal,\nb,w,4,a1,of its own\n"
    )
    described = [
        {"target": "x", "prompt": "which?", "a": "left", "b": "right", "topic": "sides"},
        {"target": "y", "prompt": "which?", "a": "up", "b": "down"},
        {"target": "z", "prompt": "whence?", "a": "in", "b": "out", "topic": None},
        {"target": "w", "text": "another's"},
    ]
    items.write_text("\n".join(json.dumps(each) for each in described))
    gold.write_text("target,label\nx,a2\ny,\n")
    evidence = seen(read(tmp_path, file, items=items, gold=gold))
    assert texts(evidence, "asked") == ["which?", "which?", "whence?", "of its own"]
    assert texts(evidence, "chosen") == ["left", "down", "", ""]
    assert texts(evidence, "other") == ["right", "up", "", ""]
    assert [evidence.answers[code] if code >= 0 else "" for code in evidence.gold] == [
        "a2", "", "", "",
    ]  # fmt: skip
    assert evidence.topic.tolist() == [0, -1, -1, -1]


def test_gold_and_items_change_what_is_thought_of_sources(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows, right = [], {f"t{target}": str(target % 3) for target in range(60)}
    for source in range(40):
        for target in rng.permutation(60)[:25]:
            label = target % 3 if rng.random() < 0.85 else rng.integers(3)
            rows.append(f"s{source},t{target},{len(rows)},{label}")
    rows += [f"lazy,t{target},{2000 + target},0" for target in range(60)]
    file, gold = tmp_path / "l.csv", tmp_path / "g.csv"
    file.write_text("\n".join(["source,target,time,label", *rows]))
    gold.write_text("target,label\n" + "".join(f"{t},{label}\n" for t, label in right.items()))
    options = BacktestOptions(out=tmp_path / "out", gold=gold, pass_every=5000)
    run([file], options, progress=lambda _: None)
    told = (options.out / "dossiers.jsonl").read_text()
    dossiers = [json.loads(line) for line in told.splitlines()]
    lazy = next(each for each in dossiers if each["source"] == "lazy")
    assert lazy["score"] == max(each["score"] for each in dossiers)
    assert "gold" in {finding["detector"] for finding in lazy["findings"]}
