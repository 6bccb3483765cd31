"""What a model says of each item (`Predictions`), and the one table of what it can say (`FIELDS`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from askew.arrays import (
    Array,
    Floats,
    Indices,
    Mask,
    as_floats,
    as_integer_table,
    as_integers,
    first_few,
    is_numpy,
    namespace,
    row_sums,
    to_numpy,
)
from askew.blocked import sums_and_negatives
from askew.errors import InputError, unknown

SUM_TOLERANCE = 4e-3
"""How far from 1 the sum of a row of probabilities may be: what rounding to bfloat16 can do. float32 stays in 1e-5."""

DECIMALS = (2, 3, 4)
"""Numbers of decimal places that probabilities are taken to be rounded to, if all of a row's are; then the sum may be
off by half a unit of the last place for each class."""

FLOAT32 = 1e-7
"""More than float32 rounds a probability by, which is 3e-8."""

LOGITS = "pass probabilities, not logits (apply softmax first)"

Check = Callable[[str, Array], Mask]
"""Takes a field's name and its array, refuses wrong values, and returns the (N,) mask of rows that are not finite."""


def finite(name: str, array: Array) -> Mask:  # noqa: ARG001
    """Returns which rows of a floating array, the item axis first, are not finite; refuses nothing."""
    return ~np.isfinite(row_sums(array))


def distributions(name: str, array: Array) -> Mask:
    """Returns which items of (N, C) or (T, N, C) probabilities are not finite.

    Raises:
        InputError: any other row holds a negative number or does not sum to 1, within `SUM_TOLERANCE` or what rounding
            to 2, 3 or 4 decimal places explains.
    """
    stack = array if array.ndim == 3 else array[None]
    missing = np.zeros(stack.shape[1], dtype=bool)
    for draw in range(stack.shape[0]):
        sums, negative = _sums_and_negatives(stack[draw])
        unknown_rows = ~np.isfinite(sums)
        missing |= unknown_rows
        _raise_unless_distributions(name, stack[draw], sums, negative & ~unknown_rows, unknown_rows)
    return missing


def unit_interval(name: str, array: Array) -> Mask:
    """Returns which of (N,) numbers are not finite.

    Raises:
        InputError: any other number is outside [0, 1].
    """
    values = to_numpy(array)
    bad = np.flatnonzero((values < 0) | (values > 1))
    if len(bad):
        raise InputError(f"{name}: {values[bad[0]]:g} at item {bad[0]} is outside [0, 1]")
    return np.asarray(~np.isfinite(values))


def amounts(name: str, array: Array) -> Mask:
    """Returns which rows of floats are not finite.

    Raises:
        InputError: any other row holds a negative number.
    """
    values = to_numpy(array)
    missing = finite(name, values)
    bad = np.setdiff1d(np.nonzero(values < 0)[0], np.flatnonzero(missing))
    if len(bad):
        raise InputError(f"{name}: {len(bad)} of {len(values)} rows hold a negative number; at item {first_few(bad)}")
    return missing


def from_zero(name: str, array: Array) -> Mask:
    """Returns an empty mask for (N,) integers.

    Raises:
        InputError: one is below 0.
    """
    negative = np.asarray(array < 0)
    bad = np.flatnonzero(negative)
    if len(bad):
        raise InputError(f"{name}: {array[bad[0]]} at item {bad[0]}: expected whole numbers from 0")
    return negative


def classes_or_none(name: str, array: Array) -> Mask:
    """Returns which rows of (N, E) integers hold no class, only -1.

    Raises:
        InputError: one is below -1.
    """
    if array.min() < -1:
        item, epoch = (int(axis[0]) for axis in np.nonzero(array < -1))
        raise InputError(f"{name}: {array[item, epoch]} at item {item}: expected a class from 0, or -1 for none")
    return np.asarray(array.max(axis=1) < 0)


