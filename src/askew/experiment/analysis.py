"""How informative the items are that strategies ask first (section 3.3.2 of the thesis): one model, every strategy.

In each cycle a model is trained as in a run of the experiment, every strategy ranks the same unlabeled items, and the
model's own predictions are held against the truth. The next cycle's labels are those that a finished run asked, or what
the leading strategy asks of this model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from askew.advice import Auto
from askew.arrays import Floats, Indices, Mask, to_numpy
from askew.data.dataset import Dataset
from askew.errors import DataNotFound, InputError, unknown
from askew.experiment.about import read_about
from askew.experiment.config import ExperimentConfig, StrategyConfig
from askew.experiment.config import parse as parse_config
from askew.experiment.ledger import FILE, Cycle, Header, begun, read_ledger
from askew.experiment.tasks import build_task, pool_and_initial
from askew.informativeness import accuracy_of_picks, accuracy_of_top
from askew.learn.task import ImageClassification, Trained
from askew.plan import Plan
from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import select
from askew.seeding import number
from askew.strategies.registry import get

SHARES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Shares of the unlabeled items whose accuracy is taken, if nobody says."""

CYCLES = 3
"""How many cycles are analysed at most if nobody says: the thesis shows three."""

Tell = Callable[[int, int, float], None]
"""Called with the seed, the cycle and the share of its training that is done."""


@dataclass(frozen=True, eq=False)
class Judged:
    """One model's unlabeled items, as every strategy ranks them.

    Attributes:
        seed, cycle, n_labeled: of the model.
        accuracy: on the test items.
        correct: (U,) whether it predicts the class of each unlabeled item.
        sizes: (S,) how many items are taken from the top, one for each share.
        tops: label to (S,) the share that the model predicts correctly of the items that the strategy asks first.
        scores: label to (U,) scores, of strategies that give each item one of its own.
    """

    seed: int
    cycle: int
    n_labeled: int
    accuracy: float
    correct: Mask
    sizes: Indices
    tops: Mapping[str, Floats]
    scores: Mapping[str, Floats]


@dataclass(frozen=True, eq=False)
class Past:
    """What a finished run asked: the labels that the cycles of an analysis start from.

    Attributes:
        header: what was run.
        cycles: its cycles, those that were answered first.
    """

    header: Header
    cycles: tuple[Cycle, ...]

    @property
    def n_models(self) -> int:
        """How many cycles have the labels that their model was trained on."""
        return len(self.cycles)


def plans_of(entries: Sequence[StrategyConfig]) -> dict[str, Plan]:
    """Returns label to plan.

    Raises:
        InputError: "auto" is among them, which is another strategy in each cycle, or one that trains models of its own.
    """
    found: dict[str, Plan] = {}
    for entry in entries:
        plan = entry.plan()
        if isinstance(plan, Auto):
            raise InputError(f"{entry.name}: is another strategy in each cycle: name the ones to analyse")
        if entry.pseudo_labels is not None:
            raise InputError(f"{entry.name}: learns from pseudo-labels, by models of its own: name the ones to analyse")
        found[entry.name] = plan
    return found


def named_strategies(names: Sequence[str], entries: Sequence[StrategyConfig]) -> tuple[StrategyConfig, ...]:
    """Returns the entries of these names: an experiment's own by its label, else the strategy of that name.

    Raises:
        InputError: an unknown name, or one twice.
    """
    own = {entry.name: entry for entry in entries}
    if len(set(names)) < len(names):
        raise InputError(f"--strategies: {max(names, key=names.count)} is named twice")
    for name in names:
        if name not in own:
            get(name)
    return tuple(own[name] if name in own else StrategyConfig(strategy=name) for name in names)


def past_of(folder: Path, label: str | None) -> tuple[ExperimentConfig, str, dict[int, Past], int]:
    """Returns the experiment of a results folder, a label of its runs, what they asked by seed, and their threads.

    Args:
        label: whose runs; None takes dispersion's, or those of the first strategy.

    Raises:
        DataNotFound: the folder holds no experiment, or none of its runs has finished a cycle.
        InputError: a damaged file, or an unknown label.
    """
    if not (folder / "experiment.json").is_file():
        raise DataNotFound(f"{folder}: holds no experiment: give the folder that askew run wrote")
    about = read_about(folder)
    config = parse_config(about.config, f"{folder}/experiment.json")
    labels = [entry.name for entry in _plain(config)]
    if not labels:
        raise InputError(f"{folder}: all of its runs choose their strategy, or learn from pseudo-labels")
    if label is not None and label not in labels:
        raise unknown("strategy", label, labels)
    chosen = label or ("dispersion" if "dispersion" in labels else labels[0])
    found = {}
    for seed in config.protocol.seeds:
        path = folder / "runs" / f"{chosen}-seed{seed}" / FILE
        header, cycles = read_ledger(path) if begun(path) else (None, ())
        if header is not None and cycles:
            found[seed] = Past(header, cycles)
    if not found:
        raise DataNotFound(f"{folder}: no run of {chosen} has finished a cycle")
    return config, chosen, found, about.threads


