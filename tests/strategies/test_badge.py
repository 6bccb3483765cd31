"""BADGE against gradients that are made, all C·D numbers of them, and the probabilities of k-means++ written out."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import chisquare

from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import query
from askew.strategies.badge import Gradients, badge


def gradients(features, probs):
    """(N, C·D) of the last layer's weights, for the guessed class as label."""
    a = np.array(probs, dtype=np.float64)
    a[np.arange(len(a)), a.argmax(axis=1)] -= 1
    return (a[:, :, None] * np.asarray(features, dtype=np.float64)[:, None, :]).reshape(len(a), -1)


def pool(seed, n_items=30, n_classes=4, n_dims=5, dtype=np.float64):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(n_classes, 0.4), n_items).astype(dtype)
    return rng.standard_normal((n_items, n_dims)).astype(dtype) + 1, probs


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 6), st.integers(1, 9), st.sampled_from(["f4", "f8"])
)
def test_distances_are_those_of_the_gradients(seed, n_items, n_classes, n_dims, dtype):
    features, probs = pool(seed, n_items, n_classes, n_dims, np.dtype(dtype))
    g, scale = gradients(features, probs), np.abs(features).max()
    found = Gradients(features, probs, np.arange(n_items))
    positions = np.random.default_rng(seed).integers(n_items, size=3)
    factor = 2.0 ** -np.frexp(scale)[1]
    expected = (cdist(g, g[positions]) * factor) ** 2
    sums = (np.square(g).sum(axis=1)[:, None] + np.square(g[positions]).sum(axis=1)) * factor**2
    assert np.abs(found.distances2(positions) - expected).max() <= (1e-4 if dtype == "f4" else 1e-13) * max(
        1, sums.max()
    )
    assert found.norms2 == pytest.approx(np.square(g).sum(axis=1) * factor**2, rel=1e-3, abs=1e-6)


def test_by_hand():
    """p = (½, ½) is a gradient of |f|² / 2, p = (¾, ¼) of |f|² / 8: lengths 0.5, 0.5, 2 and 0; the last is sure."""
    features = np.array([[1.0, 0.0], [0.0, 1.0], [4.0, 0.0], [9.0, 9.0]])
    probs = np.array([[0.5, 0.5], [0.5, 0.5], [0.75, 0.25], [1.0, 0.0]])
    for seed in range(20):
        assert query("badge", 4, features=features, probs=probs, seed=seed).tolist()[0] == 2


def test_the_first_has_the_longest_gradient_and_ties_are_settled_by_the_seed():
    features, probs = pool(1)
    longest = int(np.square(gradients(features, probs)).sum(axis=1).argmax())
    assert {int(query("badge", 3, features=features, probs=probs, seed=s)[0]) for s in range(10)} == {longest}
    twice = {
        int(query("badge", 1, features=np.tile(features, (2, 1)), probs=np.tile(probs, (2, 1)), seed=s)[0])
        for s in range(30)
    }
    assert twice == {longest, longest + 30}


def test_the_others_are_drawn_with_probability_d_squared():
    """Of six items all ordered pairs after the first, 10,000 times, against the shares of their squared distances."""
    features, probs = pool(2, n_items=6)
    g = gradients(features, probs)
    first, apart2 = int(np.square(g).sum(axis=1).argmax()), cdist(g, g) ** 2
    shares = {}
    for second in set(range(6)) - {first}:
        for third in set(range(6)) - {first, second}:
            near2 = np.minimum(apart2[first], apart2[second])
            shares[second, third] = apart2[first, second] / apart2[first].sum() * near2[third] / near2.sum()
    assert sum(shares.values()) == pytest.approx(1)
    counts = dict.fromkeys(shares, 0)
    pred, unlabeled, rng = Predictions(features=features, probs=probs), Pool.without_labels(6), np.random.default_rng(0)
    for _ in range(10_000):
        _, second, third = badge(pred, unlabeled, 3, rng=rng).tolist()
        counts[second, third] += 1
    assert chisquare(list(counts.values()), [10_000 * s for s in shares.values()]).pvalue > 0.01


def test_copies_come_last_and_labelled_rows_are_not_read():
    features, probs = pool(3, n_items=8)
    features, probs = np.tile(features, (3, 1)), np.tile(probs, (3, 1))
    labels = np.full(24, -1)
    labels[[2, 10, 18, 5]] = 0  # all of item 2, one of item 5
    features[labels >= 0], probs[labels >= 0] = np.nan, np.nan
    for seed in range(10):
        chosen = query("badge", 20, features=features, probs=probs, labels=labels, seed=seed)
        assert set((chosen[:7] % 8).tolist()) == {0, 1, 3, 4, 5, 6, 7}
        assert sorted(chosen.tolist()) == np.flatnonzero(labels < 0).tolist()


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e300])
def test_features_of_any_size_give_the_same_picks(size):
    features, probs = pool(4)
    exact = 2.0 ** round(np.log2(size))
    assert np.array_equal(
        query("badge", 12, features=features * exact, probs=probs), query("badge", 12, features=features, probs=probs)
    )


def test_items_that_are_all_sure_are_asked_by_chance():
    features, probs = pool(5)[0], np.eye(4)[np.arange(30) % 4]
    firsts = {int(query("badge", 30, features=features, probs=probs, seed=s)[0]) for s in range(40)}
    assert len(firsts) > 10


def test_the_gradients_are_never_held():
    """4,000 items of 10 classes and 128 features have gradients of 41 MB, the features are 4 MB."""
    features, probs = pool(6, 4000, 10, 128, np.float64)
    query("badge", 2, features=features[:50], probs=probs[:50])
    tracemalloc.start()
    query("badge", 100, features=features, probs=probs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 18e6
