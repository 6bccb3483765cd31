"""ProbCover against its definition: balls by the whole distance matrix, one pick after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from askew.errors import InputError
from askew.kernels import coverage
from askew.kernels.kmeans import Clusters
from askew.pick import greedy as greedy_module
from askew.pick.balance import demand
from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import query
from askew.strategies import probcover as module
from askew.strategies.probcover import probcover, pure_radius


def assert_greedy(near, labels, chosen, *, probs=None, weight=0.0):
    """Every pick covers, less its penalty of Algorithm 2, as many uncovered items as any other item did then."""
    labels = np.asarray(labels)
    unlabeled, covered = labels < 0, near[labels >= 0].any(axis=0)
    left = set(np.flatnonzero(unlabeled).tolist())
    wanted = None if probs is None else demand(np.bincount(labels[labels >= 0], minlength=probs.shape[1]), len(chosen))
    for item in chosen.tolist():
        worth = {i: float((near[i] & ~covered & unlabeled).sum()) for i in left}
        if probs is not None:
            worth = {i: v - weight * np.abs(wanted - probs[i]).sum() for i, v in worth.items()}
            wanted = wanted - probs[item]
        assert worth[item] >= max(worth.values()) - (1e-9 if probs is not None else 0)
        left.remove(item)
        covered = covered | near[item]


def test_by_hand_on_a_line():
    """Balls of radius 1 are closed: 1 covers 0, 1 and 2; then 5 covers 5 and 6, as 6 does; then 9 itself."""
    features = np.array([[0.0], [1.0], [2.0], [5.0], [6.0], [9.0]])
    found = {tuple(query("probcover", 3, features=features, radius=1.0, seed=s).tolist()) for s in range(40)}
    assert found == {(1, 3, 5), (1, 4, 5)}
    assert query("probcover", 1, features=features, radius=1.0, labels=[-1, 0, -1, -1, -1, -1]).tolist()[0] in (3, 4)
    assert query("probcover", 1, features=features, radius=0.999).shape == (1,)


@pytest.fixture(params=["small blocks", "as shipped"])
def sizes(request, monkeypatch):
    """The lazy machinery at work on small pools too."""
    if request.param == "small blocks":
        monkeypatch.setattr(greedy_module, "FRONT", 6)
        for name, value in (("ROWS", 8), ("COLUMNS", 4), ("BATCH", 5), ("GROUPS", 2)):
            monkeypatch.setattr(coverage, name, value)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_items=st.integers(1, 70),
    share=st.sampled_from([0.0, 0.1, 0.5]),
    dtype=st.sampled_from([np.float32, np.float64]),
    lattice=st.booleans(),
    offset=st.sampled_from([0.0, 1e4]),
)
def test_every_pick_is_a_greedy_one(seed, n_items, share, dtype, lattice, offset):
    """On a lattice very many distances are the radius itself, and very many gains are equal."""
    rng = np.random.default_rng(seed)
    n_dims = int(rng.integers(1, 5))
    features = rng.integers(4, size=(n_items, n_dims)) if lattice else rng.standard_normal((n_items, n_dims))
    features = (features + offset).astype(dtype)
    radius = float(rng.integers(3)) if lattice else float(rng.choice([0.3, 1.0, 9.0]))
    labels = np.where(rng.random(n_items) < share, 0, -1)
    labels[rng.integers(n_items)] = -1
    n = int(rng.integers(1, (labels < 0).sum() + 1))
    chosen = query("probcover", n, features=features, labels=labels, radius=radius, seed=seed % 1000)
    exact = features.astype(np.float64)
    assert_greedy(cdist(exact, exact) <= radius, labels, chosen)


@pytest.mark.usefixtures("sizes")
@pytest.mark.parametrize("share", [0.0, 0.15])
@pytest.mark.parametrize("weight", [None, 0.5, 20.0])
def test_algorithm_2(share, weight):
    rng = np.random.default_rng(1)
    features, probs = rng.standard_normal((120, 3)), rng.dirichlet(np.full(4, 0.5), 120)
    labels = np.where(rng.random(120) < share, rng.integers(4, size=120), -1)
    more = {} if weight is None else {"probs": probs, "balance": weight}
    chosen = query("probcover", 60, features=features, labels=labels, radius=0.7, **more)
    probs = None if weight is None else probs
    assert_greedy(cdist(features, features) <= 0.7, labels, chosen, probs=probs, weight=weight or 0.0)


def test_ties_are_settled_by_the_seed_and_all_are_possible():
    features = np.array([[0.0], [10.0], [20.0], [20.5], [0.5]])
    first = {int(query("probcover", 1, features=features, radius=1.0, seed=s)[0]) for s in range(60)}
    assert first == {0, 2, 3, 4}


@pytest.mark.parametrize(
    ("size", "dtype"),
    [
        (1e-200, "f8"),
        (1e-307, "f8"),
        (1e300, "f8"),
        (1e-38, "f4"),
        (1e-42, "f4"),
        (1e-30, "f4"),
        (1e30, "f4"),
        (3e37, "f4"),
    ],
)
def test_features_of_any_size_are_measured(size, dtype):
    features = np.random.default_rng(2).standard_normal((80, 3))
    given_features = (features * size).astype(dtype)
    exact = given_features.astype(np.float64) / size
    chosen = query("probcover", 30, features=given_features, radius=0.8 * size)
    assert_greedy(cdist(exact, exact) <= 0.8, np.full(80, -1), chosen)


@pytest.mark.parametrize("purity", [1.0, 0.95, 0.5, 0.02, 1e-9])
def test_the_radius_is_the_largest_with_that_share_of_pure_balls(purity):
    rng = np.random.default_rng(3)
    features = 4 * rng.standard_normal((5, 3))[rng.integers(5, size=300)] + rng.standard_normal((300, 3))
    radius = pure_radius(features, 4, purity, np.random.default_rng(4))
    of = Clusters(features, np.arange(300), 4, np.random.default_rng(4)).of
    near, apart = cdist(features, features), np.sort(np.unique(cdist(features, features)))

    def share(r):
        return np.mean([len(set(of[row <= r].tolist())) == 1 for row in near])

    assert share(radius * (1 - 1e-5)) >= purity
    assert share(apart[apart > radius * (1 + 1e-5)][0]) < purity


def test_balls_are_sampled_where_there_are_many(monkeypatch):
    monkeypatch.setattr(module, "SAMPLE", 500)
    rng = np.random.default_rng(5)
    features = 4 * rng.standard_normal((5, 3))[rng.integers(5, size=3000)] + rng.standard_normal((3000, 3))
    radius = pure_radius(features, 5, 0.9, np.random.default_rng(6))
    of = Clusters(features, np.arange(3000), 5, np.random.default_rng(6)).of
    apart = np.where(of[:, None] == of, np.inf, cdist(features, features))
    assert np.mean(apart.min(axis=1) > radius) == pytest.approx(0.9, abs=0.04)


def test_as_many_clusters_as_classes_by_argument_by_probs_or_by_labels(monkeypatch):
    asked = []

    def noted(features, k, purity, rng):
        asked.append(k)
        return 1.0

    monkeypatch.setattr(module, "pure_radius", noted)
    features, labels = np.random.default_rng(7).standard_normal((30, 3)), np.full(30, -1)
    query("probcover", 1, features=features)
    labels[:4] = [0, 2, 5, 2]
    query("probcover", 1, features=features, labels=labels)
    query("probcover", 1, features=features, labels=labels, probs=np.full((30, 7), 1 / 7))
    query("probcover", 1, features=features, labels=labels, probs=np.full((30, 7), 1 / 7), n_classes=4)
    assert asked == [2, 3, 7, 4]


def test_gains_made_again_have_the_same_radius():
    features = np.random.default_rng(8).standard_normal((90, 4))
    pred, pool, rng = Predictions(features=features), Pool.without_labels(90), np.random.default_rng(1)
    first, second = (probcover(pred, pool, rng=rng, n_classes=6).upper for _ in range(2))
    assert np.array_equal(first, second)


def test_a_pool_of_copies_has_no_radius_but_0():
    features = np.ones((7, 2))
    assert sorted(query("probcover", 7, features=features).tolist()) == list(range(7))
    apart = np.repeat(np.arange(3.0), 4)[:, None]
    chosen = query("probcover", 3, features=apart, n_classes=3)
    assert sorted(apart[chosen, 0].tolist()) == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "value"),
    [("radius", -1.0), ("radius", float("nan")), ("radius", "big"), ("purity", 0), ("purity", 1.5), ("n_classes", 1)],
)
def test_settings_that_mean_nothing_are_refused(name, value):
    with pytest.raises(InputError, match=f"{name}: "):
        query("probcover", 1, features=np.eye(3), **{name: value})
