"""How long an experiment will take: a few training batches, predictions and questions are timed on this machine."""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from askew.advice import Auto
from askew.arrays import Indices
from askew.data.dataset import Dataset, Images
from askew.experiment.arrivals import counts_of
from askew.experiment.config import ExperimentConfig
from askew.experiment.grid import FULL, Job, Place, cycles_done, cycles_of, jobs_of
from askew.experiment.tasks import build_learner, build_task, pictures_of_pools, pool_and_initial
from askew.experiment.vaal_config import VaalConfig
from askew.experiment.workers import environment
from askew.learn.classifier import Classifier
from askew.learn.extractor import Extractor
from askew.learn.features import compute, missing
from askew.learn.probe import LinearProbe
from askew.learn.task import ImageClassification, Trained, fields_of
from askew.learn.training import Training
from askew.learn.vaal import LIKENESS, LabeledLikeness
from askew.plan import Plan
from askew.pool import Pool
from askew.pseudo_labels import PseudoLabels
from askew.query import select
from askew.recorders import RECORDINGS

ENOUGH_SECONDS = 0.3
"""What is timed lasts so long at least, if it can: less is mostly the clock's and the machine's chance."""

MOST_STEPS = 96
"""Training steps that are timed at most."""

FIRST_ITEMS = 32
"""Pictures that are predicted first, to find out how many a second takes."""


@dataclass(frozen=True)
class Pace:
    """Seconds that the parts of a cycle take on this machine.

    Attributes:
        fit: number of labels to seconds of a training.
        probs: of predicting the classes of one picture.
        predict: label of a strategy to seconds of predicting one picture for it.
        query: label of a strategy to seconds of a question.
        likeness: of finding out, for a strategy that reads it, how much each picture looks like a labelled one.
        epochs: of a training.
    """

    fit: Callable[[int], float]
    probs: float
    predict: Mapping[str, float]
    query: Mapping[str, float]
    likeness: float = 0.0
    epochs: int = 0


def remaining_seconds(
    config: ExperimentConfig, dataset: Dataset, place: Place, *, jobs: int, start_seconds: float = 0.0
) -> float:
    """Returns how long the runs that are not finished will take, an estimate; it computes for a few seconds itself.

    Not in it: that runs side by side slow each other down, and the report.

    Args:
        config: checked by `grid.check`.
        dataset: of the configuration.
        place: where finished cycles are, and what is computed with.
        jobs: runs at a time.
        start_seconds: of a worker, until its first run begins.
    """
    left = {job: range(cycles_done(place.out, job), cycles_of(config, job)) for job in jobs_of(config)}
    left = {job: cycles for job, cycles in left.items() if len(cycles)}
    if not left:
        return 0.0
    items, _ = pool_and_initial(config, dataset, config.protocol.seeds[0])
    with _computing_with(place.threads):
        pace = measure(config, dataset, place)
    plans = plans_of(config, dataset, place, len(items))
    each = [
        sum(_cycle_seconds(config, pace, job, plans.get(job.label), n, len(items), len(dataset.test)) for n in cycles)
        for job, cycles in left.items()
    ]
    return start_seconds + features_seconds(config, dataset, place) + max(sum(each) / min(jobs, len(each)), *each)


