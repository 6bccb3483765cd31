"""DIRECT: ask about the items around the threshold of each class that is best by the labels, rare classes first."""

from __future__ import annotations

import numpy as np

from askew.arrays import Floats, Indices, Mask, is_whole, to_numpy
from askew.errors import InputError
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy


@strategy(
    "direct",
    kind="selector",
    needs=("probs",),
    reads_labeled=True,
    paper="Nuggehalli, Zhang, Jain and Nowak 2023 (ICML 2025), arXiv 2312.09196",
)
def direct(pred: Predictions, pool: Pool, n: int, *, least: int = 5, rng: np.random.Generator) -> Indices:
    """Picks around the threshold that tells each class from the rest, half of them where rare classes are in doubt.

    All items, labelled ones too, stand in a row for each class k, by p_k − max p and then by p_k, largest first. A
    threshold in that row says k before it and not k behind it.

    - Half of n, rounded down, goes to the classes with the fewest labels, in equal parts: to all C, or to as many as
      get `least` picks each, at least one class. A class draws its part at random from the items between the last label
      k before the first label of another class and the first such label after the last k.
    - The rest goes to all C classes in equal parts. A class takes what lies nearest, in places, before and behind its
      threshold in turn: the one that agrees with most labels, the first of equal ones.

    Where fewer are left in doubt than a class may draw, they are asked around the thresholds instead. Which classes get
    one pick more where n does not divide, and the order of equal items, are drawn. The paper's method reads labels
    within the batch, and narrows the doubt by them; this is the form without: all of the batch is asked at once.

    Returns:
        (n,) pool indices in the order they were taken. Cost: C sorts of N numbers. Memory: O(N).

    Raises:
        InputError: the probabilities of a labelled item are not finite, a label outside the classes of `probs`, or a
            `least` that is no whole number from 1.
    """
    if not (is_whole(least) and least >= 1):
        raise InputError(f"least: {least!r}: expected the fewest picks of a rare class, a whole number from 1")
    probs = to_numpy(pred.probs)
    n_classes = probs.shape[1]
    best, shuffled = probs.max(axis=1), rng.permutation(len(pool))
    free, chosen = pool.labels < 0, list[int]()

    def take(items: Indices) -> None:
        free[items] = False
        chosen.extend(items.tolist())

    rarest = np.lexsort((rng.permutation(n_classes), pool.counts(n_classes)))
    rarest = rarest[: min(n_classes, max(1, n // 2 // least))]
    for k, part in zip(rarest.tolist(), _parts(n // 2, len(rarest)), strict=True):
        if part:
            row = _row(probs[:, k], best, shuffled)
            doubtful = _in_doubt(pool.labels[row], k)
            left = row[doubtful][free[row[doubtful]]]
            take(rng.choice(left, min(part, len(left)), replace=False))
    for k, part in zip(rng.permutation(n_classes).tolist(), _parts(n - len(chosen), n_classes), strict=True):
        if part:
            row = _row(probs[:, k], best, shuffled)
            take(row[_nearest(free[row], _threshold(pool.labels[row], k), part)])
    return np.array(chosen, dtype=np.int64)


def _parts(total: int, n_parts: int) -> list[int]:
    """Returns `total` in parts that differ by one at most; the first get more.

    >>> _parts(7, 3)
    [3, 2, 2]
    """
    return [total // n_parts + (part < total % n_parts) for part in range(n_parts)]


def _row(own: Floats, best: Floats, shuffled: Indices) -> Indices:
    """Returns the items by p_k − max p, then by p_k, largest first; equal ones as they are shuffled."""
    return shuffled[np.lexsort((-own[shuffled], best[shuffled] - own[shuffled]))]


def _in_doubt(labels: Indices, k: int) -> slice:
    """Returns the places of the row that no threshold without an error leaves on a sure side.

    >>> _in_doubt(np.array([1, -1, 1, -1, 0, -1, 1, -1, 0, -1]), 1)
    slice(3, 8, None)
    """
    others, own = np.flatnonzero((labels >= 0) & (labels != k)), np.flatnonzero(labels == k)
    first_other = int(others[0]) if len(others) else len(labels)
    last_own = int(own[-1]) if len(own) else -1
    sure_own, sure_others = own[own < first_other], others[others > last_own]
    return slice(
        int(sure_own[-1]) + 1 if len(sure_own) else 0, int(sure_others[0]) if len(sure_others) else len(labels)
    )


def _threshold(labels: Indices, k: int) -> int:
    """Returns how many items of the row stand before the threshold that agrees with most labels; the fewest of equals.

    >>> _threshold(np.array([1, -1, 0, 1, 1, -1, 0]), 1), _threshold(np.array([-1, 0, -1]), 1)
    (5, 0)
    """
    own, others = labels == k, (labels >= 0) & (labels != k)
    return int(np.argmax(np.concatenate([[0], np.cumsum(own.astype(np.int64) - others)])))


def _nearest(free: Mask, threshold: int, count: int) -> Indices:
    """Returns the places of the `count` free items nearest to the threshold, one place before it, one behind, in turn.

    >>> _nearest(np.array([True, True, False, True, True, True]), 2, 4)
    array([1, 0, 3, 4])
    """
    places = np.flatnonzero(free)
    turn = np.where(places < threshold, 2 * (threshold - 1 - places), 2 * (places - threshold) + 1)
    return places[np.argsort(turn)[:count]]
