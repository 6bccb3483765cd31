"""`ImageClassification`: the task that the experiment loop drives; it knows pictures and learners, not strategies."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Array, Indices, as_integers
from askew.data.dataset import Dataset
from askew.errors import InputError
from askew.learn.learner import NEEDS, Learner, Model, Pictures
from askew.learn.vaal import LIKENESS, LabeledLikeness
from askew.learn.vaal_settings import VaalSettings
from askew.pool import Pool
from askew.predictions import FIELDS, Predictions
from askew.recorders import RECORDINGS, CarriedRecorder, Recorder
from askew.seeding import number
from askew.strategies.dispersion import DispersionRecorder
from askew.strategies.registry import strategies


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training left: the model, and what was recorded on the way to it.

    Attributes:
        model: the learner's.
        recorders: field to the recorder that followed the training.
        labels: (N,) the pool that it was trained on; None if the model was loaded.
    """

    model: Model
    recorders: Mapping[str, Recorder] = field(default_factory=dict)
    labels: Indices | None = None

    def save(self, path: str | Path) -> None:
        """Writes the model; what was recorded belongs to the training and is not kept."""
        self.model.save(path)


class ImageClassification:
    """Pool items are the pictures of a data set's training split, or those of them that `items` lists.

    Args:
        dataset: where pictures and true classes come from; `test` measures accuracy.
        learner: a `Classifier`, an `EstimatorLearner`, or whatever else meets `Learner`.
        items: (M,) rows of `dataset.train` that form the pool: pool item i is `dataset.train` row `items[i]`.
        feeds: what the learner holds of the pool and of the test pictures, if that is there already.
        vaal: how `labeled_likeness` is computed, which comes from the pictures and not from the learner: settings, or
            the name of a preset.
        device: where it is computed.

    Raises:
        InputError: items outside the training split, one twice, feeds of another length, or no such settings.
    """

    def __init__(
        self,
        dataset: Dataset,
        learner: Learner,
        *,
        items: NDArray[np.int64] | None = None,
        feeds: tuple[Pictures, Pictures] | None = None,
        vaal: VaalSettings | str = "desk",
        device: str = "auto",
    ) -> None:
        n_train = len(dataset.train)
        rows = np.arange(n_train) if items is None else as_integers("items", items)
        if len(rows) == 0 or rows.min() < 0 or rows.max() >= n_train:
            raise InputError(f"items: must be rows of the {n_train} training pictures")
        if len(np.unique(rows)) < len(rows):
            raise InputError(f"items: {len(rows) - len(np.unique(rows))} of {len(rows)} are listed twice")
        whole = len(rows) == n_train and bool((rows == np.arange(n_train)).all())
        images = dataset.train if whole else dataset.train.take(rows)
        self.learner, self.truth = learner, images.labels
        self.n_classes = dataset.n_classes
        if feeds is None:
            feeds = learner.feed(images), learner.feed(dataset.test)
        for name, feed, pictures in (("pool", feeds[0], images), ("test", feeds[1], dataset.test)):
            if len(feed) != len(pictures):
                raise InputError(f"feeds: {len(feed)} rows for {len(pictures)} {name} pictures")
        self._pool_feed, self._test_feed = feeds
        self._test_truth = dataset.test.labels
        self._likeness = LabeledLikeness(images, VaalSettings.of(vaal), device)

    @property
    def n_items(self) -> int:
        """N, the size of the pool."""
        return len(self.truth)

    @property
    def gives(self) -> tuple[str, ...]:
        """The fields of `Predictions` that it can fill: see `fields_of`."""
        return fields_of(self.learner)

    def fit(
        self,
        pool: Pool,
        needs: Collection[str],
        *,
        seed: int,
        start: Trained | None = None,
        progress: Callable[[float], None] | None = None,
        states: Mapping[str, Array] = MappingProxyType({}),
        state_items: Indices | None = None,
    ) -> Trained:
        """Trains on the labelled items, with the labels that the pool has.

        Fields of `needs` that come out of a training, such as "dispersion", are recorded in it.

        Args:
            start: what the training starts from; None starts anew.
            progress: called with the share of the training that is done, from 0 to 1.
            states: what earlier trainings recorded, by field, as `states` of theirs returned it: the fields go on.
            state_items: the pool item of each row of `states`; None is all, in order.

        Raises:
            InputError: no labelled item, or a field that this learner's trainings cannot record.
        """
        self._check(pool, needs)
        recorders = {name: RECORDINGS[name].make() for name in needs if name in RECORDINGS}
        for name, state in states.items():
            one = recorders.get(name)
            if isinstance(one, CarriedRecorder):
                one.go_on(state, np.arange(self.n_items) if state_items is None else state_items)
        watching = () if progress is None else (_Progress(progress),)
        model = self.learner.fit(
            self._pool_feed,
            pool,
            seed=number(seed, "fit"),
            start=None if start is None else start.model,
            recorders=(*recorders.values(), *watching),
        )
        if progress is not None and self.learner.epochs == 0:
            progress(1.0)
        return Trained(model, recorders, pool.labels)

    def predict(self, trained: Trained, pool: Pool, needs: Collection[str], *, seed: int) -> Predictions:
        """Returns what `needs` names: of unlabeled items everything, of labelled ones features and truth only.

        The other rows of labelled items are NaN: the model was not asked about them.

        Raises:
            InputError: a field that this task cannot fill, or one that `fit` was not told to record on this pool.
        """
        self._check(pool, needs)
        asked = [n for n in NEEDS if n in needs]
        fields: dict[str, Array] = {}
        items = np.arange(self.n_items) if "features" in needs else pool.unlabeled
        if asked and len(items):
            pictures = self._pool_feed if len(items) == self.n_items else self._pool_feed.take(items)
            found = trained.model.predict(pictures, asked, seed=number(seed, "predict"))
            fields = {name: _spread(name, part, items, pool) for name, part in found.items()}
        fields |= {name: self._recorded(trained, name, pool) for name in needs if name in RECORDINGS}
        if LIKENESS in needs:
            fields[LIKENESS] = self._likeness(pool, seed=number(seed, LIKENESS))
        if "truth" in needs:
            fields["truth"] = self.truth
        return Predictions(**fields)

    def states(self, trained: Trained) -> dict[str, Array]:
        """Returns, by field, what a later training can go on recording from; row i of each is pool item i."""
        recorders = trained.recorders.items()
        return {name: one.state() for name, one in recorders if isinstance(one, CarriedRecorder)}

    def part(self, items: Indices) -> ImageClassification:
        """Returns the task of some pool items, ascending: its item i is `items[i]` of this one. Tests are the same."""
        if len(items) == self.n_items:
            return self
        part = copy.copy(self)
        part.truth, part._pool_feed = self.truth[items], self._pool_feed.take(items)
        part._likeness = self._likeness.part(items)
        return part

    def pseudo_labels(self, trained: Trained) -> Indices:
        """Returns (N,) the class that each item was most often predicted to be during training; -1 for labelled ones.

        Raises:
            InputError: `fit` was not told to record dispersion.
        """
        found = next((one for one in trained.recorders.values() if isinstance(one, DispersionRecorder)), None)
        if found is None:
            raise InputError("dispersion: call fit with needs that hold 'dispersion' first")
        return found.tracker.mode()

    def evaluate(self, trained: Trained) -> dict[str, float]:
        """Returns, on the test split, `accuracy` and `mean_class_accuracy` (the mean of the classes' accuracies)."""
        truth = self._test_truth
        predicted = trained.model.predict(self._test_feed, ("probs",), seed=0)["probs"].argmax(axis=1)
        right = predicted == truth
        counts = np.bincount(truth, minlength=self.n_classes)
        hits = np.bincount(truth[right], minlength=self.n_classes)
        present = counts > 0
        return {"accuracy": float(right.mean()), "mean_class_accuracy": float((hits[present] / counts[present]).mean())}

    def held_back(self, trained: Trained) -> Indices:  # noqa: ARG002  (the signature of a task)
        """Returns no item: every unlabeled one may be asked."""
        return np.zeros(0, dtype=np.int64)

    def load(self, path: str | Path) -> Trained:
        """Returns a saved model, as the start of a training.

        Raises:
            InputError: the file is not there, or holds no model of this learner.
        """
        return Trained(self.learner.load(path))

    def _recorded(self, trained: Trained, name: str, pool: Pool) -> Array:
        known = trained.labels
        if name not in trained.recorders or known is None or not np.array_equal(known, pool.labels):
            raise InputError(f"{name}: call fit with needs that hold {name!r}, on the same pool, first")
        return trained.recorders[name].result()

    def _check(self, pool: Pool, needs: Collection[str]) -> None:
        if len(pool) != self.n_items:
            raise InputError(f"the pool has {len(pool)} items, the task {self.n_items}")
        gives = self.gives
        for need in needs:
            if need in gives:
                continue
            if need in RECORDINGS and self.learner.epochs < RECORDINGS[need].epochs:
                raise InputError(
                    f"{need}: {type(self.learner).__name__} trains in {self.learner.epochs} epochs; it takes at least "
                    f"{RECORDINGS[need].epochs}: use a Classifier that has them"
                )
            raise InputError(f"{need}: image classification does not compute it; it gives {', '.join(gives)}")