@dataclass(frozen=True)
class Field:
    """One thing that a model, or a data set, can say of every item.

    Attributes:
        name: the keyword of `Predictions` and `query`, and the word in a strategy's `needs`.
        dims: one letter a dimension: N items, C classes, T stochastic passes; any other letter is a size of its own.
        doc: what it holds.
        check: refuses wrong values and tells the rows that are not finite.
        integers: whether it holds whole numbers, as NumPy int64, or in a table as they are; else floats of any library.
    """

    name: str
    dims: str
    doc: str
    check: Check = finite
    integers: bool = False

    @property
    def shape(self) -> str:
        """The shape as it is written: `(N, C)`, `(N,)`."""
        return f"({', '.join(self.dims)}{',' if len(self.dims) == 1 else ''})"

    def checked(self, value: Any) -> tuple[Array, Mask]:
        """Returns the value as a read-only array of this field, and which items it does not know."""
        if self.integers:
            array: Array = (as_integers if len(self.dims) == 1 else as_integer_table)(self.name, value)
        else:
            array = as_floats(self.name, value, self.dims)
        missing = self.check(self.name, array)
        return _read_only(array), missing


_TABLE = {
    field.name: field
    for field in (
        Field("probs", "NC", "class probabilities; rows sum to 1; never logits", distributions),
        Field("features", "ND", "embeddings"),
        Field("draws", "TNC", "class probabilities of T stochastic passes (MC dropout, ensembles)", distributions),
        Field(
            "dispersion",
            "N",
            "label dispersion in [0, 1]: the share of epochs that disagree with the most frequent class (Eq. 3.1)",
            unit_interval,
        ),
        Field(
            "epoch_classes",
            "NE",
            "the class predicted after each epoch, oldest first; -1 where none was",
            classes_or_none,
            integers=True,
        ),
        Field("margins", "NC", "decision values of a one-vs-rest SVM, one a class"),
        Field(
            "energy", "N", "free energy of the logits, -ln Σ_c exp(logit_c): higher is less like what was trained on"
        ),
        Field("labeled_likeness", "N", "how sure a discriminator is that the item is from the labelled set"),
        Field("truth", "N", "the true class, for oracle strategies only", from_zero, integers=True),
        Field("objects", "NC", "expected number of objects of each class in a frame, from 0", amounts),
        Field("videos", "N", "the number of the video that a frame belongs to", from_zero, integers=True),
        Field("places", "N", "the place of a frame in its video, from 0", from_zero, integers=True),
        Field("false_positives", "N", "how many detections of a frame are held to be wrong", from_zero, integers=True),
        Field("false_negatives", "N", "how many objects of a frame are held to be missed", from_zero, integers=True),
        Field("frame_doubt", "N", "mean of 1 - the best probability of a frame's detections", unit_interval),
        Field("frame_doubt_sum", "N", "sum of 1 - the best probability of a frame's detections", amounts),
        Field("frame_wrong", "N", "expected number of wrong detections of a frame, by what was learned", amounts),
        Field("frame_entropy", "N", "mean entropy of a frame's detections, in nats", amounts),
        Field("frame_margin", "N", "sum over a frame's detections of 1 - (best - second best probability)", amounts),
    )
}

PREDICTED = ("probs", "features", "draws", "margins", "energy")
"""Fields that a model of askew's gives when its `predict` is told that it needs them."""

FIELDS: Mapping[str, Field] = MappingProxyType(_TABLE)
"""Every field that `Predictions` can hold, by name. `add_field` adds a row."""


def fields() -> Mapping[str, Field]:
    """Returns every field that `Predictions` can hold, by name.

    >>> fields()["probs"].shape
    '(N, C)'
    """
    return FIELDS


def add_field(field: Field) -> Field:
    """Adds a row to `FIELDS`: from then on strategies may need it, learners give it and `query` take it.

    Raises:
        InputError: the name is no identifier, is taken by another field, or the shape has no item axis N.
    """
    if not field.name.isidentifier() or field.name.startswith("_"):
        raise InputError(f"field: {field.name!r} is no name for a keyword")
    if field.dims.count("N") != 1:
        raise InputError(f"field {field.name}: the shape {field.shape} needs the item axis N once")
    if _TABLE.setdefault(field.name, field) != field:
        raise InputError(f"field {field.name}: there is another field of that name: {FIELDS[field.name].doc}")
    return field


