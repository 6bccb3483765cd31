"""How tall objects of a class are where they stand in the picture: learned from a video's own boxes, without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from askew.boxes import Detections, as_frames

ROUNDS = 30
"""Fits, each with less weight on the boxes that are far from the one before."""

NEAR = 1.345
"""Robust standard deviations from the line up to which a box has its full weight (Huber)."""

Column = NDArray[np.float64]


@dataclass(frozen=True)
class Perspective:
    """A line for each class of one video, all of one slope: ln(height) = level + slope · bottom, in pixels.

    Attributes:
        slope: how ln(height) grows with the lower edge of a box, a pixel.
        levels: the level of each class that the video has.
    """

    slope: float
    levels: Mapping[int, float]

    def residuals(self, detections: Sequence[Detections]) -> Column:
        """Returns (K,) ln(height) of each detection less what its class has there; 0 for a class that has no line.

        They do not change if all boxes are drawn in another size.
        """
        table = as_frames("detections", detections).table
        bottom, height = _sides(table)
        level = np.full(len(table), np.nan)
        for kind, value in self.levels.items():
            level[table.classes == kind] = value
        return np.asarray(np.nan_to_num(height - level - self.slope * bottom))


def perspective_of(detections: Sequence[Detections]) -> Perspective:
    """Fits how height changes with the lower edge of a box, from all detections of one video; no labels are needed.

    A person twice as far away is half as tall and stands higher in the picture. What is too tall or too short for its
    place is often no object. The fit is robust: boxes count by their scores, where these lie in [0, 1], and less the
    farther they are from the line (Huber's weights, over rounds of least squares); levels are weighted medians.

    Args:
        detections: one `Detections` a frame.

    Cost: O(K) for K detections, 30 times.

    >>> tall = [Detections([[0, 100 - h, 9, 100], [0, 180 - 2 * h, 9, 180]], [0.9, 0.9], [0, 0]) for h in (40, 50, 45)]
    >>> line = perspective_of([*tall, Detections([[0, 0, 9, 100]], [0.3], [0])])  # the last is too tall by half
    >>> bool(abs(line.slope - np.log(2) / 80) < 1e-3), bool(np.abs(line.residuals(tall[2:])).max() < 0.05)
    (True, True)
    """
    table = as_frames("detections", detections).table
    if not len(table):
        return Perspective(0.0, {})
    bottom, height = _sides(table)
    names, kinds = np.unique(table.classes, return_inverse=True)
    trust = np.clip(table.scores.astype(np.float64), 0.01, 1)
    spread = float(np.ptp(bottom)) or 1.0
    place = (bottom - bottom.mean()) / spread
    slope = _slope(place, height, kinds, trust) / spread
    rest = height - slope * bottom
    levels = {int(name): _weighted_median(rest[kinds == k], trust[kinds == k]) for k, name in enumerate(names.tolist())}
    return Perspective(slope, levels)


def _sides(table: Detections) -> tuple[Column, Column]:
    """Returns the lower edge of boxes, and the logarithm of their height, of which a pixel is the least."""
    boxes = table.boxes.astype(np.float64)
    return boxes[:, 3], np.log(np.maximum(boxes[:, 3] - boxes[:, 1], 1))


def _slope(place: Column, height: Column, kinds: NDArray[np.int64], trust: Column) -> float:
    weight, slope = trust, 0.0
    for _ in range(ROUNDS):
        centre_x, centre_y = _class_means(place, kinds, weight), _class_means(height, kinds, weight)
        x, y = place - centre_x, height - centre_y
        slope = float((weight * x * y).sum() / ((weight * x * x).sum() + 1e-9))
        away = np.abs(y - slope * x)
        near = NEAR * 1.4826 * _weighted_median(away, trust) + 1e-9
        weight = trust * np.minimum(1, near / np.maximum(away, 1e-12))
    return slope


def _class_means(values: Column, kinds: NDArray[np.int64], weight: Column) -> Column:
    return np.asarray((np.bincount(kinds, weight * values) / np.bincount(kinds, weight))[kinds])


def _weighted_median(values: Column, weight: Column) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
