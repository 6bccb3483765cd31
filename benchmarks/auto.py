"""`auto` as a strategy of its own: in every cell of the matrix, with the evidence of the other data sets alone.

    python benchmarks/auto.py [--sets cifar10 waste …] [--seeds 5] [--data-root FOLDER] [--waste FOLDER]

Pools, initial sets, heads and test items are those of `benchmarks/matrix.py`, so its curves are paired with these by
seed. Of the evidence that comes with askew, what shares an item with the data set is left out before `auto` chooses.
The file is written after every cell. The same command goes on where it stopped, and runs those cells anew that `auto`
would ask otherwise with the evidence that there is now: what it asks with depends on numbers that are known beforehand.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import Any

from common import RESULTS
from matrix import CYCLES, PER_CLASS, SOURCES, Trial, tables, trial

from askew.advice import BALANCED, LONG_TAILED, Advice, Auto, evidence
from askew.files import whole_file

EVIDENCE = Path(__file__).parents[1] / "src" / "askew" / "evidence.json"
GIVES = ("features", "probs")


def digest() -> str:
    """Returns SHA-256 of the evidence that comes with askew."""
    return hashlib.sha256(EVIDENCE.read_bytes()).hexdigest()


def choices(name: str, given: Trial) -> list[Advice]:
    """Returns what `auto` asks with in each cycle of a seed of a cell."""
    auto, n_items = Auto(evidence().without(*SOURCES.get(name, (name,)))), len(given.rows)
    counts = [given.n * (cycle + 1) for cycle in range(CYCLES)]
    return [auto.settle(given.table.n_classes, n_items, count, given.n, GIVES) for count in counts]


def run(given: Trial, asked: list[Advice]) -> dict[str, Any]:
    """Returns the curve of one seed of a cell, and what was asked with in each cycle."""
    plans = {given.n * (cycle + 1): advice.plan for cycle, advice in enumerate(asked)}
    return {"curve": given.curve(plans.__getitem__), "asked_with": [advice.name for advice in asked]}


def is_current(held: dict[str, Any] | None, asked: list[Advice]) -> bool:
    """Tells whether a seed of a cell is there and asked with the same."""
    return held is not None and held["asked_with"] == [advice.name for advice in asked]


def main() -> None:
    """Fills the cells that the file does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", nargs="*", help="some of the data sets; all if left out")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data-root", help="where CIFAR-10 is")
    parser.add_argument("--waste", default="waste", help="a folder of waste photos, a folder a class")
    parser.add_argument("--out", type=Path, default=RESULTS / "auto.json")
    given = parser.parse_args()
    record = json.loads(given.out.read_text()) if given.out.is_file() else {}
    strategies = {name: option.record() for name, option in evidence().options.items()}
    held = record["cells"] if record.get("strategies") == strategies else {}
    record = {"evidence": digest(), "strategies": strategies, "cells": held}
    made = tables(given.data_root, given.waste)
    for name in given.sets or made:
        table = made[name]()
        for b in PER_CLASS:
            for tail in (BALANCED, LONG_TAILED):
                began = time.process_time()
                for seed in map(str, range(given.seeds)):
                    found = trial(table, tail, b, int(seed))
                    if found is not None:
                        cell, asked = held.setdefault(f"{name}/{tail}/{b}", {}), choices(name, found)
                        if not is_current(cell.get(seed), asked):
                            cell[seed] = run(found, asked)
                with whole_file(given.out) as draft:
                    draft.write_text(json.dumps(record, separators=(",", ":")).replace('},"', '},\n"') + "\n")
                print(f"{name}/{tail}/{b}: {time.process_time() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
