"""Algorithm 2 with k-center at 45,000 × 512 float32, 2,500 picks, C = 10 and 100, against a simple incremental loop.

The loop keeps every item's distance (one matrix-vector product a pick) and evaluates λ Σ_c |R_c − P_ic| of every item
at every pick: what one writes first when not recomputing everything, as the authors' code does. It is timed over a
number of picks, all of which cost the same, and extrapolated (`extrapolated_from_picks`); the same first picks are
computed in float64 and compared.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
from common import arguments, comparison, extrapolated, measure, write

from askew.pick.greedy import GreedyBalance, greedy
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.kcenter import kcenter

SEED, WEIGHT = 0, 0.5


def incremental(x: np.ndarray, labels: np.ndarray, n: int, probs: np.ndarray, demand: np.ndarray) -> np.ndarray:
    """Algorithm 2, one pick after the other, in the dtype of the features."""
    left, labeled = np.flatnonzero(labels < 0), np.flatnonzero(labels >= 0)
    rows, norms, p = x[left], np.square(x).sum(axis=1), probs[left]
    nearest = np.empty(len(left), dtype=x.dtype)
    for t in range(0, len(left), 512):
        block = norms[left[t : t + 512], None] + norms[labeled] - 2 * (rows[t : t + 512] @ x[labeled].T)
        nearest[t : t + 512] = block.min(axis=1)
    wanted, chosen, taken = demand.astype(probs.dtype), np.empty(n, dtype=np.int64), np.zeros(len(left), dtype=bool)
    for k in range(n):
        cost = -np.sqrt(np.maximum(nearest, 0)) + WEIGHT * np.abs(wanted - p).sum(axis=1)
        cost[taken] = np.inf
        i = int(cost.argmin())
        chosen[k], taken[i] = left[i], True
        wanted = wanted - p[i]
        np.minimum(nearest, norms[left] + norms[left[i]] - 2 * (rows @ rows[i]), out=nearest)
    return chosen


def one(n_items: int, n_labeled: int, n: int, n_classes: int, *, repeats: int, timed_picks: int) -> dict[str, Any]:
    """Times one number of classes; the pool is long-tailed, with half of the classes at a tenth."""
    rng = np.random.default_rng(SEED)
    shares = np.where(np.arange(n_classes) < n_classes // 2, 1.0, 0.1)
    truth = rng.choice(n_classes, size=n_items, p=shares / shares.sum())
    logits = rng.standard_normal((n_items, n_classes)) + 4 * np.eye(n_classes)[truth]
    probs = np.exp(logits).astype(np.float32)
    probs /= probs.sum(axis=1, keepdims=True)
    x = (rng.standard_normal((n_classes, 512))[truth] + rng.standard_normal((n_items, 512))).astype(np.float32)
    labels = np.full(n_items, -1)
    labels[rng.permutation(n_items)[:n_labeled]] = 0
    demand, pool = np.full(n_classes, n / n_classes), Pool(labels)

    def ours() -> np.ndarray:
        gains, balance = kcenter(Predictions(features=x), pool), GreedyBalance(probs, demand, WEIGHT)
        return greedy(gains, pool.unlabeled, n, np.random.default_rng(0), balance=balance)

    run = {
        "askew": ours,
        "loop, 1 pick": lambda: incremental(x, labels, 1, probs, demand),
        "loop, more": lambda: incremental(x, labels, 1 + timed_picks, probs, demand),
    }
    clock, processor = measure(run, repeats, warm=False)
    for medians in (clock, processor):
        medians["incremental loop"] = extrapolated(medians, "loop, 1 pick", "loop, more", (n - 1) / timed_picks)
    exact = incremental(x.astype(np.float64), labels, timed_picks, probs.astype(np.float64), demand)
    tracemalloc.start()
    got = ours()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        **comparison(clock, processor),
        "extrapolated_from_picks": timed_picks,
        "same_first_picks_as_float64": f"{int((got[:timed_picks] == exact).sum())} of {timed_picks}",
        "l1_to_demand": round(float(np.abs(demand - probs[got].sum(axis=0)).sum()), 1),
        "askew_megabytes_beside_inputs": round(peak / 1e6, 1),
    }


def main() -> None:
    """Runs it."""
    options = arguments(__doc__)
    quick, repeats = options.quick, options.repeats or (1 if options.quick else 3)
    sizes = (5_000, 500, 250) if quick else (45_000, 4_500, 2_500)
    picks = 100 if quick else 250
    record = {f"C={c}": one(*sizes, c, repeats=repeats, timed_picks=picks) for c in (10, 100)}
    names = dict(zip(("items", "labelled", "picks"), sizes, strict=True))
    write(
        "greedy",
        {"seed": SEED, "repeats": repeats, "weight": WEIGHT, "dimensions": 512, **names, **record},
        quick=quick,
    )


if __name__ == "__main__":
    main()
