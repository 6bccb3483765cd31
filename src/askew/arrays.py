"""Checks at the boundary: shape, dtype and finiteness of what a caller hands in; the messages carry the values.

Arrays are NumPy or anything else that array-api-compat knows (torch on CPU or GPU). What is checked here is not copied
unless its dtype must change, so a memory-mapped file stays on disk until its rows are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from askew.errors import InputError, one_line

Array: TypeAlias = Any
"""A NumPy array, or an array of another library that follows the array API standard."""

Indices: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.floating[Any]]

BLOCK_BYTES = 1 << 18
"""How many bytes of an array one block of rows holds: it and its temporaries fit in a core's own cache."""


def namespace(*arrays: Array) -> Any:
    """Returns the array-API namespace (`numpy`, `torch`, …) that the arrays share."""
    return array_api_compat.array_namespace(*arrays)


def is_numpy(array: Array) -> bool:
    """Tells whether the array is NumPy's own (memory-mapped ones too)."""
    return isinstance(array, np.ndarray)


def to_numpy(array: Array) -> NDArray[Any]:
    """Returns the array as NumPy, from whichever library and device it lives on; a NumPy array comes back as it is."""
    if is_numpy(array):
        return array  # type: ignore[no-any-return]
    if array_api_compat.is_torch_array(array):
        array = array.detach().cpu()
        return np.asarray(array.float() if array.dtype.itemsize < 4 and array.dtype.is_floating_point else array)
    return np.asarray(array)


