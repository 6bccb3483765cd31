"""`ImageClassification`: the task that the experiment loop drives; it knows pictures and learners, not strategies."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices, as_integers
from askew.data.dataset import Dataset, Images
from askew.errors import InputError
from askew.learn.classifier import NEEDS, Learner
from askew.pool import Pool
from askew.predictions import Predictions
from askew.seeding import number
from askew.strategies.dispersion import DispersionTracker

KNOWS = (*NEEDS, "dispersion", "truth")
"""The fields of `Predictions` that this task can fill."""


class ImageClassification:
    """Pool items are the pictures of a data set's training split, or those of them that `items` lists.

    Args:
        dataset: where pictures and true classes come from; `test` measures accuracy.
        learner: a `Classifier`, an `EstimatorLearner`, or whatever else meets `Learner`.
        items: (M,) rows of `dataset.train` that form the pool: pool item i is `dataset.train` row `items[i]`.

    Raises:
        InputError: items outside the training split, or one twice.
    """

    def __init__(self, dataset: Dataset, learner: Learner, *, items: NDArray[np.int64] | None = None) -> None:
        rows = np.arange(len(dataset.train)) if items is None else as_integers("items", items)
        if len(rows) == 0 or rows.min() < 0 or rows.max() >= len(dataset.train):
            raise InputError(f"items: must be rows of the {len(dataset.train)} training pictures")
        if len(np.unique(rows)) < len(rows):
            raise InputError(f"items: {len(rows) - len(np.unique(rows))} of {len(rows)} are listed twice")
        self.dataset, self.learner, self.items = dataset, learner, rows
        self.truth: Indices = dataset.train.labels[rows]
        self._tracker: tuple[DispersionTracker, bytes] | None = None

    @property
    def n_items(self) -> int:
        """N, the size of the pool."""
        return len(self.items)

    @property
    def n_classes(self) -> int:
        """C, the number of classes."""
        return self.dataset.n_classes

    def images(self, items: Indices) -> Images:
        """Returns the pictures of pool items."""
        return self.dataset.train.take(self.items[items])

    def fit(
        self, pool: Pool, needs: Collection[str], *, seed: int, progress: Callable[[float], None] | None = None
    ) -> None:
        """Trains from scratch on the labelled items, with the labels that the pool has.

        If `needs` holds "dispersion", the unlabeled items are predicted after every epoch.

        Args:
            progress: called with the share of the training that is done, from 0 to 1.

        Raises:
            InputError: no labelled item, or dispersion of a learner that has no epochs.
        """
        self._check(pool, needs)
        if len(pool.labeled) == 0:
            raise InputError("the pool has no labelled item to train on: label an initial set first")
        epochs = self.learner.epochs
        watch = None
        self._tracker = None
        if "dispersion" in needs:
            watch = self._watch(pool, epochs, seed)

        def after(epoch: int) -> None:
            if watch is not None:
                watch(epoch)
            if progress is not None:
                progress((epoch + 1) / max(1, epochs))

        self.learner.fit(self.images(pool.labeled), pool.labels[pool.labeled], seed=number(seed, "fit"), on_epoch=after)
        if progress is not None and epochs == 0:
            progress(1.0)

    def _watch(self, pool: Pool, epochs: int, seed: int) -> Callable[[int], None]:
        if epochs < 2:
            raise InputError(
                f"dispersion: {type(self.learner).__name__} trains in {epochs} epochs; label dispersion needs the "
                "predictions of several: use a Classifier"
            )
        tracker, unlabeled = DispersionTracker(self.n_items, self.n_classes), pool.unlabeled
        images = self.images(unlabeled)
        self._tracker = tracker, pool.labels.tobytes()

        def watch(epoch: int) -> None:
            if len(unlabeled):
                probs = self.learner.predict(images, ("probs",), seed=number(seed, "epoch", epoch))["probs"]
                tracker.update(probs.argmax(axis=1), items=unlabeled)

        return watch

    def predict(self, pool: Pool, needs: Collection[str], *, seed: int) -> Predictions:
        """Returns what `needs` names: of unlabeled items everything, of labelled ones features and truth only.

        The other rows of labelled items are NaN: the model was not asked about them.

        Raises:
            InputError: a field that this task cannot fill, or dispersion that `fit` was not told to keep.
        """
        self._check(pool, needs)
        asked = [n for n in NEEDS if n in needs]
        fields: dict[str, NDArray[np.float32] | Indices] = {}
        if asked:
            everyone = "features" in needs
            items = np.arange(self.n_items) if everyone else pool.unlabeled
            found = self.learner.predict(self.images(items), asked, seed=number(seed, "predict")) if len(items) else {}
            fields = {name: self._spread(name, part, items, pool) for name, part in found.items()}
        if "dispersion" in needs:
            if self._tracker is None or self._tracker[1] != pool.labels.tobytes():
                raise InputError("dispersion: call fit with needs that hold 'dispersion', on the same pool, first")
            dispersion = np.full(self.n_items, np.nan)
            dispersion[pool.unlabeled] = self._tracker[0].dispersion()[pool.unlabeled]
            fields["dispersion"] = dispersion
        if "truth" in needs:
            fields["truth"] = self.truth
        return Predictions(**fields)

    def _spread(self, name: str, part: NDArray[np.float32], items: Indices, pool: Pool) -> NDArray[np.float32]:
        """Brings rows of `items` to rows of the whole pool, NaN where the model was not asked."""
        if len(items) == self.n_items:
            out = part
        else:
            out = np.full((*part.shape[:-2], self.n_items, part.shape[-1]), np.nan, dtype=part.dtype)
            out[..., items, :] = part
        if name != "features":
            out[..., pool.labeled, :] = np.nan
        return out

    def pseudo_labels(self) -> Indices:
        """Returns (N,) the class that each item was most often predicted to be during training; -1 for labelled ones.

        Raises:
            InputError: `fit` was not told to keep dispersion.
        """
        if self._tracker is None:
            raise InputError("dispersion: call fit with needs that hold 'dispersion' first")
        return self._tracker[0].mode()

    def evaluate(self) -> dict[str, float]:
        """Returns, on the test split, `accuracy` and `mean_class_accuracy` (the mean of the classes' accuracies)."""
        test = self.dataset.test
        predicted = self.learner.predict(test, ("probs",), seed=0)["probs"].argmax(axis=1)
        right = predicted == test.labels
        counts = np.bincount(test.labels, minlength=self.n_classes)
        hits = np.bincount(test.labels[right], minlength=self.n_classes)
        present = counts > 0
        return {"accuracy": float(right.mean()), "mean_class_accuracy": float((hits[present] / counts[present]).mean())}

    def _check(self, pool: Pool, needs: Collection[str]) -> None:
        if len(pool) != self.n_items:
            raise InputError(f"the pool has {len(pool)} items, the task {self.n_items}")
        for need in needs:
            if need not in KNOWS:
                raise InputError(f"{need}: image classification does not compute it; it knows {', '.join(KNOWS)}")
