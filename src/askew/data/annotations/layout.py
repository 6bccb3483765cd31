"""Whether four numbers of a box are what its format says: left, top, width, height in pixels, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from askew.boxes import FrameDetections
from askew.errors import InputError

BEYOND = 0.25
"""Share of the picture by which a box must reach over its right or lower edge to be counted."""

FEWEST, MANY = 5, 0.1
"""So many boxes must reach so far, and more than this share of all."""

READABLE, SLACK = 0.95, 0.1
"""Share of all boxes that make sense as corners, which may lie over the edge by so much of the picture."""

SHARE_PX, SMALLEST_PX = 2, 16
"""Shares of 0 to 1 reach no further than this, in pictures of more pixels than that."""


def check_layout(where: Path, boxes: FrameDetections, width_px: int, height_px: int) -> None:
    """Checks that boxes read as left, top, width, height in pixels are no corners and no shares of the picture.

    Corners are suspected where many boxes reach far over the right or lower edge, and nearly all make sense as
    left, top, right, bottom: the width is as great as the left side, and so on. Truth that reaches over the edge on
    purpose passes, for the widths of its other boxes do not grow with their places.

    Raises:
        InputError: they look like corners or like shares.
    """
    left, top, right, bottom = sides = boxes.table.boxes.astype(np.float64).T
    if len(boxes.table) == 0:
        return
    if 0 < np.abs(sides).max() <= SHARE_PX and min(width_px, height_px) > SMALLEST_PX:
        raise InputError(
            f"{where}: none of its {len(boxes.table)} boxes reaches beyond {SHARE_PX} pixels: these look like shares "
            f"of the picture; multiply them by its width and height, {width_px} x {height_px}"
        )
    far = (right > (1 + BEYOND) * width_px) | (bottom > (1 + BEYOND) * height_px)
    if np.count_nonzero(far) < FEWEST or far.mean() <= MANY:
        return
    width, height = right - left, bottom - top
    ordered = (width >= left) & (height >= top)
    inside = (width <= (1 + SLACK) * width_px) & (height <= (1 + SLACK) * height_px)
    if (ordered & inside).mean() >= READABLE:
        first = int(np.flatnonzero(far)[0])
        box = [round(float(side), 1) for side in (left[first], top[first], width[first], height[first])]
        raise InputError(
            f"{where}: {np.count_nonzero(far)} of {len(far)} boxes reach far beyond the picture of {width_px} x "
            f"{height_px} pixels, the first in frame {boxes.frame_of(first)} (from 0), {box}: are these x1,y1,x2,y2? "
            "MOTChallenge and COCO have x,y,width,height (if they do reach so far, cut them at the edge)"
        )
