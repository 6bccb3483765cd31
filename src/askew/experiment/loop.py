"""The loop: fit, evaluate, predict what the strategy needs, query, let the oracle answer, write it down; again.

A cycle depends on the labels at its start and on (seed, cycle) alone, never on what ran before it in the process. A run
that was stopped goes on from its last finished cycle and ends with the picks of one never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from askew.arrays import Indices
from askew.experiment.ledger import Ledger
from askew.pick.balance import l1_score
from askew.plan import Balance, Plan
from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import Selection, select
from askew.seeding import number
from askew.strategies.registry import Strategy


class Task(Protocol):
    """What the loop drives; it knows nothing of images. Pool item i is the task's item i."""

    n_items: int
    n_classes: int
    truth: Indices

    def fit(
        self, pool: Pool, needs: Collection[str], *, seed: int, progress: Callable[[float], None] | None = None
    ) -> None:
        """Trains a new model on the labelled items; `needs` tells what `predict` will be asked for."""

    def predict(self, pool: Pool, needs: Collection[str], *, seed: int) -> Predictions:
        """Says of the pool's items what `needs` names, and nothing else."""

    def evaluate(self) -> dict[str, float]:
        """Measures the model on the test items."""


@dataclass(frozen=True)
class Run:
    """One strategy with one seed: what a ledger holds the cycles of."""

    label: str
    strategy: Strategy
    seed: int
    initial: Indices
    budget: int
    cycles: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    balance: Balance | None = None

    def header(self) -> dict[str, Any]:
        """The ledger's first line."""
        balance = None if self.balance is None else self.balance.record()
        return {
            "run": {
                "label": self.label,
                "strategy": self.strategy.name,
                "parameters": dict(self.parameters),
                "balance": balance,
                "seed": self.seed,
                "cycles": self.cycles,
                "budget": self.budget,
                "initial": self.initial.tolist(),
            }
        }


@dataclass(frozen=True)
class Progress:
    """Where a run is: for the screen only."""

    label: str
    seed: int
    cycle: int
    cycles: int
    phase: str
    n_labeled: int
    accuracy: float | None = None
    fraction: float = 0.0


Watch = Callable[[Progress], None]


def run_cycles(task: Task, run: Run, ledger: Ledger, watch: Watch = lambda _: None) -> None:
    """Runs the cycles that the ledger does not hold yet, and appends each as it ends.

    Args:
        task: trained from scratch in every cycle.
        run: the strategy, the seed and the protocol.
        ledger: the run's own; its finished cycles are replayed, not repeated.
        watch: told of each phase as it begins.
    """
    labels = np.full(task.n_items, -1, dtype=np.int64)
    labels[run.initial] = task.truth[run.initial]
    for done in ledger.cycles:
        labels[done["asked"]] = done["asked_labels"]
    for cycle in range(len(ledger.cycles), run.cycles):
        line = _cycle(task, run, cycle, Pool(labels), watch)
        ledger.append(line)
        labels[line["asked"]] = line["asked_labels"]


def _cycle(task: Task, run: Run, cycle: int, pool: Pool, watch: Watch) -> dict[str, Any]:
    last = cycle == run.cycles - 1
    needs = () if last else _needs(run)
    clock = _Clock()

    def tell(phase: str, fraction: float = 0.0, accuracy: float | None = None) -> None:
        watch(Progress(run.label, run.seed, cycle, run.cycles, phase, len(pool.labeled), accuracy, fraction))

    tell("fit")
    with clock("fit"):
        task.fit(pool, needs, seed=number(run.seed, cycle, "fit"), progress=lambda f: tell("fit", f))
    tell("evaluate")
    with clock("evaluate"):
        metrics = task.evaluate()
    tell("predict", accuracy=metrics.get("accuracy"))
    with clock("predict"):
        pred = task.predict(pool, needs, seed=number(run.seed, cycle, "predict")) if needs else Predictions()
    tell("query")
    with clock("query"):
        selection = Selection(np.empty(0, dtype=np.int64)) if last else _select(run, cycle, pred, pool)
    answers = task.truth[selection.chosen]
    asked_counts = np.bincount(answers, minlength=task.n_classes)
    tell("done", accuracy=metrics.get("accuracy"))
    return {
        "cycle": cycle,
        "n_labeled": len(pool.labeled),
        "metrics": metrics,
        "asked": selection.chosen.tolist(),
        "asked_labels": answers.tolist(),
        "labeled_counts": pool.counts(task.n_classes).tolist(),
        "asked_counts": asked_counts.tolist(),
        "l1_score": None if last else l1_score(asked_counts),
        "balance": _balance_line(selection),
        "seconds": clock.seconds,
    }


def _needs(run: Run) -> tuple[str, ...]:
    return Plan(run.strategy, run.parameters, run.balance).needs


def _select(run: Run, cycle: int, pred: Predictions, pool: Pool) -> Selection:
    plan = Plan(run.strategy, run.parameters, run.balance)
    return select(plan, run.budget, pred, pool, seed=number(run.seed, cycle, "query"))


def _balance_line(selection: Selection) -> dict[str, Any] | None:
    if selection.demand is None or selection.expected is None:
        return None
    curve = selection.curve
    return {
        "weight": selection.weight,
        "objective": selection.objective,
        "bound": selection.bound,
        "gap": selection.gap,
        "l1_score": l1_score(selection.expected),
        "demand": selection.demand.tolist(),
        "curve": None
        if curve is None
        else {"weights": list(map(float, curve.weights)), "losses": list(map(float, curve.losses))},
    }


class _Clock:
    """Seconds of each phase of a cycle."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[phase] = round(time.perf_counter() - start, 4)
