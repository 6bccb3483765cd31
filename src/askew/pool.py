"""Who is labelled (`Pool`) and what the model says of each item (`Predictions`): one index space, row i is item i."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np

from askew.arrays import (
    Array,
    Floats,
    Indices,
    Mask,
    as_floats,
    as_integers,
    first_few,
    is_numpy,
    namespace,
    row_sums,
    to_numpy,
)
from askew.blocked import sums_and_negatives
from askew.errors import InputError

SUM_TOLERANCE = 1e-3
"""How far from 1 the sum of a row of probabilities may be; float32 softmax stays within 1e-5."""


@dataclass(frozen=True, eq=False)
class Pool:
    """The labels known so far: `(N,)` int64, -1 is unlabeled.

    >>> pool = Pool(np.array([2, -1, 0, -1, 2]))
    >>> pool.labeled, pool.unlabeled, pool.counts(3)
    (array([0, 2, 4]), array([1, 3]), array([1, 0, 2]))

    Raises:
        InputError: labels that are not one-dimensional integers, or one below -1.
    """

    labels: Indices

    def __post_init__(self) -> None:
        labels = as_integers("labels", self.labels).view()
        if len(labels) == 0:
            raise InputError("labels: the pool is empty")
        low = np.flatnonzero(labels < -1)
        if len(low):
            raise InputError(f"labels: {labels[low[0]]} at item {low[0]}: expected a class from 0, or -1 for unlabeled")
        labels.flags.writeable = False
        object.__setattr__(self, "labels", labels)

    @classmethod
    def without_labels(cls, n_items: int) -> Pool:
        """Returns a pool of `n_items` items with no label yet."""
        return cls(np.full(n_items, -1, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def labeled(self) -> Indices:
        """Indices of the labelled items, ascending."""
        return np.flatnonzero(self.labels >= 0)

    @cached_property
    def unlabeled(self) -> Indices:
        """Indices of the unlabeled items, ascending."""
        return np.flatnonzero(self.labels < 0)

    def counts(self, n_classes: int) -> Indices:
        """Returns `(n_classes,)` int64: how many items of each class are labelled.

        Raises:
            InputError: a label is not below `n_classes`.
        """
        high = np.flatnonzero(self.labels >= n_classes)
        if len(high):
            first = high[0]
            raise InputError(
                f"labels: {self.labels[first]} at item {first} is outside the {n_classes} classes, 0 to {n_classes - 1}"
            )
        return np.bincount(self.labels[self.labeled], minlength=n_classes).astype(np.int64)


_DIMS = {
    "probs": "NC",
    "features": "ND",
    "draws": "TNC",
    "dispersion": "N",
    "margins": "NC",
    "labeled_likeness": "N",
    "truth": "N",
}


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of every pool item: optional arrays, checked once when made, read-only afterwards.

    A row that is not finite means "the model was not asked about this item": allowed here, refused by `require` for
    the items that a strategy reads.

    Attributes:
        probs: (N, C) class probabilities; rows sum to 1 within 1e-3; never logits.
        features: (N, D) embeddings.
        draws: (T, N, C) class probabilities of T stochastic passes (MC dropout, ensembles).
        dispersion: (N,) label dispersion in [0, 1], Eq. 3.1.
        margins: (N, C) SVM decision values.
        labeled_likeness: (N,) how sure a discriminator is that the item is from the labelled set.
        truth: (N,) the true classes, for oracle strategies only.

    Raises:
        InputError: a wrong shape or dtype, arrays that disagree on N or C, rows that do not sum to 1, negative
            probabilities.
    """

    probs: Array | None = None
    features: Array | None = None
    draws: Array | None = None
    dispersion: Array | None = None
    margins: Array | None = None
    labeled_likeness: Array | None = None
    truth: Array | None = None
    _missing: dict[str, Mask] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for name, dims in _DIMS.items():
            value = getattr(self, name)
            if value is None:
                continue
            if name == "truth":
                array: Array = as_integers(name, value)
            else:
                array = as_floats(name, value, dims)
                self._check_values(name, array)
            object.__setattr__(self, name, _read_only(array))
        self._check_agreement()

    def _check_values(self, name: str, array: Array) -> None:
        if name in ("probs", "draws"):
            missing = _check_distributions(name, array)
        else:
            missing = ~np.isfinite(row_sums(array) if array.ndim > 1 else to_numpy(array))
        if name == "dispersion":
            values = to_numpy(array)
            bad = np.flatnonzero((values < 0) | (values > 1))
            if len(bad):
                raise InputError(f"dispersion: {values[bad[0]]:g} at item {bad[0]} is outside [0, 1]")
        if missing.any():
            self._missing[name] = missing

    def _check_agreement(self) -> None:
        for dim, what in (("N", "items"), ("C", "classes")):
            sizes = {n: int(getattr(self, n).shape[d.index(dim)]) for n, d in _DIMS.items() if dim in d and n in self}
            if len(set(sizes.values())) > 1:
                listing = ", ".join(f"{name} has {size}" for name, size in sizes.items())
                raise InputError(f"the arrays disagree on the number of {what}: {listing}")

    def __contains__(self, name: str) -> bool:
        return getattr(self, name) is not None

    @property
    def n_items(self) -> int | None:
        """N, or None if no array was given."""
        return next((int(getattr(self, n).shape[d.index("N")]) for n, d in _DIMS.items() if n in self), None)

    @property
    def n_classes(self) -> int | None:
        """C, or None if no array with a class axis was given."""
        return next((int(getattr(self, n).shape[-1]) for n, d in _DIMS.items() if "C" in d and n in self), None)

    def require(self, name: str, items: Indices, reader: str) -> Array:
        """Returns the array `name` after checking that it was given and is finite for `items`.

        Raises:
            InputError: it was not given, or the model was not asked about one of the items.
        """
        array = getattr(self, name)
        if array is None:
            raise InputError(f"{reader} needs {name}, {_SHAPES[name]}: pass {name}=")
        missing = self._missing.get(name)
        if missing is not None:
            bad = items[missing[items]]
            if len(bad):
                raise InputError(f"{name}: {len(bad)} of {len(items)} rows are not finite; first at item {bad[0]}")
        return array


