"""Handwritten digits, 8×8: the data set that comes with scikit-learn, so that everything can be tried without files."""

from __future__ import annotations

import numpy as np

from askew.data import split
from askew.data.dataset import Dataset, Images
from askew.errors import MissingExtra


def read(test_fraction: float) -> Dataset:
    """Returns scikit-learn's 1,797 gray digits, intensities 0–16 brought to 0–255.

    The held-out share is drawn at random within each class, always the same one.

    >>> digits = read(0.2)
    >>> digits.train.shape, len(digits.train), len(digits.test)
    ((8, 8, 1), 1438, 359)
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtra("the digits", "vision") from error
    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    labels = bunch.target.astype(np.int64)
    held = split.held_out(labels, test_fraction)
    train, test = np.flatnonzero(~held), np.flatnonzero(held)
    images = Images(labels, pixels)
    return Dataset("digits", tuple(str(c) for c in range(10)), images.take(train), images.take(test))
