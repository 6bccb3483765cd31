"""Least confidence against its definition, written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.least_confidence import least_confidence


def scores(probs):
    return least_confidence(Predictions(probs=probs), Pool.without_labels(len(probs)))


def test_by_hand():
    probs = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.125, 0.5, 0.375]])
    assert scores(probs).tolist() == [0.5, 0.0, 0.5]


@given(st.integers(1, 70), st.integers(1, 12), st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_is_one_less_the_largest(n_items, n_classes, seed, dtype):
    probs = np.random.default_rng(seed).dirichlet(np.full(n_classes, 0.2), n_items).astype(dtype)
    got = scores(probs)
    assert got.dtype == dtype
    assert got.tolist() == [dtype(1) - max(row) for row in probs]


@pytest.mark.parametrize("layout", ["rows", "columns", "every second"])
def test_many_blocks_and_any_memory_layout(layout):
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(40), 60_000).astype(np.float32)
    laid = {"rows": probs, "columns": np.asfortranarray(probs), "every second": np.repeat(probs, 2, axis=0)[::2]}[
        layout
    ]
    assert np.array_equal(scores(laid), 1 - probs.max(axis=1))
