"""From a configuration to what a run needs: the dataset, and for each seed its pool, initial set and task."""

from __future__ import annotations

import dataclasses
import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from askew.arrays import Indices
from askew.data.dataset import Dataset, Images
from askew.data.load import load
from askew.data.longtail import long_tail
from askew.errors import InputError, unknown
from askew.experiment.arrivals import Arrivals, class_after_class, counts_of, in_random_order
from askew.experiment.config import DataConfig, ExperimentConfig, LearnerConfig
from askew.experiment.vaal_config import VaalConfig
from askew.learn.classifier import Classifier
from askew.learn.estimator import EstimatorLearner
from askew.learn.features import FeatureRows, Tell, of_file
from askew.learn.learner import Learner
from askew.learn.probe import LinearProbe
from askew.learn.task import ImageClassification
from askew.learn.training import Training
from askew.pool import Pool
from askew.seeding import generator


def load_dataset(
    data: DataConfig, *, root: Path | None = None, download: bool = False, skip_unreadable: bool = False
) -> Dataset:
    """Returns the dataset of a configuration with its test part cut to `test_items`.

    Raises:
        InputError: it is not on disk, cannot be read, or is smaller than the configuration asks for.
    """
    dataset = load(
        data.source,
        root=root,
        download=download,
        image_side_px=data.image_side_px,
        skip_unreadable=skip_unreadable,
        test_fraction=data.test_fraction,
        label_column=data.label_column,
    )
    for key, wanted, part in (
        ("pool_items", data.pool_items, dataset.train),
        ("test_items", data.test_items, dataset.test),
    ):
        if wanted is not None and wanted > len(part):
            raise InputError(f"data.{key}: {wanted} is more than the {len(part)} that {data.source} has")
    if data.test_items is None:
        return dataset
    kept = np.sort(generator(0, "test items").choice(len(dataset.test), data.test_items, replace=False))
    return dataclasses.replace(dataset, test=dataset.test.take(kept))


def pool_and_initial(config: ExperimentConfig, dataset: Dataset, seed: int) -> tuple[Indices, Indices]:
    """Returns which training items form the pool of a seed, and which pool items are labelled at its start.

    Every strategy of a seed gets the same two. The pool is drawn, then cut to a long tail if the configuration asks for
    one; the initial set is drawn from the pool, or under a long tail is its uniform part.

    Returns:
        items (N,) indices into `dataset.train`, ascending; initial (n0,) pool indices, ascending.
    """
    everything = np.arange(len(dataset.train))
    items = everything
    if config.data.pool_items is not None:
        items = np.sort(generator(seed, "pool").choice(everything, config.data.pool_items, replace=False))
    labels = dataset.train.labels[items]
    wanted = config.protocol.initial
    if wanted > len(items):
        raise InputError(f"protocol.initial: {wanted} is more than the {len(items)} items of the pool")
    if config.data.long_tail is not None:
        try:
            cut = long_tail(
                labels,
                imbalance=config.data.long_tail.imbalance,
                kind=config.data.long_tail.kind,
                n_classes=dataset.n_classes,
                n_initial=wanted,
                seed=seed,
            )
        except InputError as error:
            raise InputError(f"protocol.initial and data.long_tail: {error}") from error
        kept = np.sort(np.concatenate([cut.initial, cut.pool_items]))
        return items[kept], np.searchsorted(kept, np.sort(cut.initial))
    rng = generator(seed, "initial")
    if config.pool is not None and config.pool.order == "class":
        there = class_after_class(labels, seed)[: counts_of(config.pool.arrivals, len(items))[0]]
        if wanted > len(there):
            raise InputError(f"protocol.initial: {wanted} is more than the {len(there)} items that arrive first")
        return items, np.sort(rng.choice(there, wanted, replace=False))
    if config.protocol.initial_set == "random":
        return items, np.sort(rng.choice(len(items), wanted, replace=False))
    return items, uniform_over_classes(labels, wanted, dataset.n_classes, rng)


def arrivals_of(
    config: ExperimentConfig, dataset: Dataset, items: Indices, initial: Indices, seed: int
) -> Arrivals | None:
    """Returns when each item of a seed's pool arrives, the same for every strategy; None if all are there at the start.

    Args:
        items, initial: of `pool_and_initial`.

    Raises:
        InputError: more is to be labelled than has arrived.
    """
    if config.pool is None:
        return None
    if config.pool.order == "class":
        order = class_after_class(dataset.train.labels[items], seed)
    else:
        order = in_random_order(len(items), initial, seed)
    arrivals = Arrivals(order, counts_of(config.pool.arrivals, len(items)))
    try:
        arrivals.check(initial, config.protocol.budget, config.protocol.cycles)
    except InputError as error:
        raise InputError(f"pool.{error}") from error
    return arrivals


