"""The one call: a strategy's name and arrays in, pool indices out."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from askew.arrays import Array, Floats, Indices, to_numpy
from askew.errors import InputError, unknown
from askew.pick import balance as eq48
from askew.pick.greedy import GreedyBalance, greedy
from askew.pick.top import top
from askew.pool import Pool, Predictions
from askew.seeding import generator
from askew.strategies.registry import Strategy, get

Weight = float | Literal["auto"]


@dataclass(frozen=True)
class Balance:
    """How a selection is balanced over the classes.

    Attributes:
        weight: λ of Eq. 4.8, in units of score per item of class count; "auto" tunes it (Fig. 4.4).
        target: (C,) the class distribution wanted, sums to 1; None is uniform.
        by: "probs" is Eq. 4.8 or Algorithm 2; "predicted" is the baseline of Fig. 4.7, ω_c best of a predicted class.
        distance: "l1" (the thesis), "l2" or "wasserstein".
        ground_metric: (C, C) the cost of taking one class for another, for "wasserstein"; None is |i − j|.
        per_class: divide λ by C, the convention of the authors' code in Algorithm 2.
    """

    weight: Weight
    target: Array | None = None
    by: Literal["probs", "predicted"] = "probs"
    distance: Literal["l1", "l2", "wasserstein"] = "l1"
    ground_metric: Array | None = None
    per_class: bool = False

    def __post_init__(self) -> None:
        if self.by not in ("probs", "predicted"):
            raise unknown("balance_by", self.by, ["probs", "predicted"])
        if self.distance not in ("l1", "l2", "wasserstein"):
            raise unknown("balance_distance", self.distance, ["l1", "l2", "wasserstein"])
        if isinstance(self.weight, str):
            if self.weight != "auto":
                raise InputError(f'balance: expected a number from 0 or "auto", got {self.weight!r}')
        elif not (np.isfinite(self.weight) and self.weight >= 0):
            raise InputError(f'balance: expected a number from 0 or "auto", got {self.weight!r}')


@dataclass(frozen=True)
class Selection:
    """What a query chose, and what the balance says of it.

    Attributes:
        chosen: (n,) int64 pool indices, best first.
        demand: (C,) Ω of Eq. 4.3, or None without balance.
        expected: (C,) expected class counts of the choice, Σ of its rows of `probs`, or None without balance.
        weight: the λ used, or None.
        objective, bound, gap: of Eq. 4.8, certified, where it was solved; else None.
        curve: the λ curve if λ was tuned, else None.
    """

    chosen: Indices
    demand: Floats | None = None
    expected: Floats | None = None
    weight: float | None = None
    objective: float | None = None
    bound: float | None = None
    gap: float | None = None
    curve: eq48.TunedWeight | None = field(default=None, repr=False)


def query(
    strategy: str,
    n: int,
    *,
    labels: Array | None = None,
    probs: Array | None = None,
    features: Array | None = None,
    draws: Array | None = None,
    dispersion: Array | None = None,
    margins: Array | None = None,
    labeled_likeness: Array | None = None,
    truth: Array | None = None,
    balance: Weight | None = None,
    target: Array | None = None,
    balance_by: Literal["probs", "predicted"] = "probs",
    balance_distance: Literal["l1", "l2", "wasserstein"] = "l1",
    seed: int = 0,
    **parameters: Any,
) -> Indices:
    """Returns the n unlabeled items that a person should label next, best first.

    Arrays are NumPy or torch, on any device; row i of each is pool item i. Rows of labelled items may be NaN where the
    strategy does not read them.

    Args:
        strategy: a name from `askew.strategies()`.
        n: how many items to ask, 1 to the number of unlabeled items.
        labels: (N,) integers, -1 is unlabeled; without it no item is labelled.
        probs: (N, C) class probabilities, rows sum to 1; never logits.
        features: (N, D) embeddings.
        draws: (T, N, C) probabilities of T stochastic passes.
        dispersion: (N,) label dispersion in [0, 1].
        margins: (N, C) SVM decision values.
        labeled_likeness: (N,) how sure a discriminator is that an item is labelled.
        truth: (N,) true classes, for oracle strategies.
        balance: λ of Eq. 4.8 (scorers) or Algorithm 2 (greedy strategies), or "auto"; needs `probs`.
        target: (C,) class distribution wanted with `balance`; uniform if None.
        balance_by: "probs", or "predicted" for the baseline that takes quotas of predicted classes.
        balance_distance: "l1", "l2" or "wasserstein"; scorers only.
        seed: settles ties and the draws of stochastic strategies; the same seed gives the same answer.
        **parameters: the strategy's own, listed by `askew.strategies()`.

    Returns:
        (n,) int64 pool indices, distinct, unlabeled.

    Raises:
        InputError: an unknown strategy or parameter, an array that is missing, of a wrong shape, not finite or not a
            distribution, or an n out of range.

    >>> p = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.6, 0.4]])
    >>> query("entropy", 2, probs=p, labels=[-1, 0, -1, -1])
    array([3, 2])
    """
    pred = Predictions(
        probs=probs,
        features=features,
        draws=draws,
        dispersion=dispersion,
        margins=margins,
        labeled_likeness=labeled_likeness,
        truth=truth,
    )
    balanced = None
    if balance is not None:
        balanced = Balance(balance, target=target, by=balance_by, distance=balance_distance)
    elif target is not None or balance_by != "probs" or balance_distance != "l1":
        raise InputError('target, balance_by and balance_distance need balance=: give it a weight, or "auto"')
    entry = get(strategy)
    return select(entry, n, pred, _pool(entry, labels, pred), balance=balanced, seed=seed, parameters=parameters).chosen


def select(
    strategy: Strategy,
    n: int,
    pred: Predictions,
    pool: Pool,
    *,
    balance: Balance | None = None,
    seed: int = 0,
    parameters: Mapping[str, Any] | None = None,
) -> Selection:
    """Does what `query` does from checked types, and also returns what the balance proved.

    Raises:
        InputError: see `query`.
    """
    own = _checked_parameters(strategy, parameters or {})
    if pred.n_items is not None and pred.n_items != len(pool):
        raise InputError(f"labels has {len(pool)} items, the other arrays have {pred.n_items}")
    if pred.n_classes is not None:
        pool.counts(pred.n_classes)
    n = _checked_n(n, pool)
    for name in strategy.needs:
        pred.require(name, pool.unlabeled, strategy.name)
    if strategy.stochastic:
        own["rng"] = generator(seed, strategy.name)
    if strategy.kind == "selector":
        if balance is not None:
            raise InputError(f"{strategy.name} picks its set by itself and cannot be balanced: leave balance= out")
        return Selection(strategy.fn(pred, pool, n, **own))
    if strategy.kind == "greedy":
        return _greedy(strategy.fn(pred, pool, **own), n, pred, pool, balance, seed)
    scores = _checked_scores(strategy, strategy.fn(pred, pool, **own), pool)
    if balance is None:
        return Selection(pool.unlabeled[top(scores, n, generator(seed, "ties"))])
    return _balanced(scores, n, pred, pool, balance)


def _greedy(gains: Any, n: int, pred: Predictions, pool: Pool, balance: Balance | None, seed: int) -> Selection:
    rng = generator(seed, "ties")
    if balance is None:
        return Selection(greedy(gains, pool.unlabeled, n, rng))
    if balance.by != "probs" or balance.distance != "l1":
        raise InputError(
            "a greedy strategy is balanced by Algorithm 2: balance_by and balance_distance stay at default"
        )
    if balance.weight == "auto":
        raise InputError('balance="auto" tunes the weight of a scorer; give a greedy strategy a number, such as 0.5')
    probs, demand = _demand(n, pred, pool, balance)
    chosen = greedy(
        gains,
        pool.unlabeled,
        n,
        rng,
        balance=GreedyBalance(probs, demand, float(balance.weight), per_class=balance.per_class),
    )
    return Selection(chosen, demand, probs[chosen].sum(axis=0, dtype=np.float64), float(balance.weight))


def _balanced(scores: Floats, n: int, pred: Predictions, pool: Pool, balance: Balance) -> Selection:
    probs, demand = _demand(n, pred, pool, balance)
    rows = probs if len(pool.unlabeled) == len(pool) else probs[pool.unlabeled]
    if balance.by == "predicted":
        chosen = pool.unlabeled[eq48.predicted_quota(scores, rows, demand, n)]
        return Selection(chosen, demand, probs[chosen].sum(axis=0, dtype=np.float64))
    curve = None
    weight = balance.weight
    if weight == "auto":
        curve = eq48.tune_weight(scores, rows, demand, n)
        weight = curve.weight
    solved = eq48.solve(
        scores,
        rows,
        demand,
        n,
        weight=float(weight),
        distance=balance.distance,
        ground_metric=None if balance.ground_metric is None else to_numpy(balance.ground_metric),
    )
    chosen = pool.unlabeled[solved.chosen]
    expected = probs[chosen].sum(axis=0, dtype=np.float64)
    return Selection(chosen, demand, expected, float(weight), solved.objective, solved.bound, solved.gap, curve)


def _demand(n: int, pred: Predictions, pool: Pool, balance: Balance) -> tuple[Floats, Floats]:
    probs = to_numpy(pred.require("probs", pool.unlabeled, "balance"))
    return probs, eq48.demand(pool.counts(probs.shape[1]), n, balance.target)


def _pool(strategy: Strategy, labels: Array | None, pred: Predictions) -> Pool:
    if labels is not None:
        return Pool(labels)
    if pred.n_items is None:
        wanted = " and ".join(strategy.needs) or "labels or any array over the pool"
        raise InputError(f"{strategy.name} needs {wanted}: nothing was given that says how large the pool is")
    return Pool.without_labels(pred.n_items)


def _checked_n(n: int, pool: Pool) -> int:
    try:
        count = operator.index(n)
    except TypeError as error:
        raise InputError(f"n: expected a whole number, got {n!r}") from error
    if isinstance(n, bool) or count < 1:
        raise InputError(f"n: expected at least 1, got {n!r}")
    if count > len(pool.unlabeled):
        raise InputError(f"n: {count} is more than the {len(pool.unlabeled)} unlabeled items of {len(pool)}")
    return count


def _checked_parameters(strategy: Strategy, given: Mapping[str, Any]) -> dict[str, Any]:
    for name in given:
        if name not in strategy.parameters:
            raise unknown(f"parameter of {strategy.name}", name, strategy.parameters)
    return dict(given)


def _checked_scores(strategy: Strategy, scores: Array, pool: Pool) -> Floats:
    values = to_numpy(scores)
    out: Floats = values if len(pool.unlabeled) == len(pool) else values[pool.unlabeled]
    bad = np.flatnonzero(np.isnan(out))
    if len(bad):
        raise InputError(
            f"{strategy.name}: {len(bad)} of {len(out)} scores are NaN; first at item {pool.unlabeled[bad[0]]}"
        )
    return out
