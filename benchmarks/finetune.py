"""Fine-tuning against a head on frozen features: EfficientNet-Lite0, few labels, real photos.

    python benchmarks/finetune.py PHOTOS.npz [--side-px 96] [--labels 45 180] [--seeds 2] [--test-items 500]

The file holds JPEG bytes: `jpeg`, `offsets`, `labels`, `classes`. For each seed labels are drawn at random, the same
for both learners, and accuracy is measured on other photos, drawn once. Both see pictures of one side. The probe has
the features of the labelled photos alone, as the head has from which the fine-tuning starts. Seconds are of one
training, features included.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import installed, write
from numpy.typing import NDArray
from PIL import Image

from askew import Classifier, LinearProbe
from askew.data.pictures import squared
from askew.learn.learner import Learner
from askew.learn.sources import PACKAGE, PACKAGED


def read(path: Path, items: NDArray[np.int64], side_px: int) -> NDArray[np.uint8]:
    """Returns some of the file's photos as squares (n, side_px, side_px, 3)."""
    with np.load(path) as file:
        jpeg, offsets = file["jpeg"], file["offsets"]
    found = (Image.open(io.BytesIO(jpeg[offsets[i] : offsets[i + 1]].tobytes())) for i in items)
    return np.stack([squared(image, side_px) for image in found])


def trained(learner: Learner, x: Any, y: Any, test: Any, truth: Any, seed: int) -> dict[str, float]:
    """Returns the accuracy and the seconds of a training."""
    start, processor = time.perf_counter(), time.process_time()
    model = learner.fit(x, y, seed=seed)
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    right = model.predict(test, ("probs",), seed=0)["probs"].argmax(axis=1) == truth
    return {
        "accuracy": round(float(right.mean()), 4),
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
    }


def main() -> None:
    """Trains both learners for each number of labels and each seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="?", type=Path)
    parser.add_argument("--side-px", type=int, default=96)
    parser.add_argument("--labels", nargs="+", type=int, default=[45, 180])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--test-items", type=int, default=500)
    given, _ = parser.parse_known_args()
    if given.photos is None or not installed(PACKAGE):
        print("skipped: give a file of photos, and install askew[features]")
        return
    with np.load(given.photos) as file:
        labels, n_classes = file["labels"].astype(np.int64), len(file["classes"])
    order = np.random.default_rng(0).permutation(len(labels))
    held, rest = order[: given.test_items], order[given.test_items :]
    test, truth = read(given.photos, held, given.side_px), labels[held]
    learners: dict[str, Learner] = {
        "frozen": LinearProbe(n_classes, features=PACKAGED, side_px=given.side_px),
        "fine-tuned": Classifier(n_classes, backbone=PACKAGED, training="finetune", side_px=given.side_px),
    }
    record: dict[str, Any] = {"photos": given.photos.stem, "side_px": given.side_px, "test_items": given.test_items}
    for n in given.labels:
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in learners}
        for seed in range(given.seeds):
            chosen = np.random.default_rng(seed).choice(rest, n, replace=False)
            x = read(given.photos, chosen, given.side_px)
            for name, learner in learners.items():
                runs[name].append(trained(learner, x, labels[chosen], test, truth, seed))
                print(n, seed, name, runs[name][-1], flush=True)
        record[f"{n} labels"] = {
            name: {key: [run[key] for run in each] for key in each[0]}
            | {"mean_accuracy": round(statistics.mean(run["accuracy"] for run in each), 4)}
            for name, each in runs.items()
        }
    write("finetune", record, quick=False)


if __name__ == "__main__":
    main()
