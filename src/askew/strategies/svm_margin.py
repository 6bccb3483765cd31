"""SVM margin: ask about the items that lie nearest to a boundary between one class and the rest."""

from __future__ import annotations

import numpy as np

from askew.arrays import Array, Floats, is_numpy, namespace
from askew.blocked import map_rows
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy


@strategy(
    "svm_margin",
    kind="scorer",
    needs=("margins",),
    paper="Tong and Koller 2001; Zolfaghari Bengar et al. 2021, arXiv 2108.11458",
)
def svm_margin(pred: Predictions, pool: Pool) -> Array:
    """Scores −min_c |f_c|: how near the item is to the nearest of the C boundaries, 0 if it lies on one.

    f_c = w_c · x + b_c is the decision value of the SVM that tells class c from the rest. The thesis (chapter 5) takes
    linear ones with C = 5 on frozen features: `LinearSVC(C=5).fit(…).decision_function(features)` of scikit-learn. Of
    two classes that is one column f: `np.stack([-f, f], axis=1)` has one for each.

    Returns:
        (N,) floats up to 0, of the dtype of `margins`. Cost: one pass, no N × C temporary.
    """
    margins: Array = pred.margins
    if is_numpy(margins):
        return map_rows(_nearness, margins)
    xp = namespace(margins)
    return -xp.min(xp.abs(margins), axis=1)


def _nearness(block: Floats) -> Floats:
    return np.asarray(-np.abs(block).min(axis=1))
