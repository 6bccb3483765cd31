"""Triangles of one texture, from boxes, cylinders, balls and strips, with the sun's light baked into their colours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Colour = tuple[float, float, float]

SUN = np.array([0.45, -0.35, 0.82]) / np.linalg.norm([0.45, -0.35, 0.82])
"""Where the light comes from: a direction east, north and up."""


QUAD = np.array([(0, 1, 2), (0, 2, 3)])

NO_TEXTURE = np.zeros((4, 2))


@dataclass(frozen=True)
class Light:
    """How bright a face is.

    Attributes:
        sun: of a face that looks at it.
        shade: of every face.
    """

    sun: float = 0.6
    shade: float = 0.48

    def on(self, normals: Values) -> Values:
        """Returns (n, 1) brightness of faces with these (n, 3) normals."""
        shine: Values = (
            self.shade * (0.82 + 0.18 * normals[:, 2:]) + self.sun * np.clip(normals @ SUN, 0, None)[:, None]
        )
        return shine.clip(0, 1.4)


DAY = Light()


@dataclass(frozen=True, eq=False)
class Triangles:
    """What a mesh amounts to.

    Attributes:
        places: (V, 3) metres.
        colours: (V, 3) from 0 to 1, the light on them included.
        textures: (V, 2) places in the texture.
        faces: (F, 3) corners of each triangle, anticlockwise seen from outside.
    """

    places: Values
    colours: Values
    textures: Values
    faces: NDArray[np.int64]


class Mesh:
    """Corners and triangles that share a texture, gathered piece by piece.

    Args:
        light: that falls on them.
    """

    def __init__(self, light: Light = DAY) -> None:
        self.light = light
        self._pieces: list[tuple[Values, Values, NDArray[np.int64], Any, Values | None, bool]] = []
        self._quads: list[tuple[Values, Colour, Values | None, bool]] = []

    def triangles(self) -> Triangles:
        """Returns all pieces as one."""
        pieces = [*self._pieces, *self._flat()]
        sizes = [len(piece[0]) for piece in pieces]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        normals = np.concatenate([piece[1] for piece in pieces])
        lit = np.repeat([piece[5] for piece in pieces], sizes)[:, None]
        colours = np.concatenate(
            [np.broadcast_to(piece[3], (size, 3)) for piece, size in zip(pieces, sizes, strict=True)]
        )
        return Triangles(
            np.concatenate([piece[0] for piece in pieces]),
            np.clip(colours * np.where(lit, self.light.on(normals), 1.0), 0, 1),
            np.concatenate(
                [np.zeros((n, 2)) if one[4] is None else one[4] for one, n in zip(pieces, sizes, strict=True)]
            ),
            np.concatenate([piece[2] + start for piece, start in zip(pieces, starts[:-1], strict=True)]),
        )

    def _flat(self) -> Iterator[tuple[Values, Values, NDArray[np.int64], Any, Values | None, bool]]:
        """Yields all quadrilaterals as two pieces at the most: with light, and without."""
        for lit in (True, False):
            quads = [quad for quad in self._quads if quad[3] is lit]
            if quads:
                corners = np.array([quad[0] for quad in quads])
                normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0])
                normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
                faces = (QUAD[None] + 4 * np.arange(len(quads))[:, None, None]).reshape(-1, 3)
                colours = np.array([quad[1] for quad in quads]).repeat(4, axis=0)
                textures = np.array([NO_TEXTURE if quad[2] is None else quad[2] for quad in quads]).reshape(-1, 2)
                yield corners.reshape(-1, 3), normals.repeat(4, axis=0), faces, colours, textures, lit

    def add(
        self,
        places: Values,
        normals: Values,
        faces: NDArray[np.int64],
        colour: Colour,
        textures: Values | None = None,
        *,
        lit: bool = True,
    ) -> None:
        """Adds corners (v, 3) with normals (v, 3) and triangles (f, 3); `lit` says whether light falls on them."""
        self._pieces.append((places, normals, faces, colour, textures, lit))

    def quad(self, corners: Any, colour: Colour, textures: Values | None = None, *, lit: bool = True) -> None:
        """Adds a flat (4, 3) quadrilateral, anticlockwise seen from outside."""
        self._quads.append((corners, colour, textures, lit))

    def strip(
        self, left: Values, right: Values, colour: Colour, textures: tuple[Values, Values], *, lit: bool = True
    ) -> None:
        """Adds a band between two lines of (p, 3) points, `left` left of whoever goes along; seen from above."""
        count = len(left)
        places = np.concatenate([left, right])
        first = np.arange(count - 1)
        faces = np.concatenate(
            [
                np.stack([first, first + count, first + 1], axis=1),
                np.stack([first + 1, first + count, first + count + 1], axis=1),
            ]
        )
        across, along = right[0] - left[0], left[1] - left[0]
        normal = _cross(across, along)
        normal = normal / max(float(np.linalg.norm(normal)), 1e-9)
        self.add(places, np.tile(normal, (2 * count, 1)), faces, colour, np.concatenate(textures), lit=lit)

    def box(
        self,
        low: tuple[float, float, float],
        high: tuple[float, float, float],
        colour: Colour,
        *,
        taper: float = 1.0,
        lit: bool = True,
    ) -> None:
        """Adds a box between two corners; its upper face is `taper` as large as its lower one."""
        (x0, y0, z0), (x1, y1, z1) = low, high
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
        hx, hy = (x1 - x0) / 2, (y1 - y0) / 2
        base = np.array([(cx - hx, cy - hy), (cx + hx, cy - hy), (cx + hx, cy + hy), (cx - hx, cy + hy)])
        top = (base - (cx, cy)) * taper + (cx, cy)
        self.hull(base, top, z0, z1, colour, lit=lit)

    def hull(self, base: Values, top: Values, low_m: float, high_m: float, colour: Colour, *, lit: bool = True) -> None:
        """Adds what lies between two (p, 2) polygons, anticlockwise seen from above, at two heights; open below."""
        count = len(base)
        lower = np.column_stack([base, np.full(count, low_m)])
        upper = np.column_stack([top, np.full(count, high_m)])
        for number in range(count):
            after = (number + 1) % count
            self.quad(np.stack([lower[number], lower[after], upper[after], upper[number]]), colour, lit=lit)
        fan = np.stack([np.zeros(count - 2), np.arange(1, count - 1), np.arange(2, count)], axis=1).astype(np.int64)
        self.add(upper, np.tile([0.0, 0.0, 1.0], (count, 1)), fan, colour, lit=lit)

    def tube(
        self,
        first: Sequence[float] | Values,
        last: Sequence[float] | Values,
        radius_m: float,
        colour: Colour,
        *,
        sides: int = 5,
        end: float = 1.0,
    ) -> None:
        """Adds a cylinder between two points; its far end is `end` as thick."""
        start, end_at = np.asarray(first, dtype=np.float64), np.asarray(last, dtype=np.float64)
        axis = (end_at - start) / max(float(np.linalg.norm(end_at - start)), 1e-9)
        other = np.array([0.0, 0.0, 1.0]) if abs(axis[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
        u = _cross(axis, other)
        u = u / np.linalg.norm(u)
        v = _cross(axis, u)
        angle = np.arange(sides) * 2 * np.pi / sides
        ring = np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v
        places = np.concatenate([start + ring * radius_m, end_at + ring * radius_m * end])
        number = np.arange(sides)
        after = (number + 1) % sides
        faces = np.concatenate(
            [
                np.stack([number, after, number + sides], axis=1),
                np.stack([after, after + sides, number + sides], axis=1),
            ]
        )
        self.add(places, np.concatenate([ring, ring]), faces, colour)

    def ball(
        self,
        centre: tuple[float, float, float],
        radius_m: tuple[float, float, float],
        colour: Colour,
        *,
        around: int = 8,
        up: int = 5,
        rough: Values | None = None,
        texture: float = 0.0,
    ) -> None:
        """Adds an ellipsoid; `rough` (up + 1, around) multiplies its radius, `texture` repeats the texture so often."""
        latitude = np.linspace(-np.pi / 2, np.pi / 2, up + 1)[:, None]
        longitude = np.arange(around + 1)[None] * 2 * np.pi / around
        unit = np.stack(
            [
                np.cos(latitude) * np.cos(longitude),
                np.cos(latitude) * np.sin(longitude),
                np.broadcast_to(np.sin(latitude), (up + 1, around + 1)),
            ],
            axis=-1,
        )
        size = 1.0 if rough is None else np.concatenate([rough, rough[:, :1]], axis=1)[..., None]
        places = np.asarray(centre) + unit * size * np.asarray(radius_m)
        normals = unit / np.asarray(radius_m)
        normals = normals / np.linalg.norm(normals, axis=-1, keepdims=True)
        index = np.arange((up + 1) * (around + 1)).reshape(up + 1, around + 1)
        a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
        faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
        where = np.stack(
            [np.broadcast_to(longitude / (2 * np.pi), index.shape), np.broadcast_to(latitude / np.pi, index.shape)], -1
        )
        self.add(places.reshape(-1, 3), normals.reshape(-1, 3), faces, colour, where.reshape(-1, 2) * texture)


def _cross(a: Values, b: Values) -> Values:
    """Returns the cross product of two (3,) vectors; NumPy's takes twenty times as long for so few."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
