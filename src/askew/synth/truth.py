"""Boxes from a picture of object numbers: the truth of a frame, to the pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MORE_THAN_PX = 50
"""An object with more visible pixels than this has a box (section 2.4 of the thesis)."""


@dataclass(frozen=True)
class Visible:
    """An object that a frame shows.

    Attributes:
        number: which, from 0; the same in every frame.
        kind: its class, a number of `table.CLASSES`.
        box: left, top, right, bottom in pixels, the edges of its outermost visible pixels.
        n_pixels: how many of its pixels are seen.
        visibility: their share of the pixels that it would have with nothing in front of it, within the picture.
    """

    number: int
    kind: int
    box: tuple[int, int, int, int]
    n_pixels: int
    visibility: float


def visible(
    numbers: NDArray[np.int32], kinds: NDArray[np.int64], whole: Callable[[int], int], *, more_than: int = MORE_THAN_PX
) -> tuple[Visible, ...]:
    """Returns the objects of a picture of numbers.

    Args:
        numbers: (H, W), of each pixel one more than the number of the object that it shows, or 0.
        kinds: (N,) the class of each object.
        whole: number of an object to the pixels that it would have with nothing in front of it.
        more_than: visible pixels that an object must exceed.

    >>> picture = np.zeros((20, 20), np.int32)
    >>> picture[2:12, 3:9] = 1
    >>> visible(picture, np.array([2]), lambda _: 120)
    (Visible(number=0, kind=2, box=(3, 2, 9, 12), n_pixels=60, visibility=0.5),)
    """
    counts = np.bincount(numbers.ravel(), minlength=len(kinds) + 1)
    found = []
    for number in np.flatnonzero(counts[1:] > more_than).tolist():
        rows, columns = np.nonzero(numbers == number + 1)
        box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
        n_pixels = int(counts[number + 1])
        share = min(1.0, n_pixels / max(whole(number), n_pixels))
        found.append(Visible(number, int(kinds[number]), box, n_pixels, share))
    return tuple(found)
