"""A greedy strategy in a few lines, by `EagerGains`: plain and balanced against the definition, gains that grow too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askew.errors import InputError
from askew.kernels import nearest
from askew.pick import greedy as greedy_module
from askew.pick.greedy import GreedyBalance, greedy
from askew.pick.tuning import tune_greedy_weight
from askew.picking import greedily
from askew.plan import Balance
from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import query
from askew.seeding import generator
from askew.strategies.gains import EagerGains, Gains
from askew.strategies.registry import get, strategies, strategy


@strategy("cover", kind="greedy", needs=("features",), paper="Yehuda et al. 2022, arXiv 2205.11320")
def cover(pred: Predictions, pool: Pool, *, radius: float = 1.0) -> Gains:
    """Gains the number of items within `radius` that no labelled or picked item covers yet."""
    x = np.asarray(pred.features)
    near = np.square(x[:, None] - x[None]).sum(axis=2) <= radius**2
    covered = near[pool.labeled].any(axis=0)

    def after_pick(item: int) -> np.ndarray:
        covered[near[item]] = True
        return (near & ~covered).sum(axis=1)

    return EagerGains((near & ~covered).sum(axis=1), after_pick)


@strategy("chain", kind="greedy", needs=("features",), paper="a test: gains that grow")
def chain(pred: Predictions, pool: Pool) -> Gains:
    """Gains nearness to the item picked last: gains grow and fall from pick to pick."""
    x = np.asarray(pred.features)
    return EagerGains(-np.abs(x).sum(axis=1), lambda item: -np.abs(x - x[item]).sum(axis=1), may_grow=True)


def cover_gains(x, labels, picked, radius=1.0):
    """The definition of `cover`, item by item."""
    centres = [i for i in range(len(x)) if labels[i] >= 0] + picked
    distance = [[sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) for q in x] for p in x]
    left = [j for j in range(len(x)) if all(distance[c][j] > radius**2 for c in centres)]
    return np.array([sum(distance[i][j] <= radius**2 for j in left) for i in range(len(x))], dtype=float)


def chain_gains(x, labels, picked):
    last = x[picked[-1]] if picked else np.zeros(x.shape[1])
    return np.array([-sum(abs(a - b) for a, b in zip(row, last, strict=True)) for row in x])


def assert_each_pick_is_best(gains_of, x, labels, chosen, probs, demand, weight):
    left, wanted = [i for i in range(len(x)) if labels[i] < 0], np.array(demand)
    picked: list[int] = []
    for item in chosen.tolist():
        gains = gains_of(x, labels, picked)
        score = {i: gains[i] - weight * np.abs(wanted - probs[i]).sum() for i in left}
        assert score[item] >= max(score.values()) - 1e-9
        left.remove(item)
        picked.append(item)
        wanted = wanted - probs[item]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([(cover, cover_gains), (chain, chain_gains)]),
    st.sampled_from([None, 0.0, 0.3, 5.0]),
    st.sampled_from([2, 1024]),
    st.integers(0, 2**32 - 1),
)
def test_picks_are_those_of_the_definition(pair, weight, front, seed):
    rng = np.random.default_rng(seed)
    n_items = int(rng.integers(3, 30))
    x = rng.integers(-3, 4, size=(n_items, 2)).astype(float)
    labels = np.where(rng.random(n_items) < 0.2, 0, -1)
    labels[rng.integers(n_items)] = -1
    n = int(rng.integers(1, (labels < 0).sum() + 1))
    probs = rng.dirichlet(np.ones(3), n_items)
    pool, demand = Pool(labels), rng.random(3) * n
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(greedy_module, "FRONT", front)
        balance = None if weight is None else GreedyBalance(probs, demand, weight)
        chosen = greedy(pair[0](Predictions(features=x), pool), pool.unlabeled, n, rng, balance=balance)
    assert len(set(chosen.tolist())) == n
    assert_each_pick_is_best(pair[1], x, labels, chosen, probs, demand, weight or 0.0)


def test_the_call_takes_it_with_its_parameter_and_a_balance():
    rng = np.random.default_rng(0)
    x, probs = rng.standard_normal((80, 2)), rng.dirichlet(np.ones(3), 80)
    labels = np.where(np.arange(80) < 5, np.arange(80) % 3, -1)
    plain = query(cover, 10, features=x, labels=labels, radius=0.5)
    assert_each_pick_is_best(lambda *state: cover_gains(*state, radius=0.5), x, labels, plain, probs, np.zeros(3), 0.0)
    demand = np.maximum((10 + 5) / 3 - np.bincount(labels[labels >= 0], minlength=3), 0)
    balanced = query(cover, 10, features=x, labels=labels, probs=probs, radius=0.5, balance=4.0)
    assert_each_pick_is_best(lambda *state: cover_gains(*state, radius=0.5), x, labels, balanced, probs, demand, 4.0)
    assert plain.tolist() != balanced.tolist()


def test_gains_that_grow_are_refused_unless_it_was_said():
    gains = EagerGains([3.0, 2.0, 1.0], lambda _: np.array([1.0, 1.0, 4.0]))
    with pytest.raises(
        InputError, match="gains: that of item 2 grew from 1 to 4 when item 0 was picked: give EagerGains"
    ):
        greedy(gains, np.arange(3), 2, np.random.default_rng(0))
    rounded = EagerGains([3.0, 2.0, 1.0], lambda _: np.array([3.0, 2.0, 1.0]) + 1e-12)
    assert greedy(rounded, np.arange(3), 3, np.random.default_rng(0)).tolist() == [0, 1, 2]


def test_gains_are_checked():
    rng = np.random.default_rng(0)
    for values, message in [
        ([[1.0]], r"gains: expected shape \(N,\), got \(1, 1\)"),
        (["a"], "gains: expected numbers"),
    ]:
        with pytest.raises(InputError, match=message):
            EagerGains(values, lambda _: [0.0])
    with pytest.raises(InputError, match=r"gains: nan for item 1: expected finite numbers"):
        greedy(EagerGains([1.0, np.nan], lambda _: [0.0, 0.0]), np.arange(2), 1, rng)
    with pytest.raises(InputError, match=r"gains: expected shape \(2,\), got \(3,\)"):
        greedy(EagerGains([1.0, 2.0], lambda _: [0.0, 0.0, 0.0]), np.arange(2), 2, rng)
    unread = EagerGains([1.0, np.nan, 2.0], lambda _: [0.5, np.nan, 0.5])
    assert greedy(unread, np.array([0, 2]), 2, rng).tolist() == [2, 0]


GREEDY = [name for name, s in strategies().items() if s.kind == "greedy"]


def of(name, n_labeled, seed=0, n_items=700):
    """What makes the gains of a strategy on a pool in groups, with labelled items scattered through it."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(4, size=n_items)
    features = (3 * rng.standard_normal((4, 6))[truth] + rng.standard_normal((n_items, 6))).astype(np.float32)
    probs, labels = rng.dirichlet(np.ones(4), n_items), np.full(n_items, -1)
    labeled = rng.permutation(n_items)[:n_labeled]
    labels[labeled] = truth[labeled]
    pred, pool, found = Predictions(features=features, probs=probs), Pool(labels), get(name)

    def make():
        return found.fn(pred, pool, **({"rng": np.random.default_rng(7)} if found.stochastic else {}))

    return make, pool, probs


