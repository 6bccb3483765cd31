"""Label dispersion: ask about the items whose predicted class kept changing while the model was trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Array, Floats, Indices, as_integer_table, as_integers, is_whole, to_numpy
from askew.blocked import over_blocks
from askew.errors import InputError, unknown
from askew.pool import Pool
from askew.predictions import Predictions
from askew.recorders import recorder
from askew.strategies.registry import strategy

Divisor = Literal["epochs", "epochs+1"]
"""What the agreeing predictions of an item are divided by: T, as in Eq. 3.1, or T + 1, as in the authors' code."""


@strategy(
    "dispersion",
    kind="scorer",
    needs=("dispersion",),
    instead=("epoch_classes",),
    paper="Zolfaghari Bengar et al. 2021, arXiv 2108.12458; Eq. 3.1",
)
def dispersion(
    pred: Predictions,
    pool: Pool,
    *,
    last: int | None = None,
    divisor: Divisor = "epochs",
) -> Array:
    """Scores 1 − f/T: how rarely the class that the model predicted most often over T epochs was the one predicted.

    f counts the predictions in the modal class; `DispersionTracker` computes it while a model is trained. The authors'
    code differs from the text: `last=25, divisor="epochs+1"`. With a parameter of its own the strategy reads the
    predicted classes themselves, `epoch_classes`, one an epoch and -1 for none.

    Args:
        last: the modal class is that of an item's last so many predictions; f counts it over all T. None is all T.
        divisor: "epochs" divides f by T, "epochs+1" by T + 1.

    Returns:
        (N,) floats in [0, 1], of the dtype of `dispersion`.

    Raises:
        InputError: `last` is below 1, or an unknown divisor.
    """
    if last is None and divisor == "epochs" and pred.dispersion is not None:
        return pred.dispersion
    return DispersionTracker.of(pred.epoch_classes).dispersion(last=last, divisor=divisor)


