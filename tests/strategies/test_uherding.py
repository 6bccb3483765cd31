"""UHerding against its definition with the whole kernel matrix, one pick after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from askew.errors import InputError
from askew.kernels.calibration import cross_validated_temperature
from askew.pick import greedy as greedy_module
from askew.pick.balance import demand
from askew.query import query
from askew.strategies.uherding import doubt


def assert_greedy(features, probs, labels, chosen, *, width, temperature, weight=0.0):
    """Every pick gains, less its penalty of Algorithm 2, as much as any other item did then; both by definition."""
    x, labels = np.asarray(features, dtype=np.float64), np.asarray(labels)
    kernel = np.exp(-(squareform(pdist(x / np.linalg.norm(x, axis=1, keepdims=True))) ** 2) / width**2)
    tempered = np.asarray(probs, dtype=np.float64) ** (1 / temperature)
    ranked = np.sort(tempered / tempered.sum(axis=1, keepdims=True), axis=1)
    u = 1 - (ranked[:, -1] - ranked[:, -2]) if (labels >= 0).any() else np.ones(len(x))
    pool, left = np.flatnonzero(labels < 0), set(np.flatnonzero(labels < 0).tolist())
    covered = kernel[:, labels >= 0].max(axis=1, initial=0)
    wanted = demand(np.bincount(labels[labels >= 0], minlength=probs.shape[1]), len(chosen))
    for item in chosen.tolist():
        worth = {
            i: u[pool] @ np.maximum(0, kernel[i, pool] - covered[pool]) - weight * np.abs(wanted - probs[i]).sum()
            for i in left
        }
        assert worth[item] >= max(worth.values()) - 1e-9 * len(pool)
        left.remove(item)
        covered, wanted = np.maximum(covered, kernel[:, item]), wanted - probs[item]


def pool(seed, n_items, share, n_classes=4):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n_items, 5)) + 0.5
    probs = rng.dirichlet(np.full(n_classes, 0.3), n_items)
    labels = np.where(rng.random(n_items) < share, rng.integers(n_classes, size=n_items), -1)
    labels[rng.integers(n_items)] = -1
    return features, probs, labels


def test_by_hand():
    """Two pairs, at 0° and 90°, far from what is labelled: the second is in doubt, the first, one item more, is not."""
    angles = np.radians([180.0, 0.0, 1.0, 2.0, 90.0, 91.0])
    features = np.column_stack([np.cos(angles), np.sin(angles)])
    probs = np.array([[np.nan, np.nan], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.5, 0.5], [0.5, 0.5]])
    labels = [0, -1, -1, -1, -1, -1]
    first = query("uherding", 2, features=features, probs=probs, labels=labels, width=0.2, temperature=1.0).tolist()
    assert first[0] in (4, 5)  # 2 · 1 against 3 · 0.2
    assert first[1] == 2
    assert query("maxherding", 1, features=features, labels=labels, width=0.2).tolist() == [2]


def test_doubt_by_hand():
    """At T = 2 the powers are roots: 0.64, 0.25, 0.11 become 0.8, 0.5, √0.11."""
    p = np.array([[0.11, 0.64, 0.25], [1.0, 0.0, 0.0], [0.5, 0.0, 0.5]])
    assert doubt(p, 1.0) == pytest.approx([1 - 0.39, 0, 1])
    assert doubt(p, 2.0) == pytest.approx([1 - 0.3 / (1.3 + 0.11**0.5), 0, 1])
    assert doubt(np.ones((2, 1)), 3.0).tolist() == [0, 0]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_items=st.integers(2, 60),
    share=st.sampled_from([0.0, 0.1, 0.5]),
    width=st.sampled_from([0.2, 1.0, 3.0]),
    temperature=st.sampled_from([1.0, 4.0]),
)
def test_every_pick_is_the_greedy_one(seed, n_items, share, width, temperature):
    features, probs, labels = pool(seed, n_items, share)
    n = int(np.random.default_rng(seed).integers(1, (labels < 0).sum() + 1))
    given_arrays = {"features": features, "probs": probs, "labels": labels}
    chosen = query("uherding", n, width=width, temperature=temperature, **given_arrays)
    assert_greedy(features, probs, labels, chosen, width=width, temperature=temperature)


@pytest.mark.parametrize("share", [0.05, 0.3])
@pytest.mark.parametrize("weight", [0.0, 0.3, 20.0])
def test_algorithm_2_and_settings_found_from_the_labels(monkeypatch, share, weight):
    monkeypatch.setattr(greedy_module, "FRONT", 7)
    features, probs, labels = pool(1, 150, share)
    chosen = query("uherding", 50, features=features, probs=probs, labels=labels, balance=weight)
    known = features[labels >= 0]
    width = pdist(known / np.linalg.norm(known, axis=1, keepdims=True)).min()
    temperature = cross_validated_temperature(known, labels[labels >= 0])
    assert_greedy(features, probs, labels, chosen, width=width, temperature=temperature, weight=weight)


def test_before_any_label_it_is_maxherding():
    features, probs, labels = pool(2, 80, 0.0)
    chosen = query("uherding", 30, features=features, probs=probs, labels=labels)
    assert np.array_equal(chosen, query("maxherding", 30, features=features))


def test_with_a_small_width_it_is_margin():
    features, probs, labels = pool(3, 80, 0.2)
    given_arrays = {"features": features, "probs": probs, "labels": labels}
    chosen = query("uherding", 40, width=1e-3, temperature=1, **given_arrays)
    assert chosen.tolist() == query("margin", 40, probs=probs, labels=labels).tolist()


def test_labelled_copies_are_no_distance():
    """The width is that of the two directions, 30° apart, not of the copy and not of the longer item."""
    turn = np.radians([0.0, 0.0, 30.0, 0.0])
    known = np.array([[1.0], [1.0], [5.0], [3.0]]) * np.column_stack([np.cos(turn), np.sin(turn)])
    features, probs, _ = pool(4, 30, 0.0)
    arrays = {
        "features": np.vstack([np.pad(known, ((0, 0), (0, 3))), features]),
        "probs": np.vstack([probs[:4], probs]),
    }
    two, one = np.array([0, 0, 1, 0] + [-1] * 30), np.array([0, 0, -1, 0] + [-1] * 30)
    for labels, width in ((two, 2 * np.sin(np.radians(15))), (one, 1.0)):
        found = query("uherding", 20, labels=labels, temperature=1, **arrays)
        expected = query("uherding", 20, labels=labels, temperature=1, width=width, **arrays)
        assert np.array_equal(found, expected)
        assert not np.array_equal(query("uherding", 20, labels=labels, temperature=1, width=0.1, **arrays), expected)


@pytest.mark.parametrize("name", ["width", "temperature"])
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), "wide"])
def test_settings_that_mean_nothing_are_refused(name, value):
    features, probs, labels = pool(5, 20, 0.2)
    with pytest.raises(InputError, match=f"{name}: "):
        query("uherding", 1, features=features, probs=probs, labels=labels, **{name: value})
