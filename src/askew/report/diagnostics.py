"""What lies behind the curves: classes labeled, how balanced they were, the weight curve, seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from askew.pick.balance import l1_score
from askew.report.ledgers import Experiment
from askew.report.measures import Floats

Curve = tuple[list[float], list[float], float]
"""Weights, their losses, and the weight that was chosen."""


def asked_by_class(experiment: Experiment, label: str) -> Floats:
    """Returns (cycles, classes) items asked, mean over the seeds that asked in that cycle; empty if none did."""
    asked: dict[int, list[Sequence[float]]] = {}
    for run in experiment.of(label):
        for cycle in run.cycles:
            if cycle.asked_labels:
                asked.setdefault(cycle.number, []).append(cycle.asked_counts)
    return np.array([np.mean(rows, axis=0) for _, rows in sorted(asked.items())])


def initial_by_class(experiment: Experiment, label: str) -> Floats:
    """Returns (classes,) items labeled before the first query, mean over the seeds that asked in the first cycle."""
    first = [run.cycles[0].labeled_counts for run in experiment.of(label) if run.cycles and run.cycles[0].asked_labels]
    return np.array(np.mean(first, axis=0)) if first else np.zeros(len(experiment.classes))


def labeled_l1_scores(experiment: Experiment, label: str) -> tuple[NDArray[np.int64], Floats]:
    """Returns the label counts and the (counts,) L1 scores of all labels so far, mean over the seeds that came there.

    An L1 score is the distance of the class counts to equal shares over its maximum (Eq. 4.10).
    """
    scores: dict[int, list[float]] = {}
    for run in experiment.of(label):
        for cycle in run.cycles:
            scores.setdefault(cycle.n_labeled, []).append(l1_score(np.array(cycle.labeled_counts)))
    return np.array(sorted(scores), dtype=np.int64), np.array([np.mean(values) for _, values in sorted(scores.items())])


def weight_curve(experiment: Experiment, label: str) -> Curve | None:
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
