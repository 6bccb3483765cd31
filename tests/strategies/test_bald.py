"""BALD against mutual information written out in float64 with math.log."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.bald import bald


def scores(draws):
    return bald(Predictions(draws=draws), Pool.without_labels(draws.shape[1]))


def entropy_of(row):
    return -math.fsum(p * math.log(p) for p in row if p > 0)


def by_definition(draws):
    n_draws, n_items, _ = draws.shape
    out = []
    for i in range(n_items):
        rows = [[float(p) for p in draws[t, i]] for t in range(n_draws)]
        mean = [math.fsum(column) / n_draws for column in zip(*rows, strict=True)]
        out.append(entropy_of(mean) - math.fsum(entropy_of(row) for row in rows) / n_draws)
    return out


def test_by_hand():
    sure_but_different = [[1.0, 0.0], [0.0, 1.0]]
    both_unsure = [[0.5, 0.5], [0.5, 0.5]]
    both_sure = [[1.0, 0.0], [1.0, 0.0]]
    draws = np.array([sure_but_different, both_unsure, both_sure]).transpose(1, 0, 2)
    assert scores(draws) == pytest.approx([math.log(2), 0.0, 0.0], abs=1e-15)


@given(st.integers(1, 6), st.integers(1, 20), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_float64_is_the_definition(n_draws, n_items, n_classes, seed):
    draws = np.random.default_rng(seed).dirichlet(np.full(n_classes, 0.1), (n_draws, n_items))
    assert scores(draws) == pytest.approx(by_definition(draws), rel=1e-12, abs=1e-13)


@given(st.integers(1, 25), st.integers(1, 10), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_float32_is_the_definition_to_its_precision(n_draws, n_items, n_classes, seed):
    draws = np.random.default_rng(seed).dirichlet(np.full(n_classes, 0.1), (n_draws, n_items)).astype(np.float32)
    got = scores(draws)
    assert got.dtype == np.float32
    assert got == pytest.approx(by_definition(draws), rel=1e-6, abs=2e-7)


def test_draws_that_agree_score_exactly_zero():
    one = np.random.default_rng(0).dirichlet(np.ones(100), 50).astype(np.float32)
    assert scores(np.stack([one] * 20)).tolist() == [0.0] * 50


def test_small_disagreement_is_not_lost_in_rounding():
    rng = np.random.default_rng(0)
    base = rng.dirichlet(np.full(100, 5.0), 200)
    draws = base + 2e-3 * base * rng.standard_normal((10, 200, 100))
    draws = (draws / draws.sum(axis=2, keepdims=True)).astype(np.float32)
    expected = np.array(by_definition(draws))
    assert expected.max() < 5e-6
    assert np.abs(scores(draws) - expected).max() < 2e-7
    order = np.argsort(expected)
    assert scores(draws)[order[-1]] > scores(draws)[order[0]]


def test_many_blocks_agree_with_one():
    draws = np.random.default_rng(0).dirichlet(np.ones(10), (5, 60_000)).astype(np.float32)
    parts = [scores(np.ascontiguousarray(part)) for part in np.array_split(draws, 30, axis=1)]
    assert np.array_equal(scores(draws), np.concatenate(parts))
