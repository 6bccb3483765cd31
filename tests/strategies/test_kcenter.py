"""k-center against brute force in float64, on ordinary and on hostile features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from askew.errors import InputError
from askew.pick import greedy as greedy_module
from askew.query import query
from askew.strategies import kcenter as kcenter_module


@pytest.fixture(params=["small blocks", "as shipped"])
def sizes(request, monkeypatch):
    """The lazy machinery at work on small pools too: a front, steps and batches of a few items."""
    if request.param == "small blocks":
        monkeypatch.setattr(greedy_module, "FRONT", 6)
        for name, value in (("STEP", 3), ("BATCH", 2), ("TILE", 5)):
            monkeypatch.setattr(kcenter_module, name, value)


def assert_greedy(features, labels, chosen, tolerance=1e-12):
    """Every pick is as far from its nearest centre as any other item was then, distances taken in float64."""
    x, labels = np.asarray(features, dtype=np.float64), np.asarray(labels)
    left = labels < 0
    chosen = [int(i) for i in chosen]
    assert len(set(chosen)) == len(chosen)
    assert left[chosen].all()
    if left.all():
        to_mean = np.sqrt(np.square(x - x.mean(axis=0)).sum(axis=1))
        assert to_mean[chosen[0]] <= to_mean.min() * (1 + tolerance) + tolerance
        nearest = cdist(x, x[chosen[:1]])[:, 0]
        left[chosen[0]], chosen = False, chosen[1:]
    else:
        nearest = cdist(x, x[~left]).min(axis=1)
    for item in chosen:
        assert nearest[item] >= nearest[left].max() * (1 - tolerance) - tolerance
        left[item] = False
        nearest = np.minimum(nearest, cdist(x, x[item : item + 1])[:, 0])


def test_by_hand_on_a_line():
    features = np.array([[0.0], [1.0], [4.0], [9.0], [10.0]])
    labels = [0, -1, -1, -1, -1]
    assert query("kcenter", 4, features=features, labels=labels).tolist() == [4, 2, 1, 3] or query(
        "kcenter", 4, features=features, labels=labels
    ).tolist() == [4, 2, 3, 1]


def test_without_labels_it_starts_from_the_item_nearest_the_mean():
    features = np.array([[0.0], [1.0], [4.0], [9.0], [11.0]])
    assert query("kcenter", 3, features=features).tolist()[:2] == [2, 4]


def test_distances_are_not_squared_under_balance():
    features = np.array([[0.0], [3.0], [-2.0]])
    probs = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    labels = [0, -1, -1]
    assert query("kcenter", 1, features=features, probs=probs, labels=labels, balance=0.4).tolist() == [1]
    assert query("kcenter", 1, features=features, probs=probs, labels=labels, balance=1.1).tolist() == [2]


@settings(max_examples=60)
@given(
    n_items=st.integers(2, 60),
    n_dims=st.integers(1, 9),
    share=st.sampled_from([0.0, 0.1, 0.5]),
    dtype=st.sampled_from([np.float32, np.float64]),
    offset=st.sampled_from([0.0, 1e4]),
    seed=st.integers(0, 2**32 - 1),
)
def test_picks_are_those_of_brute_force(n_items, n_dims, share, dtype, offset, seed):
    rng = np.random.default_rng(seed)
    features = (rng.standard_normal((n_items, n_dims)) + offset).astype(dtype)
    labels = np.where(rng.random(n_items) < share, 0, -1)
    labels[rng.integers(n_items)] = -1
    n = int(rng.integers(1, (labels < 0).sum() + 1))
    assert_greedy(features, labels, query("kcenter", n, features=features, labels=labels, seed=seed))


def hostile(name, rng):
    x = rng.standard_normal((120, 6))
    return {
        "large mean": x + 1e4,
        "every item three times": np.repeat(x[:40], 3, axis=0),
        "all equal": np.ones((120, 6)) * 0.1,
        "two values": rng.integers(2, size=(120, 6)).astype(float),
        "a grid": np.stack(np.meshgrid(np.arange(12), np.arange(10)), axis=-1).reshape(-1, 2).astype(float),
        "one far away": np.vstack([x[:-1], np.full((1, 6), 1e6)]),
        "tight groups": np.repeat(x[:12] * 100, 10, axis=0) + 1e-4 * x,
        "tiny": x * 1e-12,
        "one dimension": np.sort(rng.random((120, 1)), axis=0),
    }[name]


@pytest.mark.usefixtures("sizes")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_labeled", [0, 1, 30])
@pytest.mark.parametrize(
    "name",
    [
        "large mean",
        "every item three times",
        "all equal",
        "two values",
        "a grid",
        "one far away",
        "tight groups",
        "tiny",
        "one dimension",
    ],
)
def test_hostile_features(name, n_labeled, dtype):
    rng = np.random.default_rng(1)
    features = hostile(name, rng).astype(dtype)
    labels = np.full(len(features), -1)
    labels[rng.permutation(len(features))[:n_labeled]] = 0
    n = len(features) - n_labeled
    assert_greedy(features, labels, query("kcenter", n, features=features, labels=labels), tolerance=1e-13)


@pytest.mark.usefixtures("sizes")
def test_the_same_picks_as_brute_force_in_high_dimension():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((1500, 256)).astype(np.float32)
    labels = np.where(rng.random(1500) < 0.2, 0, -1)
    assert_greedy(features, labels, query("kcenter", 150, features=features, labels=labels), tolerance=1e-14)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_the_same_picks_as_brute_force_in_groups_with_many_labels(library):
    rng = np.random.default_rng(0)
    n_labeled = kcenter_module.MANY * kcenter_module.STEP
    groups = 10 * rng.standard_normal((30, 24))
    features = (groups[rng.integers(30, size=n_labeled + 900)] + rng.standard_normal((n_labeled + 900, 24))) + 20
    features = features.astype(np.float32)
    labels = np.full(len(features), -1)
    labels[rng.permutation(len(features))[:n_labeled]] = 0
    given_features = pytest.importorskip("torch").tensor(features) if library == "torch" else features
    chosen = query("kcenter", 200, features=given_features, labels=labels)
    assert_greedy(features, labels, chosen, tolerance=1e-14)


def test_exact_ties_are_all_possible():
    features = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    first = {int(query("kcenter", 1, features=features, labels=[0, -1, -1, -1, -1], seed=s)[0]) for s in range(60)}
    assert first == {1, 2, 3, 4}


def test_ties_for_the_first_item_are_settled_by_seed():
    features = np.array([[0.0], [1.0], [2.0], [3.0]])
    assert {int(query("kcenter", 1, features=features, seed=s)[0]) for s in range(30)} == {1, 2}


def test_features_of_labelled_items_are_needed():
    features = np.array([[0.0], [np.nan], [2.0]])
    with pytest.raises(InputError, match=r"features: 1 of 1 rows are not finite; first at item 1"):
        query("kcenter", 1, features=features, labels=[-1, 0, -1])


@pytest.mark.parametrize("n_labeled", [0, 40])
def test_torch_picks_what_numpy_picks(n_labeled):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    features = (rng.standard_normal((400, 32)) + 50).astype(np.float32)
    labels = np.full(400, -1)
    labels[rng.permutation(400)[:n_labeled]] = 0
    with_numpy = query("kcenter", 100, features=features, labels=labels)
    assert np.array_equal(query("kcenter", 100, features=torch.tensor(features), labels=labels), with_numpy)
    assert np.array_equal(query("kcenter", 100, features=torch.tensor(features).double(), labels=labels), with_numpy)
