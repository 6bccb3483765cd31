"""Arrays of pictures, in any usual layout and type of number, as bytes (N, H, W, C)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import blocks
from askew.errors import InputError

CHANNELS = (1, 3)
"""Gray and RGB."""


def as_pixels(name: str, values: NDArray[Any]) -> NDArray[np.uint8]:
    """Returns pictures as (N, H, W, C) uint8, C = 1 or 3.

    Shapes are (N, H, W), (N, H, W, C) and (N, C, H, W). Bytes and other integers go from 0 to 255, floats and bools
    from 0 to 1; floats are rounded to the nearest of 256 steps. The type of number decides, not the values. Bytes in
    the right order are not copied.

    Raises:
        InputError: another shape, one that can be read both ways, or numbers outside these ranges.

    >>> as_pixels("images", np.full((2, 3, 8, 8), 0.5)).shape
    (2, 8, 8, 3)
    """
    array = values[..., None] if values.ndim == 3 else values
    if array.ndim != 4 or 0 in array.shape:
        raise InputError(f"{name}: expected (N, H, W), (N, H, W, C) or (N, C, H, W), got {values.shape}")
    first, last = values.ndim == 4 and array.shape[1] in CHANNELS, array.shape[-1] in CHANNELS
    if first and last:
        raise InputError(
            f"{name}: {values.shape} may be (N, H, W, C) or (N, C, H, W): make the pictures at least 4 pixels high and "
            "wide"
        )
    if not (first or last):
        raise InputError(f"{name}: {values.shape}: expected 1 or 3 channels")
    if first:
        array = array.transpose(0, 2, 3, 1)
    if array.dtype == np.uint8:
        pixels: NDArray[np.uint8] = np.ascontiguousarray(array)
        return pixels
    return _as_bytes(name, array)


def _as_bytes(name: str, array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name}: expected numbers, got {array.dtype}")
    low, high = float(array.min()), float(array.max())
    top = 1.0 if array.dtype.kind in "bf" else 255.0
    if not (low >= 0 and high <= top):
        raise InputError(
            f"{name}: {array.dtype} from {low:g} to {high:g}: expected bytes 0–255 or floats from 0 to 1"
            f"{_way_out(array.dtype.kind, low, high)}"
        )
    out = np.empty(array.shape, dtype=np.uint8)
    for rows in blocks(len(array), 8 * array[0].size, 1 << 20):
        out[rows] = np.rint(array[rows] * np.float64(255 / top))
    return out


def _way_out(kind: str, low: float, high: float) -> str:
    if kind != "f":
        return ""
    if low != low:
        return ": fill in what is NaN"
    return ": divide by 255" if low >= 0 and high <= 255 else ": pass the pictures as they were before normalisation"
