"""A place of the scenery: its meshes, and the measures that they share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from askew.synth.meshes import Colour, Light, Mesh

Values = NDArray[np.float64]
Rectangle = tuple[float, float, float, float]

WHITE: Colour = (1.0, 1.0, 1.0)
METAL: Colour = (0.34, 0.35, 0.37)

KERB_M = 0.14
"""How much higher than the road the pavement is."""

LIFT = np.array([0.0, 0.0, KERB_M])

SQUARE = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
"""The corners of a texture."""


class Block:
    """Meshes of one place, by the name of their texture."""

    def __init__(self, light: Light) -> None:
        self._light = light
        self.meshes: dict[str, Mesh] = defaultdict(lambda: Mesh(light))

    def __getitem__(self, texture: str) -> Mesh:
        return self.meshes[texture]


def sides(inner: Rectangle) -> Iterator[tuple[Values, Values, float]]:
    """Yields each side of a quarter: its first corner, its direction and its length, the inside on the left."""
    x0, y0, x1, y1 = inner
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    for number in range(4):
        first, last = np.array(corners[number]), np.array(corners[(number + 1) % 4])
        length = float(np.linalg.norm(last - first))
        yield first, (last - first) / length, length
