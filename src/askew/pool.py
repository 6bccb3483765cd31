"""Who is labelled (`Pool`): one index space, row i of every array is item i."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from askew.arrays import Indices, as_integers
from askew.errors import InputError


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
