"""`EstimatorLearner`: scikit-learn, skorch or anything else with `fit` and `predict_proba` in a classifier's place."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.data.dataset import Images
from askew.errors import InputError
from askew.learn.classifier import check_labels, check_needs
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
    >>> learner.fit(digits.train, digits.train.labels, seed=0)
    >>> probs = learner.predict(digits.test, ["probs"], seed=0)["probs"]
    >>> bool((probs.argmax(axis=1) == digits.test.labels).mean() > 0.95)
    True

    Raises:
        InputError: the estimator lacks one of the methods.
    """

    epochs = 0

    def __init__(self, estimator: Any, n_classes: int) -> None:
        for method in ("fit", "predict_proba"):
            if not callable(getattr(estimator, method, None)):
                hint = ": set probability=True" if type(estimator).__name__ == "SVC" else ""
                raise InputError(f"estimator: {type(estimator).__name__} has no {method}{hint}")
        if n_classes < 2:
            raise InputError(f"n_classes: at least 2, got {n_classes}")
        self.estimator, self.n_classes = estimator, n_classes
        self._fitted: Any = None
        self._only: int | None = None

    def fit(
        self,
        images: Images,
        labels: NDArray[np.int64],
        *,
        seed: int,
        on_epoch: Callable[[int], None] | None = None,  # noqa: ARG002
    ) -> None:
        """Trains a fresh copy; `on_epoch` is never called, since estimators do not tell their epochs.

        With labels of one class only nothing is trained: that class is predicted with probability 1.
        """
        known = check_labels(images, labels, self.n_classes)
        self._only = int(known[0]) if len(np.unique(known)) == 1 else None
        self._fitted = copy.deepcopy(self.estimator)
        if self._only is not None:
            return
        if getattr(self._fitted, "random_state", 0) is None:
            self._fitted.set_params(random_state=number(seed, "estimator") % 2**32)
        self._fitted.fit(flattened(images), known)

    def predict(
        self,
        images: Images,
        needs: Collection[str],
        *,
        seed: int,  # noqa: ARG002
    ) -> dict[str, NDArray[np.float32]]:
        """Returns "probs" (N, C), and as "features" the flattened pixels (N, D); "draws" an estimator has not.

        Raises:
            InputError: `draws`, before `fit`, or what the estimator predicts are no probabilities of its classes.
        """
        check_needs(needs)
        if "draws" in needs:
            raise InputError(
                f"draws: {type(self.estimator).__name__} has no stochastic passes: use a strategy that needs probs, or "
                "a Classifier"
            )
        if self._fitted is None:
            raise InputError("the estimator is not trained yet: call fit first")
        out: dict[str, NDArray[np.float32]] = {}
        x = flattened(images)
        if "features" in needs:
            out["features"] = x
        if "probs" in needs:
            out["probs"] = self._probs(x)
        return out

    def _probs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        probs = np.zeros((len(x), self.n_classes), dtype=np.float32)
        if self._only is not None:
            probs[:, self._only] = 1
            return probs
        classes = np.asarray(self._fitted.classes_, dtype=np.int64)
        for start in range(0, len(x), BATCH):
            found = np.asarray(self._fitted.predict_proba(x[start : start + BATCH]))
            if found.ndim != 2 or found.shape[1] != len(classes):
                raise InputError(f"estimator: predict_proba gave {found.shape} for {len(classes)} classes")
            probs[start : start + BATCH, classes] = found
        return probs


def flattened(images: Images) -> NDArray[np.float32]:
    """Returns pictures as (N, H·W·C) float32 from 0 to 1; files are read for it."""
    from askew.data import pictures

    if images.pixels is None:
        side_px = int(images.side_px or 0)
        squares = pictures.in_threads(lambda path: pictures.read_square(path, side_px), images.paths or ())
        pixels = pictures.stack(squares, len(images), images.shape)
    else:
        pixels = np.asarray(images.pixels)
    return pixels.reshape(len(images), -1).astype(np.float32) / np.float32(255)
