"""The benchmark's figures are those of scikit-learn, ties and all."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "detection.py"


@pytest.fixture
def detection(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location("benchmarked_detection", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "benchmarked_detection", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("grain", [2, 20, 100_000])
def test_the_benchmark_measures_as_scikit_learn_does(detection: ModuleType, grain: int) -> None:
    chance = np.random.default_rng(grain)
    truth = (chance.random(300) < 0.2).astype(int)
    scores = chance.integers(0, grain, 300) / grain + truth * 0.3
    measured = detection.measure(truth, scores)
    assert measured.auc == pytest.approx(roc_auc_score(truth, scores))
    assert measured.ap == pytest.approx(average_precision_score(truth, scores))
    assert measured.auc_95[0] < measured.auc < measured.auc_95[1]
    assert measured.ap_95[0] < measured.ap < measured.ap_95[1]
