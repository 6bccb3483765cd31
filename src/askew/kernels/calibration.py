"""How much too sure a linear classifier of few labels is: the temperature that its held-out predictions ask for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Floats, Indices
from askew.kernels.threads import one_blas_thread

TEMPERATURES = np.arange(1, 20.25, 0.5)
"""What is tried, as in the paper of UHerding: from 1, which changes nothing, to 20."""

FOLDS, BINS = 5, 15

MOST = 2000
"""So many labelled items say enough about one number."""

ROUNDS = 100
"""Steps of L-BFGS a fold."""

LARGE = 1e6
"""Features beyond this are scaled to it: the penalty means nothing there, and squares would leave float64."""


def calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Returns the expected calibration error: Σ_b n_b/N · |accuracy − mean confidence| over 15 bins of equal width.

    Guo et al. 2017, arXiv 1706.04599, Eq. 3.

    >>> round(calibration_error(np.array([0.9, 0.9, 0.5]), np.array([True, False, True])), 3)
    0.433
    """
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    off = np.bincount(bins, weights=right - confidence, minlength=BINS)
    return float(np.abs(off).sum() / len(confidence))


def cross_validated_temperature(rows: NDArray[np.float64], classes: Indices) -> float:
    """Returns the temperature at which held-out predictions of a linear classifier have the least calibration error.

    The classifier is multinomial logistic regression with the penalty ½|W|² beside the sum of the losses, trained on
    four fifths of the items and asked about the last, five times. Folds are made by class and content, so the order of
    the items decides nothing. Of equal errors the lowest temperature is taken; with fewer than two classes it is 1.

    Args:
        rows: (L, D) features.
        classes: (L,) class numbers.

    Cost: five trainings of at most `ROUNDS` steps on `MOST` items, evenly taken.
    """
    if len(np.unique(classes)) < 2:
        return 1.0
    order = _by_class_and_content(rows, classes)
    order = order[np.linspace(0, len(order) - 1, min(MOST, len(order))).astype(np.int64)]
    with one_blas_thread():
        logits, truth = _held_out(_short(rows[order]), np.unique(classes[order], return_inverse=True)[1])
    if not len(truth):
        return 1.0
    right = logits.argmax(axis=1) == truth
    errors = [calibration_error(_softmax(logits / t).max(axis=1), right) for t in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(np.round(errors, 12)))])


def _by_class_and_content(rows: NDArray[np.float64], classes: Indices) -> Indices:
    direction = np.random.default_rng(0).standard_normal(rows.shape[1])
    return np.lexsort((np.einsum("ij,j->i", rows, direction), classes))


def _short(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns rows less their mean, turned so that they have at most L numbers each: the fit is the same."""
    rows = rows * min(1.0, LARGE / max(float(np.abs(rows).max()), LARGE))
    rows = rows - rows.mean(axis=0)
    if rows.shape[1] <= len(rows):
        return rows
    values, vectors = np.linalg.eigh(rows @ rows.T)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


def _held_out(rows: NDArray[np.float64], classes: Indices) -> tuple[NDArray[np.float64], Indices]:
    """Returns the logits of every item by a classifier that did not see it, and its class."""
    n_classes, fold = int(classes.max()) + 1, np.arange(len(rows)) % FOLDS
    logits, truth = [np.empty((0, n_classes))], [np.empty(0, dtype=np.int64)]
    for held in range(FOLDS):
        seen = fold != held
        if (fold == held).any() and len(np.unique(classes[seen])) > 1:
            weights, bias = _logistic_regression(rows[seen], classes[seen], n_classes)
            logits.append(rows[~seen] @ weights + bias)
            truth.append(classes[~seen])
    return np.concatenate(logits), np.concatenate(truth)


def _logistic_regression(
    rows: NDArray[np.float64], classes: Indices, n_classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns W (D, C) and b (C,) at the least Σ −ln p + ½|W|²; a class that no row has gets a bias of −30."""
    from scipy.optimize import minimize  # late, for a quick `import askew`

    known = np.unique(classes)
    wanted = (classes[:, None] == known).astype(np.float64)
    n_dims, n_known = rows.shape[1], len(known)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        table = flat.reshape(n_dims + 1, n_known)
        logits = rows @ table[:-1] + table[-1]
        logits -= logits.max(axis=1, keepdims=True)
        sums = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        off = np.exp(logits - sums) - wanted
        slope = np.vstack([rows.T @ off + table[:-1], off.sum(axis=0)])
        return float(
            (sums[:, 0] - (logits * wanted).sum(axis=1)).sum() + 0.5 * np.square(table[:-1]).sum()
        ), slope.ravel()

    found = minimize(loss, np.zeros((n_dims + 1) * n_known), jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS})
    table = found.x.reshape(n_dims + 1, n_known)
    weights, bias = np.zeros((n_dims, n_classes)), np.full(n_classes, -30.0)
    weights[:, known], bias[known] = table[:-1], table[-1]
    return weights, bias


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
