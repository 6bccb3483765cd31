"""k-center: ask about the item that is farthest from everything labelled or picked so far."""

from __future__ import annotations

from askew.kernels.nearest import NearestCentre
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.gains import Gains
from askew.strategies.registry import strategy


@strategy(
    "kcenter", kind="greedy", needs=("features",), paper="Sener and Savarese 2018, arXiv 1708.00489; Gonzalez 1985"
)
def kcenter(pred: Predictions, pool: Pool) -> Gains:
    """Gains the Euclidean distance in feature space to the nearest labelled or already picked item.

    With no label yet the first pick is the item nearest the mean of all features; items that float64 cannot tell apart
    there are settled by the seed. Distances are unsquared, which only matters with a balance. The picks are those of
    float64 arithmetic on the features as given (`askew.kernels.nearest`), so neither a large mean nor duplicates, nor
    features too large or too small for the squares of their own dtype, cost accuracy. Features stay where they live (a
    GPU included).

    Cost: far below the N·(L + n)·D of computing every distance, with L labelled items: an item meets further centres
    only while it could still win, and those of its neighbourhood first. Memory O(N) beside the features, and the rows
    of the centres and of some thousand items.

    Raises:
        InputError: the features of a labelled item are not finite, or distances between features leave float64.
    """
    features = pred.require("features", pool.labeled, "kcenter")
    return NearestCentre(features, pool.labeled, pool.unlabeled)
