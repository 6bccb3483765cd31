"""Do scores tell what a model was never taught? Pictures of held-out classes, or of another data set, in the pool.

The foreign pictures lie in the pool unlabeled, so that what is recorded after every epoch is recorded of them too. The
model is trained on the initial set, which has none of them and no output for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices, Mask, to_numpy
from askew.data import pictures
from askew.data.dataset import Dataset, Images
from askew.errors import InputError, unknown
from askew.experiment.analysis import scores_of
from askew.experiment.config import ExperimentConfig
from askew.experiment.tasks import build_learner, pool_and_initial, uniform_over_classes
from askew.experiment.vaal_config import VaalConfig
from askew.informativeness import out_of_distribution
from askew.learn.task import ImageClassification, fields_of
from askew.plan import Plan
from askew.pool import Pool
from askew.predictions import Predictions
from askew.seeding import generator, number
from askew.strategies.registry import get

ENERGY = "energy"
"""The field that is compared with the scores of strategies."""

SCORES = ("dispersion", "least_confidence", "entropy", ENERGY)
"""What is compared if nobody says: 1 - the largest softmax is `least_confidence`; `energy` is a field, no strategy."""

LUMA = np.array([0.299, 0.587, 0.114])
"""How bright red, green and blue are (ITU-R BT.601): gray pictures of coloured ones."""


@dataclass(frozen=True)
class Told:
    """How well each score tells foreign items from unlabeled ones of the model's own classes.

    Attributes:
        split: what is foreign.
        seed: of the model.
        n_own, n_foreign: unlabeled items of either kind.
        accuracy: of the model on the test items of its own classes.
        areas: score to AUROC.
    """

    split: str
    seed: int
    n_own: int
    n_foreign: int
    accuracy: float
    areas: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Mixed:
    """A pool of own pictures and foreign ones, and the labels that it starts with.

    Attributes:
        dataset: its training pictures are the pool; its classes and test pictures are the model's own.
        initial: pool items labelled at the start, own ones.
        foreign: (N,) bools.
    """

    dataset: Dataset
    initial: Indices
    foreign: Mask


def split_of(name: str, classes: Sequence[str]) -> tuple[int, ...]:
    """Returns the numbers of the classes that "ship,truck" names.

    Raises:
        InputError: an unknown class, one twice, or so many that fewer than two are left.
    """
    if name in classes:
        return (list(classes).index(name),)
    named = [one.strip() for one in name.split(",")]
    for one in named:
        if one not in classes:
            raise unknown("class in --out-classes", one, classes)
    if len(set(named)) < len(named):
        raise InputError(f"--out-classes: {name}: a class is named twice")
    if len(classes) - len(named) < 2:
        raise InputError(f"--out-classes: {name}: leaves {len(classes) - len(named)} of {len(classes)} classes, not 2")
    return tuple(list(classes).index(one) for one in named)


def held_out(config: ExperimentConfig, dataset: Dataset, out: Sequence[int], seed: int) -> Mixed:
    """Returns the pool of a seed in which some classes are foreign; all its pictures stay.

    Raises:
        InputError: a long tail, or fewer pictures of the other classes than the initial set has.
    """
    items = _pool(config, dataset, seed)
    labels = dataset.train.labels[items]
    foreign = np.isin(labels, out)
    kept = [c for c in range(dataset.n_classes) if c not in out]
    number_of = np.zeros(dataset.n_classes, dtype=np.int64)  # that of a foreign class is never read
    number_of[kept] = np.arange(len(kept))
    test = dataset.test.take(np.flatnonzero(~np.isin(dataset.test.labels, out)))
    own = Dataset(
        dataset.name,
        tuple(dataset.classes[c] for c in kept),
        replace(dataset.train.take(items), labels=number_of[labels], classes=()),
        replace(test, labels=number_of[test.labels], classes=()),
    )
    return Mixed(own, _initial(config, own, np.flatnonzero(~foreign), seed), foreign)


def mixed_with(config: ExperimentConfig, dataset: Dataset, other: Dataset, seed: int) -> Mixed:
    """Returns the pool of a seed with pictures of another data set in it, at most as many as it has unlabeled ones.

    The foreign ones are drawn by seed from the other's training part, and become squares of the own ones' size and
    colours: the shorter side is resized and the centre cut out, gray becomes gray RGB, RGB becomes its brightness.

    Raises:
        InputError: a long tail, or own pictures that are no squares.
    """
    items = _pool(config, dataset, seed)
    own, shape = dataset.train.take(items), dataset.train.shape
    if shape[0] != shape[1]:
        raise InputError(f"--out-data: pictures of {dataset.name} are {shape[0]} × {shape[1]} pixels, not square")
    n = min(len(other.train), len(items) - config.protocol.initial)
    drawn = np.sort(generator(seed, "foreign").choice(len(other.train), n, replace=False))
    pixels = np.concatenate([_as_shape(own, shape), _as_shape(other.train.take(drawn), shape)])
    labels = np.concatenate([own.labels, np.zeros(n, dtype=np.int64)])  # those of foreign items are never read
    initial = _initial(config, replace(dataset, train=own), np.arange(len(items)), seed)
    test = Images(dataset.test.labels, _as_shape(dataset.test, shape))
    pool = Dataset(dataset.name, dataset.classes, Images(labels, pixels), test)
    return Mixed(pool, initial, np.arange(len(labels)) >= len(items))


def tell(
    config: ExperimentConfig,
    mixed: Mixed,
    names: Sequence[str],
    split: str,
    seed: int,
    *,
    device: str = "auto",
    trust: bool = False,
    progress: Callable[[float], None] = lambda _: None,
) -> Told:
    """Trains a model on the initial set and says how well each score tells the foreign items.

    Args:
        names: scorers, and "energy".
        split: what is foreign, for the record.

    Raises:
        InputError: a score that this learner does not give, or no foreign item in the pool.
    """
    learner = build_learner(config.learner, mixed.dataset.n_classes, device=device, trust=trust)
    check_scores(names, fields_of(learner))
    vaal = (config.vaal or VaalConfig()).settings()
    task = ImageClassification(mixed.dataset, learner, vaal=vaal, device=device)
    labels = np.full(task.n_items, -1)
    labels[mixed.initial] = task.truth[mixed.initial]
    pool = Pool(labels)
    plans = {name: Plan(get(name)) for name in names if name != ENERGY}
    needs = tuple(dict.fromkeys([n for p in plans.values() for n in p.needs] + [n for n in names if n not in plans]))
    model = task.fit(pool, needs, seed=number(seed, 0, "fit"), progress=progress)
    pred = task.predict(model, pool, needs, seed=number(seed, 0, "predict"))
    foreign = mixed.foreign[pool.unlabeled]
    scores = {n: _scores(n, plans, pred, pool, number(seed, 0, "query")) for n in names}
    return Told(
        split=split,
        seed=seed,
        n_own=int((~foreign).sum()),
        n_foreign=int(foreign.sum()),
        accuracy=task.evaluate(model)["accuracy"],
        areas=out_of_distribution(scores, foreign),
    )


def check_scores(names: Sequence[str], gives: Sequence[str]) -> None:
    """Refuses what gives no score an item, reads the truth or labelled items, or that this learner does not give.

    Raises:
        InputError: see above.
    """
    if len(set(names)) < len(names):
        raise InputError(f"--strategies: {max(names, key=list(names).count)} is named twice")
    for name in names:
        if name == ENERGY:
            if name not in gives:
                raise InputError(f"energy: this learner does not give it; it gives {', '.join(gives)}")
            continue
        entry = get(name)
        if entry.kind != "scorer" or "truth" in entry.needs or entry.reads_labeled:
            why = "reads the truth" if "truth" in entry.needs else "gives no score an item"
            raise InputError(f"{name}: {why}, so it tells no foreign items: leave it out of --strategies")
        Plan(entry).check(gives, 2)


def default_scores(gives: Sequence[str]) -> tuple[str, ...]:
    """Returns those of `SCORES` that a learner gives."""
    known = set(gives)
    return tuple(n for n in SCORES if (n in known if n == ENERGY else known.issuperset(get(n).needs)))


def _scores(
    name: str, plans: Mapping[str, Plan], pred: Predictions, pool: Pool, seed: int
) -> NDArray[np.floating[Any]]:
    if name in plans:
        return scores_of(plans[name], pred, pool, seed)
    return to_numpy(pred.require(name, pool.unlabeled, name))[pool.unlabeled]


def _pool(config: ExperimentConfig, dataset: Dataset, seed: int) -> Indices:
    if config.data.long_tail is not None:
        raise InputError("data.long_tail: its pool is cut by class: leave it out where foreign items are told")
    return pool_and_initial(config, dataset, seed)[0]


def _initial(config: ExperimentConfig, dataset: Dataset, own: Indices, seed: int) -> Indices:
    """Returns the items labelled at the start, drawn from the own ones as the configuration says."""
    wanted = config.protocol.initial
    if wanted >= len(own):
        raise InputError(f"protocol.initial: {wanted}, and the pool has {len(own)} items that are not foreign")
    rng = generator(seed, "initial")
    if config.protocol.initial_set == "random":
        return np.sort(own[rng.choice(len(own), wanted, replace=False)])
    return own[uniform_over_classes(dataset.train.labels[own], wanted, dataset.n_classes, rng)]


def _as_shape(images: Images, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Returns pictures as (N, H, W, C) bytes of this square shape."""
    side, _, channels = shape
    if images.pixels is not None and images.shape == shape:
        return np.asarray(images.pixels)
    if images.paths is not None:
        squares = pictures.in_threads(lambda path: pictures.read_square(path, side), images.paths)
    else:
        squares = pictures.in_threads(lambda one: pictures.square(one, side), np.asarray(images.pixels))
    out = np.empty((len(images), *shape), dtype=np.uint8)
    for i, one in enumerate(squares):
        out[i] = one if channels == 3 else np.rint(one @ LUMA)[..., None]
    return out
