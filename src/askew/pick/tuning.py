"""The weight of the class balance of a greedy strategy, found where more of it brings the demand no nearer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from askew.arrays import Array, Floats, Indices, as_reals, is_number, is_whole, to_numpy
from askew.errors import InputError
from askew.kernels.threads import one_blas_thread
from askew.pick.balance import TunedWeight, knee
from askew.pick.greedy import GreedyBalance, Penalty, Picking
from askew.strategies.gains import Gains

SWEEP = 0.02 * 500 ** (np.arange(16) / 15)
"""Weights to try, from 1/50 to 10 times the spread of the gains."""

SAMPLE = 1024
"""From how many items the spread is taken."""


def tune_greedy_weight(
    gains: Callable[[], Gains],
    items: Indices,
    n: int,
    rng: np.random.Generator,
    *,
    probs: Array,
    demand: Floats,
    per_class: bool = False,
    weights: Array | None = None,
    tolerance: float = 0.05,
) -> TunedWeight:
    """Sweeps the weight of Algorithm 2 and returns the smallest one after which the distance stops falling (Fig. 4.4).

    The rule is that of `balance.tune_weight`; the distance is L1, of the demand from the expected counts of what
    `greedy` picks at each weight. The sweep's unit is the strategy's own: the range of the gains over the middle 98% of
    the items left when n were picked without a balance, divided by the largest sum of a row of P. So the weight scales
    with the gains, and picks do not depend on the unit of the features.

    Args:
        gains: gives gains to pick from, those before the first pick; called once for each weight (`gains.repeated`).
        items: (K,) distinct pool indices, the candidates.
        n: how many, 1 ≤ n ≤ K.
        rng: orders equal scores, by one permutation for the whole sweep. `greedy` with a generator in the same state
            picks what the sweep picked at that weight.
        probs, demand, per_class: as for `GreedyBalance`.
        weights: (W,) > 0; if None, 16 in geometric progression from 1/50 to 10 times the unit.
        tolerance: in [0, 1).

    Returns:
        TunedWeight; its `score_sums` are sums of the gains at the time of each pick.

    Raises:
        InputError: as `greedy` and `GreedyBalance`, and for weights that are not positive or a tolerance out of range.

    Cost: one `greedy` a weight, 17 with the default sweep.

    >>> from askew.strategies.gains import EagerGains
    >>> values, probs = np.array([0.9, 0.8, 0.7, 0.2]), np.array([[1.0, 0], [1, 0], [1, 0], [0, 1]])
    >>> tuned = tune_greedy_weight(
    ...     lambda: EagerGains(values, lambda item: values), np.arange(4), 2, np.random.default_rng(0),
    ...     probs=probs, demand=np.array([1.0, 1.0]), weights=[0.1, 0.5, 2],
    ... )
    >>> tuned.weight, tuned.losses
    (0.5, array([2., 2., 0., 0.]))
    """
    if not is_whole(n) or not 1 <= n <= len(items):
        raise InputError(f"n: {n!r} items asked, expected from 1 to the {len(items)} that are unlabeled")
    if not (is_number(tolerance) and 0 <= tolerance < 1):
        raise InputError(f"tolerance: expected 0 <= tolerance < 1, got {tolerance!r}")
    keys, table = rng.permutation(len(items)), to_numpy(GreedyBalance(probs, demand, 0.0).probs)
    losses, sums = [], []

    def pick(weight: float) -> Picking:
        balance = GreedyBalance(table, demand, weight, per_class=per_class)
        picking = Picking(gains(), items, keys, Penalty(balance, items), gained=[])
        with one_blas_thread():
            picking.run(n)
        expected = table[picking.chosen].sum(axis=0, dtype=np.float64)
        losses.append(float(np.abs(balance.demand - expected).sum()))
        sums.append(float(np.sum(picking.gained or [0.0])))
        return picking

    plain = pick(0.0)
    if weights is None:
        largest_row = float(table[items].sum(axis=1).max()) or 1.0
        sweep = SWEEP * (_spread(plain) / largest_row * (table.shape[1] if per_class else 1))
    else:
        sweep = np.unique(as_reals("weights", weights))
        if not len(sweep) or not sweep[0] > 0 or not np.isfinite(sweep[-1]):
            raise InputError(f"weights: expected finite weights > 0, got {sweep}")
    for weight in sweep:
        pick(float(weight))
    every = np.concatenate([[0.0], sweep])
    loss = np.array(losses)
    return TunedWeight(knee(every, loss, np.asarray(demand), tolerance), every, loss, np.array(sums))


def _spread(plain: Picking) -> float:
    """Returns the range of the gains over the middle 98% of a sample of the items that were not picked."""
    left = np.flatnonzero(~np.isin(plain.items, plain.chosen))
    sample = left[np.argsort(plain.keys[left])[:SAMPLE]]
    if len(sample):
        plain.gains.focus(plain.items[sample])
        plain.gains.settle(np.arange(len(sample)))
        low, high = np.quantile(plain.gains.high, [0.01, 0.99])
        if high > low:
            return float(high - low)
    gained = plain.gained or [0.0]
    return float(np.ptp(gained)) or float(np.max(np.abs(gained))) or 1.0
