"""Which items of a data set without a test set of its own are held out to measure accuracy."""

from __future__ import annotations

import numpy as np

from askew.arrays import Indices, Mask
from askew.errors import InputError
from askew.seeding import generator

TRAIN, TEST = ("train", "training"), ("test", "testing", "val", "valid", "validation")
"""What folders and files of a training and of a test part are called; of several test parts the first one counts."""


def check_fraction(fraction: float) -> None:
    """Raises `InputError` unless 0 < fraction < 1."""
    if not 0 < fraction < 1:
        raise InputError(f"test_fraction: must be between 0 and 1, got {fraction}")


def share(members: int, fraction: float) -> int:
    """Returns how many of a class's items are held out: at least one, and at least one stays, if there are two."""
    return min(max(1, round(fraction * members)), members - 1)


def held_out(labels: Indices, fraction: float) -> Mask:
    """Returns the (N,) mask of a test set: of every class the same share, drawn at random but always the same.

    >>> int(held_out(np.repeat([0, 1], [10, 5]), 0.2).sum())
    3
    """
    mask = np.zeros(len(labels), dtype=bool)
    for c in np.unique(labels):
        members = np.flatnonzero(labels == c)
        mask[generator(0, "held-out", int(c)).permutation(members)[: share(len(members), fraction)]] = True
    return mask
