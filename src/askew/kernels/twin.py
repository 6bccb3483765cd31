"""A second object that starts where one stands and goes its own way."""

from __future__ import annotations

from copy import copy
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def twin(one: T) -> T:
    """Returns a copy with lists, dicts and (N,) arrays of NumPy of its own; it shares all else, such as the features.

    So it costs O(N). What is shared may be replaced by either, not written into.
    """
    other = copy(one)
    for name, value in vars(one).items():
        if isinstance(value, list | dict) or (isinstance(value, np.ndarray) and value.ndim == 1):
            setattr(other, name, value.copy())
    return other
