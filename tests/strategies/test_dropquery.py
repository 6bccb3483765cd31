"""DropQuery against its definition: who flips, and who is nearest to the centre of a group that is apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from askew.errors import InputError
from askew.kernels.kmeans import Clusters
from askew.query import query
from askew.strategies.dropquery import _most_flipped, _one_of_each, flips

SIZES = (9, 40, 25, 14)


def one_hot(classes, n_classes=3):
    """Probabilities whose largest is at the given classes."""
    return np.eye(n_classes)[classes] * 0.4 + 0.2


def blobs(seed):
    """Four groups far from each other, of different sizes, shuffled."""
    rng = np.random.default_rng(seed)
    of = rng.permutation(np.repeat(np.arange(4), SIZES))
    return 100 * np.eye(4)[of] * (1 + of[:, None]) + rng.standard_normal((len(of), 4)), of


def test_flips_by_hand():
    probs = one_hot(np.array([0, 1, 2, 1]))
    draws = one_hot(np.array([[0, 1, 2, 0], [1, 1, 0, 2], [2, 1, 2, 1]]))
    assert flips(probs, draws, np.arange(4)).tolist() == [2, 0, 1, 2]
    assert flips(probs, draws, np.array([3, 1])).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (1, {5, 3, 4}),
        (3, {5, 3, 4}),
        (4, {5, 3, 4, 2}),
        (5, {5, 3, 4, 2, 1}),
        (6, {0, 1, 2, 3, 4, 5}),
        (99, set(range(6))),
    ],
)
def test_more_than_half_of_the_passes_and_fewer_where_that_is_not_enough(wanted, expected):
    """Item i flips i times in five passes: more than half is 3, 4 and 5."""
    assert set(_most_flipped(np.arange(6), 5, wanted).tolist()) == expected


@given(st.integers(1, 7), st.integers(1, 60), st.integers(1, 80), st.integers(0, 2**32 - 1))
def test_candidates_are_all_that_flip_as_often_as_the_least_of_them(n_passes, n_items, wanted, seed):
    count = np.random.default_rng(seed).integers(n_passes + 1, size=n_items)
    levels = [
        level for level in range(n_passes + 1) if 2 * (level - 1) <= n_passes and (count >= level).sum() >= wanted
    ]
    expected = np.flatnonzero(count >= max(levels, default=0))
    assert _most_flipped(count, n_passes, wanted).tolist() == expected.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_of_each_group_that_flips_the_item_nearest_its_mean_the_largest_first(seed):
    features, of = blobs(seed)
    guess = np.zeros(len(of), dtype=int)
    flipped = of != 1  # the largest group never flips
    draws = np.stack([one_hot(np.where(flipped, 1, 0)), one_hot(np.where(flipped, 2, 0)), one_hot(guess)])
    labels = np.full(len(of), -1)
    labels[np.flatnonzero(of == 2)[:3]] = 0
    features[labels >= 0], draws[:, labels >= 0] = np.nan, np.nan
    given_arrays = {"features": features, "probs": one_hot(guess), "draws": draws, "labels": labels, "candidates": 1}
    found = [query("dropquery", 3, seed=s, **given_arrays).tolist() for s in range(10)]
    apart = [f for f in found if len(set(of[f].tolist())) == 3]
    assert len(apart) >= 4  # k-means may end in worse clusters
    for picked in apart:
        assert of[picked].tolist() == [2, 3, 0]
        for item in picked:
            own = np.flatnonzero((of == of[item]) & (labels < 0))
            middle = cdist(features[own], features[own].mean(axis=0)[None])[:, 0]
            assert cdist(features[[item]], features[own].mean(axis=0)[None])[0, 0] <= middle.min() + 1e-4


def test_no_item_is_taken_twice_and_each_is_the_nearest_left():
    features = np.random.default_rng(4).standard_normal((90, 5))
    clusters = Clusters(features, np.arange(90), 70, np.random.default_rng(5))
    order = np.random.default_rng(6).permutation(70)
    found, apart = _one_of_each(clusters, order), cdist(clusters.rows, clusters.centres)
    taken = set()
    for cluster, item in zip(order.tolist(), found.tolist(), strict=True):
        left = [i for i in range(90) if i not in taken]
        assert apart[item, cluster] <= apart[left, cluster].min() + 1e-5
        taken.add(item)
    assert len(taken) == 70


def test_copies_are_settled_by_the_seed():
    arrays = {
        "features": np.ones((12, 2)),
        "probs": one_hot(np.zeros(12, dtype=int)),
        "draws": one_hot(np.ones((3, 12), dtype=int)),
    }
    assert len({tuple(query("dropquery", 3, seed=s, **arrays).tolist()) for s in range(10)}) == 10


@pytest.mark.parametrize("value", [0, 2.5, True])
def test_candidates_that_mean_nothing_are_refused(value):
    arrays = {"features": np.eye(3), "probs": one_hot(np.arange(3)), "draws": one_hot(np.zeros((3, 3), dtype=int))}
    with pytest.raises(InputError, match="candidates: "):
        query("dropquery", 1, candidates=value, **arrays)
