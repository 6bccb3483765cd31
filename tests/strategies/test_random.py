"""Random: every item and every pair of items is as likely as any other."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.stats import chisquare

from askew.query import query


def test_every_pair_is_equally_likely():
    labels = np.array([-1, 0, -1, -1, 1, -1])
    pairs = dict.fromkeys(combinations([0, 2, 3, 5], 2), 0)
    for seed in range(1200):
        first, second = sorted(query("random", 2, labels=labels, seed=seed).tolist())
        pairs[first, second] += 1
    assert chisquare(list(pairs.values())).pvalue > 1e-4


def test_another_seed_gives_another_order():
    orders = {tuple(query("random", 20, labels=np.full(20, -1), seed=seed).tolist()) for seed in range(10)}
    assert len(orders) == 10
