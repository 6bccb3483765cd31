"""What lies behind the curves: classes asked, how balanced they were, the weight curve, seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from askew.report.ledgers import FULL, Experiment
from askew.report.measures import Floats


def asked_by_class(experiment: Experiment, label: str) -> Floats:
    """Returns (cycles, classes) items asked, mean over the seeds that asked in that cycle; empty if none did."""
    asked: dict[int, list[Sequence[float]]] = {}
    for run in experiment.of(label):
        for cycle in run.cycles:
            if cycle.asked_labels:
                asked.setdefault(cycle.number, []).append(cycle.asked_counts)
    return np.array([np.mean(rows, axis=0) for _, rows in sorted(asked.items())])


def mean_l1_scores(experiment: Experiment, label: str) -> tuple[NDArray[np.int64], Floats]:
    """Returns the cycles and their (cycles,) L1 scores, mean over seeds."""
    scores: dict[int, list[float]] = {}
    for run in experiment.of(label):
        for cycle in run.cycles:
            if cycle.l1_score is not None:
                scores.setdefault(cycle.number, []).append(cycle.l1_score)
    return np.array(sorted(scores), dtype=np.int64), np.array([np.mean(values) for _, values in sorted(scores.items())])


def weight_curve(experiment: Experiment, label: str) -> tuple[list[float], list[float], float] | None:
    """Returns the weights, the losses and the chosen weight of the first run that tuned its weight, or None."""
    for run in experiment.of(label):
        for cycle in run.cycles:
            if cycle.balance is not None and cycle.balance.get("curve"):
                curve = cycle.balance["curve"]
                return list(curve["weights"]), list(curve["losses"]), float(cycle.balance["weight"])
    return None


def mean_seconds(experiment: Experiment) -> dict[str, dict[str, float]]:
    """Returns label to phase to seconds, mean over the cycles and seeds that have the phase."""
    out: dict[str, dict[str, float]] = {}
    for label in (*experiment.labels, FULL):
        phases: dict[str, list[float]] = {}
        for run in experiment.of(label):
            for cycle in run.cycles:
                for phase, seconds in cycle.seconds.items():
                    phases.setdefault(phase, []).append(float(seconds))
        if phases:
            out[label] = {phase: float(np.mean(values)) for phase, values in phases.items()}
    return out