class DispersionTracker:
    """Follows the class predicted for every item, epoch after epoch, and gives the label dispersion (Eq. 3.1), exactly.

    Dispersion(x) = 1 − f_x/T, with f_x the number of the T predictions of x in its modal class (Eq. 3.2). Items may be
    predicted at different times, so T is an item's own. Of several modal classes the smallest is taken: their f_x, and
    so the dispersion, is the same.

    Args:
        n_items: N, items of the pool.
        n_classes: C.

    Memory: one byte a prediction up to 256 classes, two up to 65,536, four above, for N items and the T of the item
    predicted most often, and 4·N bytes. Cost of `dispersion` and `mode`: O(N T log T), on all cores.

    Raises:
        InputError: fewer than one item or class.

    >>> tracker = DispersionTracker(3, 10)
    >>> tracker.update([4, 7, 1])
    >>> tracker.update([4, 2], items=[0, 1])
    >>> tracker.update([9, 7], items=[0, 1])
    >>> tracker.mode(), tracker.dispersion().round(3)
    (array([4, 7, 1]), array([0.333, 0.333, 0.   ]))
    """

    def __init__(self, n_items: int, n_classes: int) -> None:
        for name, value in (("n_items", n_items), ("n_classes", n_classes)):
            if not is_whole(value) or value < 1:
                raise InputError(f"{name}: expected at least 1, got {value!r}")
            if value > 2**32:
                raise InputError(f"{name}: expected at most {2**32}, got {value!r}")
        self._n_classes = n_classes
        self._dtype = np.min_scalar_type(n_classes - 1)
        self._slots: list[NDArray[np.unsignedinteger]] = []
        self._counts = np.zeros(n_items, dtype=np.int32)

    @classmethod
    def of(cls, epoch_classes: Array) -> DispersionTracker:
        """Returns the tracker of predictions that were kept, such as those of a training loop of your own.

        Args:
            epoch_classes: (N, E) integers, E epochs, row i the classes that item i was predicted to be; -1 is not
                predicted.

        Raises:
            InputError: no such table.

        >>> DispersionTracker.of([[2, 0, 2, -1], [1, 1, 1, 1]]).mode()
        array([2, 1])
        """
        table = as_integer_table("epoch_classes", epoch_classes)
        tracker = cls(len(table), max(1, int(table.max()) + 1))
        tracker.extend(table)
        return tracker

    @property
    def counts(self) -> Indices:
        """(N,) int64: how many times each item was predicted."""
        return self._counts.astype(np.int64)

    def update(self, predicted: Array, items: Array | None = None) -> None:
        """Adds one prediction of every item, or of some.

        Args:
            predicted: (len(items),) integers from 0 to C − 1.
            items: distinct pool indices; None is all, in order.

        Raises:
            InputError: a wrong number of predictions, a class or an item out of range, an item given twice. Nothing
                is added then.
        """
        classes = as_integers("predicted", predicted)
        chosen = None if items is None else self._checked_items(items)
        n_expected = len(self._counts) if chosen is None else len(chosen)
        if len(classes) != n_expected:
            raise InputError(f"predicted: {len(classes)} classes for {n_expected} items")
        if not n_expected:
            return
        if classes.min() < 0 or classes.max() >= self._n_classes:
            bad = np.flatnonzero((classes < 0) | (classes >= self._n_classes))
            raise InputError(
                f"predicted: {len(bad)} of {len(classes)} are outside the classes 0 to {self._n_classes - 1}; first is "
                f"{classes[bad[0]]} at position {bad[0]}"
            )
        self._add(classes, chosen)

    def extend(self, epoch_classes: Array, items: Array | None = None) -> None:
        """Adds several predictions of every item, or of some, the oldest first, as `history` returns them.

        Args:
            epoch_classes: (len(items), E) integers, E epochs, from 0 to C − 1; -1 is not predicted.
            items: distinct pool indices; None is all, in order.

        Raises:
            InputError: a wrong number of rows, a class or an item out of range, an item given twice. Nothing is added
                then.
        """
        table = as_integer_table("epoch_classes", epoch_classes)
        chosen = None if items is None else self._checked_items(items)
        n_expected = len(self._counts) if chosen is None else len(chosen)
        if len(table) != n_expected:
            raise InputError(f"epoch_classes: {len(table)} rows for {n_expected} items")
        low, high = int(table.min()), int(table.max())
        if low < -1 or high >= self._n_classes:
            raise InputError(
                f"epoch_classes: {low if low < -1 else high} is outside the classes 0 to {self._n_classes - 1}; -1 is "
                "not predicted"
            )
        for classes in table.T:
            known = np.flatnonzero(classes >= 0)
            if len(known) == len(classes):
                self._add(classes, chosen)
            elif len(known):
                self._add(classes[known], known if chosen is None else chosen[known])

    def history(self) -> NDArray[np.signedinteger]:
        """Returns (N, T) integers, row i the predictions of item i, oldest first, then -1; T is the most that one has.

        One byte a prediction up to 128 classes. `extend` and `of` take it.
        """
        out = np.full((max(1, len(self._slots)), len(self._counts)), -1, dtype=np.min_scalar_type(-self._n_classes))
        for slot, predicted in enumerate(self._slots):
            np.copyto(out[slot], predicted, where=self._counts > slot, casting="unsafe")
        history: NDArray[np.signedinteger] = out.T
        return history

    def dispersion(self, *, last: int | None = None, divisor: Divisor = "epochs") -> Floats:
        """Returns (N,) float64, the dispersion; NaN for an item never predicted, which stands for "not asked".

        Args:
            last: the mode is that of an item's last so many predictions; agreement with it is counted over all T. None
                is all T, Eq. 3.1.
            divisor: "epochs" divides by T; "epochs+1" by T + 1. The authors' code has `last=25` and "epochs+1".

        Raises:
            InputError: `last` is below 1, or an unknown divisor.
        """
        if last is not None and (not is_whole(last) or last < 1):
            raise InputError(f"last: expected at least 1 prediction, got {last!r}")
        if divisor not in get_args(Divisor):
            raise unknown("divisor", divisor, get_args(Divisor))
        if last is None or last >= len(self._slots):
            agree = self._modes(None)[1]
        else:
            agree = self._agreement(self._modes(last)[0])
        out = np.full(len(agree), np.nan)
        np.divide(agree, self._counts + (divisor == "epochs+1"), out=out, where=self._counts > 0)
        out *= -1
        out += 1
        return out

    def mode(self) -> Indices:
        """Returns (N,) int64, the class predicted most often, the smallest of several; -1 for an item never predicted.

        It is the pseudo-label of the semi-supervised loop.
        """
        return self._modes(None)[0]

    def _agreement(self, modes: Indices) -> Indices:
        """Returns (N,) how many of all predictions of each item are its class in `modes`."""
        agree = np.zeros(len(modes), dtype=np.int64)
        for slot, predicted in enumerate(self._slots):
            agree += (predicted == modes) & (self._counts > slot)
        return agree

    def _add(self, classes: NDArray[np.integer], chosen: Indices | None) -> None:
        counts = self._counts if chosen is None else self._counts[chosen]
        low, high = int(counts.min()), int(counts.max())
        while len(self._slots) <= high:
            self._slots.append(np.zeros(len(self._counts), dtype=self._dtype))
        for slot in range(low, high + 1):
            if chosen is None and low == high:
                self._slots[slot][:] = classes
            else:
                now = np.flatnonzero(counts == slot)
                self._slots[slot][now if chosen is None else chosen[now]] = classes[now]
        self._counts[slice(None) if chosen is None else chosen] += 1

    def _modes(self, last: int | None) -> tuple[Indices, Indices]:
        modes, modal_count = np.full(len(self._counts), -1, dtype=np.int64), np.zeros(len(self._counts), dtype=np.int64)
        for n_predicted in np.flatnonzero(np.bincount(self._counts)).tolist():
            if n_predicted:
                items = np.flatnonzero(self._counts == n_predicted)
                slots = (
                    self._slots[:n_predicted] if last is None else self._slots[max(0, n_predicted - last) : n_predicted]
                )
                _modes_of(slots, items, modes, modal_count)
        return modes, modal_count

    def _checked_items(self, items: Array) -> Indices:
        chosen = as_integers("items", items)
        out = np.flatnonzero((chosen < 0) | (chosen >= len(self._counts)))
        if len(out):
            raise InputError(f"items: {chosen[out[0]]} is outside the pool of {len(self._counts)} items")
        seen = np.bincount(chosen, minlength=1)
        if seen.max() > 1:
            raise InputError(
                f"items: item {int(seen.argmax())} is given {int(seen.max())} times; expected distinct items"
            )
        return chosen


