"""The weight of a greedy strategy's balance, tuned on copies of its gains, against gains made anew for each weight.

    python benchmarks/tuning.py --waste FOLDER

UHerding asks for 100 of 5,048 photos of waste by their features (EfficientNet-Lite0, 1,280 numbers), 1,500 of them
labelled, with `balance="auto"`: 17 weights are tried, and one more selection is made. Gains that are made anew is what
askew did before: each looks for the temperature by cross-validation again. Both choose the same items.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
from common import comparison, write

from askew.data.load import load
from askew.learn.probe import LinearProbe
from askew.picking import greedily
from askew.plan import Balance
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.uherding import uherding

SEED, LABELED, PICKS = 0, 1500, 100


def photos(folder: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Returns features, classes and how many classes there are."""
    data = load(folder, test_fraction=0.25, image_side_px=96)
    probe = LinearProbe(data.n_classes, side_px=96)
    parts = (data.train, data.test)
    x = np.concatenate([probe.feed(part).array() for part in parts])
    return x, np.concatenate([part.labels for part in parts]), data.n_classes


def timed(call: Callable[[], Any]) -> tuple[Any, float, float]:
    """Returns what a call returns, and its seconds by the clock and of processor time."""
    start, cpu = time.perf_counter(), time.process_time()
    found = call()
    return found, time.perf_counter() - start, time.process_time() - cpu


def main() -> None:
    """Runs it, once: it is processor time that is compared, on a machine that may be busy."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--waste", default="waste", help="a folder of photos, or an .npz")
    parser.add_argument("--quick", action="store_true", help="300 labels")
    given = parser.parse_args()
    x, y, n_classes = photos(given.waste)
    n_labeled = 300 if given.quick else LABELED
    labels = np.full(len(y), -1)
    some = np.random.default_rng(SEED).permutation(len(y))[:n_labeled]
    labels[some] = y[some]
    pool, probe = Pool(labels), LinearProbe(n_classes)
    feed = probe.feed(x)
    pred = Predictions(features=x, probs=probe.fit(feed, pool, seed=SEED).predict(feed, frozenset({"probs"}))["probs"])

    def ask() -> np.ndarray:
        return greedily(lambda: uherding(pred, pool), PICKS, pred, pool, Balance("auto"), SEED).chosen

    ours, *seconds = timed(ask)
    with patch("askew.picking.repeated", lambda make: make):
        theirs, *others = timed(ask)
    clock, processor = ({"askew": a, "gains made anew": b} for a, b in zip(seconds, others, strict=True))
    size = {"items": len(y), "dimensions": x.shape[1], "labelled": n_labeled, "picks": PICKS}
    same = f"{int((ours == theirs).sum())} of {PICKS}"
    record = {"seed": SEED, **size, **comparison(clock, processor), "same_picks": same}
    write("tuning", record, quick=given.quick)


if __name__ == "__main__":
    main()
