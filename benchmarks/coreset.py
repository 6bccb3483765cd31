"""Core-set on 2,000 pictures of Fashion-MNIST and on the 1,797 digits: the radius, what was proved, k-center's.

Features are pixels. The radius is that without outliers, before any label, so that k-center's, measured the same way,
stands beside it; `radius_saved` is the share of k-center's that core-set saves. One run each: it is about what is
proved in how long. A run that is not proved was stopped at the time limit, and says the gap that was left. `limits`
holds how long 500 picks of up to 20,000 pictures took where the limit was far too short for a proof.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from common import arguments, write
from scipy.spatial.distance import cdist

from askew.data.fashion import DEBIAN, read_idx
from askew.query import query

SEED = 0


def features_of(kind: str, n_items: int = 2000) -> np.ndarray:
    """Returns (N, D) pixels in float64."""
    if kind == "digits":
        from sklearn.datasets import load_digits

        return np.asarray(load_digits().data)
    pictures = read_idx(next(DEBIAN.glob("train-images*")))
    some = np.random.default_rng(SEED).permutation(len(pictures))[:n_items]
    return pictures[some].reshape(n_items, -1) / 255


def one(x: np.ndarray, n: int, time_limit_s: float) -> dict[str, Any]:
    """Solves one and measures both radii by all distances to the picks."""
    start = time.perf_counter()
    kcenter = query("kcenter", n, features=x, seed=SEED)
    kcenter_seconds = time.perf_counter() - start
    found = query("coreset", n, features=x, seed=SEED, outliers=0, time_limit_s=time_limit_s, details=True)
    radii = {name: float(cdist(x, x[c]).min(axis=1).max()) for name, c in (("k", kcenter), ("c", found.chosen))}
    proof = found.proof.record()
    return {
        "items": len(x),
        "picks": n,
        "proved": proof["gap"] == 0,
        "gap": round(proof["gap"], 4),
        "radius": round(radii["c"], 4),
        "bound": round(proof["bound"], 4),
        "kcenter_radius": round(radii["k"], 4),
        "radius_saved": round(1 - radii["c"] / radii["k"], 4),
        "seconds": round(proof["seconds"], 2),
        "kcenter_seconds": round(kcenter_seconds, 3),
        "stopped": proof["stopped"],
    }


def limited(n_items: int, n: int, time_limit_s: float) -> dict[str, Any]:
    """Says how long a choice took with a limit, by the clock and of processor time, and why it stopped."""
    x, cpu = features_of("fashion", n_items), time.process_time()
    found = query("coreset", n, features=x, seed=SEED, time_limit_s=time_limit_s, details=True)
    cpu = time.process_time() - cpu
    proof = found.proof.record()
    seconds = {"seconds": round(proof["seconds"], 2), "processor_seconds": round(cpu, 2)}
    size = {"items": n_items, "picks": n, "time_limit_s": time_limit_s}
    return {**size, **seconds, "gap": round(proof["gap"], 4), "stopped": proof["stopped"]}


def main() -> None:
    """Runs it."""
    options = arguments(__doc__)
    limit, sizes = (5.0, (500,)) if options.quick else (30.0, (1000, 500, 200, 50))
    record = {
        kind: [one(features_of(kind), n, limit) for n in sizes]
        for kind in ("digits", "fashion")
        if kind == "digits" or DEBIAN.is_dir()
    }
    if DEBIAN.is_dir():
        sizes = (2000,) if options.quick else (2000, 10_000, 20_000)
        record["limits"] = [limited(n_items, 500, seconds) for n_items in sizes for seconds in (5.0, 30.0)]
    write("coreset", {"seed": SEED, "time_limit_s": limit, **record}, quick=options.quick)


if __name__ == "__main__":
    main()