@recorder("dispersion", epochs=2)
class DispersionRecorder:
    """Keeps the class that every unlabeled item is predicted to be after each epoch of a training."""

    reads = ("probs",)

    def __init__(self) -> None:
        self._before: tuple[Array, Indices] | None = None

    def go_on(self, state: Array, items: Indices) -> None:
        self._before = state, items

    def state(self) -> Array:
        """Returns (N, T) integers, the predictions of every unlabeled item so far; -1 for labelled ones."""
        return self.tracker.history()

    def begin(self, pool: Pool, n_classes: int, epochs: int) -> None:  # noqa: ARG002  (the signature of a recorder)
        self._items = pool.unlabeled
        self.tracker = DispersionTracker(len(pool), n_classes)
        if self._before is not None:
            state, items = self._before
            still = pool.labels[items] < 0
            self.tracker.extend(state[still], items[still])

    def epoch(self, found: Mapping[str, Array]) -> None:
        self.tracker.update(to_numpy(found["probs"]).argmax(axis=1), items=self._items)

    def result(self) -> Floats:
        """Returns (N,) float64, Eq. 3.1; NaN for labelled items."""
        return self.tracker.dispersion()


@recorder("epoch_classes", epochs=2)
class EpochClassesRecorder(DispersionRecorder):
    """Keeps the same, and gives the classes themselves."""

    def result(self) -> Array:
        """Returns (N, E) integers, E epochs, -1 for labelled items."""
        return self.tracker.history()


def _modes_of(slots: list[NDArray[np.unsignedinteger]], items: Indices, modes: Indices, modal_count: Indices) -> None:
    """Writes the modes of `items`, which all have a prediction in every one of `slots`, and how often they occur.

    The predictions of an item are sorted. A class that has more than half of them is the median: those items are done
    by one count. Of the others the longest run is sought.
    """
    whole = len(items) == len(modes)

    def work(rows: slice) -> None:
        here = rows if whole else items[rows]
        history = np.stack([slot[here] for slot in slots])
        ranked = np.ascontiguousarray(history.T)
        ranked.sort(axis=1)
        median = np.ascontiguousarray(ranked[:, len(slots) // 2])
        count = np.zeros(len(median), dtype=np.min_scalar_type(len(slots)))
        for predicted in history:
            count += predicted == median
        modes[here], modal_count[here] = median, count
        open_rows = np.flatnonzero(count <= len(slots) // 2)
        if len(open_rows):
            at = open_rows + rows.start if whole else items[rows][open_rows]
            modes[at], modal_count[at] = _longest_runs(np.ascontiguousarray(ranked[open_rows].T))

    over_blocks(work, len(items), len(slots) * slots[0].itemsize)


def _longest_runs(
    ranked: NDArray[np.unsignedinteger],
) -> tuple[NDArray[np.unsignedinteger], NDArray[np.unsignedinteger]]:
    """Returns the value and length of the longest run in every column of an array sorted down its columns."""
    n_rows, n_columns = ranked.shape
    run = np.ones(n_columns, dtype=np.min_scalar_type(n_rows))
    longest, value = run.copy(), ranked[0].copy()
    same, longer = np.empty(n_columns, dtype=bool), np.empty(n_columns, dtype=bool)
    for row in range(1, n_rows):
        np.equal(ranked[row], ranked[row - 1], out=same)
        np.multiply(run, same.view(np.uint8), out=run)
        np.add(run, 1, out=run)
        np.greater(run, longest, out=longer)
        np.copyto(value, ranked[row], where=longer)
        np.maximum(longest, run, out=longest)
    return value, longest
