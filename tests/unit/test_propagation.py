"""Signed messages tell honest from contrary sources, and good from bad targets."""

from __future__ import annotations

import numpy as np

from quarantine.propagation import Edges, propagate


def planted(seed: int = 0, *, faint: float = 1.0) -> tuple[Edges, np.ndarray, np.ndarray]:
    """Let 80 honest and 20 contrary sources judge 60 targets, a third of them bad."""
    rng = np.random.default_rng(seed)
    good, honest = np.arange(60) % 3 > 0, np.arange(100) < 80
    source = np.repeat(np.arange(100), 12)
    target = np.concatenate([rng.choice(60, 12, replace=False) for _ in range(100)])
    right = rng.random(len(source)) < 0.9
    sign = np.where(good[target] == (honest[source] == right), 1.0, -1.0) * faint
    return Edges(source, target, sign, np.ones(len(source))), honest, good


def test_contrary_sources_and_bad_targets_are_found() -> None:
    edges, honest, good = planted()
    found = propagate(edges, np.full(100, 1.0))
    assert found.honest[honest].min() > found.honest[~honest].max()
    assert found.good[good].min() > found.good[~good].max()


def test_without_edges_everybody_is_as_before() -> None:
    none = np.empty(0, np.int64)
    found = propagate(Edges(none, none, np.empty(0), np.empty(0)), np.array([1.0, -2.0]))
    assert found.honest.tolist() == [1.0, -2.0]


def test_a_faint_sign_says_little() -> None:
    prior = np.full(100, 1.0)
    strong = propagate(planted()[0], prior).honest
    faint = propagate(planted(faint=0.1)[0], prior).honest
    assert np.abs(faint - prior).max() < 0.3 * np.abs(strong - prior).max()


def test_many_events_of_one_source_count_like_the_root_of_their_number() -> None:
    source = np.repeat([0, 1, 2, 3], [16, 16, 16, 4])
    target = np.concatenate([np.arange(16)] * 3 + [np.arange(4)])
    edges = Edges(source, target, np.ones(52), np.ones(52))
    found = propagate(edges, np.zeros(4) + 0.5).honest - 0.5
    assert 1.5 < found[0] / found[3] < 3.0


def test_what_weighs_nothing_moves_no_target() -> None:
    edges, _, _ = planted()
    silent = Edges(edges.source, edges.target, edges.sign, np.zeros(len(edges.sign)))
    assert np.abs(propagate(silent, np.full(100, 1.0)).good).max() == 0


def test_the_order_of_rows_does_not_matter() -> None:
    edges, _, _ = planted(1)
    turned = Edges(edges.source[::-1], edges.target[::-1], edges.sign[::-1], edges.weight[::-1])
    one, other = propagate(edges, np.zeros(100) + 0.5), propagate(turned, np.zeros(100) + 0.5)
    assert np.allclose(one.honest, other.honest)