def _plain(config: ExperimentConfig) -> list[StrategyConfig]:
    """Returns the entries that ask by one strategy of a model that learns from labels alone."""
    return [one for one in config.strategies if one.strategy != "auto" and one.pseudo_labels is None]


def check(gives: Sequence[str], n_classes: int, plans: Mapping[str, Plan]) -> None:
    """Refuses, before anything is trained, a strategy that the learner or the data cannot serve."""
    for label, plan in plans.items():
        try:
            plan.check(gives, n_classes)
        except InputError as error:
            raise InputError(f"{label}: {error}") from error
    if "probs" not in gives:
        raise InputError("the learner gives no probs: what its model predicts cannot be judged")


def leading(
    config: ExperimentConfig, label: str | None, plans: Mapping[str, Plan], *, tuned: bool = True
) -> tuple[str, Plan]:
    """Returns the strategy whose questions the later cycles are trained on.

    Args:
        label: its label; None takes dispersion, or the first.
        tuned: whether it will ask, rather than a finished run.

    Raises:
        InputError: an unknown label, or a λ that is tuned in the first cycle, which takes a run to remember.
    """
    known = {**plans_of(_plain(config)), **plans}
    if label is not None and label not in known:
        raise unknown("strategy", label, known)
    chosen = label or ("dispersion" if "dispersion" in known else next(iter(known)))
    plan = known[chosen]
    if tuned and plan.balance is not None and plan.balance.tune == "first-cycle":
        raise InputError(f"{chosen}: its λ is tuned in the first cycle: run the experiment, and analyse its folder")
    return chosen, plan


def analyse(
    config: ExperimentConfig,
    dataset: Dataset,
    plans: Mapping[str, Plan],
    *,
    cycles: int,
    leader: Plan,
    past: Mapping[int, Past] | None = None,
    shares: Sequence[float] = SHARES,
    device: str = "auto",
    trust: bool = False,
    tell: Tell = lambda *_: None,
) -> Iterator[Judged]:
    """Yields what each strategy says of each seed's model in each cycle.

    Args:
        plans: the strategies that are judged, by label.
        cycles: how many, from the initial set on.
        leader: whose questions make the next cycle's labels.
        past: seed to a finished run: its questions do, in place of the leader's; only its seeds are analysed.
        shares: of the unlabeled items, above 0 and at most 1.

    Raises:
        InputError: data that are not those of a finished run, or more cycles than there are labels for.
    """
    for seed in config.protocol.seeds if past is None else past:
        items, initial = pool_and_initial(config, dataset, seed)
        task = build_task(config, dataset, items, device=device, trust=trust)
        run = None if past is None else past[seed]
        if run is not None:
            _check_past(run, initial, task.truth, cycles, seed)
        labels = np.full(task.n_items, -1)
        labels[initial] = task.truth[initial]
        model: Trained | None = None
        for cycle in range(cycles):
            pool = Pool(labels.copy())
            needs = _needs([*plans.values(), leader])
            model = task.fit(
                pool,
                needs,
                seed=number(seed, cycle, "fit"),
                start=model if config.learner.warm_start else None,
                progress=lambda share, cycle=cycle, seed=seed: tell(seed, cycle, share),  # type: ignore[misc]
            )
            found = _Said(task, model, pool, number(seed, cycle, "predict"), needs)
            yield _judged(found, plans, shares, seed, cycle)
            if cycle + 1 < cycles:
                if run is not None:
                    asked = np.array(run.cycles[cycle].asked)
                else:
                    query_seed = number(seed, cycle, "query")
                    asked = select(leader, config.protocol.budget, found.of(leader), pool, seed=query_seed).chosen
                labels[asked] = task.truth[asked]


