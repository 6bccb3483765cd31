"""`EstimatorLearner`: scikit-learn, skorch or anything else with `fit` and `predict_proba` in a classifier's place."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Array
from askew.data.dataset import Images
from askew.errors import InputError
from askew.learn.feed import Feed
from askew.learn.learner import Found, Given, Model, as_images, check_n_classes, checked_needs, checked_pool, telling
from askew.pool import Pool
from askew.recorders import Recorder
from askew.seeding import number

BATCH = 4096


class EstimatorLearner:
    """An estimator on flattened pixels: x = pixels / 255, (N, H·W·C) float32.

    Every training starts from a copy of the estimator as it was given. If it has a `random_state` that is None, the
    copy gets one from the seed.

    Args:
        estimator: has `fit(x, y)`, `predict_proba(x)` and, after fitting, `classes_`.
        n_classes: C; a class without a labelled item gets probability 0.

    >>> from sklearn.linear_model import LogisticRegression
    >>> from askew.data.load import load
    >>> digits, learner = load("digits"), EstimatorLearner(LogisticRegression(max_iter=500), 10)
    >>> model = learner.fit(digits.train, digits.train.labels, seed=0)
    >>> probs = model.predict(digits.test, ["probs"], seed=0)["probs"]
    >>> bool((probs.argmax(axis=1) == digits.test.labels).mean() > 0.95)
    True

    Raises:
        InputError: the estimator lacks one of the methods.
    """

    epochs = 0
    gives = ("probs", "features")
    saves = False

    def __init__(self, estimator: Any, n_classes: int) -> None:
        for method in ("fit", "predict_proba"):
            if not callable(getattr(estimator, method, None)):
                hint = ": set probability=True" if type(estimator).__name__ == "SVC" else ""
                raise InputError(f"estimator: {type(estimator).__name__} has no {method}{hint}")
        check_n_classes(n_classes)
        self.estimator, self.n_classes = estimator, n_classes

    def feed(self, images: Given) -> Images:
        """Returns the pictures as `Images`, which are as they are: an estimator computes on the processor."""
        return _images(images, None)

    def fit(
        self,
        images: Given,
        labels: Pool | Array | None = None,
        *,
        seed: int = 0,
        start: Model | None = None,
        recorders: Sequence[Recorder] = (),
    ) -> EstimatorModel:
        """Trains a fresh copy on the labelled pictures.

        With labels of one class only nothing is trained: that class is predicted with probability 1.

        Args:
            images: the pool's pictures, as whatever `Images.of` takes.
            labels: a `Pool`, or (N,) classes of the pictures; -1, None and NaN are unlabeled. Without them those count
                that the pictures bring.
            seed: what the estimator's `random_state` comes from.
            start: must be None: every training starts anew.
            recorders: begun and never told of an epoch, since estimators do not tell theirs.

        Raises:
            InputError: no labelled picture, labels that do not fit, or a start.
        """
        if start is not None:
            raise InputError("start: an estimator is trained anew every time: leave warm starts to a Classifier")
        images = _images(images, None)
        pool = checked_pool(images, labels, self.n_classes)
        telling(recorders, images, pool, epochs=0, n_classes=self.n_classes, seed=seed)
        known = pool.labels[pool.labeled]
        if len(np.unique(known)) == 1:
            return EstimatorModel(None, self.n_classes, type(self.estimator).__name__, images.shape, int(known[0]))
        fitted = copy.deepcopy(self.estimator)
        if getattr(fitted, "random_state", 0) is None:
            fitted.set_params(random_state=number(seed, "estimator") % 2**32)
        fitted.fit(flattened(images.take(pool.labeled)), known)
        return EstimatorModel(fitted, self.n_classes, type(self.estimator).__name__, images.shape)

    def load(self, path: str | Path) -> EstimatorModel:
        """Refuses: an estimator is never saved; see `EstimatorModel.save`."""
        raise InputError(f"{path}: an estimator is not read from a file: fit it again on the same labels")


@dataclass(frozen=True, eq=False)
class EstimatorModel:
    """A fitted estimator.

    Attributes:
        fitted: has `predict_proba` and `classes_`; None if all labels were of one class.
        n_classes: C.
        name: the estimator's class, for messages.
        shape: (H, W, C) of the pictures that it was fitted to.
        only: that one class.
    """

    fitted: Any
    n_classes: int
    name: str
    shape: tuple[int, int, int]
    only: int | None = None

    def predict(
        self,
        images: Given,
        needs: Collection[str] = ("probs",),
        *,
        seed: int = 0,  # noqa: ARG002
    ) -> Found:
        """Returns "probs" (N, C), and as "features" the flattened pixels (N, D); "draws" an estimator has not.

        Raises:
            InputError: `draws`, pictures of another size, or what the estimator predicts are no probabilities of its
                classes.
        """
        if "draws" in needs:
            raise InputError(
                f"draws: {self.name} has no stochastic passes: use a strategy that needs probs, or a Classifier"
            )
        needs = checked_needs(needs, self.name, EstimatorLearner.gives)
        out: Found = {}
        x = flattened(_images(images, self.shape))
        if "features" in needs:
            out["features"] = x
        if "probs" in needs:
            out["probs"] = self._probs(x)
        return out

    def save(self, path: str | Path) -> None:
        """Refuses: scikit-learn writes estimators as pickles only, and askew writes and reads none.

        The rule: what cannot be saved is fitted again. The labels and the seed are in the ledger, and the same labels
        and seed give the same model.
        """
        raise InputError(f"{path}: {self.name} can be saved as a pickle only, which askew does not write: fit it again")

    def _probs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        probs = np.zeros((len(x), self.n_classes), dtype=np.float32)
        if self.only is not None:
            probs[:, self.only] = 1
            return probs
        classes = np.asarray(self.fitted.classes_, dtype=np.int64)
        for start in range(0, len(x), BATCH):
            found = np.asarray(self.fitted.predict_proba(x[start : start + BATCH]))
            if found.ndim != 2 or found.shape[1] != len(classes):
                raise InputError(f"estimator: predict_proba gave {found.shape} for {len(classes)} classes")
            probs[start : start + BATCH, classes] = found
        return probs


def _images(given: Given, shape: tuple[int, int, int] | None) -> Images:
    if isinstance(given, Feed):
        raise InputError("images: an estimator takes pictures as they are, not a feed of a Classifier")
    images = as_images(given, shape)
    if shape is not None and images.shape != shape:
        raise InputError(f"images: are {images.shape}; the estimator was fitted to {shape}")
    return images


def flattened(images: Images) -> NDArray[np.float32]:
    """Returns pictures as (N, H·W·C) float32 from 0 to 1; files are read for it."""
    from askew.data import pictures

    if images.pixels is None:
        side_px = int(images.side_px or 0)
        squares = pictures.in_threads(lambda path: pictures.read_square(path, side_px), images.paths or ())
        pixels = pictures.stack(squares, len(images), images.shape)
    else:
        pixels = np.asarray(images.pixels)
    flat: NDArray[np.float32] = pixels.reshape(len(images), -1).astype(np.float32) / np.float32(255)
    return flat
