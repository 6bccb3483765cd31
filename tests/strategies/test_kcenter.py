"""k-center against brute force in float64, on ordinary and on hostile features."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from askew.errors import InputError
from askew.kernels import nearest
from askew.pick import greedy as greedy_module
from askew.query import query


@pytest.fixture(params=["small blocks", "as shipped"])
def sizes(request, monkeypatch):
    """The lazy machinery at work on small pools too: a front, steps and batches of a few items."""
    if request.param == "small blocks":
        monkeypatch.setattr(greedy_module, "FRONT", 6)
        for name, value in (("STEP", 3), ("BATCH", 2), ("TILE", 5)):
            monkeypatch.setattr(nearest, name, value)


def assert_greedy(features, labels, chosen, tolerance=1e-12):
    """Every pick is as far from its nearest centre as any other item was then, distances taken in float64."""
    x, labels = np.asarray(features, dtype=np.float64), np.asarray(labels)
    left = labels < 0
    chosen = [int(i) for i in chosen]
    assert len(set(chosen)) == len(chosen)
    assert left[chosen].all()
    if left.all():
        long = np.asarray(features).astype(np.longdouble)  # in float64 the mean's rounding would decide between equals
        to_mean = np.sqrt(np.square(long - long.mean(axis=0)).sum(axis=1))
        assert to_mean[chosen[0]] <= to_mean.min() * (1 + tolerance) + tolerance
        far = cdist(x, x[chosen[:1]])[:, 0]
        left[chosen[0]], chosen = False, chosen[1:]
    else:
        far = cdist(x, x[~left]).min(axis=1)
    for item in chosen:
        assert far[item] >= far[left].max() * (1 - tolerance) - tolerance
        left[item] = False
        far = np.minimum(far, cdist(x, x[item : item + 1])[:, 0])


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
    n_labeled = nearest.MANY * nearest.STEP
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


def test_items_equally_near_the_mean_are_all_possible_wherever_they_stand():
    """Pairs mirrored in a point that no float64 holds: the sum over the pool rounds differently in each order."""
    rng = np.random.default_rng(0)
    for case in range(40):
        half = rng.integers(1, 2**20, size=(int(rng.integers(1, 9)), 3))
        features = np.vstack([half, 3 * 2**20 - half]) / 3 + (1e3 if case % 2 else 0)
        exact = np.vstack([half, 3 * 2**20 - half])
        least = min(sum((2 * int(v) - 3 * 2**20) ** 2 for v in row) for row in exact)
        nearest = [i for i, row in enumerate(exact) if sum((2 * int(v) - 3 * 2**20) ** 2 for v in row) == least]
        assert len(nearest) >= 2
        order = rng.permutation(len(features))
        first = {int(order[query("kcenter", 1, features=features[order], seed=s)[0]]) for s in range(40)}
        assert first == set(nearest)


EXTREMES = {
    "1e20 in float32": lambda x: (x * 1e20).astype(np.float32),
    "1e37 in float32": lambda x: (x * 1e37).astype(np.float32),
    "1e-22 in float32": lambda x: (x * 1e-22).astype(np.float32),
    "1e-38 in float32": lambda x: (x * 1e-38).astype(np.float32),
    "1e155 in float64": lambda x: x * 1e155,
    "1e260 in float64": lambda x: x * 1e260,
    "1e-170 in float64": lambda x: x * 1e-170,
    "1e-250 in float64": lambda x: x * 1e-250,
    "one of 1e25 in float32": lambda x: np.vstack([x[:-1], np.full((1, x.shape[1]), 1e25)]).astype(np.float32),
    "one of 1e25 in float64": lambda x: np.vstack([x[:-1], np.full((1, x.shape[1]), 1e25)]),
    "a dimension of 1e-30 in float32": lambda x: (x * np.r_[1, np.full(x.shape[1] - 1, 1e-30)]).astype(np.float32),
    "some of 1e-24, most of 1e-26": lambda x: (x * np.where(np.arange(len(x)) < 9, 1e-24, 1e-26)[:, None]).astype("f4"),
}


@pytest.mark.usefixtures("sizes")
@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("n_labeled", [0, 1, 20])
@pytest.mark.parametrize("extreme", EXTREMES)
def test_features_of_any_size_are_measured(extreme, n_labeled, library):
    """Picks are as far as any item, measured in exact arithmetic (integers of any length)."""
    features = EXTREMES[extreme](np.random.default_rng(3).standard_normal((60, 4)))
    labels = np.where(np.arange(60) < n_labeled, 0, -1)
    given_features = pytest.importorskip("torch").tensor(features) if library == "torch" else features
    chosen = query("kcenter", 25, features=given_features, labels=labels).tolist()
    x = [[Fraction(float(v)) for v in row] for row in features]
    centres = list(range(n_labeled))
    if not centres:
        mean = [sum(column) / 60 for column in zip(*x, strict=True)]
        to_mean = [sum((v - m) ** 2 for v, m in zip(row, mean, strict=True)) for row in x]
        assert float(to_mean[chosen[0]] / min(to_mean)) < 1 + 1e-6
        centres, chosen = chosen[:1], chosen[1:]
    far = [min(sum((a - b) ** 2 for a, b in zip(row, x[c], strict=True)) for c in centres) for row in x]
    for item in chosen:
        best = max(far)
        assert far[item] >= best * (1 - Fraction(1, 10**13))
        far = [
            min(d, sum((a - b) ** 2 for a, b in zip(row, x[item], strict=True))) for d, row in zip(far, x, strict=True)
        ]


def test_an_outlier_does_not_make_it_slow(monkeypatch):
    """Float64 products say nothing beside 1e25: every item is then held against every centre once, in float64."""
    rng = np.random.default_rng(4)
    features = rng.standard_normal((3000, 16)).astype(np.float32)
    features[7] = 1e25
    pairs = []
    measure = nearest.NearestCentre._pair_distances2

    def counting(self, items, centres):
        pairs.append(len(items))
        return measure(self, items, centres)

    monkeypatch.setattr(nearest.NearestCentre, "_pair_distances2", counting)
    chosen = query("kcenter", 200, features=features, labels=np.where(np.arange(3000) < 100, 0, -1))
    assert_greedy(features, np.where(np.arange(3000) < 100, 0, -1), chosen)
    assert sum(pairs) <= 3000 * 300 * 1.2


def test_features_whose_distances_leave_float64_are_refused():
    for size, said in ((1e280, "2e+280"), (1e-290, "2e-290")):
        with pytest.raises(InputError, match=rf"features: the largest is {re.escape(said)}, and distances leave"):
            query("kcenter", 1, features=np.array([[0.0], [1.0], [2.0]]) * size)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_an_outlier_beside_which_nothing_can_be_measured_is_refused(library):
    """Scaled by 1e200, the others' distances are 1e-200, whose squares are 0: any pick among them would be chance."""
    features = np.array([[0.0], [1.0], [9.0], [1e200]])
    given = pytest.importorskip("torch").tensor(features) if library == "torch" else features
    with pytest.raises(InputError, match=r"features: the largest is 1e\+200, the smallest that is not 0 is 1; beside"):
        query("kcenter", 2, features=given, labels=[0, -1, -1, -1])
    features[3] = 1e140  # the largest ratio that is still measured is not far above
    assert query("kcenter", 2, features=features, labels=[0, -1, -1, -1]).tolist() == [3, 2]


def test_balance_counts_distances_in_the_unit_of_the_features():
    features = np.array([[0.0], [3.0], [-2.0]]) * 1e200
    given = {"features": features, "probs": np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), "labels": [0, -1, -1]}
    assert query("kcenter", 1, balance=0.4e200, **given).tolist() == [1]
    assert query("kcenter", 1, balance=1.1e200, **given).tolist() == [2]


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