def fields_of(learner: Learner) -> tuple[str, ...]:
    """Returns the fields that a task with this learner fills.

    They are the learner's, what its trainings record, and what the data set gives whatever the learner is: the pictures
    tell how likely each is labelled, and the truth is known.
    """
    strategies()  # a strategy's file may bring a recorder
    known, epochs = set(learner.gives), learner.epochs
    recorded = [one.field for one in RECORDINGS.values() if known.issuperset(one.reads) and epochs >= one.epochs]
    return (*learner.gives, *recorded, LIKENESS, "truth")


class _Progress:
    """Tells the share of the training that is done."""

    reads = ()

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell, self._done = tell, 0

    def begin(self, pool: Pool, n_classes: int, epochs: int) -> None:  # noqa: ARG002  (the signature of a recorder)
        self._epochs = epochs

    def epoch(self, found: Mapping[str, Array]) -> None:  # noqa: ARG002
        self._done += 1
        self._tell(self._done / self._epochs)

    def result(self) -> Array:
        return self._done


def _spread(name: str, part: NDArray[np.float32], items: Indices, pool: Pool) -> NDArray[np.float32]:
    """Brings rows of `items` to rows of the whole pool, NaN where the model was not asked; `part` is left as it is."""
    whole = len(items) == len(pool)
    if whole and (name == "features" or len(pool.labeled) == 0):
        return part
    axis = FIELDS[name].dims.index("N")
    out = np.full((*part.shape[:axis], len(pool), *part.shape[axis + 1 :]), np.nan, dtype=part.dtype)
    rows = np.moveaxis(part, axis, 0)
    if whole:
        np.moveaxis(out, axis, 0)[pool.unlabeled] = rows[pool.unlabeled]
    else:
        np.moveaxis(out, axis, 0)[items] = rows
    return out