def plans_of(config: ExperimentConfig, dataset: Dataset, place: Place, n_items: int) -> dict[str, Plan]:
    """Returns what each strategy asks for; that of a middle cycle where it is settled in every one."""
    gives = fields_of(build_learner(config.learner, dataset.n_classes, device=place.device, trust=place.trust))
    counts = label_counts(config)
    middle = min(counts[len(counts) // 2], n_items - config.protocol.budget)
    found = {}
    for entry in config.strategies:
        plan = entry.plan()
        if isinstance(plan, Auto):
            plan = plan.settle(dataset.n_classes, n_items, middle, config.protocol.budget, gives).plan
        found[entry.name] = plan
    return found


def label_counts(config: ExperimentConfig) -> list[int]:
    """Lists how many labels each cycle trains on."""
    protocol = config.protocol
    return [protocol.initial + cycle * protocol.budget for cycle in range(protocol.cycles)]


def _trained_on(config: ExperimentConfig, n_items: int) -> list[int]:
    """Lists how many items a training is of, pseudo-labelled ones too."""
    shares = {0, *(entry.pseudo.count(n_items) or 0 for entry in config.strategies if entry.pseudo)}
    return [n + more for more in sorted(shares) for n in label_counts(config)]


def _cycle_seconds(
    config: ExperimentConfig, pace: Pace, job: Job, plan: Plan | None, cycle: int, n_items: int, n_test: int
) -> float:
    if job.label == FULL or plan is None:
        return pace.fit(n_items) + n_test * pace.probs
    counts = label_counts(config)
    if config.pool is not None:
        shares = config.pool.arrivals
        n_items = counts_of(shares, n_items)[min(cycle, len(shares) - 1)]
    n_unlabeled = n_items - counts[cycle]
    seconds = pace.fit(counts[cycle]) + n_test * pace.probs
    pseudo = next(entry.pseudo for entry in config.strategies if entry.name == job.label)
    if pseudo is not None:
        seconds += _pseudo_seconds(pseudo, pace, cycle, counts[cycle], n_items, n_test)
    if cycle == len(counts) - 1:
        return seconds
    seconds += pace.query[job.label] + pace.likeness * (LIKENESS in plan.needs)
    seconds += pace.predict[job.label] * (n_items if "features" in plan.needs else n_unlabeled)
    return seconds


def _pseudo_seconds(how: PseudoLabels, pace: Pace, cycle: int, n_labeled: int, n_items: int, n_test: int) -> float:
    """Returns what pseudo-labels add to a cycle; of a threshold none are counted: nobody knows how many it takes."""
    n = how.count(n_items) or 0
    asked_of_teacher = (n_items - n_labeled) * pace.probs
    if how.models == "one":
        return asked_of_teacher + pace.fit(n_labeled + n) - pace.fit(n_labeled) if cycle else 0.0
    epochs = pace.epochs if how.certainty == "dispersion" else 1
    return pace.fit(n_labeled + n) + n_test * pace.probs + epochs * asked_of_teacher


def measure(config: ExperimentConfig, dataset: Dataset, place: Place) -> Pace:
    """Times, with the first seed's pool, a few training steps, and a prediction and a question of each strategy."""
    items, initial = pool_and_initial(config, dataset, config.protocol.seeds[0])
    others = np.setdiff1d(np.arange(len(items)), initial)
    counts = [*_trained_on(config, len(items)), *([len(items)] if config.protocol.full else [])]
    learner = build_learner(config.learner, dataset.n_classes, device=place.device, trust=place.trust)
    most = len(items)
    if _features_left(config, dataset, place) is not None:  # then only as many are computed as are timed
        most = 2 * FIRST_ITEMS
        dataset = replace(dataset, test=dataset.test.take(np.arange(min(FIRST_ITEMS, len(dataset.test)))))
    if isinstance(learner, Classifier):
        fit = _network_fit_seconds(config, dataset, place, items[initial], learner.training, counts)
    else:
        fit = _other_fit_seconds(config, dataset, place, items, counts, most)
    few = _Rehearsal.of(config, dataset, place, items[initial], items[others[:FIRST_ITEMS]])
    probs = few.predict_seconds(("probs",))
    n_asked = int(np.clip(ENOUGH_SECONDS / probs, 1, min(most, len(others))))
    asked = others[np.linspace(0, len(others) - 1, n_asked).astype(int)]
    rehearsal = _Rehearsal.of(config, dataset, place, items[initial], items[asked])
    probs = rehearsal.predict_seconds(("probs",))
    predict, query = {}, {}
    plans = plans_of(config, dataset, place, len(items))
    for name, plan in plans.items():
        recorded = any(RECORDINGS[need].reads for need in plan.needs if need in RECORDINGS)
        needs = [need for need in plan.needs if need != LIKENESS]
        predict[name] = rehearsal.predict_seconds(needs) + recorded * learner.epochs * probs
        query[name] = rehearsal.query_seconds(plan, config.protocol.budget) * len(others)
    likeness = 0.0
    if any(LIKENESS in plan.needs for plan in plans.values()):
        likeness = _likeness_seconds(config, dataset, place, items, len(initial))
    return Pace(fit, probs, predict, query, likeness, learner.epochs)


def _likeness_seconds(
    config: ExperimentConfig, dataset: Dataset, place: Place, items: Indices, n_labeled: int
) -> float:
    """Returns the seconds of training vaal's networks and of asking them about the pool; a few steps are timed."""
    settings = (config.vaal or VaalConfig()).settings()
    n_labeled, n_others = (min(2 * settings.batch, n) for n in (n_labeled, len(items) - n_labeled))
    images = dataset.train.take(items[: n_labeled + n_others])
    pool = Pool(np.where(np.arange(len(images)) < n_labeled, 0, -1))

    def train(steps: int) -> float:
        short = LabeledLikeness(images, replace(settings, iterations=steps), place.device)
        return _seconds(lambda: short(pool, seed=0))

    start, step = _step_seconds(train)
    return start * len(items) / len(images) + step * settings.iterations


@dataclass(frozen=True)
class _Rehearsal:
    """The task on a part of the pool, with a model that was trained for two epochs of one step."""

    task: ImageClassification
    pool: Pool
    model: Trained

    @classmethod
    def of(
        cls, config: ExperimentConfig, dataset: Dataset, place: Place, labeled: Indices, unlabeled: Indices
    ) -> _Rehearsal:
        """Makes it of rows of the training images."""
        short = _with_training(config, epochs=2, steps=2)
        rows = np.concatenate([labeled, unlabeled])
        task = build_task(short, dataset, rows, device=place.device, trust=place.trust)
        pool = Pool(np.where(np.arange(len(rows)) < len(labeled), task.truth, -1))
        plans = plans_of(short, dataset, place, len(pool_and_initial(config, dataset, config.protocol.seeds[0])[0]))
        needs = {need for plan in plans.values() for need in plan.needs}
        return cls(task, pool, task.fit(pool, [name for name in needs if name in RECORDINGS], seed=0))

    def predict_seconds(self, needs: Sequence[str]) -> float:
        """Returns the seconds that one picture takes."""
        n = len(self.pool) if "features" in needs else len(self.pool.unlabeled)
        return _seconds(lambda: self.task.predict(self.model, self.pool, needs, seed=0)) / max(1, n)

    def query_seconds(self, plan: Plan, budget: int) -> float:
        """Returns the seconds of a question, divided by the number of unlabeled pictures."""
        n_unlabeled = len(self.pool.unlabeled)
        n = max(1, min(budget, n_unlabeled // 2))
        read = plan.asked_about(self.pool)
        pred = self.task.predict(self.model, read, plan.needs, seed=0)
        return _seconds(lambda: select(plan, n, pred, self.pool, seed=0)) * budget / n / n_unlabeled


def _network_fit_seconds(
    config: ExperimentConfig,
    dataset: Dataset,
    place: Place,
    rows: Indices,
    training: Training,
    counts: Sequence[int],
) -> Callable[[int], float]:
    """Times steps of the smallest and the largest batch; between them a step's seconds rise evenly."""
    images = dataset.train.take(rows)
    pool = Pool(images.labels)

    def fit(batch: int, steps: int) -> float:
        short = _with_training(config, epochs=1, steps=steps, batch=batch).learner
        learner = build_learner(short, dataset.n_classes, device=place.device)
        feed = learner.feed(images)
        return _seconds(lambda: learner.fit(feed, pool, seed=0))

    batches = {n: max(2, round(_batch(training, n))) for n in counts}
    ends = sorted({min(batches.values()), max(batches.values())})
    timed = {batch: _step_seconds(functools.partial(fit, batch)) for batch in ends}
    starts, steps = zip(*timed.values(), strict=True)
    return lambda n: min(starts) + training.steps_for(n) * float(np.interp(batches[n], ends, steps))


def _batch(training: Training, n_items: int) -> float:
    """Returns how many pictures a step has, on average."""
    return training.batch if training.steps else n_items * training.epochs / training.steps_for(n_items)


def _step_seconds(fit: Callable[[int], float]) -> tuple[float, float]:
    """Returns the seconds of what is before the first step, and of a step; `fit` trains so many and returns seconds."""
    one, more = fit(1), 4
    while True:
        seconds = fit(1 + more) - one
        if seconds >= ENOUGH_SECONDS or more >= MOST_STEPS:
            step = max(seconds / more, 1e-6)
            return max(one - step, 0.0), step
        more *= 5


def features_seconds(config: ExperimentConfig, dataset: Dataset, place: Place) -> float:
    """Returns the seconds of computing the frozen features that are not there yet; a batch of them is timed."""
    left = _features_left(config, dataset, place)
    if left is None:
        return 0.0
    few = left.items[:FIRST_ITEMS]
    return _seconds(lambda: list(compute(left.images, few, left.network))) / len(few) * left.count


@dataclass(frozen=True)
class _FeaturesLeft:
    """Frozen features that are not there yet: how many, and pictures to time the network with."""

    count: int
    images: Images
    items: Sequence[int]
    network: Extractor


def _features_left(config: ExperimentConfig, dataset: Dataset, place: Place) -> _FeaturesLeft | None:
    if config.learner.features is None:
        return None
    learner = build_learner(config.learner, dataset.n_classes, device=place.device)
    if not isinstance(learner, LinearProbe) or learner.source.is_file:
        return None
    parts = [
        (images, missing(images, learner.extractor)) for images in (pictures_of_pools(config, dataset), dataset.test)
    ]
    images, items = max(parts, key=lambda part: len(part[1]))
    return _FeaturesLeft(sum(len(one) for _, one in parts), images, items, learner.extractor) if items else None


def _other_fit_seconds(
    config: ExperimentConfig, dataset: Dataset, place: Place, items: Indices, counts: Sequence[int], most: int
) -> Callable[[int], float]:
    """Times one fit on a middle number of labels, `most` at most; others are taken to last in proportion to theirs."""
    n = min(int(np.median(counts)), most)
    rows = items[np.linspace(0, len(items) - 1, n).astype(int)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an estimator's own, such as of what did not converge; the runs say them too
        task = build_task(config, dataset, rows, device=place.device, trust=place.trust)
        pool = Pool(task.truth)
        seconds = _seconds(lambda: task.fit(pool, (), seed=0))
    return lambda n_labeled: seconds * n_labeled / n


def _with_training(config: ExperimentConfig, **changes: int) -> ExperimentConfig:
    """Returns the configuration with a training of so many epochs and steps, one step of vaal's, and else its own."""
    vaal = (config.vaal or VaalConfig()).model_copy(update={"iterations": 1})
    config, learner = config.model_copy(update={"vaal": vaal}), config.learner
    if learner.estimator is not None or (learner.features is not None and not learner.finetune):
        return config
    training = {**learner.training, "passes": 0, "min_steps": 0, "erase": 0, **changes}
    return config.model_copy(update={"learner": learner.model_copy(update={"training": training})})


def _seconds(work: Callable[[], object]) -> float:
    """Returns how long it takes; what is short is done up to five times: the first loads things, the middle one counts.

    So a moment in which the machine does something else is not taken for the pace of the whole.
    """
    taken: list[float] = []
    while len(taken) < 5 and sum(taken) < ENOUGH_SECONDS:
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken[1:] or taken))


@contextmanager
def _computing_with(threads: int) -> Iterator[None]:
    """Computes in the block with as many threads as a worker does."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with environment(threads), threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)
