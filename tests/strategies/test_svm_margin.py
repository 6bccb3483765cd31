"""SVM margin against its definition, written out, and against scikit-learn's boundaries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import query
from askew.strategies.svm_margin import svm_margin


def scores(margins):
    return svm_margin(Predictions(margins=margins), Pool.without_labels(len(margins)))


def test_by_hand():
    margins = np.array([[-2.0, 1.0, -1.5], [-0.25, 3.0, -4.0], [0.0, -1.0, -1.0], [-7.0, -8.0, -9.0]])
    assert scores(margins).tolist() == [-1.0, -0.25, 0.0, -7.0]
    assert query("svm_margin", 3, margins=margins).tolist() == [2, 1, 0]


def test_labelled_rows_scattered_through_the_pool_are_not_read():
    margins = np.array([[np.nan, np.nan], [3.0, -2.0], [0.0, 0.0], [1.0, 5.0], [-0.5, 2.0]])
    assert query("svm_margin", 2, margins=margins, labels=[1, -1, 0, -1, -1]).tolist() == [4, 3]


def test_ties_are_settled_by_the_seed():
    margins = np.array([[1.0, -2.0], [-1.0, 4.0], [5.0, 1.0], [2.0, 2.0]])
    assert {int(query("svm_margin", 1, margins=margins, seed=seed)[0]) for seed in range(40)} == {0, 1, 2}


@given(st.integers(1, 70), st.integers(1, 12), st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_is_the_distance_to_the_nearest_boundary(n_items, n_classes, seed, dtype):
    margins = (3 * np.random.default_rng(seed).standard_normal((n_items, n_classes))).astype(dtype)
    got = scores(margins)
    assert got.dtype == dtype
    assert got.tolist() == [-min(abs(value) for value in row) for row in margins.tolist()]


def test_many_blocks():
    margins = np.random.default_rng(0).standard_normal((60_000, 40)).astype(np.float32)
    assert np.array_equal(scores(margins), -np.sort(np.abs(margins), axis=1)[:, 0])


def test_of_two_classes_it_asks_the_items_at_the_line_between_them():
    """The boundary of a linear SVM between (−1, 0) and (1, 0) is the line x = 0, whatever C."""
    svm = pytest.importorskip("sklearn.svm")
    fitted = svm.LinearSVC(C=5, random_state=0).fit([[-1.0, 0.0], [1.0, 0.0]], [0, 1])
    pool = np.array([[0.9, 3.0], [-0.1, 8.0], [0.4, -5.0], [-2.0, 0.0]])
    side = fitted.decision_function(pool)
    margins = np.stack([-side, side], axis=1)
    assert query("svm_margin", 4, margins=margins).tolist() == [1, 2, 0, 3]


def test_balance_trades_nearness_for_classes():
    """Eq. 4.8 by hand: two of class 0 score −0.1 − 0.2 at an imbalance of 2, one of each −0.1 − 0.9 at none."""
    margins = np.array([[0.1, -0.1], [0.2, -0.2], [-0.9, 0.9]])
    probs = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    picked = {w: set(query("svm_margin", 2, margins=margins, probs=probs, balance=w).tolist()) for w in (0.3, 0.4)}
    assert picked == {0.3: {0, 1}, 0.4: {0, 2}}
