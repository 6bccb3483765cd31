"""TypiClust: ask about the most typical item of each group in which nothing is labelled yet."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices, is_whole, to_numpy
from askew.blocked import over_blocks
from askew.errors import InputError
from askew.kernels.kmeans import Clusters
from askew.kernels.threads import one_blas_thread
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy

ROWS = 256
"""Items of a cluster that are held against all others in it at a time."""


@strategy(
    "typiclust",
    kind="selector",
    needs=("features",),
    paper="Hacohen, Dekel and Weinshall 2022 (ICML), arXiv 2202.02794",
)
def typiclust(
    pred: Predictions,
    pool: Pool,
    n: int,
    *,
    neighbours: int = 20,
    most_clusters: int = 500,
    rng: np.random.Generator,
) -> Indices:
    """Picks, of each of the largest clusters without a label, the item that is nearest to its neighbours.

    Typicality(x) = 1 / mean Euclidean distance of x to its `neighbours` nearest items in its cluster; to all of them
    where the cluster is smaller. Clusters are made of all items, labelled ones too, by k-means with as many clusters
    as there are labels and picks together, `most_clusters` at most. Each pick is the most typical unlabeled item left
    in the cluster with the fewest labels and picks, of those the largest. Features are taken as given: at length 1 they
    are those of the paper. No model is needed; it is meant for the first labels.

    Cost: k-means, and all distances within the clusters asked. Memory: one float32 copy of the features, `ROWS`
    × the largest cluster.

    Raises:
        InputError: the features of a labelled item are not finite, or a parameter that is no whole number from 1.
    """
    for name, value in (("neighbours", neighbours), ("most_clusters", most_clusters)):
        if not (is_whole(value) and value >= 1):
            raise InputError(f"{name}: {value!r}: expected a whole number from 1")
    features = to_numpy(pred.require("features", pool.labeled, "typiclust"))
    everything = np.arange(len(pool))
    clusters = Clusters(features, everything, min(len(pool.labeled) + n, most_clusters, len(pool)), rng)
    members = [np.flatnonzero(clusters.of == c) for c in range(len(clusters.centres))]
    chance = rng.permutation(len(members))
    queue = [
        (int((pool.labels[own] >= 0).sum()), -len(own), int(chance[c]), c)
        for c, own in enumerate(members)
        if (pool.labels[own] < 0).any()
    ]
    heapq.heapify(queue)
    chosen: list[int] = []
    order: dict[int, list[int]] = {}
    while len(chosen) < n:
        asked, size, key, c = heapq.heappop(queue)
        if c not in order:
            order[c] = _least_typical_first(clusters.rows, members[c], neighbours, rng)
            order[c] = [i for i in order[c] if pool.labels[i] < 0]
        chosen.append(order[c].pop())
        if order[c]:
            heapq.heappush(queue, (asked + 1, size, key, c))
    return np.array(chosen, dtype=np.int64)


def _least_typical_first(
    rows: NDArray[np.float32], own: Indices, neighbours: int, rng: np.random.Generator
) -> list[int]:
    away = mean_distances(rows[own], neighbours)
    order: list[int] = own[np.lexsort((rng.permutation(len(own)), -away))].tolist()
    return order


def mean_distances(rows: NDArray[np.float32], neighbours: int) -> NDArray[np.float64]:
    """Returns (K,) the mean distance of each row to its nearest others, `neighbours` of them or all; 0 for one alone.

    >>> mean_distances(np.array([[0.0], [1.0], [3.0]], dtype=np.float32), 1)
    array([1., 1., 2.])
    """
    count = min(neighbours, len(rows) - 1)
    out = np.zeros(len(rows))
    if count == 0:
        return out
    centred = rows - rows.mean(axis=0, dtype=np.float64)
    norms2 = np.einsum("ij,ij->i", centred, centred)

    def work(part: slice) -> None:
        apart2 = norms2[part, None] + norms2 - 2 * (centred[part] @ centred.T)
        apart2[np.arange(len(apart2)), np.arange(part.start, part.stop)] = np.inf
        nearest = np.partition(apart2, count - 1, axis=1)[:, :count]
        out[part] = np.sqrt(np.maximum(nearest, 0)).mean(axis=1)

    row_bytes = 8 * len(rows)
    with one_blas_thread():
        over_blocks(work, len(rows), row_bytes, block_bytes=ROWS * row_bytes)
    return out
