"""k-means against what it promises: groups found, every item with its nearest centre, as tight as scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from askew.kernels.kmeans import Clusters


def groups(seed, n_items, n_groups, n_dims, noise=0.1):
    rng = np.random.default_rng(seed)
    of = rng.integers(n_groups, size=n_items)
    return (3 * rng.standard_normal((n_groups, n_dims))[of] + noise * rng.standard_normal((n_items, n_dims))), of


def same_partition(a, b):
    return len(set(zip(a.tolist(), b.tolist(), strict=True))) == len(set(a.tolist())) == len(set(b.tolist()))


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1.0, 1e30, 1e300])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_groups_that_are_apart_are_found(size, offset):
    features, of = groups(0, 400, 6, 5)
    tries = [Clusters((features + offset) * size, np.arange(400), 6, np.random.default_rng(s)) for s in range(5)]
    assert same_partition(min(tries, key=lambda c: float(c.near2.sum())).of, of)


def test_every_item_is_with_its_nearest_centre_and_centres_are_means():
    features, _ = groups(2, 900, 8, 6, noise=2.0)
    items = np.random.default_rng(3).permutation(900)[:700]
    found = Clusters(features, items, 12, np.random.default_rng(4))
    assert len(found.of) == len(found.rows) == 700
    apart = cdist(found.rows, found.centres)
    assert apart[np.arange(700), found.of] == pytest.approx(apart.min(axis=1), abs=1e-5)
    assert found.near2 == pytest.approx(apart.min(axis=1) ** 2, abs=1e-4)
    means = np.stack([found.rows[found.of == c].mean(axis=0) for c in range(12)])
    assert np.square(means - found.centres).sum() < 1e-3 * found.rows.var(axis=0).sum()


def test_it_is_as_tight_as_scikit_learns():
    cluster = pytest.importorskip("sklearn.cluster")
    features, _ = groups(5, 3000, 40, 8, noise=1.0)
    ours, theirs = [], []
    for seed in range(3):
        found = Clusters(features, np.arange(3000), 60, np.random.default_rng(seed))
        members = [features[found.of == c] for c in range(60)]
        ours.append(sum(np.square(m - m.mean(axis=0)).sum() for m in members))
        theirs.append(cluster.KMeans(60, n_init=1, random_state=seed).fit(features).inertia_)
    assert np.mean(ours) < 1.05 * np.mean(theirs)


@pytest.mark.parametrize("k", [1, 3, 5, 20])
def test_as_many_clusters_as_items_and_more_than_differ(k):
    features = np.repeat(np.arange(5.0), 4)[:, None] ** 2
    found = Clusters(features, np.arange(20), k, np.random.default_rng(0))
    assert len(found.centres) == k
    if k >= 5:
        assert same_partition(found.of, np.repeat(np.arange(5), 4))
        assert found.near2.max() == 0


def test_the_same_seed_gives_the_same_groups():
    features, _ = groups(6, 500, 7, 4, noise=1.0)
    first, again = (Clusters(features, np.arange(500), 9, np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(first.of, again.of)
