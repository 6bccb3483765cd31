"""Label dispersion of 1,000,000 items, 1,000 classes, 100 epochs, against scipy.stats.mode over an int64 history.

Two kinds of predictions: `settled`, where an item keeps its class in 80% of the epochs, and `random`, the hardest,
where every epoch throws a die with 1,000 sides. scipy is timed on a share of the items and scaled (`scipy_share`); its
cost is the same for every item.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.stats
from common import arguments, comparison, measure, write

from askew.strategies.dispersion import DispersionTracker

SEED = 0


def epochs(kind: str, n_items: int, n_classes: int, n_epochs: int) -> Iterator[np.ndarray]:
    """Yields (N,) int64 predictions, the same ones each time it is called."""
    rng = np.random.default_rng(SEED)
    own = rng.integers(n_classes, size=n_items)
    for _ in range(n_epochs):
        drawn = rng.integers(n_classes, size=n_items)
        yield drawn if kind == "random" else np.where(rng.random(n_items) < 0.8, own, drawn)


def one(kind: str, n_items: int, n_classes: int, n_epochs: int, *, share: int, repeats: int) -> dict[str, Any]:
    """Times one kind and compares the modes with scipy's."""
    tracemalloc.start()
    tracker = DispersionTracker(n_items, n_classes)
    adding, held, history = np.zeros(2), 0, np.empty((n_items // share, n_epochs), dtype=np.int64)
    for epoch, predicted in enumerate(epochs(kind, n_items, n_classes, n_epochs)):
        history[:, epoch] = predicted[: len(history)]
        before = tracemalloc.get_traced_memory()[0]
        adding += [m["add"] for m in measure({"add": lambda p=predicted: tracker.update(p)}, 1, warm=False)]
        held += tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    run = {"askew": tracker.dispersion, "scipy.stats.mode": lambda: scipy.stats.mode(history, axis=1)}
    clock, processor = measure(run, repeats)
    for medians, seconds in ((clock, adding[0]), (processor, adding[1])):
        medians["scipy.stats.mode"] *= share
        medians["askew with adding the epochs"] = medians["askew"] + float(seconds)
    modes = scipy.stats.mode(history, axis=1)
    same = np.array_equal(modes.mode, tracker.mode()[: len(history)])
    agree = np.array_equal(1 - modes.count / n_epochs, tracker.dispersion()[: len(history)])
    return {
        **comparison(clock, processor),
        "scipy_share": f"1/{share}",
        "same_as_scipy": bool(same and agree),
        "bytes_held_per_item_and_epoch": round(held / n_items / n_epochs, 3),
    }


def main() -> None:
    """Runs it."""
    options = arguments(__doc__)
    quick, repeats = options.quick, options.repeats or (1 if options.quick else 3)
    n_items = 100_000 if quick else 1_000_000
    record = {kind: one(kind, n_items, 1000, 100, share=5, repeats=repeats) for kind in ("settled", "random")}
    write(
        "dispersion",
        {"seed": SEED, "repeats": repeats, "items": n_items, "classes": 1000, "epochs": 100, **record},
        quick=quick,
    )


if __name__ == "__main__":
    main()