class Predictions:
    """What a model says of every pool item: arrays of the fields in `FIELDS`, checked once when made, then read-only.

    A field that was not given is None. A row that is not finite means "the model was not asked about this item": it is
    allowed here, and `require` refuses it for the items that a strategy reads.

    Args:
        **arrays: fields by name, as `FIELDS` says: probs (N, C), features (N, D), draws (T, N, C), dispersion (N,),
            epoch_classes (N, E), margins (N, C), labeled_likeness (N,), truth (N,), … None is "not given".

    Raises:
        InputError: an unknown field, a wrong shape, dtype or value, or arrays that disagree on a size.

    >>> pred = Predictions(probs=[[0.9, 0.1], [0.5, 0.5]])
    >>> pred.n_items, pred.n_classes, pred.features is None, list(pred)
    (2, 2, True, ['probs'])
    """

    __slots__ = ("_arrays", "_missing")

    def __init__(self, **arrays: Array | None) -> None:
        held: dict[str, Array] = {}
        missing: dict[str, Mask] = {}
        for name, value in arrays.items():
            if name not in FIELDS:
                raise unknown("field", name, FIELDS)
            if value is not None:
                held[name], rows = FIELDS[name].checked(value)
                if rows.any():
                    missing[name] = rows
        object.__setattr__(self, "_arrays", held)
        object.__setattr__(self, "_missing", missing)
        self._check_agreement()

    def __getattr__(self, name: str) -> Any:
        if name not in FIELDS:
            raise AttributeError(f"Predictions has no field {name!r}; there are {', '.join(FIELDS)}")
        return self._arrays.get(name)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Predictions cannot be changed: make new ones with another {name}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _remake, (dict(self._arrays),)

    def __repr__(self) -> str:
        listed = ", ".join(f"{name}={tuple(array.shape)}" for name, array in self._arrays.items())
        return f"Predictions({listed})"

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    @property
    def n_items(self) -> int | None:
        """N, or None if no array was given."""
        return self._size("N")

    @property
    def n_classes(self) -> int | None:
        """C, or None if no array with a class axis was given."""
        return self._size("C")

    def require(self, name: str, items: Indices, reader: str) -> Array:
        """Returns the array `name` after checking that it was given and is finite for `items`.

        Raises:
            InputError: it was not given, or the model was not asked about one of the items.
        """
        array = getattr(self, name)
        if array is None:
            source = f'; predict(needs=["{name}"]) of a model gives it' if name in PREDICTED else ""
            source = "; askew.labeled_likeness(images, labels) gives it" if name == "labeled_likeness" else source
            raise InputError(f"{reader} needs {name}, {FIELDS[name].shape}: pass {name}={source}")
        missing = self._missing.get(name)
        if missing is not None:
            bad = items[missing[items]]
            if len(bad):
                what = "hold no class" if FIELDS[name].integers else "are not finite"
                raise InputError(f"{name}: {len(bad)} of {len(items)} rows {what}; first at item {bad[0]}")
        return array

    def take(self, items: Indices) -> Predictions:
        """Returns the predictions of some items alone, in this order: row i is then that of `items[i]`.

        >>> Predictions(probs=[[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]).take(np.array([2, 0])).probs
        array([[0.2, 0.8],
               [0.9, 0.1]])
        """
        rows = {name: (slice(None),) * FIELDS[name].dims.index("N") + (items,) for name in self._arrays}
        return Predictions(**{name: array[rows[name]] for name, array in self._arrays.items()})

    def check_passes(self, n_items: int | None) -> None:
        """Refuses draws whose first axis seems to be the items.

        Args:
            n_items: how many items there are; None if nothing tells, and then draws of more passes than items are
                refused too.

        Raises:
            InputError: the passes of draws seem to stand behind the items.
        """
        if self.draws is None:
            return
        first, second = self.draws.shape[:2]
        if (first == n_items != second) or (n_items is None and first > second):
            said = "" if n_items else f", or pass labels, which say that there are {second} items"
            raise InputError(
                f"draws: has shape {tuple(self.draws.shape)}, expected (T, N, C), passes first: transpose it, as "
                f"draws.transpose(1, 0, 2) does{said}"
            )

    def _size(self, letter: str) -> int | None:
        return next(iter(self._sizes(letter).values()), None)

    def _sizes(self, letter: str) -> dict[str, int]:
        dims = {name: FIELDS[name].dims for name in self._arrays}
        return {name: int(self._arrays[name].shape[d.index(letter)]) for name, d in dims.items() if letter in d}

    def _check_agreement(self) -> None:
        for letter, what in (("N", "items"), ("C", "classes")):
            sizes = self._sizes(letter)
            if len(set(sizes.values())) > 1:
                if letter == "N":
                    self.check_passes(next(size for name, size in sizes.items() if name != "draws"))
                listing = ", ".join(f"{name} has {size}" for name, size in sizes.items())
                raise InputError(f"the arrays disagree on the number of {what}: {listing}")
        for name in ("truth", "epoch_classes"):
            array = getattr(self, name)
            if array is not None and self.n_classes is not None and array.max() >= self.n_classes:
                item = np.nonzero(array >= self.n_classes)[0][0]
                raise InputError(
                    f"{name}: {array[item].max()} at item {item} is outside the {self.n_classes} classes, "
                    f"0 to {self.n_classes - 1}"
                )