_SHAPES = {name: f"({', '.join(dims)}{',' if len(dims) == 1 else ''})" for name, dims in _DIMS.items()}
FIELDS = tuple(f.name for f in fields(Predictions) if not f.name.startswith("_"))


def _read_only(array: Array) -> Array:
    if not is_numpy(array):
        return array
    view = array.view()
    view.flags.writeable = False
    return view


def _check_distributions(name: str, array: Array) -> Mask:
    """Returns the (N,) mask of rows that are not finite; raises unless every other row is a distribution."""
    stack = array if array.ndim == 3 else array[None]
    missing = np.zeros(stack.shape[1], dtype=bool)
    for draw in range(stack.shape[0]):
        sums, negative = _sums_and_negatives(stack[draw])
        unknown = ~np.isfinite(sums)
        missing |= unknown
        _raise_unless_distributions(name, sums, negative & ~unknown, unknown)
    return missing


def _sums_and_negatives(probs: Array) -> tuple[Floats, Mask]:
    if is_numpy(probs):
        return sums_and_negatives(probs)
    xp = namespace(probs)
    return to_numpy(xp.sum(probs, axis=1)), to_numpy(xp.any(probs < 0, axis=1))


def _raise_unless_distributions(name: str, sums: Floats, negative: Mask, unknown: Mask) -> None:
    bad = np.flatnonzero(~unknown & (np.abs(sums - 1) > SUM_TOLERANCE))
    if len(bad):
        raise InputError(
            f"{name}: {len(bad)} of {len(sums)} rows do not sum to 1; first at item {bad[0]}, which sums to "
            f"{sums[bad[0]]:.6g}: pass probabilities, not logits (apply softmax first)"
        )
    below = np.flatnonzero(negative)
    if len(below):
        raise InputError(
            f"{name}: {len(below)} of {len(sums)} rows hold a negative number; at item {first_few(below)}: "
            "pass probabilities, not logits (apply softmax first)"
        )
