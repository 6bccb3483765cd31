"""Recorders: what is kept, epoch by epoch, while a model is trained; each is named by the field that it fills.

A field that comes out of a training, such as label dispersion, is a row of `askew.predictions.FIELDS` and a recorder.
The two and the strategy that reads the field can stand in one file; nothing else has to know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, runtime_checkable

from askew.arrays import Array, Indices
from askew.errors import InputError, unknown
from askew.pool import Pool
from askew.predictions import FIELDS


class Recorder(Protocol):
    """Follows one training.

    Attributes:
        reads: names of what it is told of every unlabeled item after every epoch; empty if it only counts epochs.
    """

    @property
    def reads(self) -> tuple[str, ...]:
        """What a model is asked for after every epoch."""

    def begin(self, pool: Pool, n_classes: int, epochs: int) -> None:
        """Called once, before the first of so many epochs."""

    def epoch(self, found: Mapping[str, Array]) -> None:
        """Called after each epoch; row i of each array of `reads` is item `pool.unlabeled[i]`.

        A pool without unlabeled items is predicted for nobody: a recorder that reads something is not called then.
        """

    def result(self) -> Array:
        """Returns the field over the whole pool; rows that are not finite stand for "not asked"."""


@runtime_checkable
class CarriedRecorder(Recorder, Protocol):
    """A recorder that can go on where that of an earlier training ended."""

    def state(self) -> Array:
        """Returns what a later recorder goes on from; row i is pool item i."""

    def go_on(self, state: Array, items: Indices) -> None:
        """Called before `begin`, with a state of which row i is pool item `items[i]`."""


@dataclass(frozen=True)
class Recording:
    """A field that a training fills.

    Attributes:
        field: its name in `FIELDS`.
        reads: what the model is asked for after every epoch.
        epochs: how many a training needs at least, for the field to say anything.
        make: returns a new recorder.
    """

    field: str
    reads: tuple[str, ...]
    epochs: int
    make: Callable[[], Recorder]

    @property
    def carried(self) -> bool:
        """Whether a recorder can go on where an earlier one ended."""
        return isinstance(self.make(), CarriedRecorder)


_TABLE: dict[str, Recording] = {}

RECORDINGS: Mapping[str, Recording] = MappingProxyType(_TABLE)
"""Every field that a training can fill, by name. `recorder` adds a row."""

R = TypeVar("R", bound=Callable[[], Any])


def recorder(field: str, *, epochs: int = 1) -> Callable[[R], R]:
    """Marks a class as the recorder of a field; it is made anew, without arguments, for every training.

    Args:
        field: a name in `FIELDS`.
        epochs: how many a training needs at least.

    Raises:
        InputError: an unknown field, one that has a recorder, or a class that does not say what it `reads`.
    """
    if field not in FIELDS:
        raise unknown("field to record", field, FIELDS)

    def mark(made: R) -> R:
        reads = getattr(made, "reads", None)
        if not isinstance(reads, tuple):
            raise InputError(f"recorder of {field}: reads must be a tuple of names of fields, got {reads!r}")
        entry = Recording(field, reads, epochs, made)
        there = _TABLE.setdefault(field, entry)
        if there != entry:
            raise InputError(f"recorder of {field}: there is another one already: {there.make!r}")
        return made

    return mark
