"""BAIT against its definition: matrices of all C·D weights, inverted anew for every item at every step."""

from __future__ import annotations

import numpy as np
import pytest

from askew.errors import InputError
from askew.query import query
from askew.strategies import bait as module


def information(features, probs, binary):
    """(N, P, P) Fisher information of the last layer: E_y g gᵀ with g = (e_y − p) ⊗ f, or that of one logit."""
    if binary:
        p = probs.max(axis=1)
        return np.einsum("n,nd,ne->nde", p * (1 - p), features, features)
    out = []
    for f, p in zip(features, probs, strict=True):
        gradients = [np.outer(np.eye(len(p))[y] - p, f).ravel() for y in range(len(p))]
        out.append(sum(p[y] * np.outer(g, g) for y, g in enumerate(gradients)))
    return np.array(out)


def reference(features, probs, labels, n, *, binary=False, penalty=1.0):
    """Forward to 2n, backward to n, by the trace itself."""
    pool = np.flatnonzero(np.asarray(labels) < 0)
    infos = information(features[pool], probs[pool], binary)
    fisher, size = infos.mean(axis=0), infos.shape[1]

    def trace(items):
        return np.trace(np.linalg.solve(penalty * np.eye(size) + infos[items].sum(axis=0), fisher))

    chosen = []
    for _ in range(min(2 * n, len(pool))):
        left = [i for i in range(len(pool)) if i not in chosen]
        chosen.append(min(left, key=lambda i: trace([*chosen, i])))
    while len(chosen) > n:
        out = min(chosen, key=lambda i: trace([j for j in chosen if j != i]))
        chosen.remove(out)
    return pool[chosen].tolist()


def pool(seed, n_items=40, n_classes=3, n_dims=4, share=0.2):
    rng = np.random.default_rng(seed)
    features, probs = rng.standard_normal((n_items, n_dims)), rng.dirichlet(np.full(n_classes, 0.5), n_items)
    return features, probs, np.where(rng.random(n_items) < share, rng.integers(n_classes, size=n_items), -1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("fisher", ["multinomial", "binary"])
@pytest.mark.parametrize("penalty", [0.05, 1.0, 30.0])
def test_picks_are_those_of_the_definition(monkeypatch, seed, fisher, penalty):
    monkeypatch.setattr("askew.kernels.fisher.TILE", 16)
    features, probs, labels = pool(seed)
    chosen = query("bait", 9, features=features, probs=probs, labels=labels, fisher=fisher, penalty=penalty)
    assert chosen.tolist() == reference(features, probs, labels, 9, binary=fisher == "binary", penalty=penalty)


@pytest.mark.parametrize("n_classes", [1, 2, 6])
def test_any_number_of_classes(n_classes):
    features, probs, labels = pool(5, n_items=25, n_classes=n_classes)
    chosen = query("bait", 5, features=features, probs=probs, labels=labels)
    if n_classes > 1:
        assert chosen.tolist() == reference(features, probs, labels, 5)
    assert len(set(chosen.tolist())) == 5


def test_by_hand():
    """One feature, p = ½: V Vᵀ sums to f²/2 over both classes. The largest f leaves the least doubt, the sure none."""
    features, probs = np.array([[1.0], [3.0], [2.0], [9.0]]), np.array([[0.5, 0.5]] * 3 + [[1.0, 0.0]])
    assert query("bait", 1, features=features, probs=probs).tolist() == [1]
    assert query("bait", 2, features=features, probs=probs).tolist() == [1, 2]


def test_two_items_in_one_direction_are_worth_less_than_two_in_two():
    features = np.array([[5.0, 0.0], [4.9, 0.0], [0.0, 3.0], [0.0, 0.1]])
    probs = np.full((4, 2), 0.5)
    assert set(query("bait", 2, features=features, probs=probs).tolist()) == {0, 2}


def test_what_was_added_early_may_be_taken_out_again():
    """The n that are left of 2n are not always the n that were added first."""
    replaced = 0
    for seed in range(8):
        features, probs, labels = pool(seed, n_items=30, share=0.0)
        infos, first = information(features, probs, binary=False), []
        fisher = infos.mean(axis=0)
        for _ in range(6):
            base = np.eye(12) + infos[first].sum(axis=0)
            left = [i for i in range(30) if i not in first]
            first.append(min(left, key=lambda i: np.trace(np.linalg.solve(base + infos[i], fisher))))
        replaced += set(query("bait", 6, features=features, probs=probs, labels=labels).tolist()) != set(first)
    assert replaced > 0


def test_labelled_rows_are_not_read():
    features, probs, labels = pool(6)
    expected = query("bait", 6, features=features, probs=probs, labels=labels)
    features[labels >= 0], probs[labels >= 0] = np.nan, np.nan
    assert np.array_equal(query("bait", 6, features=features, probs=probs, labels=labels), expected)


def test_of_equal_items_the_first_in_the_pool_is_picked():
    features, probs, _ = pool(7, n_items=12, share=0.0)
    for order in (np.arange(36), np.arange(36)[::-1]):
        rows = np.arange(36)[order] % 12
        chosen = query("bait", 3, features=features[rows], probs=probs[rows])
        assert (chosen < 12).all()


def test_many_classes_take_the_binary_form(monkeypatch):
    features, probs, labels = pool(8)
    arrays = {"features": features, "probs": probs, "labels": labels}
    monkeypatch.setattr(module, "MOST", 12)
    assert np.array_equal(query("bait", 7, **arrays), query("bait", 7, fisher="multinomial", **arrays))
    monkeypatch.setattr(module, "MOST", 11)
    assert np.array_equal(query("bait", 7, **arrays), query("bait", 7, fisher="binary", **arrays))


def test_many_steps_lose_no_accuracy():
    """After 120 additions and 60 removals the matrices that were followed are those that are computed anew."""
    from askew.kernels.fisher import FisherTrace, multinomial_factors

    features, probs, _ = pool(9, n_items=150, n_dims=6)
    infos, items, chosen = information(features, probs, binary=False), np.arange(150), list(range(120))
    trace = FisherTrace(features, multinomial_factors(probs), 0.1)
    for item in chosen:
        trace.add(item, items)
    for item in chosen[30:90]:
        trace.remove(item, items)
    inside = chosen[:30] + chosen[90:]
    fisher, base = infos.mean(axis=0), 0.1 * np.eye(18) + infos[inside].sum(axis=0)
    now = np.trace(np.linalg.solve(base, fisher))
    gains = [now - np.trace(np.linalg.solve(base + infos[i], fisher)) for i in range(150)]
    losses = [np.trace(np.linalg.solve(base - infos[i], fisher)) - now for i in inside]
    assert trace.gains(items) == pytest.approx(np.array(gains), rel=1e-7, abs=1e-12)
    assert trace.losses(np.array(inside)) == pytest.approx(np.array(losses), rel=1e-7, abs=1e-12)


@pytest.mark.parametrize(("name", "value"), [("fisher", "full"), ("penalty", 0), ("penalty", -1.0), ("penalty", "x")])
def test_settings_that_mean_nothing_are_refused(name, value):
    features, probs, labels = pool(10)
    with pytest.raises(InputError, match=f"{name}: "):
        query("bait", 1, features=features, probs=probs, labels=labels, **{name: value})


def test_features_that_drown_the_penalty_are_refused():
    features, probs, labels = pool(11)
    with pytest.raises(InputError, match=r"features: the largest is .*: scale them"):
        query("bait", 1, features=features * 1e7, probs=probs, labels=labels)
