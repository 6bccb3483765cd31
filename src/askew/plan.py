"""`Plan`: one checked request, what is asked for and how; the call, the files, the command line and the loop use it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from askew.arrays import Array, to_numpy
from askew.errors import InputError, unknown
from askew.names import in_class_order
from askew.pick.frames import Order
from askew.pool import Pool
from askew.strategies.registry import Strategy, resolve

Weight = float | Literal["auto"]
By = Literal["probs", "predicted"]
DistanceName = Literal["l1", "l2", "wasserstein"]
Tune = Literal["every-cycle", "first-cycle"]


@dataclass(frozen=True)
class Balance:
    """How a selection is balanced over the classes.

    Attributes:
        weight: λ, the price of one item's worth of imbalance, in units of score; "auto" finds it (Fig. 4.4). With
            `by="predicted"` there is no weight: None.
        target: (C,) the class distribution wanted, sums to 1; None is uniform. Kept as a tuple.
        by: "probs" weighs score against expected classes (Eq. 4.8; greedy strategies: Algorithm 2). "predicted" is a
            baseline (Fig. 4.7): the best of each predicted class, as many as are wanted of it.
        distance: "l1" (the thesis), "l2" or "wasserstein"; scorers only.
        ground_metric: (C, C) the cost of taking one class for another, for "wasserstein"; None is |i − j|. Kept as
            tuples.
        per_class: divide λ by C, as the authors' code does; greedy strategies only (Algorithm 2).
        tune: where "auto" finds its weight in an experiment: "every-cycle" anew, or at the "first-cycle" alone, as the
            thesis does after the initial set.

    Raises:
        InputError: an unknown word, a weight that is no number from 0, or settings that exclude each other.

    >>> Balance(0.6, target=[0.5, 0.25, 0.25]).target
    (0.5, 0.25, 0.25)
    """

    weight: Weight | None = None
    target: Array | None = None
    by: By = "probs"
    distance: DistanceName = "l1"
    ground_metric: Array | None = None
    per_class: bool = False
    tune: Tune = "every-cycle"

    def __post_init__(self) -> None:
        _word("balance_by", self.by, By)
        _word("balance_distance", self.distance, DistanceName)
        _word("balance_tune", self.tune, Tune)
        if not isinstance(self.per_class, bool | np.bool_):
            raise InputError(f"balance_per_class: expected true or false, got {self.per_class!r}")
        if self.by == "predicted":
            self._check_quotas()
        else:
            object.__setattr__(self, "weight", _weight(self.weight))
        if self.tune != "every-cycle" and self.weight != "auto":
            raise InputError('balance_tune: only balance="auto" is tuned')
        if self.target is not None:
            object.__setattr__(self, "target", _target(self.target))
        if self.ground_metric is not None:
            if self.distance != "wasserstein":
                raise InputError(
                    f'balance_ground_metric goes with balance_distance="wasserstein", not {self.distance!r}'
                )
            object.__setattr__(self, "ground_metric", _ground_metric(self.ground_metric))

    def _check_quotas(self) -> None:
        if self.weight is not None:
            raise InputError(
                f'balance_by="predicted" takes quotas of predicted classes and has no weight: leave balance out, got '
                f"{self.weight!r}"
            )
        if self.distance != "l1" or self.per_class:
            raise InputError('balance_by="predicted" takes quotas: balance_distance and balance_per_class mean nothing')

    def check(self, n_classes: int) -> None:
        """Refuses a target or a ground metric of another number of classes.

        Raises:
            InputError: it has another size than `n_classes`.
        """
        for name, value in (("target", self.target), ("balance_ground_metric", self.ground_metric)):
            if value is not None and len(value) != n_classes:
                raise InputError(f"{name}: has {len(value)} classes, the data has {n_classes}")

    def record(self) -> dict[str, Any]:
        """Returns it as plain values for JSON; `Balance(**record)` makes it again."""
        return {
            "weight": self.weight,
            "target": None if self.target is None else list(self.target),
            "by": self.by,
            "distance": self.distance,
            "ground_metric": None if self.ground_metric is None else [list(row) for row in self.ground_metric],
            "per_class": bool(self.per_class),
            "tune": self.tune,
        }


def balance_of(
    balance: Weight | Balance | None = None,
    *,
    target: Array | None = None,
    by: By = "probs",
    distance: DistanceName = "l1",
    ground_metric: Array | None = None,
    per_class: bool = False,
    tune: Tune = "every-cycle",
) -> Balance | None:
    """Returns the `Balance` of settings given one by one; None if nothing asks for balance.

    Raises:
        InputError: settings without a weight, settings beside a whole `Balance`, or what `Balance` refuses.
    """
    plain = target is None and distance == "l1" and ground_metric is None and not per_class and tune == "every-cycle"
    if isinstance(balance, Balance):
        if not (plain and by == "probs"):
            raise InputError("balance: a Balance brings its own target, distance and so on: set them there")
        return balance
    if balance is None and by != "predicted":
        _word("balance_by", by, By)
        if not plain:
            raise InputError(
                'target, balance_distance and what else is set of the balance need balance=: a weight, or "auto"'
            )
        return None
    return Balance(balance, target, by, distance, ground_metric, per_class, tune)


@dataclass(frozen=True)
class Spacing:
    """Which frames of a video are left out because they are near others.

    Attributes:
        around_labeled: frames on either side of a labelled one that are not picked, from 0.
        around_picked: frames on either side of a picked one, from 0.
        order: "videos" goes round the videos, the best frame of each first; "global" goes by score alone. A balanced
            selection has no order of videos: score and balance decide.

    Raises:
        InputError: a number below 0 or not whole, or an unknown order.
    """

    around_labeled: int = 3
    around_picked: int = 5
    order: Order = "videos"

    def __post_init__(self) -> None:
        for name in ("around_labeled", "around_picked"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 0:
                raise InputError(f"{name}: expected a whole number of frames from 0, got {value!r}")
        _word("order", self.order, Order)


@dataclass(frozen=True)
class Plan:
    """What a selection is asked for: the strategy, its parameters, the balance and, in video, the spacing.

    It is checked when it is made, as far as that is possible without data; `check` does the rest.

    Attributes:
        strategy: a `Strategy`, or its name, or a function marked with `@strategy`; kept as the `Strategy`.
        parameters: the strategy's own parameters.
        balance: how classes are balanced, or None.
        spacing: which neighbouring frames are left out, or None where items are no frames.

    Raises:
        InputError: an unknown strategy or parameter, or a balance that this kind of strategy cannot have.

    >>> Plan("entropy", balance=Balance(0.6)).needs
    ('probs',)
    >>> Plan("kcenter", balance=Balance(0.6, distance="l2"))
    Traceback (most recent call last):
    askew.errors.InputError: kcenter: a greedy strategy is balanced in L1: leave balance_distance out
    """

    strategy: Strategy
    parameters: Mapping[str, Any] = field(default_factory=dict)
    balance: Balance | None = None
    spacing: Spacing | None = None

    def __post_init__(self) -> None:
        entry = resolve(self.strategy)
        object.__setattr__(self, "strategy", entry)
        object.__setattr__(self, "parameters", dict(self.parameters))
        for name in self.parameters:
            if name not in entry.parameters:
                raise unknown(f"parameter of {entry.name}", name, entry.parameters)
        if self.balance is not None:
            _check_kind(entry, self.balance)
        if self.spacing is not None:
            _check_spaced(entry, self.balance)

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the fields that the selection reads: the strategy's, the P of the balance, the videos of frames."""
        extra = (() if self.balance is None else (self.class_field,)) + (() if self.spacing is None else ("videos",))
        return tuple(dict.fromkeys((*self.strategy.reads(self.parameters), *extra)))

    @property
    def class_field(self) -> str:
        """The field that says which classes to expect: `probs`, or for frames `objects`."""
        return "probs" if self.spacing is None else "objects"

    def asked_about(self, pool: Pool) -> Pool:
        """Returns the pool that a model is asked about: one without labels if the strategy reads labelled items too."""
        return Pool.without_labels(len(pool)) if self.strategy.reads_labeled else pool

    def check(self, gives: Collection[str], n_classes: int) -> None:
        """Refuses, before anything is trained, a request that the learner or the data cannot serve.

        Args:
            gives: names of the fields that there will be.
            n_classes: C of the data.

        Raises:
            InputError: a field that is needed and not given, or a target of another number of classes.
        """
        for name in self.needs:
            if name not in gives:
                given = ", ".join(sorted(gives)) or "nothing"
                raise InputError(
                    f"{self.strategy.name} needs {name}, which this learner does not give; it gives {given}"
                )
        if self.balance is not None:
            self.balance.check(n_classes)

    def record(self) -> dict[str, Any]:
        """Returns it as plain values for JSON: strategy, parameters, balance, spacing."""
        return {
            "strategy": self.strategy.name,
            "parameters": dict(self.parameters),
            "balance": None if self.balance is None else self.balance.record(),
            "spacing": None if self.spacing is None else vars(self.spacing).copy(),
        }


