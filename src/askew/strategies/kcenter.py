"""k-center: ask about the item that is farthest from everything labelled or picked so far."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from askew.arrays import Floats, Indices, to_numpy
from askew.pool import Pool, Predictions
from askew.strategies.registry import Gains, strategy


class KCenterGains:
    """Distances to the nearest centre."""

    def __init__(self, features: Floats, centres: Indices) -> None:
        self._x = features.astype(np.float64)
        self._centres = [int(i) for i in centres]
        self.start: Indices = np.empty(0, np.int64)
        self.upper: Floats = np.full(len(features), np.inf)
        for i in self._centres:
            self.upper = np.minimum(self.upper, cdist(self._x, self._x[i : i + 1])[:, 0])
        if not len(centres):
            far = cdist(self._x, self._x.mean(axis=0)[None])[:, 0]
            self.start = np.flatnonzero(far == far.min())

    def focus(self, items: Indices) -> None:
        self._items = items
        self.high = cdist(self._x[items], self._x[self._centres]).min(axis=1) if self._centres else np.zeros(len(items))
        self.low = self.high

    def settle(self, positions: Indices) -> None:
        pass

    def pick(self, position: int) -> None:
        item = int(self._items[position])
        if not self._centres:
            self.upper = cdist(self._x, self._x[item : item + 1])[:, 0]
        self._centres.append(item)
        np.minimum(self.high, cdist(self._x[self._items], self._x[item : item + 1])[:, 0], out=self.high)
        self.high[position] = -np.inf


@strategy("kcenter", kind="greedy", needs=("features",), paper="Sener and Savarese 2018, arXiv 1708.00489")
def kcenter(pred: Predictions, pool: Pool) -> Gains:
    """Gains the Euclidean distance in feature space to the nearest labelled or already picked item."""
    return KCenterGains(to_numpy(pred.require("features", pool.labeled, "kcenter")), pool.labeled)
