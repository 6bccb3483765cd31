"""The loop: fit, evaluate, predict what the strategy needs, query, write the question down, hear the oracle; again.

A cycle depends on the labels at its start, on (seed, cycle) and, if starts are warm, on the model before it, never on
what else ran in the process. A run that was stopped goes on from its last question and ends with the picks of one never
stopped.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from askew.advice import Advice, Auto
from askew.arrays import Array, Indices, to_numpy
from askew.errors import InputError
from askew.experiment.arrivals import Arrivals, History
from askew.experiment.kept import digest, forget_files, history_path, kept_history, kept_model, model_path
from askew.experiment.ledger import Cycle, Header, Ledger
from askew.pick.balance import l1_score
from askew.plan import Plan
from askew.pool import Pool
from askew.predictions import Predictions
from askew.pseudo_labels import PseudoLabels
from askew.query import select
from askew.seeding import number
from askew.selection import Selection


class Saved(Protocol):
    """What a task's `fit` gives; the loop hands it back to the task, and saves it for a warm start."""

    def save(self, path: Path) -> None:
        """Writes a file that the task's `load` reads; it is on the disk when this returns."""


M = TypeVar("M", bound=Saved)


class Task(Protocol[M]):
    """What the loop drives; it knows nothing of images. Pool item i is the task's item i."""

    @property
    def n_items(self) -> int:
        """N, the size of the pool."""

    @property
    def n_classes(self) -> int:
        """C, the number of classes."""

    @property
    def gives(self) -> Collection[str]:
        """The fields that `predict` can fill."""

    def fit(
        self,
        pool: Pool,
        needs: Collection[str],
        *,
        seed: int,
        start: M | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> M:
        """Trains a model on the labelled items, from `start` or anew; `needs` tells what `predict` will be asked."""

    def predict(self, model: M, pool: Pool, needs: Collection[str], *, seed: int) -> Predictions:
        """Says of the pool's items what `needs` names, and nothing else."""

    def evaluate(self, model: M) -> dict[str, float]:
        """Measures the model on the test items."""

    def load(self, path: Path) -> M:
        """Returns a model that was saved, to start from."""

    def held_back(self, model: M) -> Indices:
        """Returns the pool items that may not be asked after this training; for most tasks none."""


@runtime_checkable
class Lifelong(Task[M], Protocol):
    """A task whose pool may arrive bit by bit, and whose recorders may go on from cycle to cycle."""

    def part(self, items: Indices) -> Lifelong[M]:
        """Returns the task of some pool items, ascending: its item i is `items[i]` of this one."""

    def fit(
        self,
        pool: Pool,
        needs: Collection[str],
        *,
        seed: int,
        start: M | None = None,
        progress: Callable[[float], None] | None = None,
        states: Mapping[str, Array] = MappingProxyType({}),
        state_items: Indices | None = None,
    ) -> M:
        """Trains as every task does; recorders go on from `states`, of which row i is pool item `state_items[i]`."""

    def states(self, model: M) -> dict[str, Array]:
        """Returns what recorders of a later training can go on from, by field; row i of each is pool item i."""


@dataclass(frozen=True)
class Run:
    """One strategy with one seed: what a ledger holds the cycles of.

    Attributes:
        label: how the experiment calls it.
        plan: what is asked for, or `Auto`, which settles it anew in each cycle; None trains on `initial` once and asks
            nothing.
        seed: of the training, the predictions and the ties.
        initial: pool items labelled at the start.
        budget: labels asked after each cycle but the last.
        cycles: trainings.
        warm_start: each cycle's training starts from the model of the one before, which is kept beside the ledger.
        threads: how many the run computes with; for the ledger.
        pseudo_labels: what the task also trains on, or None; for the ledger.
        arrivals: when each pool item arrives; None where all are there from the start.
        carry: what trainings record of an item, such as its dispersion, goes on from cycle to cycle; it is kept beside
            the ledger.
    """

    label: str
    plan: Plan | Auto | None
    seed: int
    initial: Indices
    budget: int
    cycles: int
    warm_start: bool = False
    threads: int = 1
    pseudo_labels: PseudoLabels | None = None
    arrivals: Arrivals | None = None
    carry: bool = False

    def plan_of(self, done: Sequence[Cycle]) -> Plan | Auto | None:
        """Returns what the next cycle asks for: the plan, with the first cycle's λ if it is tuned there alone."""
        if not isinstance(self.plan, Plan) or self.plan.balance is None or not done:
            return self.plan
        if self.plan.balance.tune != "first-cycle":
            return self.plan
        weight = (done[0].balance or {}).get("weight")
        balance = dataclasses.replace(self.plan.balance, weight=weight, tune="every-cycle")
        return dataclasses.replace(self.plan, balance=balance)

    def header(self) -> Header:
        """The ledger's first line; of a run on the whole pool it does not list the items."""
        plan = {} if self.plan is None else self.plan.record()
        return Header(
            label=self.label,
            strategy=plan.get("strategy"),
            seed=self.seed,
            cycles=self.cycles,
            budget=self.budget,
            initial=() if self.plan is None else tuple(self.initial.tolist()),
            parameters=plan.get("parameters", {}),
            balance=plan.get("balance"),
            warm_start=self.warm_start,
            threads=self.threads,
            pseudo_labels=None if self.pseudo_labels is None else self.pseudo_labels.record(),
            arrivals=None if self.arrivals is None else self.arrivals.record(),
            carry=self.carry,
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


def run_cycles(task: Task[M], run: Run, ledger: Ledger, oracle: Oracle, watch: Watch = lambda _: None) -> bool:
    """Runs the cycles that the ledger does not hold yet, and appends each as it ends.

    A question is in the ledger before the oracle hears it. If the oracle says "not yet", the run stops there; called
    again, it goes on at that question.

    Args:
        task: gives a model a cycle.
        run: the strategy, the seed and the protocol.
        ledger: the run's own; its cycles are replayed, not repeated.
        oracle: tells the classes of the initial set and of what is asked.
        watch: told of each phase as it begins.

    Returns:
        Whether the run is through; False if it waits for the oracle.

    Raises:
        InputError: the task cannot serve the plan, or the model of a warm start is not beside the ledger.
    """
    if isinstance(run.plan, Plan):
        run.plan.check(task.gives, task.n_classes)
    if run.arrivals is not None:
        run.arrivals.check(run.initial, run.budget, run.cycles)
    initial = oracle.answer(run.initial)
    if initial is None:
        return False
    labels = np.full(task.n_items, -1)
    labels[run.initial] = initial
    for done in ledger.cycles[:-1]:
        labels[list(done.asked)] = done.asked_labels
    model: M | None = None
    history: History | None = None
    while True:
        if ledger.cycles and not _hear(ledger, labels, oracle):
            return False
        if len(ledger.cycles) == run.cycles:
            return True
        if run.warm_start and ledger.cycles and model is None:
            model = task.load(kept_model(ledger))
        if run.carry and ledger.cycles and history is None:
            history = kept_history(ledger)
        trained, history = _ask(task, run, ledger, labels, model, history, watch)
        model = trained if run.warm_start else None


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


def _ask(
    whole: Task[M],
    run: Run,
    ledger: Ledger,
    labels: Indices,
    start: M | None,
    history: History | None,
    watch: Watch,
) -> tuple[M, History | None]:
    """Trains, measures, and writes down the question; returns the model, and what was recorded if it is carried on.

    Everything but the ledger's items is in the numbers of the items that have arrived.
    """
    cycle = len(ledger.cycles)
    items = np.arange(whole.n_items) if run.arrivals is None else run.arrivals.items(cycle)
    task = whole if run.arrivals is None else _lifelong(whole).part(items)
    pool = Pool(labels[items])
    advice = _advice(task, run, ledger.cycles, len(pool.labeled))
    plan = _plan(run, ledger.cycles) if advice is None else advice.plan
    needs = () if plan is None else plan.needs
    clock = _Clock()

    def tell(phase: str, fraction: float = 0.0, accuracy: float | None = None) -> None:
        watch(Progress(run.label, run.seed, cycle, run.cycles, phase, len(pool.labeled), accuracy, fraction))

    tell("fit")
    with clock("fit"):
        seed = number(run.seed, cycle, "fit")
        fit = task.fit if history is None else _going_on(task, history.among(items))
        model = fit(pool, needs, seed=seed, start=start, progress=lambda f: tell("fit", f))
    tell("evaluate")
    with clock("evaluate"):
        metrics = task.evaluate(model)
    asked: tuple[int, ...] = ()
    predicted: tuple[int | None, ...] = ()
    balance = proof = None
    if plan is not None:
        tell("predict", accuracy=metrics.get("accuracy"))
        read = plan.asked_about(pool)
        with clock("predict"):
            pred = task.predict(model, read, needs, seed=number(run.seed, cycle, "predict"))
        tell("query")
        with clock("query"):
            seed = number(run.seed, cycle, "query")
            selection = _selection(plan, run.budget, pred, pool, task.held_back(model), seed=seed)
        asked, balance = tuple(items[selection.chosen].tolist()), _balance_line(selection)
        proof = None if selection.proof is None else selection.proof.record()
        predicted = _predicted(task, model, pool, selection, seed=number(run.seed, cycle, "asked"))
    kept = None
    if run.warm_start:
        with clock("save"):
            model.save(model_path(ledger, cycle))
            kept = digest(model_path(ledger, cycle))
    recorded = None
    if run.carry and plan is not None:
        with clock("save history"):
            recorded = History(items, _lifelong(task).states(model))
            recorded.save(history_path(ledger, cycle))
    ledger.ask(
        Cycle(
            number=cycle,
            n_labeled=len(pool.labeled),
            metrics=metrics,
            labeled_counts=tuple(pool.counts(task.n_classes).tolist()),
            asked=asked,
            seconds=clock.seconds,
            balance=balance,
            model=kept,
            predicted=predicted,
            proof=proof,
            plan=None if advice is None else advice.in_short(),
            arrived=None if run.arrivals is None else len(items),
            history=None if recorded is None else digest(history_path(ledger, cycle)),
        )
    )
    forget_files(ledger)
    tell("done", accuracy=metrics.get("accuracy"))
    return model, recorded


def _lifelong(task: Task[M]) -> Lifelong[M]:
    """Returns the task after checking that its pool may arrive and its recorders go on.

    Raises:
        InputError: they may not.
    """
    if not isinstance(task, Lifelong):
        raise InputError(f"arrivals, carry: {type(task).__name__} knows no part of a pool: leave them out")
    return task


def _going_on(task: Task[M], history: History) -> Callable[..., M]:
    return functools.partial(_lifelong(task).fit, states=history.states, state_items=history.items)


def _advice(task: Task[M], run: Run, done: Sequence[Cycle], n_labeled: int) -> Advice | None:
    """Returns what the next cycle asks with where `auto` chooses it; None where it does not, and in the last cycle."""
    if not isinstance(run.plan, Auto) or len(done) == run.cycles - 1:
        return None
    return run.plan.settle(task.n_classes, task.n_items, n_labeled, run.budget, task.gives)


def _plan(run: Run, done: Sequence[Cycle]) -> Plan | None:
    """Returns what the next cycle asks for; the last one asks nothing."""
    plan = None if len(done) == run.cycles - 1 else run.plan_of(done)
    return plan if isinstance(plan, Plan) else None


def _selection(plan: Plan, n: int, pred: Predictions, pool: Pool, held_back: Indices, *, seed: int) -> Selection:
    """Returns the picks among the items that are not held back, as if the others were not in the pool."""
    if not len(held_back):
        return select(plan, n, pred, pool, seed=seed)
    rest = np.setdiff1d(np.arange(len(pool)), held_back)
    found = select(plan, n, pred.take(rest), Pool(pool.labels[rest]), seed=seed)
    return dataclasses.replace(found, chosen=rest[found.chosen])


def _predicted(task: Task[M], model: M, pool: Pool, selection: Selection, *, seed: int) -> tuple[int | None, ...]:
    """Returns the predicted class of each item asked, from the model itself if the strategy did not ask for them."""
    if selection.predicted is not None:
        return tuple(one if isinstance(one, int) else None for one in selection.predicted)
    if "probs" not in task.gives:
        return ()
    others = np.maximum(pool.labels, 0)
    others[selection.chosen] = -1
    probs = task.predict(model, Pool(others), ("probs",), seed=seed).probs
    return () if probs is None else tuple(to_numpy(probs)[selection.chosen].argmax(axis=1).tolist())


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
