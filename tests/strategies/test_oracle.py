"""Oracle: what the model gets wrong, and only that, comes first."""

from __future__ import annotations

import numpy as np

from askew.query import query

PROBS = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3]])
TRUTH = np.array([0, 1, 1, 0, 0])


def test_asks_what_is_wrong_first():
    assert set(query("oracle", 2, probs=PROBS, truth=TRUTH).tolist()) == {1, 3}


def test_wrong_items_that_are_labelled_are_not_asked():
    assert query("oracle", 1, probs=PROBS, truth=TRUTH, labels=[-1, 1, -1, -1, -1]).tolist() == [3]


def test_ties_go_by_seed():
    third = {int(query("oracle", 3, probs=PROBS, truth=TRUTH, seed=seed)[2]) for seed in range(40)}
    assert third == {0, 2, 4}
