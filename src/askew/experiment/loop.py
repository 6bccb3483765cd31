"""The loop: fit, evaluate, predict what the strategy needs, query, let the oracle answer, write it down; again.

A cycle depends on the labels at its start and on (seed, cycle) alone, never on what ran before it in the process. A run
that was stopped goes on from its last finished cycle and ends with the picks of one never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from askew.arrays import Indices
from askew.experiment.ledger import Cycle, Header, Ledger
from askew.pick.balance import l1_score
from askew.plan import Plan
from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import Selection, select
from askew.seeding import number


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
    """One strategy with one seed: what a ledger holds the cycles of.

    Attributes:
        label: how the experiment calls it.
        plan: what is asked for; None trains on `initial` once and asks nothing.
        seed: of the training, the predictions and the ties.
        initial: pool items labelled at the start.
        budget: labels asked after each cycle but the last.
        cycles: trainings.
        threads: how many the run computes with; for the ledger.
    """

    label: str
    plan: Plan | None
    seed: int
    initial: Indices
    budget: int
    cycles: int
    threads: int = 1

    def header(self) -> Header:
        """The ledger's first line; of a run on the whole pool it does not list the items."""
        if self.plan is None:
            return Header(self.label, None, self.seed, self.cycles, self.budget, threads=self.threads)
        return Header(
            self.label,
            self.plan.strategy.name,
            self.seed,
            self.cycles,
            self.budget,
            tuple(self.initial.tolist()),
            self.plan.parameters,
            None if self.plan.balance is None else self.plan.balance.record(),
            self.threads,
        )


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


class Oracle(Protocol):
    """Whoever knows the classes: the data set's own, or people."""

    def answer(self, items: Indices) -> Indices | None:
        """Returns the class of each item, or None: not yet."""


@dataclass(frozen=True)
class TruthOracle:
    """Answers at once, from the true classes (N,) of the pool."""

    truth: Indices

    def answer(self, items: Indices) -> Indices:
        """Returns the class of each item."""
        return self.truth[items]


def run_cycles(
    task: Task, run: Run, ledger: Ledger, watch: Watch = lambda _: None, oracle: Oracle | None = None
) -> bool:
    """Runs the cycles that the ledger does not hold yet, and appends each as it ends.

    A question is in the ledger before the oracle hears it. If the oracle says "not yet", the run stops there; called
    again, it goes on at that question.

    Args:
        task: trained from scratch in every cycle.
        run: the strategy, the seed and the protocol.
        ledger: the run's own; its cycles are replayed, not repeated.
        watch: told of each phase as it begins.
        oracle: answers the questions; None is the task's own truth.

    Returns:
        Whether the run is through; False if it waits for the oracle.
    """
    oracle = TruthOracle(task.truth) if oracle is None else oracle
    labels = np.full(task.n_items, -1, dtype=np.int64)
    labels[run.initial] = task.truth[run.initial]
    for done in ledger.cycles[:-1]:
        labels[list(done.asked)] = done.asked_labels
    while True:
        if ledger.cycles and not _hear(ledger, labels, oracle):
            return False
        if len(ledger.cycles) == run.cycles:
            return True
        ledger.ask(_ask(task, run, len(ledger.cycles), Pool(labels.copy()), watch))


def _hear(ledger: Ledger, labels: Indices, oracle: Oracle) -> bool:
    """Brings the answer to the last question into `labels`; False if there is none yet."""
    last = ledger.cycles[-1]
    if last.waiting:
        answers = oracle.answer(np.array(last.asked))
        if answers is None:
            return False
        ledger.answer(tuple(answers.tolist()))
    last = ledger.cycles[-1]
    labels[list(last.asked)] = last.asked_labels
    return True


def _ask(task: Task, run: Run, cycle: int, pool: Pool, watch: Watch) -> Cycle:
    plan = None if cycle == run.cycles - 1 else run.plan
    needs = () if plan is None else plan.needs
    clock = _Clock()

    def tell(phase: str, fraction: float = 0.0, accuracy: float | None = None) -> None:
        watch(Progress(run.label, run.seed, cycle, run.cycles, phase, len(pool.labeled), accuracy, fraction))

    tell("fit")
    with clock("fit"):
        task.fit(pool, needs, seed=number(run.seed, cycle, "fit"), progress=lambda f: tell("fit", f))
    tell("evaluate")
    with clock("evaluate"):
        metrics = task.evaluate()
    selection = Selection(np.empty(0, dtype=np.int64))
    if plan is not None:
        tell("predict", accuracy=metrics.get("accuracy"))
        with clock("predict"):
            pred = task.predict(pool, needs, seed=number(run.seed, cycle, "predict"))
        tell("query")
        with clock("query"):
            selection = select(plan, run.budget, pred, pool, seed=number(run.seed, cycle, "query"))
    tell("done", accuracy=metrics.get("accuracy"))
    return Cycle(
        number=cycle,
        n_labeled=len(pool.labeled),
        metrics=metrics,
        labeled_counts=tuple(pool.counts(task.n_classes).tolist()),
        asked=tuple(selection.chosen.tolist()),
        seconds=clock.seconds,
        balance=_balance_line(selection),
    )


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
