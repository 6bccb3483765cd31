"""What a greedy strategy returns: the gain of every item, which changes as items are picked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from askew.arrays import Array, Floats, Indices, Mask, as_reals
from askew.errors import InputError

ROUNDING = 1e-9
"""Growth by less than this part of the largest gain is the rounding of gains that do not grow."""


class Gains(Protocol):
    """The gain of every item under a greedy strategy, given the items picked so far; higher is picked first.

    Where gains never grow as items are picked, a gain computed earlier is an upper bound of today's: that is what lets
    `pick.greedy` leave most of them alone. It works on a few thousand items in focus at a time. `EagerGains` is the
    simple way; this one is for gains that cost much to compute.

    Attributes:
        may_grow: whether a gain may be larger after a pick than before; then every item is in focus all the time.
        start: pool indices that the first pick is made from; empty if the first pick is like every other.
        upper: (N,) upper bounds of the gains, valid from the start, or, where `start` is not empty, from the first
            pick on; while nothing is in focus, if gains may grow.
        prefer: (N,) numbers: of items with equal scores those with the largest go first; None, or left out, if the seed
            alone is to decide.
        low: lower bounds of the gains of the items in focus, in the order given to `focus`; follows every pick.
        high: upper bounds likewise. A picked item has −inf in both.

    A method `copy`, which may be left out, returns the same gains after the same picks that go their own way, in O(N)
    of memory. Where a balance is tuned, which picks 18 times, gains that have one are computed once.
    """

    may_grow: bool
    start: Indices
    upper: Floats
    low: Floats
    high: Floats

    def fresh(self, items: Indices) -> Mask:
        """Tells of which of these pool items `upper` knows all picks so far."""

    def refresh(self, items: Indices) -> None:
        """Brings `upper` of these pool items a step nearer to that; a few calls make every one of them fresh."""

    def focus(self, items: Indices) -> None:
        """Puts these pool items in focus: `low` and `high` hold their gains from now on."""

    def settle(self, positions: Indices) -> None:
        """Makes `low` equal `high`, the gain as exact as float64 allows, at these positions of the focus."""

    def pick(self, position: int) -> None:
        """Takes the item at this position of the focus into the picked set."""


def repeated(make: Callable[[], Gains]) -> Callable[[], Gains]:
    """Returns what gives the gains before the first pick again and again: copies of the first, if these have `copy`.

    >>> repeated(lambda: EagerGains([2.0, 1.0], lambda item: [1.0, 1.0]))().upper
    array([2., 1.])
    """
    first = make()
    copied: Callable[[], Gains] | None = getattr(first, "copy", None)
    if copied is not None:
        return copied
    waiting = [first]
    return lambda: waiting.pop() if waiting else make()


class EagerGains:
    """Gains that are all computed again after every pick: the simple way to write a greedy strategy.

    Args:
        gains: (N,) the gain of every pool item before the first pick; NaN or −inf for items that are no candidates.
        after_pick: takes the pool index of the item just picked and returns the (N,) gains from then on.
        may_grow: whether a gain may be larger after a pick than before. Picks are those of the definition either way,
            class balance included; where gains may grow, every item is looked at for every pick.

    Cost: what `after_pick` costs, and O(N) beside it, for every pick; O(N·C) with a balance if gains may grow.

    Raises:
        InputError: gains that are no (N,) numbers, a candidate's that is not finite, or one that has grown though
            `may_grow` is False.

    >>> values = np.array([3.0, 2.0, 1.0])
    >>> gains = EagerGains(values, lambda item: values / 2)
    >>> gains.focus(np.array([0, 2])); gains.pick(0); gains.high
    array([-inf,  0.5])
    """

    def __init__(self, gains: Array, after_pick: Callable[[int], Array], *, may_grow: bool = False) -> None:
        self.may_grow = may_grow
        self.start: Indices = np.empty(0, dtype=np.int64)
        self.upper: Floats = self._checked(gains, None)
        self._after_pick = after_pick
        self._picked = np.zeros(len(self.upper), dtype=np.bool_)
        self._known, self._n_picks = np.zeros(len(self.upper), dtype=np.int64), 0
        self.focus(np.empty(0, dtype=np.int64))

    def fresh(self, items: Indices) -> Mask:
        """Tells which items were asked for since the last pick."""
        return np.asarray(self._known[items] == self._n_picks)

    def refresh(self, items: Indices) -> None:
        """Does nothing but note that they were asked for: every gain is up to date."""
        self._known[items] = self._n_picks

    def focus(self, items: Indices) -> None:
        """Puts items in focus."""
        wrong = items[~np.isfinite(self.upper[items]) & ~self._picked[items]]
        if len(wrong):
            raise InputError(f"gains: {self.upper[wrong[0]]:g} for item {wrong[0]}: expected finite numbers")
        self._items = items
        self.low = self.high = self.upper[items]

    def settle(self, positions: Indices) -> None:
        """Does nothing: gains are exact."""

    def pick(self, position: int) -> None:
        """Picks the item and asks for the gains from now on."""
        item = int(self._items[position])
        self._picked[item] = True
        new = self._checked(self._after_pick(item), len(self.upper))
        new[self._picked] = -np.inf
        if not self.may_grow:
            new = self._not_grown(new, item)
        self.upper, self._n_picks = new, self._n_picks + 1
        self.focus(self._items)

    def _not_grown(self, new: Floats, item: int) -> Floats:
        both = np.flatnonzero(np.isfinite(new) & np.isfinite(self.upper))
        least = ROUNDING * np.abs(new[both]).max(initial=0)
        grown = both[new[both] > self.upper[both] + least]
        if len(grown):
            raise InputError(
                f"gains: that of item {grown[0]} grew from {self.upper[grown[0]]:g} to {new[grown[0]]:g} when item "
                f"{item} was picked: give EagerGains may_grow=True if gains may grow"
            )
        new[both] = np.minimum(new[both], self.upper[both])
        return new

    @staticmethod
    def _checked(gains: Array, n_items: int | None) -> Floats:
        values = as_reals("gains", gains)
        if values.ndim != 1 or (n_items is not None and len(values) != n_items):
            raise InputError(f"gains: expected shape ({'N' if n_items is None else n_items},), got {values.shape}")
        return values
