"""The one call: a strategy's name and arrays in, pool indices out."""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from askew.arrays import Array, Floats, Indices, to_numpy
from askew.errors import InputError, unknown
from askew.names import (
    as_places,
    check_ids,
    checked_classes,
    class_codes,
    class_numbers,
    ids_of,
    in_class_order,
    label_cells,
    named_columns,
)
from askew.pick.top import top
from askew.picking import balanced, greedily, spaced
from askew.plan import Balance, By, DistanceName, Plan, Spacing, Weight, balance_of
from askew.pool import Pool
from askew.predictions import FIELDS, Predictions
from askew.seeding import checked_seed, generator
from askew.selection import Selection
from askew.strategies.proof import Proved
from askew.strategies.registry import Strategy, resolve

if TYPE_CHECKING:
    from askew.advice import Advice

AUTO = "auto"
"""What stands where a strategy's name stands, and leaves the choice to `advised`."""

OPTIONS = (
    "balance",
    "balance_by",
    "balance_distance",
    "classes",
    "details",
    "ids",
    "labels",
    "seed",
    "spacing",
    "target",
)
"""What `query` takes beside the arrays and a strategy's own parameters."""


@overload
def query(
    strategy: str | Strategy | Callable[..., Any],
    n: int,
    *,
    labels: Array | None = ...,
    balance: Weight | Balance | None = ...,
    target: Array | None = ...,
    balance_by: By = ...,
    balance_distance: DistanceName = ...,
    spacing: Spacing | None = ...,
    seed: int = ...,
    ids: Array | None = ...,
    classes: Array | None = ...,
    details: Literal[False] = ...,
    **given: Any,
) -> Indices: ...


@overload
def query(
    strategy: str | Strategy | Callable[..., Any],
    n: int,
    *,
    labels: Array | None = ...,
    balance: Weight | Balance | None = ...,
    target: Array | None = ...,
    balance_by: By = ...,
    balance_distance: DistanceName = ...,
    spacing: Spacing | None = ...,
    seed: int = ...,
    ids: Array | None = ...,
    classes: Array | None = ...,
    details: Literal[True],
    **given: Any,
) -> Selection: ...


def query(
    strategy: str | Strategy | Callable[..., Any],
    n: int,
    *,
    labels: Array | None = None,
    balance: Weight | Balance | None = None,
    target: Array | None = None,
    balance_by: By = "probs",
    balance_distance: DistanceName = "l1",
    spacing: Spacing | None = None,
    seed: int = 0,
    ids: Array | None = None,
    classes: Array | None = None,
    details: bool = False,
    **given: Any,
) -> Indices | Selection:
    """Returns the n unlabeled items that a person should label next, best first.

    Arrays are NumPy or torch, on any device, or tables and columns of pandas; row i of each is pool item i. Rows of
    labelled items may be NaN where the strategy does not read them. Where several tables have an index, it must be the
    same one: else their rows are other items.

    Args:
        strategy: a name from `askew.strategies()`, or a function marked with `@strategy`; or "auto": what
            `askew advise` says of these arrays, labels and n, its balance included.
        n: how many items to ask, 1 to the number of unlabeled items.
        labels: (N,) integers, -1 is unlabeled, and so is a gap (None, NaN, pandas' NA) between whole numbers; without
            labels no item is labelled. Names of classes will do where the classes are known: from `classes`, or from
            the columns of a table of `probs`.
        balance: λ, the price of one item's worth of imbalance in units of score, or "auto", which finds it; needs
            `probs`. A `Balance` holds all settings at once.
        target: class distribution wanted with `balance`: (C,) shares in the order of the columns of P, or a dict or a
            column of pandas of class to share, in any order; uniform if None.
        balance_by: "probs", or "predicted" for the baseline that takes quotas of predicted classes and has no λ.
        balance_distance: "l1", "l2" or "wasserstein"; scorers only.
        spacing: for frames of video, which neighbours are left out; needs `videos`. Balance then reads `objects`.
        seed: settles ties and the draws of stochastic strategies; the same seed gives the same answer.
        ids: what the N items are called, with `details`; the index of the tables if left out.
        classes: the names of the C classes, in the order of the columns of P; or their numbers, such as `classes_` of
            a scikit-learn model. Where classes or columns of `probs` are called by numbers, labels are such numbers
            too: 3 is the class called 3.
        details: return a `Selection`, which also holds scores, predicted classes and ids, and what the balance says.
        **given: the arrays that the strategy reads, by the names in `askew.predictions.FIELDS`: probs (N, C) rows that
            sum to 1, never logits; features (N, D); draws (T, N, C); dispersion (N,); margins (N, C);
            labeled_likeness (N,); truth (N,). And the strategy's own parameters, which `askew.strategies()` lists.

    Returns:
        (n,) int64 pool indices, distinct, unlabeled; with `details` a `Selection` of them.

    Raises:
        InputError: an unknown strategy or argument, an array that is missing, of a wrong shape, not finite or not a
            distribution, or an n out of range.

    >>> p = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.6, 0.4]])
    >>> query("entropy", 2, probs=p, labels=[-1, 0, -1, -1])
    array([3, 2])
    """
    entry = None if isinstance(strategy, str) and strategy == AUTO else resolve(strategy)
    own = _own_parameters(entry, given)
    arrays = {name: value for name, value in given.items() if name in FIELDS}
    index = ids_of({"labels": labels, "ids": ids, **arrays})
    columns = named_columns(_columns(arrays.get("probs")))
    called = None if classes is None else to_numpy(classes).tolist()
    numbers = class_numbers(called) or class_numbers(columns)
    truth = as_places(arrays.get("truth"), numbers, "truth")
    pred = Predictions(**{**arrays, "truth": truth})
    names = columns if called is None else checked_classes(called, columns, pred.n_classes)
    if target is not None:
        target = in_class_order(target, names or named_columns(_columns(arrays.get("objects"))), pred.n_classes)
    if entry is None:
        refuse_beside_auto(
            {
                "balance": balance is not None,
                "target": target is not None,
                "balance_by": balance_by != "probs",
                "balance_distance": balance_distance != "l1",
                "spacing": spacing is not None,
            }
        )
        plan = None
    else:
        plan = Plan(entry, own, balance_of(balance, target=target, by=balance_by, distance=balance_distance), spacing)
    pool = _pool(plan, as_places(labels, numbers), pred, names)
    if ids is not None and not details:
        raise InputError("ids: are returned with details=True: add it, or leave ids out")
    known_as = index if ids is None else to_numpy(ids).tolist()
    if details and known_as is not None:
        check_ids(known_as, len(pool))
        _check_order(known_as, index)
    if plan is None:
        advice = advised(n, pred, pool, None if names is None else len(names))
        found = replace(select(advice.plan, n, pred, pool, seed=seed), advice=advice)
    else:
        found = select(plan, n, pred, pool, seed=seed)
    return found.named(known_as, names) if details else found.chosen


