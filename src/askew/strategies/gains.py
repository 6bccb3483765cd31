"""What a greedy strategy returns: the gain of every item, which changes as items are picked."""

from __future__ import annotations

from typing import Protocol

from askew.arrays import Floats, Indices, Mask


class Gains(Protocol):
    """The gain of every item under a greedy strategy, given the items picked so far; higher is picked first.

    Gains never grow as items are picked, so a gain computed earlier is an upper bound of today's: that is what lets
    `pick.greedy` leave most of them alone. It works on a few thousand items in focus at a time.

    Attributes:
        start: pool indices that the first pick is made from; empty if the first pick is like every other.
        upper: (N,) upper bounds of the gains, valid from the start, or, where `start` is not empty, from the first
            pick on.
        low: lower bounds of the gains of the items in focus, in the order given to `focus`; follows every pick.
        high: upper bounds likewise. A picked item has −inf in both.
    """

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
