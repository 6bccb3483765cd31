"""DropQuery: ask about items whose predicted class flips under dropout, each in the middle of a group of them."""

from __future__ import annotations

import numpy as np

from askew.arrays import Array, Indices, is_whole, to_numpy
from askew.errors import InputError
from askew.kernels.kmeans import Clusters
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy

CENTRES = 64
"""Clusters whose nearest items are sought at a time."""


@strategy(
    "dropquery",
    kind="selector",
    needs=("features", "probs", "draws"),
    paper="Gupte, Aklilu, Nirschl and Yeung-Levy 2024 (TMLR), arXiv 2401.14555",
)
def dropquery(pred: Predictions, pool: Pool, n: int, *, candidates: int = 25, rng: np.random.Generator) -> Indices:
    """Picks, of the items whose class flips in most dropout passes, the one nearest to each of n k-means centres.

    An item flips in pass t if argmax `draws`[t] is not argmax `probs`. Candidates are the unlabeled items that flip in
    more than half of the T passes (the paper has T = 3 with dropout on the features); where they are fewer than
    `candidates` × n, those that flip once less join them, and so on down to all. k-means makes n clusters of the
    candidates' features, taken as given; each cluster, the largest first, picks the candidate nearest to its centre
    that no other has picked.

    Returns:
        (n,) pool indices, of the largest cluster first. Cost: one pass over `draws`, and k-means of the candidates.

    Raises:
        InputError: `candidates` is no whole number from 1.
    """
    if not (is_whole(candidates) and candidates >= 1):
        raise InputError(f"candidates: {candidates!r}: expected how many for each pick, a whole number from 1")
    asked = rng.permutation(pool.unlabeled)
    asked = asked[_most_flipped(flips(pred.probs, pred.draws, asked), int(pred.draws.shape[0]), candidates * n)]
    clusters = Clusters(to_numpy(pred.features), asked, n, rng)
    sizes = np.bincount(clusters.of, minlength=n)
    return asked[_one_of_each(clusters, np.lexsort((rng.permutation(n), -sizes)))]


def flips(probs: Array, draws: Array, items: Indices) -> Indices:
    """Returns (K,) in how many passes the most probable class of these items is not that of `probs`."""
    guess = to_numpy(probs)[items].argmax(axis=1)
    flipped = [to_numpy(draws[t])[items].argmax(axis=1) != guess for t in range(int(draws.shape[0]))]
    return np.asarray(np.sum(flipped, axis=0))


def _most_flipped(count: Indices, n_passes: int, wanted: int) -> Indices:
    """Returns which items flip in more than half of the passes, or in as many as it takes to have what is wanted.

    >>> _most_flipped(np.array([3, 1, 2, 0, 1]), 3, 1), _most_flipped(np.array([3, 1, 2, 0, 1]), 3, 3)
    (array([0, 2]), array([0, 1, 2, 4]))
    """
    least = n_passes // 2 + 1
    while least > 0 and np.count_nonzero(count >= least) < wanted:
        least -= 1
    return np.flatnonzero(count >= least)


def _one_of_each(clusters: Clusters, order: Indices) -> Indices:
    """Returns positions: for each cluster in this order, the nearest item to its centre that is not taken yet."""
    taken = np.zeros(len(clusters.rows), dtype=np.bool_)
    chosen = np.empty(len(order), dtype=np.int64)
    for first in range(0, len(order), CENTRES):
        some = order[first : first + CENTRES]
        centres = clusters.centres[some]
        near = np.einsum("ij,ij->i", centres, centres) / 2 - clusters.rows @ centres.T
        near += np.einsum("ij,ij->i", clusters.rows, clusters.rows)[:, None] / 2
        for place in range(len(some)):
            chosen[first + place] = np.where(taken, np.inf, near[:, place]).argmin()
            taken[chosen[first + place]] = True
    return chosen