def _own_parameters(entry: Strategy | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is given that is no array, after checking that the strategy takes it; `auto` takes nothing."""
    name, parameters = (AUTO, ()) if entry is None else (entry.name, tuple(entry.parameters))
    own = {key: value for key, value in given.items() if key not in FIELDS}
    for key in own:
        if key not in parameters:
            raise unknown(f"array or parameter of {name}", key, [*FIELDS, *parameters, *OPTIONS])
    return own


def refuse_beside_auto(settings: Mapping[str, bool]) -> None:
    """Refuses the first of the settings that is set, since "auto" chooses them itself.

    Raises:
        InputError: one is.
    """
    for name, is_set in settings.items():
        if is_set:
            raise InputError(f"{name}: auto chooses it: leave {name} out, or name a strategy")


def advised(n: int, pred: Predictions, pool: Pool, n_classes: int | None = None) -> Advice:
    """Returns what "auto" asks the next n labels with, and why; see `askew.advice.advise`.

    It may ask with what there is: the strategies that read no other fields than those of `pred`.

    Args:
        n: labels to ask.
        pred: what is known of the items.
        pool: who is labelled.
        n_classes: C, where it is known; else that of the columns of P, else the classes that labels name so far.

    Raises:
        InputError: n is out of range, or fewer than two classes are known.

    >>> pred = Predictions(features=np.random.default_rng(0).normal(size=(500, 8)))
    >>> advised(20, pred, Pool(np.maximum(np.arange(500) % 20 - 18, -1)), 2).plan.needs
    ('features',)
    """
    from askew.advice import advise  # it brings the evidence, which a strategy with a name does without

    n = _checked_n(n, pool)
    classes = n_classes or pred.n_classes or int(pool.labels.max(initial=-1)) + 1
    if classes < 2:
        raise InputError(
            f"classes: auto asks by the number of classes, and {'one is' if classes else 'none are'} known: pass "
            "classes=, probs, or labels of two classes"
        )
    return advise(classes, len(pool), len(pool.labeled), n, gives=set(pred))


def _check_order(ids: Sequence[Hashable], index: Sequence[Hashable] | None) -> None:
    """Refuses ids that the index of the tables has in another order."""
    if index is not None and list(ids) != list(index) and set(ids) == set(index):
        item = next(i for i in range(len(ids)) if ids[i] != index[i])
        raise InputError(
            f"ids: item {item} is {ids[item]!r} in ids= and {index[item]!r} in the index of the tables: the rows are "
            "in another order; leave ids out, as the index gives them"
        )


def _columns(table: Array | None) -> list[Any] | None:
    columns = getattr(table, "columns", None)
    return None if columns is None else list(columns)


def select(plan: Plan, n: int, pred: Predictions, pool: Pool, *, seed: int = 0) -> Selection:
    """Does what `query` does with `details`, from checked types: also returns scores and what the balance proved.

    Raises:
        InputError: see `query`.

    >>> pred = Predictions(probs=np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]))
    >>> picked = select(Plan("least_confidence"), 2, pred, Pool.without_labels(3))
    >>> picked.chosen, picked.scores.round(3)
    (array([1, 2]), array([0.5, 0.2]))
    """
    if pred.n_items is not None and pred.n_items != len(pool):
        pred.check_passes(len(pool))
        raise InputError(f"labels has {len(pool)} items, the other arrays have {pred.n_items}")
    if pred.n_classes is not None and plan.spacing is None:
        pool.counts(pred.n_classes)
    n = _checked_n(n, pool)
    checked_seed(seed)
    selection = _selected(plan, n, pred, pool, seed)
    return replace(selection, predicted=_predicted(pred, selection.chosen))


def _selected(plan: Plan, n: int, pred: Predictions, pool: Pool, seed: int) -> Selection:
    strategy, own = plan.strategy, dict(plan.parameters)
    read = np.arange(len(pool)) if strategy.reads_labeled else pool.unlabeled
    for name in strategy.reads(own, set(pred)):
        pred.require(name, read, strategy.name)
    if strategy.stochastic:
        own["rng"] = generator(seed, strategy.name)
    if strategy.kind == "selector":
        found = strategy.fn(pred, pool, n, **own)
        proof = found if isinstance(found, Proved) else None
        return Selection(_checked_choice(strategy, found if proof is None else proof.chosen, n, pool), proof=proof)
    if strategy.kind == "greedy":
        return greedily(lambda: strategy.fn(pred, pool, **own), n, pred, pool, plan.balance, seed)
    scores = _checked_scores(strategy, strategy.fn(pred, pool, **own), pool)
    if plan.spacing is not None:
        return spaced(scores, n, pred, pool, plan.spacing, plan.balance, seed)
    if plan.balance is None:
        best = top(scores, n, generator(seed, "ties"))
        return Selection(pool.unlabeled[best], scores[best])
    return balanced(scores, n, pred, pool, plan.balance, seed)


def _predicted(pred: Predictions, chosen: Indices) -> tuple[int | None, ...] | None:
    """Returns the most probable class of each pick; None where the model was not asked."""
    if pred.probs is None:
        return None
    rows = to_numpy(pred.probs[chosen])
    best = np.nan_to_num(rows).argmax(axis=1).astype(object)
    best[~np.isfinite(rows).all(axis=1)] = None
    return tuple(best.tolist())


def _pool(plan: Plan | None, labels: Array | None, pred: Predictions, classes: tuple[str, ...] | None) -> Pool:
    if labels is not None:
        cells = None if classes is None else label_cells(labels)
        return Pool(labels if cells is None else class_codes("labels", cells, classes)[0])
    if pred.n_items is None:
        reads = () if plan is None else plan.strategy.reads(plan.parameters)
        needs = " and ".join(reads) or "labels or any array over the pool"
        name = AUTO if plan is None else plan.strategy.name
        raise InputError(f"{name} needs {needs}: nothing was given that says how large the pool is")
    if set(pred) == {"draws"}:
        pred.check_passes(None)
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


def _checked_scores(strategy: Strategy, scores: Array, pool: Pool) -> Floats:
    values = to_numpy(scores)
    if values.shape != (len(pool),):
        raise InputError(f"{strategy.name}: returned shape {values.shape}, expected one score an item, ({len(pool)},)")
    out: Floats = values if len(pool.unlabeled) == len(pool) else values[pool.unlabeled]
    bad = np.flatnonzero(np.isnan(out))
    if len(bad):
        raise InputError(
            f"{strategy.name}: {len(bad)} of {len(out)} scores are NaN; first at item {pool.unlabeled[bad[0]]}"
        )
    return out


def _checked_choice(strategy: Strategy, chosen: Array, n: int, pool: Pool) -> Indices:
    items = np.asarray(to_numpy(chosen))
    if items.shape != (n,) or items.dtype.kind not in "iu" or len(np.unique(items)) < n:
        raise InputError(
            f"{strategy.name}: returned {items.shape} of {items.dtype}, expected {n} distinct pool indices"
        )
    if items.min() < 0 or items.max() >= len(pool) or (pool.labels[items] >= 0).any():
        raise InputError(f"{strategy.name}: returned an item that is labelled or outside the pool of {len(pool)}")
    return items.astype(np.int64)
