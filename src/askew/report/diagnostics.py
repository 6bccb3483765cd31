"""What lies behind the curves: classes asked, how balanced they were, the weight curve, seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from askew.report.ledgers import Experiment
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


def mean_seconds(experiment: Experiment, label: str) -> dict[int, tuple[dict[str, float], int]]:
    """Returns label count to the seconds of each phase, mean over the seeds that came there, and how many these are."""
    found: dict[int, list[Mapping[str, float]]] = {}
    for run in experiment.of(label):
        for cycle in run.cycles:
            if cycle.seconds:
                found.setdefault(cycle.n_labeled, []).append(cycle.seconds)
    return {n: (_mean_phases(found[n]), len(found[n])) for n in sorted(found)}


def mean_of_cycles(experiment: Experiment, label: str) -> dict[str, float]:
    """Returns the seconds of each phase of a cycle, mean over the cycles and seeds; a cycle without the phase has 0."""
    every = [cycle.seconds for run in experiment.of(label) for cycle in run.cycles if cycle.seconds]
    return _mean_phases(every) if every else {}


def _mean_phases(seconds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    phases = dict.fromkeys(phase for one in seconds for phase in one)
    return {phase: float(np.mean([one.get(phase, 0.0) for one in seconds])) for phase in phases}
