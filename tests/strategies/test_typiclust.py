"""TypiClust against its definition: groups that are apart, and typicality by sorting all distances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from askew.errors import InputError
from askew.query import query
from askew.strategies import typiclust as module
from askew.strategies.typiclust import mean_distances

SIZES = (9, 40, 25, 14, 30)


def blobs(seed=0, n_dims=4):
    """Five groups far from each other, of different sizes, shuffled: features and the group of each item."""
    rng = np.random.default_rng(seed)
    of = rng.permutation(np.repeat(np.arange(5), SIZES))
    return 100 * np.eye(5, n_dims)[of] * (1 + of[:, None]) + rng.standard_normal((len(of), n_dims)), of


def typicality(features, own, neighbours):
    apart = np.sort(cdist(features[own], features[own]), axis=1)[:, 1 : neighbours + 1]
    return dict(zip(own.tolist(), 1 / apart.mean(axis=1), strict=True))


def test_by_hand_on_a_line():
    """Three groups; the largest has the item 2 in its middle, the next 21, and the pair at 50 is a tie."""
    features = np.array([[50.0], [0.0], [2.0], [4.0], [1.5], [2.6], [20.0], [21.0], [22.5], [51.0]])
    found = [query("typiclust", 3, features=features, neighbours=2, seed=s).tolist() for s in range(20)]
    right = [f for f in found if f[:2] == [2, 7]]
    assert len(right) >= 12  # k-means may end in worse clusters
    assert {f[2] for f in right} == {0, 9}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("neighbours", [3, 20, 1000])
def test_the_most_typical_of_each_group_without_a_label_the_largest_first(seed, neighbours):
    features, of = blobs(seed)
    labels = np.full(len(of), -1)
    for group in (1, 3):
        labels[np.flatnonzero(of == group)[2]] = 0
    chosen = query("typiclust", 3, features=features, labels=labels, neighbours=neighbours, seed=seed)
    assert of[chosen].tolist() == [4, 2, 0]
    for item in chosen.tolist():
        worth = typicality(features, np.flatnonzero(of == of[item]), neighbours)
        assert worth[item] >= max(worth.values()) * (1 - 1e-5)


def test_when_every_cluster_has_been_asked_it_goes_round_by_labels_and_picks_and_typicality():
    features, of = blobs(7)
    labels = np.full(len(of), -1)
    for group in (1, 3):
        labels[np.flatnonzero(of == group)[2]] = 0
    chosen = query("typiclust", 15, features=features, labels=labels, most_clusters=5)
    assert of[chosen].tolist() == [4, 2, 0, 1, 4, 2, 3, 0, 1, 4, 2, 3, 0, 1, 4]
    for group in range(5):
        own = np.flatnonzero(of == group)
        worth = typicality(features, own, 20)
        best = sorted((i for i in own.tolist() if labels[i] < 0), key=lambda i: -worth[i])
        picked = [i for i in chosen.tolist() if of[i] == group]
        assert picked == best[: len(picked)]


def test_where_the_groups_are_found_the_order_of_the_pool_decides_nothing():
    features, of = blobs(3)
    sets = []
    for seed in range(12):
        order = np.random.default_rng(seed).permutation(len(of))
        chosen = order[query("typiclust", 5, features=features[order], seed=seed)]
        if len(set(of[chosen].tolist())) == 5:
            sets.append(tuple(chosen.tolist()))
    assert len(sets) >= 4
    assert len(set(sets)) == 1


@pytest.mark.parametrize("count", [1, 2, 5, 700])
@pytest.mark.parametrize("neighbours", [1, 20])
def test_mean_distances_are_those_of_the_sorted_matrix(monkeypatch, count, neighbours):
    monkeypatch.setattr(module, "ROWS", 16)
    rows = (np.random.default_rng(count).standard_normal((count, 6)) + 30).astype(np.float32)
    expected = np.sort(cdist(rows, rows), axis=1)[:, 1 : neighbours + 1]
    assert mean_distances(rows, neighbours) == pytest.approx(expected.mean(axis=1) if count > 1 else [0.0], rel=1e-6)


def test_copies_are_as_near_as_can_be():
    rows = np.array([[0.0], [5.0], [5.0], [5.0], [9.0]], dtype=np.float32)
    assert mean_distances(rows, 2) == pytest.approx([5.0, 0.0, 0.0, 0.0, 4.0], abs=1e-12)
    same = query("typiclust", 6, features=np.ones((6, 3)))
    assert sorted(same.tolist()) == list(range(6))


@pytest.mark.parametrize("name", ["neighbours", "most_clusters"])
@pytest.mark.parametrize("value", [0, -3, 2.5, True])
def test_settings_that_mean_nothing_are_refused(name, value):
    with pytest.raises(InputError, match=f"{name}: {value!r}: expected a whole number from 1"):
        query("typiclust", 1, features=np.eye(3), **{name: value})


def test_it_cannot_be_balanced():
    with pytest.raises(InputError, match="typiclust"):
        query("typiclust", 1, features=np.eye(3), probs=np.eye(3), balance=1.0)
