"""k-center at 50,000 × 512 float32, 5,000 labelled, 2,500 picks, against scikit-activeml and a product a pick.

The others are timed over one pick and over `extrapolated_from_picks` more, all of which cost them the same, and
extrapolated to all; askew is timed over all. Its first picks are compared with those of float64, in order.
A start in bfloat16 is not measured: NumPy has no bfloat16 product, and the light core does not import torch.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
from common import arguments, comparison, extrapolated, installed, measure, write

from askew.query import query

SEED = 0


def features_of(kind: str, n_items: int, n_dims: int) -> np.ndarray:
    """Returns (N, D) float32: isotropic normal, 50 groups, or rectified of rank 32 like a network's last layer."""
    rng = np.random.default_rng(SEED)
    if kind == "normal":
        return rng.standard_normal((n_items, n_dims), dtype=np.float32)
    if kind == "groups":
        centres = rng.standard_normal((50, n_dims))
        return (centres[rng.integers(50, size=n_items)] + 0.5 * rng.standard_normal((n_items, n_dims))).astype(
            np.float32
        )
    low = rng.standard_normal((n_items, 32)) @ rng.standard_normal((32, n_dims))
    return np.maximum(low, 0).astype(np.float32)


def product_a_pick(x: np.ndarray, labels: np.ndarray, n: int) -> np.ndarray:
    """k-center the plain fast way: distances to the labelled in tiles, then one matrix-vector product a pick."""
    left, centres = np.flatnonzero(labels < 0), x[labels >= 0]
    rows, norms = x[left], np.square(x).sum(axis=1)
    nearest = np.concatenate(
        [
            (norms[left[t : t + 512], None] + norms[labels >= 0] - 2 * (rows[t : t + 512] @ centres.T)).min(axis=1)
            for t in range(0, len(left), 512)
        ]
    )
    chosen = np.empty(n, dtype=np.int64)
    for k in range(n):
        i = int(nearest.argmax())
        chosen[k] = left[i]
        np.minimum(nearest, norms[left] + norms[left[i]] - 2 * (rows @ rows[i]), out=nearest)
        nearest[i] = -1
    return chosen


def reference(x: np.ndarray, labels: np.ndarray, n: int) -> np.ndarray:
    """The definition in float64, one pick at a time."""
    return product_a_pick(x.astype(np.float64) - x.mean(axis=0, dtype=np.float64), labels, n)


def rival(x: np.ndarray, labels: np.ndarray, n: int) -> None:
    """scikit-activeml's CoreSet."""
    from skactiveml.pool import CoreSet

    CoreSet(random_state=SEED).query(x, np.where(labels < 0, np.nan, labels), batch_size=n)


def one(kind: str, n_items: int, n_labeled: int, n: int, *, repeats: int, timed_picks: int) -> dict[str, Any]:
    """Times one kind of features and compares the first picks with the reference."""
    x, labels = features_of(kind, n_items, 512), np.full(n_items, -1)
    labels[np.random.default_rng(SEED + 1).permutation(n_items)[:n_labeled]] = 0
    others = {"product a pick": product_a_pick}
    if installed("skactiveml"):
        others["scikit-activeml"] = rival
    run = {"askew": lambda: query("kcenter", n, features=x, labels=labels)}
    for name, other in others.items():
        run[f"{name}, 1"] = lambda f=other: f(x, labels, 1)
        run[f"{name}, more"] = lambda f=other: f(x, labels, 1 + timed_picks)
    clock, processor = measure(run, repeats, warm=False)
    for name in others:
        for medians in (clock, processor):
            medians[name] = extrapolated(medians, f"{name}, 1", f"{name}, more", (n - 1) / timed_picks)
    exact, got = reference(x, labels, 4 * timed_picks), query("kcenter", n, features=x, labels=labels)
    tracemalloc.start()
    query("kcenter", n, features=x, labels=labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "items": n_items,
        "labelled": n_labeled,
        "picks": n,
        "extrapolated_from_picks": timed_picks,
        **comparison(clock, processor),
        "first_picks_as_in_float64": f"{int((exact == got[: len(exact)]).sum())} of {len(exact)}",
        "askew_megabytes_beside_features": round(peak / 1e6, 1),
    }


def main() -> None:
    """Runs it."""
    options = arguments(__doc__)
    quick, repeats = options.quick, options.repeats or (1 if options.quick else 3)
    sizes = (5_000, 500, 250) if quick else (50_000, 5_000, 2_500)
    kinds = ("normal",) if quick else ("normal", "groups", "rectified")
    record = {k: one(k, *sizes, repeats=repeats, timed_picks=60) for k in kinds}
    write("kcenter", {"seed": SEED, "repeats": repeats, **record}, quick=quick)


if __name__ == "__main__":
    main()
