"""Farthest-first: centres are added one by one, each the item farthest from all before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Array, Indices
from askew.kernels.nearest import NearestCentre


class FarthestFirst:
    """A choice of centres under way, of items that are all looked at for every pick; exact as far as float64 goes.

    Without a centre the first is the item nearest the mean of the features. Of equally far items the first is picked.

    Args:
        features: (N, D) finite floats; the items and the labelled ones, and no others where nothing is labelled.
        labeled: (L,) indices of the first centres.
        items: (K,) indices, ascending, of what is picked from.

    Attributes:
        picked: positions among the items, in the order in which they were picked.

    >>> search = FarthestFirst(np.array([[0.0], [1.0], [5.0]]), np.array([0]), np.array([1, 2]))
    >>> search.add(1), search.near(), search.picked
    (None, array([1., 0.]), [1])
    """

    def __init__(self, features: Array, labeled: Indices, items: Indices) -> None:
        self._gains, self._items = NearestCentre(features, labeled, items), items
        self._first = np.searchsorted(items, self._gains.start[:1])
        self.picked: list[int] = []
        if not len(self._first):
            self._gains.focus(items)

    def add(self, n: int) -> None:
        """Picks n more items, or all that are left."""
        for _ in range(min(n, len(self._items) - len(self.picked))):
            if len(self._first):
                self._begin(int(self._first[0]))
                continue
            gains = self._gains
            worth = np.flatnonzero(gains.high >= gains.low.max())
            if len(worth) > 1:
                gains.settle(worth)
            self._pick(int(worth[gains.high[worth].argmax()]))

    def near(self) -> NDArray[np.float64]:
        """Returns (K,) the distance of each item to its nearest centre; infinity without one."""
        if len(self._first):
            return np.full(len(self._items), np.inf)
        left = np.setdiff1d(np.arange(len(self._items)), self.picked)
        self._gains.settle(left)
        out = np.zeros(len(self._items))
        out[left] = self._gains.high[left]
        return out

    def _begin(self, position: int) -> None:
        self._gains.focus(self._items[position : position + 1])
        self._gains.pick(0)
        self.picked.append(position)
        self._first = self._first[:0]
        self._gains.focus(self._items)
        self._gains.low[position] = self._gains.high[position] = -np.inf

    def _pick(self, position: int) -> None:
        self._gains.pick(position)
        self.picked.append(position)
