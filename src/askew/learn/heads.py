"""Linear heads on frozen features: logistic regression, the thesis's linear classifier, a one-vs-rest SVM."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices
from askew.data.reading import quiet
from askew.errors import InputError, unknown
from askew.seeding import generator, number

Floats: TypeAlias = NDArray[np.floating]

FOLDS = 3
"""Into how many parts the labelled items are dealt to find the temperature of an SVM's probabilities."""

TEMPERATURES = (0.01, 100.0)
"""Between which it is looked for."""


@dataclass(frozen=True, eq=False)
class Weights:
    """A linear head: the decision values are x · weightᵀ + bias.

    Attributes:
        weight: (C, D).
        bias: (C,); −inf for a class that has probability 0.
        temperature: what decision values are divided by before the softmax that makes them probabilities.
    """

    weight: Floats
    bias: Floats
    temperature: float = 1.0

    def decision(self, x: Floats) -> Floats:
        """Returns (N, C) decision values of (N, D) features."""
        return np.asarray(x @ self.weight.T + self.bias)

    def probs(self, x: Floats) -> Floats:
        """Returns (N, C) probabilities of (N, D) features."""
        return softmax(self.decision(x) / self.temperature)

    def energy(self, x: Floats) -> Floats:
        """Returns (N,) free energy of (N, D) features: −ln Σ exp of the decision values."""
        values = self.decision(x)
        top = values.max(axis=1)
        return np.asarray(-top - np.log(np.exp(values - top[:, None]).sum(axis=1)))


Tell = Callable[[int, Weights], None]
"""Called with the number of an epoch that ended, from 0, and the weights after it."""


class Head(Protocol):
    """The settings of a linear head."""

    @property
    def epochs(self) -> int:
        """How many epochs its training has; 0 if it has none."""

    @property
    def gives(self) -> tuple[str, ...]:
        """The fields that it fills."""

    @property
    def warm(self) -> bool:
        """Whether its training can start from other weights."""

    def fit(self, x: Floats, y: Indices, n_classes: int, *, seed: int, start: Weights | None, tell: Tell) -> Weights:
        """Returns the weights for features (N, D) in their unit (see `FeatureRows.unit`) and classes y (N,)."""


@dataclass(frozen=True)
class Logistic:
    """Multinomial logistic regression by L-BFGS: min ½‖W‖² + C · Σᵢ wᵢ · −log p(yᵢ | xᵢ).

    A class without a labelled item has probability 0.

    Attributes:
        C: the weight of an item's loss against the penalty.
        class_weights: every class counts alike: wᵢ = N / (K · N_c), K the classes that occur; else wᵢ = 1.

    Raises:
        InputError: a C that is not above 0.
    """

    C: float = 10.0
    class_weights: bool = False
    epochs = 0
    gives = ("probs", "features", "energy")
    warm = True

    def __post_init__(self) -> None:
        _check(self)

    def fit(self, x: Floats, y: Indices, n_classes: int, *, seed: int, start: Weights | None, tell: Tell) -> Weights:  # noqa: ARG002
        from sklearn.linear_model import LogisticRegression

        classes = np.unique(y)
        weight, bias = np.zeros((n_classes, x.shape[1])), np.full(n_classes, -np.inf)
        if len(classes) == 1:
            bias[classes] = 0
            return Weights(weight, bias)
        balanced = "balanced" if self.class_weights else None
        two = len(classes) == 2
        model = LogisticRegression(C=self.C, class_weight=balanced, max_iter=1_000, warm_start=start is not None)
        if start is not None:
            begin, level = start.weight[classes].astype(np.float64), start.bias[classes].astype(np.float64)
            level[~np.isfinite(level)] = 0
            model.coef_ = begin[1:] - begin[:1] if two else begin
            model.intercept_ = level[1:] - level[:1] if two else level
        with quiet():
            model.fit(x.astype(np.float64), y)
        weight[classes] = _both_sides(model.coef_ / 2) if two else model.coef_
        bias[classes] = _both_sides(model.intercept_ / 2) if two else model.intercept_
        return Weights(weight, bias)


