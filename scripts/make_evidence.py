"""Makes `src/askew/evidence.json`, what `askew advise` knows, from `benchmarks/results/matrix.json`.

PYTHONPATH=src python scripts/make_evidence.py
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from askew.advice import RANDOM, Gain

ROOT = Path(__file__).parents[1]
MATRIX = ROOT / "benchmarks" / "results" / "matrix.json"
EVIDENCE = ROOT / "src" / "askew" / "evidence.json"


def evidence_of(matrix: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the gain of every strategy in every cell, of those strategies that have all seeds of it.

    A gain is the mean over the curve, without its first point, of a strategy's accuracy less random's of the same seed,
    in points.
    """
    cells, used = [], {RANDOM}
    for key, cell in matrix["cells"].items():
        dataset, tail, per_class = key.split("/")
        seeds = list(cell["curves"].values())
        names = [name for name in matrix["strategies"] if name != RANDOM and all(name in curves for curves in seeds)]
        used |= set(names)
        gains = {name: Gain.of([_mean(curves[name]) - _mean(curves[RANDOM]) for curves in seeds]) for name in names}
        cells.append(
            {
                "dataset": dataset,
                "sources": cell["sources"],
                "tail": tail,
                "n_classes": cell["n_classes"],
                "n_items": cell["n_items"],
                "per_class": int(per_class),
                "cycles": matrix["cycles"],
                "n_seeds": len(seeds),
                "random": round(float(np.mean([_mean(curves[RANDOM]) for curves in seeds])), 2),
                "gains": {name: gain.record() for name, gain in gains.items()},
            }
        )
    return {"strategies": {name: one for name, one in matrix["strategies"].items() if name in used}, "cells": cells}


def _mean(curve: Sequence[float]) -> float:
    return 100 * float(np.mean(curve[1:]))


def text_of(record: Mapping[str, Any]) -> str:
    """Writes the evidence, a line a cell."""
    head = json.dumps(record["strategies"])
    cells = ",\n".join(json.dumps(cell, allow_nan=False) for cell in record["cells"])
    return f'{{"strategies": {head},\n"cells": [\n{cells}\n]}}\n'


def main() -> None:
    """Writes the file."""
    record = evidence_of(json.loads(MATRIX.read_text(encoding="utf-8")))
    EVIDENCE.write_text(text_of(record), encoding="utf-8")
    print(f"{EVIDENCE}: {len(record['cells'])} cells")


if __name__ == "__main__":
    main()
