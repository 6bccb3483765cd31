"""BAIT: ask about the set of items that would leave the least doubt about the last layer's weights."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices, is_number, to_numpy
from askew.errors import InputError
from askew.kernels.fisher import FisherTrace, binary_factors, multinomial_factors
from askew.kernels.threads import one_blas_thread
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.registry import strategy

MOST = 5120
"""With more weights than this in the last layer, C·D, the binary form is taken unless another is asked for."""

LARGE = 1e12
"""Where an item could weigh more than this beside the penalty, float64 cannot tell what taking it out again does."""

EQUAL = 1e-9
"""Items whose gains agree within this part count as equal; the first of them in the pool is picked."""

Fisher = Literal["auto", "multinomial", "binary"]


@strategy(
    "bait",
    kind="selector",
    needs=("features", "probs"),
    paper="Ash et al. 2021 (NeurIPS), arXiv 2106.09675; the binary form: Huseljic et al. 2024, arXiv 2404.08981",
)
def bait(pred: Predictions, pool: Pool, n: int, *, fisher: Fisher = "auto", penalty: float = 1.0) -> Indices:
    """Picks the set S that makes tr((λI + Σ_S V Vᵀ)⁻¹ F) small: 2n items greedily, of which n are taken out again.

    V Vᵀ = (diag(p) − p pᵀ) ⊗ f fᵀ is the Fisher information of an item with features f for the C·D weights of the last
    layer, F its mean over the unlabeled items, λ is `penalty`. Each of the 2n additions is the one after which the
    trace is least, and so is each of the n removals. Features count as given: λ is in their unit, squared.

    - `fisher="multinomial"` is that; it takes memory for two (C·D)² matrices.
    - `fisher="binary"` takes p(1 − p) f fᵀ, p the largest probability, D² numbers: for many classes.
    - `fisher="auto"` is multinomial up to C·D = 5,120, and binary above.

    The model is not asked about labelled items here, so their information, which the paper adds to λI, is left out.

    Returns:
        (n,) pool indices in the order they were added; of equal ones the first in the pool. Cost: O(U·C²·D²) to begin,
        O(U·(C²·D + C³) + C·(C·D)²) for each of the 2n additions, U the unlabeled items; binary as with C = 1.

    Raises:
        InputError: an unknown `fisher`, a penalty that is not above 0, or features too large beside it.
    """
    if fisher not in ("auto", "multinomial", "binary"):
        raise InputError(f'fisher: {fisher!r}: expected "auto", "multinomial" or "binary"')
    if not (is_number(penalty) and penalty > 0):
        raise InputError(f"penalty: {penalty!r}: expected a number above 0")
    features = to_numpy(pred.features)[pool.unlabeled].astype(np.float64)
    largest = float(np.abs(features).max())
    if not largest**2 * features.shape[1] <= LARGE * penalty:
        raise InputError(
            f"features: the largest is {largest:.3g}, too large beside a penalty of {penalty:g} for float64: scale them"
        )
    probs = to_numpy(pred.probs)[pool.unlabeled]
    binary = fisher == "binary" or (fisher == "auto" and probs.shape[1] * features.shape[1] > MOST)
    with one_blas_thread():
        trace = FisherTrace(features, binary_factors(probs) if binary else multinomial_factors(probs), float(penalty))
        return pool.unlabeled[_pruned(trace, _added(trace, len(features), min(2 * n, len(features))), n)]


def _added(trace: FisherTrace, n_items: int, count: int) -> Indices:
    """Returns positions in the order of a greedy choice."""
    left, chosen = np.arange(n_items), []
    everything = np.arange(n_items)
    for _ in range(count):
        place = _first_best(trace.gains(left))
        chosen.append(int(left[place]))
        trace.add(chosen[-1], everything)
        left = np.delete(left, place)
    return np.array(chosen, dtype=np.int64)


def _pruned(trace: FisherTrace, chosen: Indices, n: int) -> Indices:
    while len(chosen) > n:
        place = _first_best(-trace.losses(chosen))
        trace.remove(int(chosen[place]), chosen)
        chosen = np.delete(chosen, place)
    return chosen


def _first_best(values: NDArray[np.float64]) -> int:
    best = float(values.max())
    return int(np.argmax(values >= best - EQUAL * abs(best)))
