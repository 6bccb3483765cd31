"""Sweeps the balance weight λ of a preset's strategies on pools that its comparison does not use (Fig. 4.4).

    python scripts/sweep_weights.py fashion-balance-if01 --seeds 100 101 --out results/fashion-balance-weights.json

For each weight: the L1 distance of the expected class counts to the demand, the L1 score of the true classes asked, and
how many of the asked items the model gets right. The true classes are known to us here, and not to a user; a
preset's weight may be set by them only on pools that its comparison leaves out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from askew.experiment.config import read
from askew.experiment.provenance import versions
from askew.experiment.tasks import build_task, load_dataset, pool_and_initial
from askew.pick.balance import l1_score
from askew.plan import Balance, Plan
from askew.pool import Pool
from askew.query import select
from askew.strategies.registry import get

WEIGHTS = (0.0, 0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 8.0)


def sweep(preset: str, seed: int) -> list[dict[str, Any]]:
    """Returns a record for each balanced strategy of the preset and each weight, from one model of the seed."""
    config = read(preset)
    dataset = load_dataset(config.data)
    items, initial = pool_and_initial(config, dataset, seed)
    task = build_task(config, dataset, items)
    labels = np.full(len(items), -1)
    labels[initial] = task.truth[initial]
    more = np.random.default_rng(seed).choice(np.flatnonzero(labels < 0), config.protocol.budget, replace=False)
    labels[more] = task.truth[more]
    pool = Pool(labels)
    names = sorted({s.strategy for s in config.strategies if s.balance is not None})
    needs = sorted({need for name in names for need in get(name).needs} | {"probs"})
    model = task.fit(pool, needs, seed=seed)
    pred = task.predict(model, pool, needs, seed=seed)
    predicted = np.asarray(pred.probs).argmax(axis=1)
    rows = []
    for name in names:
        for weight in WEIGHTS:
            picked = select(Plan(get(name), balance=Balance(weight)), config.protocol.budget, pred, pool, seed=seed)
            asked = np.bincount(task.truth[picked.chosen], minlength=task.n_classes)
            assert picked.demand is not None
            assert picked.expected is not None
            rows.append(
                {
                    "seed": seed,
                    "strategy": name,
                    "weight": weight,
                    "expected_l1_loss": round(float(np.abs(picked.demand - picked.expected).sum()), 2),
                    "asked_l1_score": round(l1_score(asked), 4),
                    "asked_accuracy": round(float((predicted[picked.chosen] == task.truth[picked.chosen]).mean()), 4),
                }
            )
    return rows


def main() -> None:
    """Writes the sweep as JSON and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset")
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101])
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rows = [row for seed in arguments.seeds for row in sweep(arguments.preset, seed)]
    arguments.out.write_text(
        json.dumps({"preset": arguments.preset, "versions": versions(), "rows": rows}, indent=1) + "\n"
    )
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
