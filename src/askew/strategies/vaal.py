"""VAAL: ask about the items that a discriminator takes for labelled ones least."""

from __future__ import annotations

from askew.arrays import Array
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy


@strategy(
    "vaal",
    kind="scorer",
    needs=("labeled_likeness",),
    paper="Sinha, Ebrahimi, Darrell 2019 (ICCV), arXiv 1904.00370; Eq. 4.9",
)
def vaal(pred: Predictions, pool: Pool) -> Array:
    """Scores −u, with u how sure a discriminator is that the item is a labelled one: the least likely is asked first.

    `askew.labeled_likeness` computes u from the pictures and from who is labelled; no model of the classes takes part.
    With a balance, the sum of −u stands where the sum of entropies stands in Eq. 4.8, which is Eq. 4.9:
    min zᵀu + λ‖Ω − Pᵀz‖₁. u lies in [0, 1], so a λ here is another one than for entropy, which is in nats.

    Returns:
        (N,) floats, of the dtype of `labeled_likeness`.
    """
    return -pred.labeled_likeness
