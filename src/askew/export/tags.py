"""Where the tags of boxes stand in a picture: next to their boxes, inside the picture, none over another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Floats, Mask

Places = NDArray[np.float64]


def place_tags(boxes: Floats, sizes: Floats, far: Mask, width_px: float, height_px: float) -> Places:
    """Returns (K, 2) left and top of a tag for each box, NaN where there is no room; the first come first.

    A tag stands above, below or beside its box, or in it, where it covers least of all boxes. Where other tags leave
    no such place, one that may stand far off takes the nearest that is free.

    Args:
        boxes: (K, 4) left, top, right, bottom in pixels.
        sizes: (K, 2) width and height of each tag.
        far: (K,) bool, which tags may stand away from their boxes.

    Cost: O(K²); for a tag that must go far, O(K · places of the picture).

    >>> boxes = np.array([[0, 20, 30, 60], [0, 20, 30, 60]])
    >>> place_tags(boxes, np.array([[20, 10], [20, 10]]), np.zeros(2, bool), 100, 100).tolist()
    [[0.0, 10.0], [0.0, 60.0]]
    """
    places = np.full((len(boxes), 2), np.nan)
    taken = np.zeros((0, 4))
    for row, (box, size) in enumerate(zip(boxes, sizes, strict=True)):
        if size[0] > width_px or size[1] > height_px:
            continue
        room = np.array([width_px, height_px]) - size
        spots = _free(_beside(box, size).clip(0, room), size, taken)
        if len(spots):
            covered = _shared(_corners(spots, size), boxes).sum(axis=1)
            places[row] = spots[covered.argmin()]
        elif far[row]:
            spots = _free(_everywhere(size, room), size, taken)
            if len(spots):
                middle = (box[:2] + box[2:]) / 2
                places[row] = spots[((spots + size / 2 - middle) ** 2).sum(axis=1).argmin()]
        if not np.isnan(places[row, 0]):
            taken = np.concatenate([taken, _corners(places[row][None], size)])
    return places


def _beside(box: Floats, size: Floats) -> Places:
    """Returns the places next to a box and in it, the most usual first."""
    (left, top, right, bottom), (wide, high) = box, size
    above, below, flush = top - high, bottom, right - wide
    outside = [(left, above), (left, below), (flush, above), (flush, below)]
    outside += [(right, top), (left - wide, top), (right, bottom - high), (left - wide, bottom - high)]
    inside = [(left, top), (flush, top), (left, bottom - high), (flush, bottom - high)]
    return np.array(outside + inside, dtype=np.float64)


def _everywhere(size: Floats, room: Floats) -> Places:
    x, y = (np.arange(0, room[axis] + 1e-9, size[1]) for axis in (0, 1))
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def _corners(spots: Places, size: Floats) -> Places:
    return np.concatenate([spots, spots + size], axis=1)


def _free(spots: Places, size: Floats, taken: Places) -> Places:
    """Returns the spots at which a tag of this size covers none that stands already."""
    return spots[~(_shared(_corners(spots, size), taken) > 0).any(axis=1)]


def _shared(first: Floats, second: Floats) -> Places:
    """Returns the (K, M) areas that boxes of two sets share."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    return np.asarray(np.maximum(high - low, 0).prod(axis=2), dtype=np.float64)
