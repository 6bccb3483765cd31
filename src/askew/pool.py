"""Who is labelled (`Pool`): one index space, row i of every array is item i."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from askew.arrays import Indices, as_integers, is_number, to_numpy
from askew.errors import InputError


@dataclass(frozen=True, eq=False)
class Pool:
    """The labels known so far: `(N,)` int64, -1 is unlabeled.

    Labels may be a pandas Series; its index is not read, row i is item i. Gaps (None, NaN, pandas' NA) are unlabeled if
    all else are whole numbers, as in a column of classes in which pandas left cells empty. Names are refused.

    >>> pool = Pool(np.array([2, -1, 0, -1, 2]))
    >>> pool.labeled, pool.unlabeled, pool.counts(3)
    (array([0, 2, 4]), array([1, 3]), array([1, 0, 2]))

    >>> Pool([2, None, 0]).unlabeled
    array([1])

    Raises:
        InputError: labels that are not one-dimensional integers but for gaps, or one below -1.
    """

    labels: Indices

    def __post_init__(self) -> None:
        labels = as_integers("labels", _gaps_filled(self.labels)).view()
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
        return cls(np.full(n_items, -1))

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


def _gaps_filled(labels: Any) -> Any:
    """Returns labels with -1 for None, NaN and pandas' NA; what holds no numbers comes back as it is."""
    if isinstance(labels, np.ma.MaskedArray):
        return labels
    try:
        array = to_numpy(labels)
    except (TypeError, ValueError):
        return labels
    if array.ndim == 0:
        raise InputError(
            f"labels: expected (N,) labels, one an item, -1 or None where unlabeled, got {type(labels).__name__}"
        )
    if array.ndim != 1:
        raise InputError(f"labels: expected shape (N,), got {array.shape}")
    if array.dtype.kind in "USO" or (array.dtype.kind == "f" and np.isnan(array).any()):
        return _from_objects(array.tolist())
    return array


def _from_objects(values: list[Any]) -> Any:
    out = np.full(len(values), -1)
    for item, value in enumerate(values):
        if is_gap(value):
            continue
        if isinstance(value, str):
            raise InputError(
                f"labels: {value!r} at item {item} is a name; expected class numbers from 0, -1 for unlabeled: number "
                "the names first, in the order of the columns of probs: [-1 if x is None else names.index(x) for x in "
                "labels]"
            )
        if not is_number(value) or not float(value).is_integer() or abs(value) > 2**53:
            raise InputError(f"labels: {value!r} at item {item}: expected a class from 0; gaps and -1 are unlabeled")
        out[item] = int(value)
    return out


def is_gap(value: Any) -> bool:
    """Tells None, a float NaN and pandas' NA, which says of any comparison that it does not know."""
    return value is None or (isinstance(value, float) and value != value) or type(value).__name__ == "NAType"