def _remake(arrays: dict[str, Array]) -> Predictions:
    return Predictions(**arrays)


def _read_only(array: Array) -> Array:
    if not is_numpy(array):
        return array
    view = array.view()
    view.flags.writeable = False
    return view


def _sums_and_negatives(probs: Array) -> tuple[Floats, Mask]:
    if is_numpy(probs):
        return sums_and_negatives(probs)
    xp = namespace(probs)
    return to_numpy(xp.sum(probs, axis=1)), to_numpy(xp.any(probs < 0, axis=1))


def _raise_unless_distributions(name: str, probs: Array, sums: Floats, negative: Mask, unknown_rows: Mask) -> None:
    bad = np.flatnonzero(~unknown_rows & (np.abs(sums - 1) > SUM_TOLERANCE))
    if len(bad):
        bad = bad[~_rounded(to_numpy(probs[bad]))]
    if len(bad):
        everything = to_numpy(probs)
        raise InputError(
            f"{name}: {len(bad)} of {len(sums)} rows do not sum to 1; first at item {bad[0]}, which sums to "
            f"{sums[bad[0]]:.6g}: {_way_out(everything[bad], everything[~unknown_rows])}"
        )
    below = np.flatnonzero(negative)
    if len(below):
        raise InputError(
            f"{name}: {len(below)} of {len(sums)} rows hold a negative number; at item {first_few(below)}: {LOGITS}"
        )


def _rounded(rows: Floats, decimals: tuple[int, ...] = DECIMALS) -> Mask:
    """Tells which (K, C) rows would sum to 1 but for rounding to so many decimal places."""
    away = np.abs(rows.sum(axis=1) - 1)
    explained = np.zeros(len(rows), dtype=bool)
    for places in decimals:
        unit = 10.0**-places
        whole = (np.abs(rows / unit - np.rint(rows / unit)) < 1e-3).all(axis=1)
        explained |= whole & (away <= rows.shape[1] * (unit / 2 + FLOAT32))
    return explained


def _way_out(bad: Floats, rows: Floats) -> str:
    """Says what (K, C) rows that are no distributions, of all (M, C) finite ones, seem to be, and what to do."""

    def are_one(values: Floats) -> bool:
        return bool((values >= 0).all()) and bool((np.abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE).all())

    if rows.shape[1] == 1:
        return "one column is no distribution: of two classes pass both, as np.column_stack([1 - p, p]) does"
    if are_one(bad / 100):
        return "these look like percentages: divide by 100"
    if (bad >= 0).all() and _rounded(bad, (1,)).all():
        return "these look rounded to one decimal place: keep two or more, or divide rows by their sums"
    for column, rest in (("first", rows[:, 1:]), ("last", rows[:, :-1])):
        if are_one(rest) and (bad >= 0).all():
            return f"without its {column} column it does: leave that column out"
    if bool(((bad[0] >= 0) & (bad[0] <= 1)).all()):
        return (
            "pass probabilities, not logits or one yes-or-no probability a class (sigmoid): divide rows by their sums"
        )
    return LOGITS
