"""Algorithm 2 against its definition, Q and Pᵀz and all, on pools small enough to write it out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from askew.errors import InputError
from askew.kernels import nearest
from askew.pick import greedy as greedy_module
from askew.pick.greedy import GreedyBalance, greedy
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.kcenter import kcenter


def rng(seed=0):
    return np.random.default_rng(seed)


def assert_algorithm_2(features, labels, chosen, probs, demand, weight, tolerance=1e-10):
    """Each pick attains argmin −d_i + λ‖Ω − Q_i − Pᵀz‖₁ among the items that were left, d to labelled and picked."""
    x, probs = np.asarray(features, dtype=np.float64), np.asarray(probs, dtype=np.float64)
    left, picked_sum = np.asarray(labels) < 0, np.zeros(probs.shape[1])
    centres = [int(i) for i in np.flatnonzero(~left)]
    for item in chosen.tolist():
        assert left[item]
        rest = np.flatnonzero(left)
        if centres:
            cost = -cdist(x[rest], x[centres]).min(axis=1)
            cost = cost + weight * np.abs(demand - probs[rest] - picked_sum).sum(axis=1)
            assert cost[rest == item][0] <= cost.min() + tolerance
        left[item] = False
        centres.append(item)
        picked_sum = picked_sum + probs[item]


@st.composite
def cases(draw):
    seed = draw(st.integers(0, 2**32 - 1))
    r = rng(seed)
    n_items, n_classes = draw(st.integers(2, 50)), draw(st.integers(1, 7))
    features = r.standard_normal((n_items, draw(st.integers(1, 5))))
    labels = np.where(r.random(n_items) < draw(st.sampled_from([0.0, 0.3])), 0, -1)
    labels[r.integers(n_items)] = -1
    n = int(r.integers(1, (labels < 0).sum() + 1))
    probs = r.dirichlet(np.full(n_classes, draw(st.sampled_from([0.05, 1.0]))), n_items)
    if draw(st.booleans()):
        probs = probs * r.integers(0, 6, size=(n_items, 1))  # expected counts of objects in a frame
    demand = r.random(n_classes) * draw(st.sampled_from([0.0, 1.0, 2.0 * n]))
    return features, labels, n, probs.astype(draw(st.sampled_from([np.float32, np.float64]))), demand


@settings(max_examples=150)
@given(cases(), st.sampled_from([0.0, 0.1, 1.0, 20.0]), st.sampled_from([3, 1024]))
def test_picks_are_those_of_the_definition(case, weight, front):
    features, labels, n, probs, demand = case
    pool = Pool(labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(greedy_module, "FRONT", front)
        patch.setattr(nearest, "STEP", 2)
        balance = GreedyBalance(probs, demand, weight)
        chosen = greedy(kcenter(Predictions(features=features), pool), pool.unlabeled, n, rng(1), balance=balance)
    assert chosen.dtype == np.int64
    assert len(set(chosen.tolist())) == n
    assert_algorithm_2(features, labels, chosen, probs, demand, weight)


def features_with_ties(kind, n_items, r):
    """Features of which very many are equal, or equally far from everything that is picked."""
    return {
        "zeros": np.zeros((n_items, 3)),
        "one-hot": np.eye(10)[r.integers(10, size=n_items)],
        "small integers": r.integers(3, size=(n_items, 3)).astype(float),
        "sparse": np.maximum(r.standard_normal((n_items, 6)) - 2.5, 0),
        "12 bits": r.integers(2, size=(n_items, 12)).astype(float),
    }[kind]


@pytest.fixture
def rounds(monkeypatch):
    """Counts the rounds of `greedy`: fronts that were made."""
    counted, made = [], greedy_module.Picking._fresh_front

    def counting(*arguments):
        counted.append(len(counted))
        assert len(counted) < 1000, "it does not end"
        return made(*arguments)

    monkeypatch.setattr(greedy_module.Picking, "_fresh_front", counting)
    return counted


@pytest.mark.parametrize("equal_rows", [True, False])
@pytest.mark.parametrize("kind", ["zeros", "one-hot", "small integers", "sparse"])
def test_it_ends_and_is_right_where_very_many_items_are_equal(kind, equal_rows, rounds):
    r = rng(5)
    features = features_with_ties(kind, 1100, r)
    probs = r.dirichlet(np.ones(4), 1100)
    if equal_rows:
        probs = probs[np.unique(features, axis=0, return_inverse=True)[1].ravel()]
    labels = np.where(np.arange(1100) < 5, 0, -1)
    pool, demand = Pool(labels), np.full(4, 15.0)
    gains = kcenter(Predictions(features=features), pool)
    chosen = greedy(gains, pool.unlabeled, 60, rng(1), balance=GreedyBalance(probs, demand, 10.0))
    assert_algorithm_2(features, labels, chosen, probs, demand, 10.0)
    assert len(rounds) <= 60


@pytest.mark.parametrize("weight", [0.1, 1.0, 10.0])
def test_it_ends_on_many_ties(weight, rounds):
    r = rng(0)
    features, probs = features_with_ties("12 bits", 5000, r), r.dirichlet(np.ones(5), 5000)
    pool, demand = Pool(np.where(np.arange(5000) < 20, 0, -1)), np.full(5, 20.0)
    gains = kcenter(Predictions(features=features), pool)
    chosen = greedy(gains, pool.unlabeled, 100, rng(1), balance=GreedyBalance(probs, demand, weight))
    assert_algorithm_2(features, pool.labels, chosen, probs, demand, weight)
    assert len(rounds) <= 100


def test_it_ends_where_the_penalty_is_far_larger_than_the_gains(rounds):
    r = rng(0)
    features = r.standard_normal((20_000, 512), dtype=np.float32)
    probs = r.dirichlet(np.full(100, 0.1), 20_000).astype(np.float32)
    pool, demand = Pool.without_labels(20_000), np.full(100, 5.0)
    gains = kcenter(Predictions(features=features), pool)
    chosen = greedy(gains, pool.unlabeled, 500, rng(1), balance=GreedyBalance(probs, demand, 1000.0))
    assert len(set(chosen.tolist())) == 500
    assert_algorithm_2(
        features,
        np.where(np.arange(20_000) == chosen[0], 0, -1),
        chosen[1:4],
        probs,
        demand - probs[chosen[0]],
        1000.0,
        tolerance=1e-8,
    )
    assert len(rounds) <= 20


def test_a_front_without_a_pick_grows_until_it_holds_every_item(monkeypatch, rounds):
    """Gains and rows of P all equal and bounds a hair above: only a front that holds all items can pick."""
    monkeypatch.setattr(greedy_module, "FRONT", 4)
    probs = np.full((100, 3), 0.3)
    balance = GreedyBalance(probs, np.array([5.0, 2.0, 0.5]), 2.0)
    chosen = greedy(Fixed(np.ones(100)), np.arange(100), 50, rng(), balance=balance)
    assert len(set(chosen.tolist())) == 50
    assert len(rounds) <= 6


def test_by_hand():
    features = np.array([[0.0], [3.0], [-2.0], [2.0]])
    probs = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    pool = Pool(np.array([0, -1, -1, -1]))

    def picks(demand, weight):
        gains = kcenter(Predictions(features=features), pool)
        return greedy(gains, pool.unlabeled, 3, rng(), balance=GreedyBalance(probs, demand, weight)).tolist()

    # λ = 2, Ω = (0, 2). Costs: item 1: −3 + 2·3 = 3; items 2, 3: −2 + 2·1 = 0. After either, R = (0, 1), and so on.
    assert picks([0.0, 2.0], 2.0) in ([2, 3, 1], [3, 2, 1])
    # λ = 0.1, Ω = (0, 2): the distance wins, −3 + 0.3 < −2 + 0.1; then item 2 at distance 2 from 0.
    assert picks([0.0, 2.0], 0.1) == [1, 2, 3]


def test_per_class_divides_the_weight_by_the_number_of_classes():
    r = rng(3)
    features, probs = r.standard_normal((80, 4)), r.dirichlet(np.ones(5), 80)
    pool, demand = Pool(np.where(np.arange(80) < 5, 0, -1)), np.full(5, 4.0)

    def picks(weight, per_class):
        balance = GreedyBalance(probs, demand, weight, per_class=per_class)
        return greedy(kcenter(Predictions(features=features), pool), pool.unlabeled, 20, rng(), balance=balance)

    assert np.array_equal(picks(5.0, per_class=True), picks(1.0, per_class=False))
    assert not np.array_equal(picks(5.0, per_class=True), picks(5.0, per_class=False))


def test_a_larger_weight_brings_the_counts_nearer_the_demand():
    r = rng(0)
    features = r.standard_normal((3000, 16)).astype(np.float32)
    probs = r.dirichlet(np.array([5, 1, 0.3, 0.1]), 3000).astype(np.float32)
    pool, demand = Pool(np.where(np.arange(3000) < 100, 0, -1)), np.full(4, 50.0)
    distance = []
    for weight in (0.0, 1.0, 10.0):
        balance = GreedyBalance(probs, demand, weight)
        chosen = greedy(kcenter(Predictions(features=features), pool), pool.unlabeled, 200, rng(), balance=balance)
        distance.append(np.abs(demand - probs[chosen].sum(axis=0)).sum())
    assert distance[0] > 1.3 * distance[1] > 1.3 * distance[2]


class Fixed:
    """Gains that no pick changes, all bounds exact: the smallest thing that keeps the protocol."""

    may_grow = False

    def __init__(self, gains):
        self.upper, self.start = np.array(gains, dtype=np.float64), np.empty(0, dtype=np.int64)

    def fresh(self, items):
        return np.ones(len(items), dtype=bool)

    def refresh(self, items):
        raise AssertionError(f"everything is fresh, {items} too")

    def focus(self, items):
        self.low, self.high = self.upper[items].copy(), self.upper[items].copy()

    def settle(self, positions):
        pass

    def pick(self, position):
        self.low[position] = self.high[position] = -np.inf


def test_any_gains_will_do_and_equal_ones_are_ordered_at_random(monkeypatch):
    monkeypatch.setattr(greedy_module, "FRONT", 4)
    gains = np.repeat([1.0, 5.0, 3.0], 10)
    orders = set()
    for seed in range(20):
        chosen = greedy(Fixed(gains), np.arange(30), 30, rng(seed))
        assert gains[chosen].tolist() == sorted(gains, reverse=True)
        orders.add(tuple(chosen.tolist()))
    assert len(orders) == 20
    firsts = np.bincount([int(greedy(Fixed(gains), np.arange(30), 1, rng(s))[0]) for s in range(600)], minlength=30)
    assert (firsts[10:20] > 25).all()


def test_only_candidates_are_picked():
    chosen = greedy(Fixed(np.arange(10.0)), np.array([1, 4, 6]), 2, rng())
    assert chosen.tolist() == [6, 4]


@pytest.mark.parametrize("n", [0, 4])
def test_n_out_of_range(n):
    with pytest.raises(InputError, match=f"n: {n} items asked, expected from 1 to the 3 that are unlabeled"):
        greedy(Fixed(np.arange(10.0)), np.array([1, 4, 6]), n, rng())


def test_refusals_name_the_values():
    probs = np.array([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]])
    for demand, weight, message in [
        ([1.0], 1.0, r"demand: expected shape \(2,\), one a class of probs, got \(1,\)"),
        ([1.0, -2.0], 1.0, r"demand: -2 for class 1"),
        ([1.0, np.nan], 1.0, r"demand: nan for class 1"),
        ([1.0, 1.0], -0.5, r"weight: -0.5: expected a finite number from 0"),
        ([1.0, 1.0], np.inf, r"weight: inf"),
    ]:
        with pytest.raises(InputError, match=message):
            GreedyBalance(probs, np.array(demand), weight)
    for value, message in [
        (np.nan, r"probs: 1 of 2 rows are not finite; first at item 2"),
        (-1.0, r"negative at item 2"),
    ]:
        wrong = probs.copy()
        wrong[2, 0] = value
        with pytest.raises(InputError, match=message):
            greedy(Fixed(np.arange(3.0)), np.array([0, 2]), 1, rng(), balance=GreedyBalance(wrong, np.ones(2), 1.0))
        assert len(
            greedy(Fixed(np.arange(3.0)), np.array([0, 1]), 1, rng(), balance=GreedyBalance(wrong, np.ones(2), 1.0))
        )


@pytest.mark.parametrize("front", [3, 1024])
def test_of_equal_gains_the_preferred_go_first_and_then_chance_decides(monkeypatch, front):
    monkeypatch.setattr(greedy_module, "FRONT", front)
    gains, prefer = np.repeat([1.0, 5.0], 6), np.tile([0.0, 2.0, 1.0, 2.0, 0.0, 1.0], 2)
    orders = set()
    for seed in range(20):
        fixed = Fixed(gains)
        fixed.prefer = prefer
        chosen = greedy(fixed, np.arange(12), 12, rng(seed))
        assert [(gains[i], prefer[i]) for i in chosen] == sorted(zip(gains, prefer, strict=True), reverse=True)
        orders.add(tuple(chosen.tolist()))
    assert len(orders) > 10
