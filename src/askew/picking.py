"""Scores or gains to a `Selection`: in the balance and the spacing that a plan asks for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from askew.arrays import Floats, Indices, to_numpy
from askew.errors import InputError
from askew.pick import balance as eq48
from askew.pick.frames import FrameTable, frame_table, pick_balanced_frames, pick_frames
from askew.pick.greedy import GreedyBalance, greedy
from askew.pick.tuning import tune_greedy_weight
from askew.plan import Balance, Spacing
from askew.pool import Pool
from askew.predictions import Predictions
from askew.seeding import generator
from askew.selection import Selection
from askew.strategies.gains import Gains, repeated


def greedily(
    gains: Callable[[], Gains], n: int, pred: Predictions, pool: Pool, balance: Balance | None, seed: int
) -> Selection:
    """Returns the picks of a greedy strategy, with Algorithm 2's penalty if there is a balance.

    Args:
        gains: makes the strategy's gains; called once where they can be copied, else for each selection.
        n: how many.
        pred: with `probs` of the unlabeled items if there is a balance.
        pool: who is labelled.
        balance: or None.
        seed: settles ties.

    Raises:
        InputError: `probs` are missing, or a target of another number of classes.
    """
    rng = generator(seed, "ties")
    if balance is None:
        return Selection(greedy(gains(), pool.unlabeled, n, rng))
    probs, demand = _demand(n, pred, pool, balance)
    curve: eq48.TunedWeight | None = None
    if isinstance(balance.weight, float):
        weight = balance.weight
    else:
        gains = repeated(gains)
        curve = tune_greedy_weight(
            gains,
            pool.unlabeled,
            n,
            generator(seed, "ties"),
            probs=probs,
            demand=demand,
            per_class=balance.per_class,
        )
        weight = curve.weight
    penalty = GreedyBalance(probs, demand, weight, per_class=balance.per_class)
    chosen = greedy(gains(), pool.unlabeled, n, rng, balance=penalty)
    return Selection(chosen, demand=demand, expected=_expected(probs, chosen), weight=weight, curve=curve)


def balanced(scores: Floats, n: int, pred: Predictions, pool: Pool, balance: Balance, seed: int) -> Selection:
    """Returns the picks of (U,) scores of the unlabeled items in balance: Eq. 4.8, or quotas of predicted classes.

    Raises:
        InputError: `probs` are missing, or a target of another number of classes.
    """
    probs, demand = _demand(n, pred, pool, balance)
    rows = probs if len(pool.unlabeled) == len(pool) else probs[pool.unlabeled]
    if balance.by == "predicted":
        picked = eq48.predicted_quota(scores, rows, demand, n, rng=generator(seed, "ties"))
        chosen = pool.unlabeled[picked]
        return Selection(chosen, scores[picked], demand, _expected(probs, chosen))
    metric = None if balance.ground_metric is None else np.asarray(balance.ground_metric)
    curve: eq48.TunedWeight | None = None
    if isinstance(balance.weight, float):
        weight = balance.weight
    else:
        curve = eq48.tune_weight(
            scores, rows, demand, n, distance=balance.distance, ground_metric=metric, rng=generator(seed, "ties")
        )
        weight = curve.weight
    solved = eq48.solve(
        scores,
        rows,
        demand,
        n,
        weight=weight,
        distance=balance.distance,
        ground_metric=metric,
        rng=generator(seed, "ties"),
    )
    chosen = pool.unlabeled[solved.chosen]
    return Selection(
        chosen,
        scores[solved.chosen],
        demand,
        _expected(probs, chosen),
        weight,
        solved.objective,
        solved.bound,
        solved.gap,
        curve,
    )


def spaced(
    scores: Floats, n: int, pred: Predictions, pool: Pool, spacing: Spacing, balance: Balance | None, seed: int
) -> Selection:
    """Returns the picks of (U,) scores of the unlabeled frames, apart from each other and from labelled ones.

    Raises:
        InputError: `videos`, or with a balance `objects`, are missing, or fewer than n frames are open.
    """
    everything = np.arange(len(pool))
    whole = np.full(len(pool), np.nan)
    whole[pool.unlabeled] = scores
    table = frame_table(
        pred.require("videos", everything, "spacing"),
        places=pred.places,
        labeled=pool.labels >= 0,
        around_labeled=spacing.around_labeled,
    )
    if balance is None:
        chosen = pick_frames(whole, table, n, around_picked=spacing.around_picked, order=spacing.order, seed=seed)
        return Selection(chosen, whole[chosen])
    objects = to_numpy(pred.require("objects", everything, "balance"))
    wanted = eq48.demand(
        objects[pool.labeled].sum(axis=0), max(1, round(n * objects.sum() / len(objects))), balance.target
    )
    curve: eq48.TunedWeight | None = None
    if isinstance(balance.weight, float):
        weight = balance.weight
    else:
        curve = _tuned_frames(whole, objects, wanted, table, n, balance, generator(seed, "ties"))
        weight = curve.weight
    pick = pick_balanced_frames(
        whole,
        objects,
        wanted,
        table,
        n,
        weight=weight,
        distance=balance.distance,
        around_picked=spacing.around_picked,
        rng=generator(seed, "ties"),
    )
    expected = _expected(objects, pick.chosen)
    return Selection(
        pick.chosen, whole[pick.chosen], wanted, expected, weight, pick.objective, pick.bound, pick.gap, curve
    )


def _tuned_frames(
    scores: Floats,
    objects: Floats,
    wanted: Floats,
    table: FrameTable,
    n: int,
    balance: Balance,
    rng: np.random.Generator,
) -> eq48.TunedWeight:
    open_frames = np.flatnonzero(table.allowed)
    if len(open_frames) < n:
        raise InputError(f"n: asked for {n} of {len(open_frames)} open frames")
    return eq48.tune_weight(scores[open_frames], objects[open_frames], wanted, n, distance=balance.distance, rng=rng)


def _demand(n: int, pred: Predictions, pool: Pool, balance: Balance) -> tuple[Floats, Floats]:
    probs = to_numpy(pred.require("probs", pool.unlabeled, "balance"))
    balance.check(probs.shape[1])
    return probs, eq48.demand(pool.counts(probs.shape[1]), n, balance.target)


def _expected(probs: Floats, chosen: Indices) -> Floats:
    return np.asarray(probs[chosen].sum(axis=0, dtype=np.float64))
