"""Margin against its definition, written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.margin import margin


def scores(probs):
    return margin(Predictions(probs=probs), Pool.without_labels(len(probs)))


def test_by_hand():
    probs = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.125, 0.5, 0.375], [0.5, 0.5, 0.0]])
    assert scores(probs).tolist() == [-0.25, -1.0, -0.125, 0.0]


def test_a_single_class_has_no_second_best():
    assert scores(np.ones((3, 1))).tolist() == [-1.0, -1.0, -1.0]


@given(st.integers(1, 70), st.integers(2, 12), st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_is_the_second_largest_less_the_largest(n_items, n_classes, seed, dtype):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(n_classes, 0.2), n_items).astype(dtype)
    probs[rng.random(n_items) < 0.3] = dtype(1) / dtype(n_classes)
    expected = []
    for row in probs:
        ranked = sorted(row)
        expected.append(ranked[-2] - ranked[-1])
    got = scores(probs)
    assert got.dtype == dtype
    assert got.tolist() == expected


def test_many_blocks():
    probs = np.random.default_rng(0).dirichlet(np.ones(40), 60_000).astype(np.float32)
    ranked = np.sort(probs, axis=1)
    assert np.array_equal(scores(probs), ranked[:, -2] - ranked[:, -1])


def test_the_probabilities_stay_as_they_are():
    probs = np.random.default_rng(0).dirichlet(np.ones(5), 50)
    before = probs.copy()
    scores(probs)
    assert np.array_equal(probs, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_negative_zero_is_a_zero(dtype):
    probs = np.array([[1.0, -0.0, -0.0], [-0.0, 0.6, 0.4], [0.5, -0.0, 0.5]], dtype=dtype)
    assert margin(Predictions(probs=probs), Pool.without_labels(3)) == pytest.approx([-1, -0.2, 0], abs=1e-7)
