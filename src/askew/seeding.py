"""Random generators that are named, not passed around: the same names give the same numbers, whatever ran before."""

from __future__ import annotations

import operator
import zlib

import numpy as np

from askew.errors import InputError


def sequence(seed: int, *names: int | str) -> np.random.SeedSequence:
    """Returns the seed sequence of a purpose, such as `sequence(seed, cycle, "tie-break")`.

    Words enter by their CRC-32, numbers as they are; sequences with different names are independent
    (NumPy's `SeedSequence` with a spawn key). NumPy's and torch's global generators are not touched.

    Raises:
        InputError: the seed is no whole number from 0.
    """
    key = tuple(zlib.crc32(name.encode()) if isinstance(name, str) else int(name) for name in names)
    return np.random.SeedSequence(entropy=checked_seed(seed), spawn_key=key)


def checked_seed(seed: object) -> int:
    """Returns the seed as an int.

    Raises:
        InputError: it is no whole number from 0.
    """
    try:
        number = operator.index(seed)  # type: ignore[arg-type]
    except TypeError as error:
        raise InputError(f"seed: expected a whole number from 0, got {seed!r}") from error
    if isinstance(seed, bool) or number < 0:
        raise InputError(f"seed: expected a whole number from 0, got {seed!r}")
    return number


def generator(seed: int, *names: int | str) -> np.random.Generator:
    """Returns a NumPy generator for a purpose.

    >>> int(generator(0, 3, "tie-break").integers(1000)) == int(generator(0, 3, "tie-break").integers(1000))
    True
    """
    return np.random.default_rng(sequence(seed, *names))


def number(seed: int, *names: int | str) -> int:
    """Returns a 63-bit integer seed for a library that wants a plain number (torch, scikit-learn takes `% 2**32`).

    >>> number(0, "model") == number(0, "model") != number(1, "model")
    True
    """
    return int(sequence(seed, *names).generate_state(1, np.uint64)[0] >> np.uint64(1))
