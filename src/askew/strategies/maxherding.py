"""MaxHerding: ask about the item that, with what is labelled, makes the pool best represented."""

from __future__ import annotations

from askew.kernels.coverage import Coverage
from askew.kernels.similarity import Gaussian, checked_width
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.gains import Gains
from askew.strategies.registry import strategy


@strategy("maxherding", kind="greedy", needs=("features",), paper="Bae et al. 2024 (ECCV), arXiv 2407.12212")
def maxherding(pred: Predictions, pool: Pool, *, width: float = 1.0) -> Gains:
    """Gains Σ_j max(0, k(x, j) − m_j): how much closer the pool comes to what is labelled if x is labelled too.

    k(x, y) = exp(−|x − y|² / width²) over features at length 1, and m_j is the largest k of item j to what is labelled
    or picked: the generalised coverage of the paper, each pick the greedy one. A row of zeros stays a row of zeros. No
    model is needed, so it is a way to choose the first labels.

    Picks are those of the definition, in float64. Gains that agree within 1e-12 of the number of unlabeled items count
    as equal; then the item nearest the mean direction of the pool goes first. Cost: one product of the pool with itself
    in blocks, and then each item with what became better covered while it was among the best. Memory O(N) beside the
    features, and some 30 MB of blocks; no N × N array.

    Raises:
        InputError: the features of a labelled item are not finite, or the width is no finite number above 0.
    """
    features = pred.require("features", pool.labeled, "maxherding")
    kernel = Gaussian(features, checked_width(width))
    return Coverage(kernel, pool.labeled, pool.unlabeled, prefer=kernel.centrality())