@dataclass(frozen=True)
class Linear:
    """The linear classifier of the thesis's chapter 5: SGD on the cross-entropy, its rate along a cosine.

    In epoch e the rate is lr · ½ (1 + cos(π e / epochs)). Weights start from a normal distribution of deviation 0.01.

    Attributes:
        lr: the rate of the first epoch.
        epochs: passes over the labelled items.
        batch: items a step.
        momentum: of SGD.
        weight_decay: of SGD.
        class_weights: every class counts alike in the loss; see `Logistic`.

    Raises:
        InputError: a number out of range.
    """

    lr: float = 30.0
    epochs: int = 100
    batch: int = 256
    momentum: float = 0.9
    weight_decay: float = 0.0
    class_weights: bool = False
    gives = ("probs", "features", "energy")
    warm = True

    def __post_init__(self) -> None:
        _check(self)

    def fit(self, x: Floats, y: Indices, n_classes: int, *, seed: int, start: Weights | None, tell: Tell) -> Weights:
        x = x.astype(np.float32)
        drawn = generator(seed, "head").normal(0, 0.01, (n_classes, x.shape[1])).astype(np.float32)
        bias = np.zeros(n_classes, dtype=np.float32)
        if start is not None:
            drawn, bias = start.weight.astype(np.float32), start.bias.astype(np.float32)
        both = np.concatenate([drawn, bias[:, None]], axis=1)  # the bias is the weight of a feature that is always 1
        speed = np.zeros_like(both)
        counts = _item_weights(y).astype(np.float32) if self.class_weights else np.ones(len(y), dtype=np.float32)
        order = generator(seed, "order")
        x = np.concatenate([x, np.ones((len(x), 1), dtype=np.float32)], axis=1)
        for epoch in range(self.epochs):
            rate = self.lr * 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
            shuffled = order.permutation(len(x))
            for begin in range(0, len(x), self.batch):
                items = shuffled[begin : begin + self.batch]
                with np.errstate(over="ignore", invalid="ignore"):
                    error = softmax(x[items] @ both.T)
                    error[np.arange(len(items)), y[items]] -= 1
                    slope = (error * (counts[items] / len(items))[:, None]).T @ x[items]
                    speed = self.momentum * speed + slope + self.weight_decay * both
                    both = both - rate * speed
            if not np.isfinite(both).all():
                raise InputError(f"head linear: its weights are no longer finite: lower lr ({self.lr:g})")
            tell(epoch, Weights(both[:, :-1], both[:, -1]))
        return Weights(both[:, :-1], both[:, -1])


@dataclass(frozen=True)
class SVM:
    """One linear support vector machine a class, against the rest: scikit-learn's `LinearSVC`, squared hinge loss.

    It gives `margins`, the decision values. A class without a labelled item has the margin −1 everywhere, which is what
    a machine without a positive item ends at. Probabilities are the softmax of margins divided by a temperature. That
    is found on the labelled items: they are dealt into 3 parts, and the margins of each part, by machines that did not
    see it, are made as probable as one number can.

    Attributes:
        C: the weight of an item's loss against the penalty ½‖w‖².
        class_weights: every class counts alike; see `Logistic`.

    Raises:
        InputError: a C that is not above 0.
    """

    C: float = 5.0
    class_weights: bool = False
    epochs = 0
    gives = ("probs", "features", "margins")
    warm = False

    def __post_init__(self) -> None:
        _check(self)

    def fit(self, x: Floats, y: Indices, n_classes: int, *, seed: int, start: Weights | None, tell: Tell) -> Weights:  # noqa: ARG002
        x = x.astype(np.float64)
        part = dealt(y, seed)
        margins = np.empty((len(y), n_classes))
        for fold in range(FOLDS):
            held = part == fold
            if held.any() and not held.all():
                margins[held] = self._machines(x[~held], y[~held], n_classes, seed).decision(x[held])
            else:
                margins[held] = -1
        found = self._machines(x, y, n_classes, seed)
        return dataclasses.replace(found, temperature=_temperature(margins, y))

    def _machines(self, x: Floats, y: Indices, n_classes: int, seed: int) -> Weights:
        from sklearn.svm import LinearSVC

        classes = np.unique(y)
        weight, bias = np.zeros((n_classes, x.shape[1])), np.full(n_classes, -1.0)
        if len(classes) == 1:
            bias[classes] = 1
            return Weights(weight, bias)
        state = number(seed, "head") % 2**32
        model = LinearSVC(C=self.C, dual="auto", max_iter=10_000, random_state=state)
        with quiet():
            model.fit(x, y, sample_weight=_item_weights(y) if self.class_weights else None)
        weight[classes] = model.coef_ if len(classes) > 2 else _both_sides(model.coef_)
        bias[classes] = model.intercept_ if len(classes) > 2 else _both_sides(model.intercept_)
        return Weights(weight, bias)


