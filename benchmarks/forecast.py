"""How often the forecast's intervals held: each curve is cut, forecast from what is left, and held against what came.

Every run alone and every strategy's mean over seeds is cut after two label counts, three and so on. Forecast is the
next count, and, where it was measured, the double. Experiments in CHOSEN_ON were looked at when the prior was
chosen and are counted apart.

    python benchmarks/forecast.py [FOLDER …]      results/ and the folders of other experiments
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from common import write

from askew.forecast import forecast
from askew.report.forecasts import known
from askew.report.ledgers import Experiment, read
from askew.report.measures import Curves
from askew.report.summary import curves_of

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
from publish_results import unpacked  # noqa: E402

CHOSEN_ON = ("digits", "fashion-desk", "cifar10-frozen-budget-50", "cifar10-frozen-longtail-50")
"""Experiments on which the prior was chosen, by the log-density of what came."""

WANTED = 0.01
"""The gain for which the rule to stop is judged."""


class Outcome(NamedTuple):
    """One forecast and what came."""

    of: str
    to: str
    held_80: bool
    held_50: bool
    below: bool
    above: bool
    width: float
    error: float
    stop: bool
    gain: float


def outcomes(experiment: Experiment) -> Iterator[Outcome]:
    """Yields every forecast of an experiment's curves."""
    for label in experiment.labels:
        curves = curves_of(experiment.of(label), "accuracy")
        if curves is None:
            continue
        for seed in range(len(curves.seeds)):
            one = Curves(curves.n_labeled, curves.values[seed : seed + 1], curves.seeds[seed : seed + 1])
            yield from _of_curve("one run", one, experiment.n_test)
        if len(curves.seeds) > 1:
            yield from _of_curve("mean over seeds", curves, experiment.n_test)


def _of_curve(of: str, curves: Curves, n_test: int) -> Iterator[Outcome]:
    found = known(curves)
    if found is None:
        return
    n, values = found
    mean = values.mean(axis=0)
    for k in range(2, len(n)):
        targets = {"the next count": k}
        double = np.flatnonzero(n == 2 * n[k - 1])
        if len(double) and double[0] != k:
            targets["the double"] = int(double[0])
        at = n[list(targets.values())]
        wide, narrow = (forecast(n[:k], values[:, :k], at, n_test=n_test, level=level) for level in (0.8, 0.5))
        stop = wide.enough(WANTED)
        for i, (to, column) in enumerate(targets.items()):
            came, low, high = mean[column], wide.low[i], wide.high[i]
            yield Outcome(
                of=of,
                to=to,
                held_80=bool(low <= came <= high),
                held_50=bool(narrow.low[i] <= came <= narrow.high[i]),
                below=bool(came < low),
                above=bool(came > high),
                width=float(high - low),
                error=float(abs(came - wide.median[i])),
                stop=bool(stop[i]),
                gain=float(came - mean[k - 1]),
            )


def record(found: list[Outcome]) -> dict[str, Any]:
    """Returns, for each kind of forecast, how many there were and how often they held."""
    kinds = defaultdict(list)
    for one in found:
        kinds[f"{one.of}, {one.to}"].append(one)
    return {kind: _counted(of) for kind, of in sorted(kinds.items())} | {"all": _counted(found)}


def _counted(of: list[Outcome]) -> dict[str, Any]:
    stopped = [one.gain for one in of if one.stop]
    return {
        "forecasts": len(of),
        "held_80": round(float(np.mean([one.held_80 for one in of])), 3),
        "held_50": round(float(np.mean([one.held_50 for one in of])), 3),
        "came_below": round(float(np.mean([one.below for one in of])), 3),
        "came_above": round(float(np.mean([one.above for one in of])), 3),
        "median_width_points": round(100 * float(np.median([one.width for one in of])), 2),
        "median_error_points": round(100 * float(np.median([one.error for one in of])), 2),
        "said_stop": len(stopped),
        "stop_missed_gain": sum(gain > WANTED for gain in stopped),
        "mean_gain_points_after_stop": round(100 * float(np.mean(stopped)), 2) if stopped else None,
    }


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, help="folders of experiments beside those of results/")
    parser.add_argument("--quick", action="store_true", help="only the first experiment of results/")
    options = parser.parse_args()
    published = sorted(path.parent for path in (ROOT / "results").glob("*/ledgers.jsonl.gz"))
    found: dict[str, list[Outcome]] = {}
    for one in published[:1] if options.quick else published:
        with unpacked(one) as folder:
            experiment = read(folder)
        found[experiment.name] = list(outcomes(experiment))
    for folder in options.folders:
        experiment = read(folder)
        found[experiment.name] = list(outcomes(experiment))
    split = {True: [], False: []}
    for name, of in found.items():
        split[name in CHOSEN_ON] += of
    write(
        "forecast",
        {
            "level": [0.8, 0.5],
            "wanted_gain_points": 100 * WANTED,
            "chosen_on": [name for name in found if name in CHOSEN_ON],
            "judged_on": [name for name in found if name not in CHOSEN_ON],
            "judged": record(split[False]) if split[False] else None,
            "chosen": record(split[True]) if split[True] else None,
            "experiments": {name: record(of) for name, of in found.items()},
        },
        quick=options.quick,
    )


if __name__ == "__main__":
    main()
