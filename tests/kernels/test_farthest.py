"""Farthest-first choices against the definition, item by item."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from askew.kernels.farthest import FarthestFirst


def by_definition(x, labeled, items, n):
    """Returns positions of n picks and all distances afterwards, every distance computed anew for each pick."""
    apart, centres, picked = cdist(x, x), list(labeled), []
    for _ in range(n):
        if centres:
            near = apart[np.ix_(items, centres)].min(axis=1)
        else:
            near = -np.linalg.norm(x[items] - x.mean(axis=0), axis=1)
        near[picked] = -np.inf
        picked.append(int(near.argmax()))
        centres.append(items[picked[-1]])
    return picked, apart[np.ix_(items, centres)].min(axis=1) if centres else np.full(len(items), np.inf)


@pytest.mark.parametrize("n_labeled", [0, 1, 40])
@pytest.mark.parametrize("kind", ["normal", "grid", "groups"])
def test_picks_and_distances_are_those_of_the_definition(kind, n_labeled):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = {
            "normal": rng.standard_normal((150, 5)),
            "grid": rng.integers(4, size=(150, 2)).astype(float),  # ties everywhere
            "groups": 50 * rng.integers(3, size=(150, 2)) + rng.random((150, 2)),
        }[kind]
        labeled = rng.permutation(150)[:n_labeled]
        items = np.setdiff1d(np.arange(150), labeled)
        search, done = FarthestFirst(x, labeled, items), 0
        for more in (0, 1, 7, 20):
            search.add(more)
            done += more
            picked, near = by_definition(x, labeled, items, done)
            assert search.picked[1 if n_labeled == 0 else 0 :] == picked[1 if n_labeled == 0 else 0 :]
            np.testing.assert_allclose(search.near(), near, rtol=1e-12, atol=1e-12)


def test_no_more_items_than_there_are():
    search = FarthestFirst(np.arange(6.0)[:, None], np.array([5]), np.arange(5))
    search.add(99)
    assert search.picked[:2] == [0, 2]
    assert sorted(search.picked) == [0, 1, 2, 3, 4]
    assert search.near().tolist() == [0] * 5
