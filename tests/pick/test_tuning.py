"""The weight of a greedy strategy's balance: its rule by hand, its unit, and what it brings."""

from __future__ import annotations

import numpy as np
import pytest

from askew.errors import InputError
from askew.kernels.nearest import NearestCentre
from askew.pick.balance import demand as wanted
from askew.pick.greedy import GreedyBalance, greedy
from askew.pick.tuning import tune_greedy_weight
from askew.strategies.gains import EagerGains


def rng(seed=0):
    return np.random.default_rng(seed)


def fixed(values):
    """Makes gains that no pick changes."""
    return lambda: EagerGains(np.asarray(values), lambda _: np.asarray(values))


def test_it_finds_the_knee_by_hand():
    """Each exchange of an item of class 0 for one of class 1 costs 0.1, 0.2, 0.3 of gain and lowers the loss by 2."""
    values = [1.0, 1, 1, 1, 1, 1, 0.9, 0.8, 0.7]
    probs = np.eye(2)[[0] * 6 + [1] * 3]

    def tuned(weights, **options):
        return tune_greedy_weight(
            fixed(values), np.arange(9), 6, rng(), probs=probs, demand=np.array([3.0, 3.0]), weights=weights, **options
        )

    found = tuned([0.01, 0.06, 0.12, 0.2, 1, 5])
    np.testing.assert_allclose(found.weights, [0, 0.01, 0.06, 0.12, 0.2, 1, 5])
    np.testing.assert_allclose(found.losses, [6, 6, 4, 2, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(found.score_sums, [6, 6, 5.9, 5.7, 5.4, 5.4, 5.4])
    assert found.weight == 0.2
    assert tuned([0.01, 0.06, 0.12, 0.2, 1], tolerance=0.4).weight == 0.12
    np.testing.assert_allclose(tuned([0.4], per_class=True).losses, tuned([0.2]).losses)


def long_tail(seed=0, n_items=500, n_labeled=60):
    r = rng(seed)
    truth = r.choice(6, n_items, p=np.r_[np.full(3, 0.3), np.full(3, 0.1 / 3)])
    features = r.standard_normal((6, 24))[truth] * 2 + r.standard_normal((n_items, 24))
    logits = 3 * np.eye(6)[truth] + r.standard_normal((n_items, 6))
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labeled = np.sort(r.permutation(n_items)[:n_labeled])
    unlabeled = np.setdiff1d(np.arange(n_items), labeled)
    omega = wanted(np.bincount(truth[labeled], minlength=6), 40)
    return features, probs, labeled, unlabeled, omega


def tuned_picks(features, probs, labeled, unlabeled, omega):
    tuned = tune_greedy_weight(
        lambda: NearestCentre(features, labeled, unlabeled), unlabeled, 40, rng(3), probs=probs, demand=omega
    )
    balance = GreedyBalance(probs, omega, tuned.weight)
    return tuned, greedy(NearestCentre(features, labeled, unlabeled), unlabeled, 40, rng(3), balance=balance)


@pytest.mark.parametrize("n_labeled", [0, 60])
def test_the_unit_of_the_features_does_not_matter(n_labeled):
    features, *rest = long_tail(n_labeled=n_labeled)
    tuned, picks = tuned_picks(features, *rest)
    again, same = tuned_picks(features * 1000, *rest)
    assert same.tolist() == picks.tolist()
    np.testing.assert_allclose(again.weights, tuned.weights * 1000, rtol=1e-9)
    np.testing.assert_allclose(again.losses, tuned.losses)
    assert again.weight == pytest.approx(tuned.weight * 1000)


def test_the_sweep_holds_the_knee_and_the_pick_is_that_of_the_sweep():
    features, probs, labeled, unlabeled, omega = long_tail(1)
    tuned, picks = tuned_picks(features, probs, labeled, unlabeled, omega)
    assert len(tuned.weights) == 17
    assert 0 < tuned.weight < tuned.weights[-1]
    at = int(np.searchsorted(tuned.weights, tuned.weight))
    loss = np.abs(omega - probs[picks].sum(axis=0)).sum()
    assert loss == pytest.approx(tuned.losses[at])
    assert loss <= tuned.losses.min() + 0.05 * (tuned.losses[0] - tuned.losses.min()) + 1e-6
    assert tuned.losses[0] > 1.5 * loss
    plain = greedy(NearestCentre(features, labeled, unlabeled), unlabeled, 40, rng(3))
    assert tuned.losses[0] == pytest.approx(np.abs(omega - probs[plain].sum(axis=0)).sum())


def test_where_nothing_can_change_the_weight_is_zero():
    probs = np.full((20, 2), 0.5)
    tuned = tune_greedy_weight(fixed(np.ones(20)), np.arange(20), 20, rng(), probs=probs, demand=np.array([10.0, 10.0]))
    assert tuned.weight == 0


def test_refusals():
    probs, omega = np.full((4, 2), 0.5), np.ones(2)
    for options, message in [
        ({"weights": [0.0, 1.0]}, "weights: expected finite weights > 0"),
        ({"weights": [1.0, np.inf]}, "weights: expected finite weights > 0"),
        ({"weights": []}, "weights: expected finite weights > 0"),
        ({"weights": ["a"]}, "weights: expected numbers"),
        ({"tolerance": 1.0}, "tolerance: expected 0 <= tolerance < 1, got 1.0"),
        ({"tolerance": "x"}, "tolerance: expected 0 <= tolerance < 1, got 'x'"),
        ({"demand": np.ones(3)}, r"demand: expected shape \(2,\)"),
    ]:
        given = {"probs": probs, "demand": omega, **options}
        with pytest.raises(InputError, match=message):
            tune_greedy_weight(fixed(np.ones(4)), np.arange(4), 2, rng(), **given)
    for n in (0, 5, 1.5):
        with pytest.raises(InputError, match=f"n: {n} items asked, expected from 1 to the 4"):
            tune_greedy_weight(fixed(np.ones(4)), np.arange(4), n, rng(), probs=probs, demand=omega)
