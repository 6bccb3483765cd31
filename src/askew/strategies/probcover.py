"""ProbCover: ask about the item whose neighbourhood holds the most items that nothing labelled is near to."""

from __future__ import annotations

from copy import deepcopy
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Array, Indices, is_number, is_whole
from askew.errors import InputError
from askew.kernels.ball import Ball
from askew.kernels.coverage import Coverage
from askew.kernels.kmeans import Clusters
from askew.kernels.rows import CentredRows
from askew.kernels.threads import one_blas_thread
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.gains import Gains
from askew.strategies.registry import strategy

TILE = 256
"""Balls that are looked at at a time."""

SAMPLE = 4096
"""Balls of so many items say how pure balls of a radius are; of all items where there are fewer."""


@strategy("probcover", kind="greedy", needs=("features",), paper="Yehuda et al. 2022 (NeurIPS), arXiv 2205.11320")
def probcover(
    pred: Predictions,
    pool: Pool,
    *,
    radius: float | Literal["auto"] = "auto",
    purity: float = 0.95,
    n_classes: int | Literal["auto"] = "auto",
    rng: np.random.Generator,
) -> Gains:
    """Gains the number of unlabeled items within `radius` δ of x that no labelled or picked item is within δ of.

    Distances are Euclidean, of features as given: at length 1 they are those of the paper. With `radius="auto"` δ is
    the largest for which the share `purity` of balls {y: |x − y| ≤ δ} is pure, all of one cluster, of as many k-means
    clusters of the pool as there are classes: a ball is pure up to the distance of x to the nearest item of another
    cluster, so δ is a quantile of those distances. Where the pool has more than 4,096 items, so many balls are looked
    at. Classes are `n_classes`, or by default the C of `probs`, or as many as are labelled, and at least 2.

    Equal gains, of which there are many, are settled by the seed. No model is needed; it is meant for the first labels.
    Cost: one product of the pool with itself in blocks, and then each item with what became covered while it was among
    the best. Memory O(N) beside the features and a float32 copy of them; no N × N array.

    Raises:
        InputError: the features of a labelled item are not finite, a radius below 0, a purity outside (0, 1], or fewer
            than 2 classes.
    """
    if radius != "auto" and not (is_number(radius) and radius >= 0):
        raise InputError(f'radius: {radius!r}: expected "auto", or a distance from 0')
    if not (is_number(purity) and 0 < purity <= 1):
        raise InputError(f"purity: {purity!r}: expected a share of balls above 0, up to 1")
    if n_classes != "auto" and not (is_whole(n_classes) and n_classes >= 2):
        raise InputError(f'n_classes: {n_classes!r}: expected "auto", or a whole number from 2')
    features = pred.require("features", pool.labeled, "probcover")
    rows = CentredRows(features, np.arange(len(pool)))
    if radius == "auto":
        known = pred.n_classes or len(np.unique(pool.labels[pool.labeled]))
        k = max(2, known) if n_classes == "auto" else int(n_classes)
        again = deepcopy(rng)  # gains that are made anew, to tune a balance, have the same radius
        radius = pure_radius(features, min(k, len(pool)), purity, again)
    return Coverage(Ball(rows, radius), pool.labeled, pool.unlabeled)


def pure_radius(features: Array, k: int, purity: float, rng: np.random.Generator) -> float:
    """Returns the largest radius at which the share `purity` of balls holds items of one cluster of k only.

    It is as exact as float32 has distances; 0 where no two clusters differ.
    """
    everything = np.arange(int(features.shape[0]))
    clusters = Clusters(features, everything, k, rng)
    sample = rng.permutation(everything)[:SAMPLE]
    with one_blas_thread():
        foreign = np.sort(distance_to_other_clusters(clusters, sample))
    may_be_mixed = min(int((1 - purity) * len(sample) + 1e-9), len(sample) - 1)
    least = float(foreign[may_be_mixed])
    return float(np.nextafter(least, 0)) / clusters.scale if np.isfinite(least) else 0.0


def distance_to_other_clusters(clusters: Clusters, sample: Indices) -> NDArray[np.float64]:
    """Returns of each sampled item the scaled distance to the nearest item of another cluster; infinity without."""
    nearest2 = np.empty(len(sample))
    for first in range(0, len(sample), TILE):
        some = sample[first : first + TILE]
        apart2 = clusters.distances2(some)
        apart2[clusters.of[:, None] == clusters.of[some]] = np.inf
        nearest2[first : first + TILE] = apart2.min(axis=0)
    return np.asarray(np.sqrt(nearest2))