def uniform_over_classes(labels: Indices, n: int, n_classes: int, rng: np.random.Generator) -> Indices:
    """Returns n indices with the same number of each class; what does not divide goes to random classes.

    Raises:
        InputError: a class has too few items.
    """
    quota = np.full(n_classes, n // n_classes)
    quota[rng.permutation(n_classes)[: n % n_classes]] += 1
    chosen = []
    for label, count in enumerate(quota):
        members = np.flatnonzero(labels == label)
        if len(members) < count:
            raise InputError(f"protocol.initial: {count} items of class {label} wanted, the pool has {len(members)}")
        chosen.append(rng.choice(members, count, replace=False))
    return np.sort(np.concatenate(chosen))


def build_task(
    config: ExperimentConfig, dataset: Dataset, items: Indices, *, device: str = "auto", trust: bool = False
) -> ImageClassification:
    """Returns the task of one seed: the dataset's items and the learner of the configuration."""
    learner = build_learner(config.learner, dataset.n_classes, device=device, trust=trust)
    return ImageClassification(
        dataset,
        learner,
        items=items,
        feeds=_rows_of_file(learner, dataset, items),
        vaal=(config.vaal or VaalConfig()).settings(),
        device=device,
    )


def build_learner(learner: LearnerConfig, n_classes: int, *, device: str = "auto", trust: bool = False) -> Learner:
    """Returns what the configuration trains.

    Args:
        trust: import and call the estimator also from outside scikit-learn.

    Raises:
        InputError: an unknown preset, backbone or training key, or an estimator that is not there or not trusted.
    """
    if learner.finetune:
        return Classifier(
            n_classes,
            backbone=learner.features or "",
            training=_training(Training.preset("finetune"), learner.training),
            side_px=learner.feature_side_px,
            mc_passes=learner.mc_passes,
            dropout=learner.dropout,
            device=device,
        )
    if learner.features is not None:
        return LinearProbe(
            n_classes,
            features=learner.features,
            head=learner.head_name,
            parameters=learner.parameters,
            side_px=learner.feature_side_px,
            device=device,
        )
    if learner.estimator is not None:
        return EstimatorLearner(_estimator(learner.estimator, learner.parameters, trust=trust), n_classes)
    return Classifier(
        n_classes,
        backbone=learner.backbone,
        training=_training(Training.preset(learner.preset), learner.training),
        pretrained=learner.pretrained,
        mc_passes=learner.mc_passes,
        dropout=learner.dropout,
        device=device,
    )


def _rows_of_file(learner: Learner, dataset: Dataset, items: Indices) -> tuple[FeatureRows, FeatureRows] | None:
    """Returns the features of pool and test pictures if a file has them; None if the learner makes its own feeds."""
    if not isinstance(learner, LinearProbe) or not learner.source.is_file:
        return None
    rows, n_train, n_test = of_file(learner.source), len(dataset.train), len(dataset.test)
    if len(rows) != n_train + n_test:
        raise InputError(
            f"learner.features: {learner.source.file} has {len(rows)} rows; expected {n_train + n_test}: the {n_train} "
            f"training pictures of {dataset.name}, then its {n_test} test pictures"
        )
    return rows.take(items), rows.take(np.arange(n_train, n_train + n_test))


def prepare_features(config: ExperimentConfig, dataset: Dataset, *, device: str = "auto", progress: Tell) -> None:
    """Computes, once for all runs, the features that the experiment's pictures do not have yet.

    Args:
        progress: called with the pictures done and the pictures to do, of the pool and then of the test part.

    Raises:
        InputError: weights that cannot be had, or a picture that cannot be read.
    """
    learner = (
        None if config.learner.features is None else build_learner(config.learner, dataset.n_classes, device=device)
    )
    if not isinstance(learner, LinearProbe) or learner.source.is_file:
        return
    learner.feed(pictures_of_pools(config, dataset), progress)
    learner.feed(dataset.test, progress)


def pictures_of_pools(config: ExperimentConfig, dataset: Dataset) -> Images:
    """Returns the training pictures that are in the pool of a seed."""
    items = np.unique(np.concatenate([pool_and_initial(config, dataset, seed)[0] for seed in config.protocol.seeds]))
    return dataset.train if len(items) == len(dataset.train) else dataset.train.take(items)


def try_learner(config: LearnerConfig, learner: Learner, dataset: Dataset, items: Indices) -> None:
    """Finds out, before anything is written, whether the learner can be made and used at all.

    A network is built once, with its weights; features of a file are counted; an estimator is fitted to the pictures
    and predicts them.

    Args:
        dataset: where pictures come from.
        items: the first initial set, as rows of `dataset.train`.

    Raises:
        InputError: it cannot.
    """
    if isinstance(learner, LinearProbe):
        if _rows_of_file(learner, dataset, items) is None:
            _ = learner.extractor
        return
    images = dataset.train.take(items)
    if isinstance(learner, Classifier):
        learner.check(images.shape)
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            learner.fit(learner.feed(images), Pool(images.labels), seed=0).predict(images, ("probs",), seed=0)
    except InputError:
        raise
    except Exception as error:  # whatever an estimator raises
        first = str(error).strip().split("\n")[0]
        raise InputError(
            f"learner: {config.estimator} fails on the initial set of {len(images)} pictures: "
            f"{type(error).__name__}: {first}"
        ) from error


def _training(preset: Training, changes: dict[str, Any]) -> Training:
    known = [f.name for f in dataclasses.fields(Training)]
    for key in changes:
        if key not in known:
            raise unknown("key in [learner.training]", key, known)
    try:
        return dataclasses.replace(preset, **changes)
    except InputError as error:
        raise InputError(f"learner.{error}") from error


def _estimator(path: str, parameters: dict[str, Any], *, trust: bool) -> Any:
    module, _, name = path.rpartition(".")
    if not module:
        raise InputError(
            f"learner.estimator: {path!r}: expected the whole path, such as sklearn.linear_model.LogisticRegression"
        )
    if module.split(".")[0] != "sklearn" and not trust:
        raise InputError(
            f"learner.estimator: {path!r} is not scikit-learn's: a configuration that names it runs its code: add "
            "--trust-estimator if you trust it"
        )
    try:
        factory = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"learner.estimator: {path!r} cannot be imported: {error}") from error
    if not callable(factory) or not (trust or _is_estimator(factory)):
        raise InputError(f"learner.estimator: {path!r} is no class of estimators")
    try:
        return factory(**parameters)
    except (TypeError, ValueError) as error:
        raise InputError(f"learner.parameters: {error}") from error


def _is_estimator(factory: Any) -> bool:
    from sklearn.base import BaseEstimator

    return isinstance(factory, type) and issubclass(factory, BaseEstimator)