def blocks(n_rows: int, row_bytes: int, block_bytes: int = BLOCK_BYTES) -> Iterator[slice]:
    """Yields slices that cover `range(n_rows)` in order, each of about `block_bytes` bytes and at least 16 rows."""
    step = max(16, block_bytes // max(1, row_bytes))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def is_whole(value: object) -> bool:
    """Tells whether a scalar is a whole number; a bool is none.

    >>> is_whole(3), is_whole(np.int64(3)), is_whole(3.0), is_whole(True)
    (True, True, False, False)
    """
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Tells whether a scalar is a finite real number that fits a float; a bool is none.

    >>> is_number(3), is_number(np.float32(0.5)), is_number("3"), is_number(float("nan"))
    (True, True, False, False)
    """
    if is_whole(value):
        return -(2**1023) < value < 2**1023  # type: ignore[operator]
    return isinstance(value, float | np.floating) and bool(np.isfinite(value))


def as_array(name: str, value: Any) -> Array:
    """Returns `value` as an array: arrays stay what they are (torch tensors lose their gradient), lists become NumPy.

    NumPy arrays in the other byte order are converted, those of a subclass become plain ones.

    Raises:
        InputError: the value is no array, a ragged or non-numeric one, or one of which some numbers are masked.
    """
    if array_api_compat.is_torch_array(value):
        return value.detach()
    if not isinstance(value, np.ndarray) and array_api_compat.is_array_api_obj(value):
        return value
    if isinstance(value, np.ma.MaskedArray) and (n_masked := int(np.ma.getmaskarray(value).sum())):
        fill = "np.nan" if value.dtype.kind == "f" else "-1"
        raise InputError(
            f"{name}: {n_masked} of {value.size} numbers are masked: fill them first, as {name}.filled({fill}) does"
        )
    try:
        out: Any = np.asarray(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{name}: not an array: {error}") from error
    if out.dtype == object or out.dtype.kind in "USVMm":
        raise InputError(f"{name}: expected numbers, got dtype {out.dtype}{_column_of_words(value)}")
    return out if out.dtype.isnative else out.astype(out.dtype.newbyteorder("="))


def _column_of_words(table: Any) -> str:
    """Names the first column of a table of pandas that holds words, for a message; "" if there is none."""
    if not (hasattr(table, "columns") and hasattr(table, "iloc")):
        return ""
    for place, name in enumerate(table.columns):
        first = next((one for one in table.iloc[:, place].tolist() if isinstance(one, str)), None)
        if first is not None:
            return f": column {one_line(name, 60)!r} holds words, {one_line(first, 40)!r} first: leave it out"
    return ""


def as_floats(name: str, value: Any, dims: str) -> Array:
    """Returns `value` as a floating array of `len(dims)` dimensions, float32 or float64.

    16-bit floats become float32, NumPy's long ones float64.

    Args:
        name: the argument's name, for messages.
        value: an array or nested list of real numbers.
        dims: one letter a dimension, such as "NC"; used in messages.

    Raises:
        InputError: wrong number of dimensions, an empty dimension, or a dtype that is not floating.
    """
    array = as_array(name, value)
    if array.ndim != len(dims):
        raise InputError(f"{name}: expected shape ({', '.join(dims)}), got {tuple(array.shape)}")
    if 0 in tuple(array.shape):
        raise InputError(f"{name}: is empty: shape {tuple(array.shape)}")
    if is_numpy(array) and array.dtype.kind == "f" and array.dtype.itemsize > 8:
        with np.errstate(over="ignore"):
            array = array.astype(np.float64)
    xp = namespace(array)
    if not xp.isdtype(array.dtype, "real floating"):
        raise InputError(f"{name}: expected floating-point numbers, got dtype {array.dtype}")
    itemsize: int = array.dtype.itemsize
    return xp.astype(array, xp.float32) if itemsize < 4 else array


def as_reals(name: str, value: Any) -> NDArray[np.float64]:
    """Returns `value` as a NumPy array of float64, a copy; integers are welcome.

    Raises:
        InputError: it holds anything but real numbers.
    """
    array = to_numpy(as_array(name, value))
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name}: expected numbers, got dtype {array.dtype}")
    return array.astype(np.float64)


def as_integers(name: str, value: Any) -> Indices:
    """Returns `value` as NumPy (N,) int64; whole-numbered floats are refused, not rounded.

    Raises:
        InputError: not one-dimensional, not integers, or one that int64 cannot hold.
    """
    array = to_numpy(as_array(name, value))
    if array.ndim != 1:
        raise InputError(f"{name}: expected shape (N,), got {array.shape}")
    if array.dtype.kind not in "iu":
        raise InputError(f"{name}: expected integers, got dtype {array.dtype}")
    most = np.iinfo(np.int64).max
    if array.dtype == np.uint64 and len(array) and array.max() > most:
        at = int(array.argmax())
        raise InputError(f"{name}: {array[at]} at item {at} is above {most}, the largest number that is kept")
    return array.astype(np.int64, copy=False)


def as_integer_table(name: str, value: Any) -> NDArray[np.integer]:
    """Returns `value` as NumPy (N, E) integers of their own dtype; whole-numbered floats are refused, not rounded.

    Raises:
        InputError: not two-dimensional, empty, or not integers.
    """
    array = to_numpy(as_array(name, value))
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(f"{name}: expected shape (N, E), got {array.shape}")
    if array.dtype.kind not in "iu":
        raise InputError(f"{name}: expected integers, got dtype {array.dtype}")
    return array


def largest(values: Floats, count: int) -> Indices:
    """Returns the positions of the `count` largest numbers, in no order; of all if there are fewer."""
    return np.argpartition(-values, count)[:count] if len(values) > count else np.arange(len(values))


def row_sums(array: Array) -> Floats:
    """Returns the (N,) sums over all but the first axis, read in blocks: a row with a NaN or an infinity sums to one.

    An infinity of each sign sums to NaN, so `isfinite(row_sums(x))` tells the finite rows without an N x C mask.
    Cost: one pass, no temporary larger than a block.
    """
    n_rows = int(array.shape[0])
    if not is_numpy(array):
        xp = namespace(array)
        return to_numpy(xp.sum(xp.reshape(array, (n_rows, -1)), axis=1))
    flat = array.reshape(n_rows, -1)
    out = np.empty(n_rows, dtype=flat.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in blocks(n_rows, flat.shape[1] * flat.itemsize):
            np.einsum("ij->i", flat[rows], out=out[rows])
    return out


def first_few(items: NDArray[Any], limit: int = 3) -> str:
    """Writes the first indices of an array for a message: `2, 5, 9, … (12 in all)`."""
    shown = ", ".join(str(int(i)) for i in items[:limit])
    return shown if len(items) <= limit else f"{shown}, … ({len(items)} in all)"
