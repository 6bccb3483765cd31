"""Entropy against math.log, zeros and denormals included."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.entropy import entropy


def scores(probs):
    return entropy(Predictions(probs=probs), Pool.without_labels(len(probs)))


def by_definition(row):
    return -math.fsum(p * math.log(p) for p in map(float, row) if p > 0)


def test_by_hand():
    probs = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.25, 0.25, 0.5]])
    assert scores(probs) == pytest.approx([math.log(2), 0.0, 1.5 * math.log(2)], abs=1e-15)
    assert scores(probs)[1] == 0


@pytest.mark.parametrize("n_classes", [1, 2, 10, 1000])
def test_the_uniform_distribution_has_the_most(n_classes):
    probs = np.full((3, n_classes), 1 / n_classes)
    assert scores(probs) == pytest.approx([math.log(n_classes)] * 3, rel=1e-14)


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_float64_is_the_definition(n_items, n_classes, seed):
    probs = np.random.default_rng(seed).dirichlet(np.full(n_classes, 0.05), n_items)
    assert scores(probs) == pytest.approx([by_definition(row) for row in probs], rel=1e-13, abs=1e-14)


@given(st.integers(1, 40), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_float32_is_the_definition_to_its_precision(n_items, n_classes, seed):
    probs = np.random.default_rng(seed).dirichlet(np.full(n_classes, 0.05), n_items).astype(np.float32)
    got = scores(probs)
    assert got.dtype == np.float32
    assert got == pytest.approx([by_definition(row) for row in probs], rel=1e-6, abs=2e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zeros_denormals_and_tiny_probabilities(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    for small in (dtype(0), tiny, 7 * tiny, np.finfo(dtype).smallest_normal, dtype(1e-30), dtype(1e-20)):
        probs = np.array([[1 - small, small], [small, 1 - small]], dtype=dtype)
        got = scores(probs)
        assert np.isfinite(got).all()
        assert got.tolist() == pytest.approx([by_definition(row) for row in probs], rel=1e-6, abs=1e-35)


def test_never_below_zero_where_a_sum_is_just_above_one():
    assert scores(np.array([[1.0000001, 0.0]], dtype=np.float32)).tolist() == [0.0]


def test_many_blocks_agree_with_one():
    probs = np.random.default_rng(0).dirichlet(np.ones(40), 60_000).astype(np.float32)
    whole = scores(probs)
    parts = np.concatenate([scores(part) for part in np.array_split(probs, 60)])
    assert np.array_equal(whole, parts)
