"""What dispersion adds to a training: `fit` that records it, against `fit` plus one prediction of the pool an epoch.

CIFAR-10 and the small convnet, on one thread. Three things take turns: a training without a recorder, one that records
label dispersion, and one prediction of the unlabeled items. The last two are what a user would do by hand; the ratio
says what the recorder costs beyond them. It is that of processor time, since others work on the machine.

CIFAR-10 is looked for as `askew` does (`ASKEW_DATA`, `./data`) and beside the checkout.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import arguments, write

from askew.data.load import load
from askew.learn.classifier import Classifier
from askew.learn.task import ImageClassification
from askew.learn.training import Training
from askew.pool import Pool

EPOCHS = 3
GOAL = 1.05
"""At most so many times the cost of `fit` and a prediction of the pool an epoch."""


def seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """Returns the seconds by the clock and of processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def main() -> None:
    """Runs it."""
    options = arguments(__doc__)
    repeats = options.repeats or (1 if options.quick else 7)
    n_pool, n_labeled = (600, 100) if options.quick else (2_000, 300)
    torch.set_num_threads(1)
    root = os.environ.get("ASKEW_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data"
    dataset = load("cifar10", root=Path(root))
    learner = Classifier(10, backbone="small-convnet", training=Training(epochs=EPOCHS, batch=32), device="cpu")
    task = ImageClassification(dataset, learner, items=np.arange(n_pool))
    pool = Pool(np.where(np.arange(n_pool) < n_labeled, task.truth, -1))
    model = task.fit(pool, (), seed=0)
    task.predict(model, pool, ("probs",), seed=0)
    work = {
        "fit": lambda: task.fit(pool, (), seed=0),
        "fit that records dispersion": lambda: task.fit(pool, ("dispersion",), seed=0),
        "predicting the pool once an epoch": lambda: [
            task.predict(model, pool, ("probs",), seed=0) for _ in range(EPOCHS)
        ],
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for repeat in range(repeats):
        names = list(work) if repeat % 2 == 0 else list(work)[::-1]
        for name in names:
            taken[name].append(seconds(work[name]))
    plain, recorded, predicting = (np.array(taken[name]) for name in work)
    ratios = recorded / (plain + predicting)
    ratio = {"by the clock": float(np.median(ratios[:, 0])), "of processor time": float(np.median(ratios[:, 1]))}
    write(
        "dispersion_fit",
        {
            "repeats": repeats,
            "pool": n_pool,
            "labels": n_labeled,
            "epochs": EPOCHS,
            "threads": 1,
            "median_seconds": {name: round(statistics.median(t[0] for t in taken[name]), 4) for name in work},
            "median_processor_seconds": {name: round(statistics.median(t[1] for t in taken[name]), 4) for name in work},
            "times_fit_and_predictions": {name: round(value, 4) for name, value in ratio.items()},
            "each_of_processor_time": [round(float(one), 4) for one in ratios[:, 1]],
            "goal": GOAL,
            "meets_goal": ratio["of processor time"] <= GOAL,
        },
        quick=options.quick,
    )


if __name__ == "__main__":
    main()
