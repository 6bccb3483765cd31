"""UHerding: ask about the item that best represents what the model is unsure of."""

from __future__ import annotations

from typing import Literal

import numpy as np

from askew.arrays import Floats, is_number, to_numpy
from askew.blocked import map_rows
from askew.errors import InputError
from askew.kernels.calibration import cross_validated_temperature
from askew.kernels.coverage import Coverage
from askew.kernels.similarity import Gaussian, checked_width, least_distance
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.gains import Gains
from askew.strategies.registry import strategy


@strategy("uherding", kind="greedy", needs=("features", "probs"), paper="Bae et al. 2025 (ICLR), arXiv 2412.20644")
def uherding(
    pred: Predictions,
    pool: Pool,
    *,
    width: float | Literal["auto"] = "auto",
    temperature: float | Literal["auto"] = "auto",
) -> Gains:
    """Gains Σ_j u_j max(0, k(x, j) − m_j): MaxHerding's coverage, counting most what the model is unsure of.

    k(x, y) = exp(−|x − y|² / width²) over features at length 1, m_j is the largest k of item j to what is labelled or
    picked, and u_j = 1 − (p₁ − p₂) is the margin uncertainty of p^(1/T), normalised. Before any label u is 1, and it is
    MaxHerding; with many labels the width is small, each item covers itself alone, and it is margin.

    - `width="auto"`: the smallest distance between two labelled items that is not 0 (above 1e-6); 1 without one.
    - `temperature="auto"`: T is what a linear classifier of the labelled features needs, from 1 to 20 by the least
      calibration error of held-out predictions in five folds (logistic regression, penalty ½|W|²). Where the model is
      such a classifier, that is the paper's calibration without a validation set; a network whose features were trained
      on these labels looks calibrated there, so its T is better measured on validation data and given.

    Picks are those of the definition, in float64. Gains that agree within 1e-12 of the sum of u count as equal; then
    the item nearest the mean direction of the pool goes first. Cost and memory are those of `maxherding`.

    Raises:
        InputError: the features of a labelled item are not finite, a width that is not above 0, or a temperature
            below 1.
    """
    if temperature != "auto" and not (is_number(temperature) and temperature >= 1):
        raise InputError(f'temperature: {temperature!r}: expected "auto", or a number from 1, which changes nothing')
    features = pred.require("features", pool.labeled, "uherding")
    if width == "auto":
        width = least_distance(features, pool.labeled) or 1.0
    kernel, weights = Gaussian(features, checked_width(width)), None
    if len(pool.labeled):
        if temperature == "auto":
            rows = to_numpy(features[pool.labeled]).astype(np.float64)
            temperature = cross_validated_temperature(rows, pool.labels[pool.labeled])
        weights = doubt(to_numpy(pred.probs)[pool.unlabeled], float(temperature))
    return Coverage(kernel, pool.labeled, pool.unlabeled, weights=weights, prefer=kernel.centrality())


def doubt(probs: Floats, temperature: float) -> Floats:
    """Returns (N,) 1 − (p₁ − p₂) of p^(1/temperature), normalised; 0 for the only class there is.

    >>> doubt(np.array([[0.5, 0.5], [0.8, 0.2], [1.0, 0.0]]), 2.0).round(6)
    array([1.      , 0.666667, 0.      ])
    """
    if probs.shape[1] == 1:
        return np.zeros(len(probs))

    def share(block: Floats) -> Floats:
        ranked = np.partition(block.astype(np.float64), -2, axis=1)
        powers = (ranked / ranked[:, -1:]) ** (1 / temperature)
        return np.asarray(1 - (1 - powers[:, -2]) / powers.sum(axis=1))

    return map_rows(share, probs)