def state(one):
    """All arrays of gains, copied, and how long their lists are."""
    arrays = {k: v.copy() for k, v in vars(one).items() if isinstance(v, np.ndarray)}
    return arrays | {k: len(v) for k, v in vars(one).items() if isinstance(v, list | dict)}


@pytest.mark.parametrize("n_labeled", [0, 40, 300])
@pytest.mark.parametrize("name", GREEDY)
def test_a_copy_picks_what_new_gains_would_and_leaves_its_origin_as_it_was(name, n_labeled, monkeypatch):
    monkeypatch.setattr(nearest, "STEP", 32)  # so that 300 labelled items are many, and grouped
    make, pool, probs = of(name, n_labeled)
    first = make()
    before = state(first)
    balance = GreedyBalance(probs, np.array([30.0, 5, 5, 0]), 2.0)
    for given_balance in (None, balance, None):
        wanted = greedy(make(), pool.unlabeled, 40, np.random.default_rng(1), balance=given_balance)
        picked = greedy(first.copy(), pool.unlabeled, 40, np.random.default_rng(1), balance=given_balance)
        assert picked.tolist() == wanted.tolist()
    for key, value in state(first).items():
        np.testing.assert_array_equal(value, before[key], err_msg=key)


@pytest.mark.parametrize("name", GREEDY)
def test_a_copy_in_the_middle_goes_on_from_there_alone(name):
    make, pool, _ = of(name, 0)
    gains, rng = make(), np.random.default_rng
    greedy(gains, pool.unlabeled, 5, rng(1))
    other, left = gains.copy(), np.flatnonzero(gains.upper > -np.inf)[:20]
    gains.focus(left)
    gains.pick(3)
    other.focus(left)
    other.pick(7)
    assert gains.high[3] == other.high[7] == -np.inf
    assert min(gains.high[7], other.high[3]) > -np.inf
    third = make()
    for item in (*greedy(third.copy(), pool.unlabeled, 5, rng(1)), left[7]):
        third.focus(np.array([item]))
        third.pick(0)
    third.focus(left)
    for one in (other, third):
        one.settle(np.arange(20))
    np.testing.assert_allclose(np.delete(other.high, 7), np.delete(third.high, 7), rtol=1e-9)


@pytest.mark.parametrize("name", GREEDY)
def test_a_tuned_weight_asks_the_strategy_once_and_finds_what_new_gains_would(name):
    make, pool, probs = of(name, 60)
    calls = []

    def counted():
        calls.append(1)
        return make()

    pred = Predictions(probs=probs)
    found = greedily(counted, 40, pred, pool, Balance("auto"), 3)
    assert len(calls) == 1
    given = {"probs": probs, "demand": found.demand}
    tuned = tune_greedy_weight(make, pool.unlabeled, 40, generator(3, "ties"), **given)
    for field in ("weights", "losses", "score_sums"):
        assert getattr(found.curve, field).tolist() == getattr(tuned, field).tolist()
    penalty = GreedyBalance(probs, found.demand, tuned.weight)
    wanted = greedy(make(), pool.unlabeled, 40, generator(3, "ties"), balance=penalty)
    assert found.chosen.tolist() == wanted.tolist()


def test_gains_without_copy_are_made_anew_for_each_selection_and_not_once_more():
    probs, labels = np.full((30, 2), 0.5), np.full(30, -1)
    x, calls = np.random.default_rng(0).standard_normal((30, 2)), []

    def make():
        calls.append(1)
        return cover(Predictions(features=x), Pool(labels))

    greedily(make, 5, Predictions(probs=probs), Pool(labels), Balance("auto"), 0)
    assert len(calls) == 18
