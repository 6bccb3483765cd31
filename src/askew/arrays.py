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

from askew.errors import InputError

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


def as_array(name: str, value: Any) -> Array:
    """Returns `value` as an array: arrays stay what they are (torch tensors lose their gradient), lists become NumPy.

    Raises:
        InputError: the value is no array, or a ragged or non-numeric one.
    """
    if array_api_compat.is_torch_array(value):
        return value.detach()
    if isinstance(value, np.ndarray):
        out: Any = value
    elif array_api_compat.is_array_api_obj(value):
        return value
    else:
        try:
            out = np.asarray(value)
        except (ValueError, TypeError) as error:
            raise InputError(f"{name}: not an array: {error}") from error
    if out.dtype == object or out.dtype.kind in "USVMm":
        raise InputError(f"{name}: expected numbers, got dtype {out.dtype}")
    return out


def as_floats(name: str, value: Any, dims: str) -> Array:
    """Returns `value` as a floating array of `len(dims)` dimensions; 16-bit floats become float32.

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
    xp = namespace(array)
    if not xp.isdtype(array.dtype, "real floating"):
        raise InputError(f"{name}: expected floating-point numbers, got dtype {array.dtype}")
    itemsize: int = array.dtype.itemsize
    return xp.astype(array, xp.float32) if itemsize < 4 else array


def as_integers(name: str, value: Any) -> Indices:
    """Returns `value` as NumPy (N,) int64; whole-numbered floats are refused, not rounded.

    Raises:
        InputError: not one-dimensional, or not integers.
    """
    array = to_numpy(as_array(name, value))
    if array.ndim != 1:
        raise InputError(f"{name}: expected shape (N,), got {array.shape}")
    if array.dtype.kind not in "iu":
        raise InputError(f"{name}: expected integers, got dtype {array.dtype}")
    return array.astype(np.int64, copy=False)


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
