"""MaxHerding against its definition with the whole kernel matrix, one pick after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askew.errors import InputError
from askew.kernels import coverage
from askew.pick import greedy as greedy_module
from askew.pick.balance import demand
from askew.query import query


def kernel(features, width):
    """(N, N) exp(−|x − y|² / width²) of rows at length 1, from their differences."""
    x = np.asarray(features, dtype=np.float64)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    x = np.divide(x, length, out=np.zeros_like(x), where=length > 0)
    return np.exp(-np.square(x[:, None] - x[None]).sum(axis=2) / width**2)


def assert_greedy(features, labels, chosen, *, width=1.0, probs=None, weight=0.0, tolerance=1e-10):
    """Every pick gains, less its penalty of Algorithm 2, as much as any other item did then; both by definition."""
    k, labels = kernel(features, width), np.asarray(labels)
    pool, left = np.flatnonzero(labels < 0), set(np.flatnonzero(labels < 0).tolist())
    covered = k[:, labels >= 0].max(axis=1, initial=0)
    wanted = None if probs is None else demand(np.bincount(labels[labels >= 0], minlength=probs.shape[1]), len(chosen))
    assert len(set(chosen.tolist())) == len(chosen)
    for item in chosen.tolist():
        worth = {i: sum(np.maximum(0, k[i, pool] - covered[pool])) for i in left}
        if probs is not None:
            worth = {i: v - weight * np.abs(wanted - probs[i]).sum() for i, v in worth.items()}
            wanted = wanted - probs[item]
        assert worth[item] >= max(worth.values()) - tolerance * len(pool)
        left.remove(item)
        covered = np.maximum(covered, k[:, item])


@pytest.fixture(params=["small blocks", "as shipped"])
def sizes(request, monkeypatch):
    """The lazy machinery at work on small pools too: a front, tiles and batches of a few items."""
    if request.param == "small blocks":
        monkeypatch.setattr(greedy_module, "FRONT", 6)
        for name, value in (("ROWS", 8), ("COLUMNS", 4), ("BATCH", 5), ("GROUPS", 2)):
            monkeypatch.setattr(coverage, name, value)


def test_by_hand():
    """Angles 0°, 60°, 180°: |x − y|² is 1, 4 and 3. Item 1 covers 1 + e⁻¹ + e⁻³, 0 covers 1 + e⁻¹ + e⁻⁴; 2 is far."""
    features = np.array([[2.0, 0.0], [0.5, np.sqrt(3) / 2], [-7.0, 0.0]])
    assert query("maxherding", 3, features=features).tolist() == [1, 2, 0]
    assert query("maxherding", 1, features=features, labels=[-1, 0, -1]).tolist() == [2]


def test_labelled_items_cover_but_are_not_to_be_covered():
    """Ten labelled items far from all else would outweigh the pair at 0°, if they were still to be covered."""
    features = np.array([[0.0, 1.0]] * 10 + [[1.0, 0.0], [1.0, 0.01], [-1.0, 0.05]])
    labels = [0, -1, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1]
    assert query("maxherding", 2, features=features, labels=labels).tolist()[1] == 12


@settings(max_examples=60, deadline=None)
@given(
    n_items=st.integers(2, 70),
    n_dims=st.integers(1, 9),
    share=st.sampled_from([0.0, 0.1, 0.5]),
    dtype=st.sampled_from([np.float32, np.float64]),
    width=st.sampled_from([0.2, 1.0, 3.0]),
    duplicates=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_pick_is_the_greedy_one(n_items, n_dims, share, dtype, width, duplicates, seed):
    rng = np.random.default_rng(seed)
    features = (rng.standard_normal((n_items, n_dims)) + 0.5).astype(dtype)
    if duplicates:
        features = features[rng.integers(n_items, size=n_items)]
    features[rng.random(n_items) < 0.05] = 0
    labels = np.where(rng.random(n_items) < share, 0, -1)
    labels[rng.integers(n_items)] = -1
    n = int(rng.integers(1, (labels < 0).sum() + 1))
    assert_greedy(features, labels, query("maxherding", n, features=features, labels=labels, width=width), width=width)


@pytest.mark.usefixtures("sizes")
@pytest.mark.parametrize("share", [0.0, 0.15])
@pytest.mark.parametrize("weight", [None, 0.0, 0.5, 20.0])
def test_every_pick_is_that_of_algorithm_2_too(share, weight):
    rng = np.random.default_rng(1)
    features, probs = rng.standard_normal((120, 5)) + 1, rng.dirichlet(np.full(4, 0.5), 120)
    labels = np.where(rng.random(120) < share, rng.integers(4, size=120), -1)
    given_probs = {} if weight is None else {"probs": probs, "balance": weight}
    chosen = query("maxherding", 60, features=features, labels=labels, **given_probs)
    assert_greedy(features, labels, chosen, probs=None if weight is None else probs, weight=weight or 0.0)


def test_a_pool_larger_than_every_block():
    rng = np.random.default_rng(2)
    features = (rng.standard_normal((9, 6))[rng.integers(9, size=2600)] + 0.3 * rng.standard_normal((2600, 6))).astype(
        "f4"
    )
    labels = np.where(rng.random(2600) < 0.02, 0, -1)
    chosen = query("maxherding", 40, features=features, labels=labels)
    k = kernel(features, 1.0)
    pool, covered = np.flatnonzero(labels < 0), k[:, labels >= 0].max(axis=1)
    for item in chosen:
        gains = np.maximum(0, k[:, pool] - covered[pool]).sum(axis=1)
        assert gains[item] >= gains[pool].max() - 1e-9
        covered = np.maximum(covered, k[:, item])


def test_a_row_of_zeros_is_one_away_from_every_other():
    """Four of one direction, and zeros: the first covers 4 + e⁻¹, the zeros then 1 − e⁻¹, the others nothing."""
    features = np.array([[3.0, 0.0], [1.0, 0.0], [0.0, 0.0], [2.0, 0.0], [9.0, 0.0]])
    assert query("maxherding", 2, features=features).tolist()[1] == 2


def test_only_directions_count():
    rng = np.random.default_rng(3)
    features = rng.standard_normal((80, 4))
    expected = query("maxherding", 30, features=features)
    for size in (1e-200, 1e200):
        assert np.array_equal(query("maxherding", 30, features=features * size), expected)
    lengths = np.exp2(rng.integers(-40, 40, size=(80, 1)))
    assert np.array_equal(query("maxherding", 30, features=(features * lengths)), expected)
    single = query("maxherding", 30, features=features.astype(np.float32))
    for size in (2.0**-120, 2.0**120):
        assert np.array_equal(query("maxherding", 30, features=features.astype("f4") * np.float32(size)), single)
    coarse = (features * 1e-43).astype("f4")  # some 20 steps of what float32 can still hold
    assert_greedy(coarse, np.full(80, -1), query("maxherding", 30, features=coarse))


def test_equal_items_are_all_possible_and_a_copy_of_a_picked_one_is_none():
    features = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    assert {int(query("maxherding", 1, features=features, seed=s)[0]) for s in range(60)} == {0, 1, 2, 3}
    twice = np.vstack([features, features])
    for seed in range(10):
        assert set((query("maxherding", 4, features=twice, seed=seed) % 4).tolist()) == {0, 1, 2, 3}


def test_of_two_items_that_cover_each_other_alone_the_one_nearer_the_mean_goes_first_wherever_it_stands():
    """With σ = 0.1 only the pair at 90° and 91° is uncovered: each gains 1 + k, exactly as much as the other."""
    angles = np.radians([0.0, 0.0, 10.0, 90.0, 91.0])
    features, labels = np.column_stack([np.cos(angles), np.sin(angles)]), np.array([0, 0, 0, -1, -1])
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(5)
        chosen = query("maxherding", 1, features=features[order], labels=labels[order], width=0.1, seed=seed)
        assert order[chosen].tolist() == [3]


def test_torch_and_float32_pick_the_same():
    torch = pytest.importorskip("torch")
    features = np.random.default_rng(4).standard_normal((300, 24)).astype(np.float32)
    labels = np.where(np.arange(300) % 10 == 3, 0, -1)
    expected = query("maxherding", 90, features=features, labels=labels)
    assert np.array_equal(query("maxherding", 90, features=torch.tensor(features), labels=labels), expected)
    assert np.array_equal(query("maxherding", 90, features=features.astype(np.float64), labels=labels), expected)


def test_little_is_looked_at_again(monkeypatch):
    """A pick raises the coverage of few items, and only those are held against the best candidates."""
    rng = np.random.default_rng(5)
    features = rng.standard_normal((20, 16))[rng.integers(20, size=3000)] + rng.standard_normal((3000, 16))
    pairs, fall = [], coverage.Coverage._fall

    def counting(self, left, rise):
        pairs.append(len(left.items) * len(rise.where))
        return fall(self, left, rise)

    monkeypatch.setattr(coverage.Coverage, "_fall", counting)
    query("maxherding", 200, features=features, labels=np.where(np.arange(3000) < 40, 0, -1))
    assert sum(pairs) < 3 * 3000**2  # as much as three picks if everything were computed again


@pytest.mark.parametrize("width", [0, -1.0, float("nan"), float("inf"), "wide", True])
def test_a_width_that_is_no_length_is_refused(width):
    with pytest.raises(InputError, match="width: "):
        query("maxherding", 1, features=np.eye(3), width=width)


def test_features_of_labelled_items_are_needed():
    with pytest.raises(InputError, match=r"features: 1 of 1 rows are not finite; first at item 1"):
        query("maxherding", 1, features=np.array([[1.0], [np.nan], [2.0]]), labels=[-1, 0, -1])