@dataclass
class _Said:
    """What a model says of a pool, each strategy being told what it reads and of the items that it reads."""

    task: ImageClassification
    model: Trained
    pool: Pool
    seed: int
    needs: tuple[str, ...]

    def __post_init__(self) -> None:
        self.of_unlabeled = self.task.predict(self.model, self.pool, self.needs, seed=self.seed)

    def of(self, plan: Plan) -> Predictions:
        if not plan.strategy.reads_labeled:
            return self.of_unlabeled
        return self.task.predict(self.model, plan.asked_about(self.pool), plan.needs, seed=self.seed)

    @property
    def correct(self) -> Mask:
        probs = to_numpy(self.of_unlabeled.probs)[self.pool.unlabeled]
        return np.asarray(probs.argmax(axis=1) == self.task.truth[self.pool.unlabeled])


def _needs(plans: Sequence[Plan]) -> tuple[str, ...]:
    """Returns what the unlabeled items are predicted for; a plan that reads labelled items is told by itself."""
    return tuple(
        dict.fromkeys(["probs", *(n for plan in plans if not plan.strategy.reads_labeled for n in plan.needs)])
    )


def _judged(said: _Said, plans: Mapping[str, Plan], shares: Sequence[float], seed: int, cycle: int) -> Judged:
    pool, correct = said.pool, said.correct
    sizes = np.maximum(1, np.rint(np.array(shares) * len(correct)).astype(np.int64))
    tops, scores = {}, {}
    for label, plan in plans.items():
        own = number(seed, cycle, "query")
        if plan.strategy.kind == "scorer" and plan.balance is None:
            scores[label] = scores_of(plan, said.of(plan), pool, own)
            tops[label] = accuracy_of_top(scores[label], correct, sizes)
        else:
            tops[label] = _accuracy_of_asked(plan, said.of(plan), pool, own, correct, sizes)
    accuracy = said.task.evaluate(said.model)["accuracy"]
    return Judged(seed, cycle, len(pool.labeled), accuracy, correct, sizes, tops, scores)


def scores_of(plan: Plan, pred: Predictions, pool: Pool, seed: int) -> Floats:
    """Returns (U,) a scorer's scores of the unlabeled items, in the order of the pool."""
    ranked = select(plan, len(pool.unlabeled), pred, pool, seed=seed)
    out = np.empty(len(pool.unlabeled))
    out[np.searchsorted(pool.unlabeled, ranked.chosen)] = ranked.scores
    return out


def _accuracy_of_asked(plan: Plan, pred: Predictions, pool: Pool, seed: int, correct: Mask, sizes: Indices) -> Floats:
    """Returns (S,) the accuracy on what a strategy asks if it asks so many.

    A greedy strategy without balance is asked once, since its first m picks are what it asks when m are asked.
    """
    if plan.strategy.kind == "greedy" and plan.balance is None:
        chosen = select(plan, int(sizes[-1]), pred, pool, seed=seed).chosen
        return accuracy_of_picks(np.searchsorted(pool.unlabeled, chosen), correct, sizes)
    out = []
    for size in sizes.tolist():
        whole = size == len(correct)
        chosen = pool.unlabeled if whole else select(plan, size, pred, pool, seed=seed).chosen
        out.append(correct[np.searchsorted(pool.unlabeled, chosen)].mean())
    return np.array(out)


def _check_past(run: Past, initial: Indices, truth: Indices, cycles: int, seed: int) -> None:
    if cycles > run.n_models:
        raise InputError(f"cycles: the run of seed {seed} has {run.n_models}, asked are {cycles}")
    said = f"the data are not those of the run of {run.header.label} with seed {seed}"
    if tuple(initial.tolist()) != tuple(sorted(run.header.initial)):
        raise InputError(f"{said}: its initial set is another one")
    for one in run.cycles[: cycles - 1]:
        if max(one.asked, default=0) >= len(truth) or truth[list(one.asked)].tolist() != list(one.asked_labels):
            raise InputError(f"{said}: the labels of cycle {one.number} are others")


def plain_of(label: str, plans: Mapping[str, Plan]) -> str | None:
    """Returns the label of the same strategy and parameters without balance; None if it has none or there is none."""
    mine = plans[label]
    if mine.balance is None:
        return None
    alike = dataclasses.replace(mine, balance=None)
    return next((name for name, plan in plans.items() if plan == alike), None)


def record(one: Judged) -> dict[str, Any]:
    """Returns what was measured of one model as plain values for JSON; scores are left to the histograms."""
    return {
        "seed": one.seed,
        "cycle": one.cycle,
        "n_labeled": one.n_labeled,
        "accuracy": one.accuracy,
        "n_unlabeled": len(one.correct),
        "accuracy_unlabeled": float(one.correct.mean()),
        "sizes": one.sizes.tolist(),
        "accuracy_of_top": {label: values.tolist() for label, values in one.tops.items()},
    }