def _check_kind(entry: Strategy, balance: Balance) -> None:
    if entry.kind == "selector":
        raise InputError(f"{entry.name} picks its set by itself and cannot be balanced: leave balance= out")
    if entry.kind == "greedy":
        if balance.by != "probs":
            raise InputError(f"{entry.name}: a greedy strategy is balanced by probs: leave balance_by out")
        if balance.distance != "l1":
            raise InputError(f"{entry.name}: a greedy strategy is balanced in L1: leave balance_distance out")
    elif balance.per_class:
        raise InputError(f"balance_per_class is for greedy strategies; {entry.name} is a scorer: leave it out")


def _check_spaced(entry: Strategy, balance: Balance | None) -> None:
    if entry.kind != "scorer":
        raise InputError(f"{entry.name} gives no score a frame, so frames cannot be spaced: use a scorer")
    if balance is not None and (balance.by == "predicted" or balance.ground_metric is not None):
        raise InputError("spaced frames are balanced by objects: leave balance_by and balance_ground_metric out")


def _word(name: str, value: object, known: Any) -> None:
    if value not in get_args(known):
        raise unknown(name, value, get_args(known))


def _weight(value: object) -> Weight:
    if isinstance(value, str) and value == "auto":
        return "auto"
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and number >= 0:
            return number
    raise InputError(f'balance: expected a number from 0 or "auto", got {value!r}')


def _numbers(name: str, value: Array, n_dims: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        array = np.asarray(to_numpy(value) if hasattr(value, "shape") else value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: expected numbers, got {value!r}") from error
    if array.ndim != n_dims or 0 in array.shape:
        raise InputError(f"{name}: expected shape {'(C,)' if n_dims == 1 else '(C, C)'}, got {array.shape}")
    if not (np.isfinite(array).all() and (array >= 0).all()):
        raise InputError(f"{name}: expected finite numbers from 0")
    return array


def _target(value: Array) -> tuple[float, ...]:
    shares = _numbers("target", in_class_order(value, None, None), 1)
    if abs(shares.sum() - 1) > 1e-6:
        raise InputError(f"target: expected a distribution that sums to 1, got a sum of {shares.sum():g}")
    return tuple(shares.tolist())


def _ground_metric(value: Array) -> tuple[tuple[float, ...], ...]:
    costs = _numbers("balance_ground_metric", value, 2)
    if costs.shape[0] != costs.shape[1]:
        raise InputError(f"balance_ground_metric: expected shape (C, C), got {costs.shape}")
    return tuple(tuple(row) for row in costs.tolist())
