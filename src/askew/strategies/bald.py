"""BALD: ask where stochastic passes of the model each are sure, but of different classes."""

from __future__ import annotations

from askew.arrays import Array, namespace
from askew.pool import Pool, Predictions
from askew.strategies.entropy import shannon
from askew.strategies.registry import strategy


@strategy(
    "bald",
    kind="scorer",
    needs=("draws",),
    paper="Houlsby et al. 2011, arXiv 1112.5745; Gal et al. 2017, arXiv 1703.02910",
)
def bald(pred: Predictions, pool: Pool) -> Array:
    """Scores the mutual information between the class and the model, H(mean_t p_t) − mean_t H(p_t), in nats.

    Returns:
        (N,) floats in [0, ln C], of the dtype of `draws`; rounding can leave a value just below 0, which becomes 0.
    """
    draws = pred.draws
    xp = namespace(draws)
    return xp.clip(shannon(xp.mean(draws, axis=0)) - xp.mean(shannon(draws), axis=0), 0, None)