HEADS: Mapping[str, Callable[..., Head]] = {"logistic": Logistic, "linear": Linear, "svm": SVM}


def head_of(name: str, parameters: Mapping[str, Any] | None = None) -> Head:
    """Returns the head of that name.

    >>> head_of("svm", {"C": 1})
    SVM(C=1.0, class_weights=False)

    Raises:
        InputError: no such head, a parameter that it does not have, or one out of range.
    """
    if name not in HEADS:
        raise unknown("head", name, HEADS)
    known = [field.name for field in dataclasses.fields(HEADS[name])]  # type: ignore[arg-type]
    for key in parameters or {}:
        if key not in known:
            raise unknown(f"parameter of head {name}", key, known)
    return HEADS[name](**(parameters or {}))


def softmax(values: Floats) -> Floats:
    """Returns e^v over its sum along the last axis; −inf becomes 0."""
    out: Floats = values - values.max(axis=-1, keepdims=True)
    np.exp(out, out=out)
    out /= out.sum(axis=-1, keepdims=True)
    return out


def dealt(y: Indices, seed: int) -> Indices:
    """Returns (N,) the part, 0 to `FOLDS` − 1, that each item is dealt to: class after class, in random order.

    >>> np.bincount(dealt(np.array([0, 0, 0, 1, 1, 1, 2]), seed=0)).tolist()
    [3, 2, 2]
    """
    order = generator(seed, "folds").permutation(len(y))
    out = np.empty(len(y), dtype=np.int64)
    out[order[np.argsort(y[order], kind="stable")]] = np.arange(len(y)) % FOLDS
    return out


def _temperature(margins: Floats, y: Indices) -> float:
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        values = margins / math.exp(log_temperature)
        top = values.max(axis=1)
        total = top + np.log(np.exp(values - top[:, None]).sum(axis=1))
        return float((total - values[np.arange(len(y)), y]).mean())

    low, high = (math.log(value) for value in TEMPERATURES)
    return math.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x)


def _item_weights(y: Indices) -> Floats:
    counts = np.bincount(y)
    return np.asarray(len(y) / ((counts > 0).sum() * counts[y]))


def _both_sides(values: Floats) -> Floats:
    """Returns the decision of two classes, which scikit-learn gives for the second one alone, for each of them."""
    return np.concatenate([-values, values])


_WHOLE, _SHARES = ("epochs", "batch"), ("momentum",)


def _check(head: Any) -> None:
    """Checks every parameter of a head, and makes whole numbers floats where floats are meant."""
    for field in dataclasses.fields(head):
        value = getattr(head, field.name)
        what = f"head {type(head).__name__.lower()}: {field.name}"
        if field.name == "class_weights":
            if not isinstance(value, bool):
                raise InputError(f"{what}: expected true or false, got {value!r}")
            continue
        whole = field.name in _WHOLE
        kinds = int | np.integer if whole else int | float | np.integer | np.floating
        if isinstance(value, bool) or not isinstance(value, kinds) or not math.isfinite(value):
            raise InputError(f"{what}: expected a {'whole ' if whole else ''}number, got {value!r}")
        least = 1 if whole else 0
        open_end = field.name in ("C", "lr")
        if value < least or (open_end and value == 0) or (field.name in _SHARES and value >= 1):
            limits = "above 0" if open_end else "from 0 to below 1" if field.name in _SHARES else f"from {least}"
            raise InputError(f"{what}: expected a number {limits}, got {value!r}")
        object.__setattr__(head, field.name, int(value) if whole else float(value))
