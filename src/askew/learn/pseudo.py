"""`PseudoLabeling`: a task whose trainings also learn from pseudo-labels, of two models or of one (CEAL).

It wraps `ImageClassification`, so the loop stays the one of `experiment.loop`. Its trainings always start warm, and the
model that is kept from cycle to cycle is the last one trained: nothing else passes from one cycle to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from askew.arrays import Floats, Indices, to_numpy
from askew.learn.task import ImageClassification, Trained
from askew.pool import Pool
from askew.predictions import Predictions
from askew.pseudo_labels import PseudoLabels
from askew.seeding import generator, number
from askew.strategies.entropy import shannon

TEACHER = "teacher_"
"""What the names of model A's metrics begin with; those of B, or of the one model, have their plain names."""


@dataclass(frozen=True, eq=False)
class Taught:
    """What a training with pseudo-labels left.

    Attributes:
        trained: model B, or the one model: it is measured, says what is asked, and starts the next training.
        teacher: model A; None with one model.
        labels: (N,) the pseudo-label of each item that had one in this training; -1 elsewhere.
    """

    trained: Trained
    teacher: Trained | None
    labels: Indices

    def save(self, path: Path) -> None:
        """Writes the model that the next training starts from."""
        self.trained.save(path)


class PseudoLabeling:
    """The items of a task, trained on with their labels and with the pseudo-labels of the most certain others.

    Pseudo-labels hold for one training: in the next cycle all unlabeled items are candidates again. With two models
    (section 3.5) an item is not asked in the cycle in which it has one, since B is asked about the remaining items.
    With one model (CEAL) they are erased before the question, as in its Algorithm 1.

    Args:
        task: whose pictures, learner and true classes they are; its learner has to save its models.
        how: which items, and by what they are certain.
        initial: labels of the first cycle.
        budget: labels asked after each cycle.
    """

    def __init__(self, task: ImageClassification, how: PseudoLabels, *, initial: int, budget: int) -> None:
        self.task, self.how, self._initial, self._budget = task, how, initial, budget

    @property
    def n_items(self) -> int:
        """N, the size of the pool."""
        return self.task.n_items

    @property
    def n_classes(self) -> int:
        """C, the number of classes."""
        return self.task.n_classes

    @property
    def gives(self) -> tuple[str, ...]:
        """The fields of `Predictions` that it can fill."""
        return self.task.gives

    def fit(
        self,
        pool: Pool,
        needs: Collection[str],
        *,
        seed: int,
        start: Taught | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Taught:
        """Trains on the labelled items and on pseudo-labelled ones.

        Two models: A starts from the latest B, or anew in the first cycle; B starts from A. One model: pseudo-labels
        are those of `start`, from which the training starts too; the first cycle has none.

        Args:
            start: the model of the cycle before.
            progress: called with the share of both trainings that is done.

        Raises:
            InputError: see `ImageClassification.fit`; or fewer unlabeled items than are to be pseudo-labelled.
        """
        rng = generator(seed, "pseudo-labels")
        if self.how.models == "one":
            labels = np.full(self.n_items, -1)
            if start is not None:
                labels = self._labels(start.trained, pool, rng, seed)
            trained = self.task.fit(
                _with(pool, labels), needs, seed=seed, start=None if start is None else start.trained, progress=progress
            )
            return Taught(trained, None, labels)
        first, second = (None, None) if progress is None else _halves(progress)
        teacher = self.task.fit(
            pool,
            ("dispersion",) if self.how.certainty == "dispersion" else (),
            seed=seed,
            start=None if start is None else start.trained,
            progress=first,
        )
        labels = self._labels(teacher, pool, rng, seed)
        auxiliary = self.task.fit(
            _with(pool, labels), needs, seed=number(seed, "auxiliary"), start=teacher, progress=second
        )
        return Taught(auxiliary, teacher, labels)

    def held_back(self, taught: Taught) -> Indices:
        """Returns the items that model B was trained on with pseudo-labels: it is asked about the remaining ones."""
        return np.flatnonzero(taught.labels >= 0) if taught.teacher is not None else np.zeros(0, dtype=np.int64)

    def predict(self, taught: Taught, pool: Pool, needs: Collection[str], *, seed: int) -> Predictions:
        """Returns what model B, or the one model, says of the items that are not held back; see `ImageClassification`.

        Rows of items that are held back may be NaN: they are not asked.
        """
        asked = pool if taught.teacher is None else _with(pool, taught.labels)
        return self.task.predict(taught.trained, asked, needs, seed=seed)

    def evaluate(self, taught: Taught) -> dict[str, float]:
        """Returns the metrics of the model, with two models those of A too, and how good the pseudo-labels were.

        `teacher_accuracy` is A's; `pseudo_labels` says how many there were, `pseudo_label_accuracy` the share of them
        that is right, known in experiments only.
        """
        found = self.task.evaluate(taught.trained)
        if taught.teacher is not None:
            found |= {f"{TEACHER}{name}": value for name, value in self.task.evaluate(taught.teacher).items()}
        items = np.flatnonzero(taught.labels >= 0)
        found["pseudo_labels"] = float(len(items))
        if len(items):
            found["pseudo_label_accuracy"] = float((taught.labels[items] == self.task.truth[items]).mean())
        return found

    def load(self, path: Path) -> Taught:
        """Returns a saved model, as the start of a training.

        Raises:
            InputError: the file is not there, or holds no model of this learner.
        """
        return Taught(self.task.load(path), None, np.full(self.n_items, -1))

    def _labels(self, teacher: Trained, pool: Pool, rng: np.random.Generator, seed: int) -> Indices:
        """Returns (N,) the classes that the teacher gives the most certain unlabeled items; -1 elsewhere."""
        uncertainty, classes = self._opinion(teacher, pool, seed)
        cycle = (len(pool.labeled) - self._initial) // self._budget
        items = self.how.chosen(uncertainty, cycle, rng)
        labels = np.full(self.n_items, -1)
        labels[items] = classes[items]
        return labels

    def _opinion(self, teacher: Trained, pool: Pool, seed: int) -> tuple[Floats, Indices]:
        """Returns (N,) uncertainties, NaN for labelled items, and (N,) classes: the modal one, or the most probable."""
        if self.how.certainty == "dispersion":
            found = self.task.predict(teacher, pool, ("dispersion",), seed=seed)
            return to_numpy(found.dispersion), self.task.pseudo_labels(teacher)
        probs = to_numpy(self.task.predict(teacher, pool, ("probs",), seed=number(seed, "teacher")).probs)
        rows = probs[pool.unlabeled]
        uncertainty, classes = np.full(self.n_items, np.nan), np.full(self.n_items, -1)
        uncertainty[pool.unlabeled], classes[pool.unlabeled] = shannon(rows), rows.argmax(axis=1)
        return uncertainty, classes


def _with(pool: Pool, labels: Indices) -> Pool:
    """Returns the pool with pseudo-labels in the place of labels that nobody has told."""
    return Pool(np.where(pool.labels >= 0, pool.labels, labels))


def _halves(progress: Callable[[float], None]) -> tuple[Callable[[float], None], Callable[[float], None]]:
    return lambda share: progress(share / 2), lambda share: progress((1 + share) / 2)
