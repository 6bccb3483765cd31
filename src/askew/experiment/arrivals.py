"""A pool that does not lie there from the start but arrives: which items are there at each cycle, and what goes on."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from askew.arrays import Array, Indices
from askew.errors import InputError
from askew.experiment.chain import sync_folder
from askew.files import whole_file
from askew.seeding import generator


@dataclass(frozen=True, eq=False)
class Arrivals:
    """When each item of a pool arrives.

    Attributes:
        order: (N,) pool items in the order in which they arrive.
        counts: how many are there at each cycle, never falling; the last one repeats.
    """

    order: Indices
    counts: tuple[int, ...]

    def count(self, cycle: int) -> int:
        """Returns how many items are there at a cycle."""
        return self.counts[min(cycle, len(self.counts) - 1)]

    def items(self, cycle: int) -> Indices:
        """Returns the pool items that are there at a cycle, ascending."""
        return np.sort(self.order[: self.count(cycle)])

    def record(self) -> dict[str, Any]:
        """Returns it as plain values for JSON: the counts, and a hash of the order."""
        digest = hashlib.sha256(self.order.astype("<i8").tobytes()).hexdigest()[:32]
        return {"counts": list(self.counts), "order": digest}

    def check(self, initial: Indices, budget: int, cycles: int) -> None:
        """Refuses a protocol that labels what has not arrived.

        Raises:
            InputError: the initial set, or what a cycle asks, is more than is there.
        """
        if not np.isin(initial, self.items(0)).all():
            raise InputError("arrivals: an item of the initial set is not there in the first cycle")
        for cycle in range(cycles):
            asked = len(initial) + budget * min(cycle + 1, cycles - 1)
            if asked > self.count(cycle):
                raise InputError(
                    f"arrivals: {asked} labels after cycle {cycle}, but only {self.count(cycle)} items have arrived by "
                    "then: let more arrive earlier, or lower the budget"
                )


def counts_of(shares: Sequence[float], n_items: int) -> tuple[int, ...]:
    """Returns how many of `n_items` are there at each cycle, for the shares that are: rounded up.

    >>> counts_of([0.25, 0.5, 1.0], 10)
    (3, 5, 10)
    """
    return tuple(min(n_items, math.ceil(round(share * n_items, 6))) for share in shares)


def in_random_order(n_items: int, initial: Indices, seed: int) -> Indices:
    """Returns (N,) items, those of the initial set first and the others in an order drawn by seed."""
    others = np.setdiff1d(np.arange(n_items), initial)
    return np.concatenate([initial, generator(seed, "arrivals").permutation(others)])


def class_after_class(labels: Indices, seed: int) -> Indices:
    """Returns (N,) items class after class; the order of the classes, and that within each, are drawn by seed."""
    rng = generator(seed, "arrivals")
    place = np.empty(int(labels.max()) + 1, dtype=np.int64)
    place[rng.permutation(len(place))] = np.arange(len(place))
    shuffled = rng.permutation(len(labels))
    return shuffled[np.argsort(place[labels[shuffled]], kind="stable")]


@dataclass(frozen=True, eq=False)
class History:
    """What trainings recorded so far, to go on from: a recorder's state a field, row i of each is item `items[i]`."""

    items: Indices
    states: Mapping[str, Array]

    def among(self, present: Indices) -> History:
        """Returns it with items as places in `present`, ascending pool items that hold all of its own."""
        return History(np.searchsorted(present, self.items), self.states)

    def save(self, path: Path) -> None:
        """Writes it as .npz; it is on the disk when this returns."""
        with whole_file(path) as draft, draft.open("wb") as file:
            np.savez(file, items=self.items, **{f"field_{name}": state for name, state in self.states.items()})
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)

    @classmethod
    def load(cls, path: Path) -> History:
        """Reads what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            states = {name.removeprefix("field_"): file[name] for name in file.files if name != "items"}
            return cls(file["items"], states)
