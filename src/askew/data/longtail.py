"""Long-tailed pools cut out of balanced data: a uniform initial set, and classes that keep only part of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices, as_integers
from askew.errors import InputError, unknown
from askew.seeding import generator

Kind = Literal["step", "exponential"]
KINDS = ("step", "exponential")


@dataclass(frozen=True, eq=False)
class LongTail:
    """A cut of a data set.

    Attributes:
        initial: (n0,) the rows of the data set that are labelled at the start, ascending.
        pool_items: (M,) the other rows that remain, to be asked about, ascending. The pool is both together.
    """

    initial: Indices
    pool_items: Indices


def long_tail(
    labels: NDArray[np.int64],
    *,
    imbalance: float,
    kind: Kind = "step",
    n_classes: int,
    initial_fraction: float = 0.1,
    n_initial: int | None = None,
    rare_classes: Sequence[int] | None = None,
    seed: int,
) -> LongTail:
    """Returns the long-tailed version of a data set, as §4.4 makes it: initial set first, then the cut.

    A share of the data, the same number of every class, is the initial set and is not cut. Of the rest, class y keeps
    f_y · n_y items drawn at random, with f_y = IF for half of the classes and 1 for the others ("step"), or
    f_y = IF^(y/(C−1)) ("exponential", Cui et al. 2019). Test data stays as it is.

    The thesis does not say which half is cut. Here it is the last one, classes ⌈C/2⌉ to C−1, as in the step imbalance
    of Buda et al. 2018 and Cao et al. 2019. `rare_classes` names others.

    Args:
        labels: (N,) true classes of the data set.
        imbalance: IF in (0, 1]; 1 cuts nothing.
        initial_fraction: the initial set's share of all N items.
        n_initial: the initial set's size, in place of the share. What does not divide by C goes to classes drawn at
            random, one item each.
        rare_classes: the classes that a "step" cuts.
        seed: of all draws.

    >>> cut = long_tail(np.repeat([0, 1], 50), imbalance=0.1, n_classes=2, seed=0)
    >>> len(cut.initial), np.bincount(np.repeat([0, 1], 50)[cut.pool_items])
    (10, array([45,  4]))

    Raises:
        InputError: a parameter out of range, or a class with fewer items than the initial set takes of it.
    """
    known = as_integers("labels", labels)
    if not 0 < imbalance <= 1:
        raise InputError(f"imbalance: above 0 and at most 1, got {imbalance}")
    if len(known) == 0 or known.min() < 0 or known.max() >= n_classes:
        raise InputError(f"labels: must be classes from 0 to {n_classes - 1}")
    keeps = kept_shares(n_classes, imbalance, kind, rare_classes)
    takes = _initial_counts(len(known), n_classes, initial_fraction, n_initial, seed)
    initial, rest = [], []
    for c in range(n_classes):
        members = generator(seed, "long-tail", c).permutation(np.flatnonzero(known == c))
        if len(members) < takes[c]:
            raise InputError(
                f"n_initial: {takes[c]} items of class {c} are to be initial, it has {len(members)}: start with fewer"
            )
        left = members[takes[c] :]
        count = max(1, round(keeps[c] * len(left))) if len(left) else 0
        initial.append(members[: takes[c]])
        rest.append(left[:count])
    return LongTail(np.sort(np.concatenate(initial)), np.sort(np.concatenate(rest)))


def kept_shares(
    n_classes: int, imbalance: float, kind: Kind, rare_classes: Sequence[int] | None = None
) -> NDArray[np.float64]:
    """Returns (C,) the share of its items that each class keeps.

    >>> kept_shares(3, 0.25, "step"), kept_shares(3, 0.25, "exponential")
    (array([1.  , 1.  , 0.25]), array([1.  , 0.5 , 0.25]))

    Raises:
        InputError: an unknown kind, or rare classes that are none or that an exponential cut has no use for.
    """
    if kind not in KINDS:
        raise unknown("kind of long tail", kind, KINDS)
    if kind == "exponential":
        if rare_classes is not None:
            raise InputError("rare_classes: only a step has them; an exponential tail falls from class 0 to the last")
        return np.power(imbalance, np.arange(n_classes) / max(1, n_classes - 1))
    rare = list(range((n_classes + 1) // 2, n_classes)) if rare_classes is None else list(rare_classes)
    outside = [c for c in rare if not 0 <= c < n_classes]
    if outside:
        raise InputError(f"rare_classes: {outside[0]} is outside the {n_classes} classes")
    shares = np.ones(n_classes)
    shares[rare] = imbalance
    return shares


def _initial_counts(
    n_items: int, n_classes: int, initial_fraction: float, n_initial: int | None, seed: int
) -> NDArray[np.int64]:
    if n_initial is None:
        if not 0 <= initial_fraction < 1:
            raise InputError(f"initial_fraction: from 0 to below 1, got {initial_fraction}")
        n_initial = round(initial_fraction * n_items)
    if not 0 <= n_initial <= n_items:
        raise InputError(f"n_initial: from 0 to the {n_items} items, got {n_initial}")
    counts = np.full(n_classes, n_initial // n_classes, dtype=np.int64)
    extra = generator(seed, "long-tail", "remainder").permutation(n_classes)[: n_initial % n_classes]
    counts[extra] += 1
    return counts
