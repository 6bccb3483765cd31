"""The draws of k-means++ against their probabilities, written out."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import chisquare

from askew.kernels import spread as module
from askew.kernels.spread import spread


def drawing(points, near2):
    apart2 = np.square(points[:, None] - points[None]).sum(axis=2)
    return (lambda items: apart2[:, items]), near2, apart2


@pytest.mark.parametrize("batch", [(1, 1), (4, 64), (16, 16)])
def test_every_sequence_is_as_probable_as_in_k_means_plus_plus(monkeypatch, batch):
    """All 4 · 3 · 2 orders of three of four points, each with the product of its D² shares; whatever the batch."""
    monkeypatch.setattr(module, "FEWEST", batch[0])
    monkeypatch.setattr(module, "MOST", batch[1])
    points, start = np.array([[0.0], [1.0], [1.5], [4.0]]), np.array([1.0, 0.5, 2.0, 0.7])
    distances2, near2, apart2 = drawing(points, start)
    expected = {}
    for order in permutations(range(4), 3):
        now2, share = start.copy(), 1.0
        for item in order:
            share *= now2[item] / now2.sum()
            now2 = np.minimum(now2, apart2[item])
        expected[order] = share
    assert sum(expected.values()) == pytest.approx(1)
    rng, counts = np.random.default_rng(0), dict.fromkeys(expected, 0)
    for _ in range(6000):
        counts[tuple(spread(distances2, near2, 3, rng).tolist())] += 1
    assert chisquare(list(counts.values()), [6000 * share for share in expected.values()]).pvalue > 0.01
    assert start.tolist() == [1.0, 0.5, 2.0, 0.7]


def test_what_is_a_copy_comes_after_all_that_is_not_and_then_by_chance():
    points = np.repeat(np.arange(5.0), 4)[:, None]
    distances2, near2, _ = drawing(points, np.square(points[:, 0] + 1))
    lasts = set()
    for seed in range(30):
        chosen = spread(distances2, near2, 12, np.random.default_rng(seed))
        assert len(set(chosen.tolist())) == 12
        assert set(points[chosen[:5], 0]) == set(range(5))
        lasts.add(int(chosen[5]))
    assert len(lasts) > 5


def test_what_is_not_to_be_drawn_is_not():
    points = np.random.default_rng(1).standard_normal((50, 3))
    start = np.where(np.arange(50) % 3 == 0, 0.0, 1.0)
    distances2, near2, _ = drawing(points, start)
    chosen = spread(distances2, near2, 33, np.random.default_rng(2))
    assert sorted(chosen.tolist()) == np.flatnonzero(start).tolist()
    allowed = np.arange(50) != 3
    some = spread(distances2, near2, 49, np.random.default_rng(2), allowed=allowed)
    assert sorted(some[:33].tolist()) == np.flatnonzero(start).tolist()
    assert sorted(some.tolist()) == np.flatnonzero(allowed).tolist()
    assert len(spread(distances2, near2, 0, np.random.default_rng(2))) == 0
