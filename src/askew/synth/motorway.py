"""A highway in pieces: two roadways, a wall in the middle, rails, signs, fields with trees and barns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from askew.synth.blocks import METAL, WHITE, Block, Values
from askew.synth.houses import barn
from askew.synth.meshes import Light
from askew.synth.plants import tree
from askew.synth.streets import Highway
from askew.synth.textures import Season


def highway_blocks(
    road: Highway, length_m: float, season: Season, light: Light, rng: np.random.Generator
) -> Iterator[Block]:
    """Yields pieces of a highway: two sides, a wall in the middle, rails, grass, fields, trees and hills."""
    piece, first = 60.0, -120.0
    for begin in np.arange(first, length_m, piece):
        block = Block(light)

        def line(offset_m: float, z: float = 0.0, begin: float = begin) -> Values:
            points = road.line(begin, begin + piece + 0.01, offset_m, step_m=6.0)
            return np.column_stack([points, np.full(len(points), z)])

        along = begin + np.arange(len(line(0.0))) * 6.0
        for side in (1, -1):
            inner, outer = line(side * road.median_m), line(side * road.half_m)
            v = along / 18.0
            u_in, u_out = np.column_stack([np.zeros_like(v), v]), np.column_stack([np.ones_like(v), v])
            pair = (inner, outer, u_in, u_out) if side > 0 else (outer, inner, u_out, u_in)
            block["motorway"].strip(pair[0], pair[1], WHITE, (pair[2], pair[3]))
            for near, far, z_far in ((road.half_m, 24.0, -0.4), (24.0, 60.0, 0.6), (60.0, 190.0, 4.0)):
                a, b = (
                    line(side * near, -0.02 if near == road.half_m else (-0.4 if near == 24.0 else 0.6)),
                    line(side * far, z_far),
                )
                ua = np.column_stack([np.full_like(v, near / 9), along / 9])
                ub = np.column_stack([np.full_like(v, far / 9), along / 9])
                shade = (1.0, 1.0, 1.0) if near < 60 else (1.05, 1.0, 0.82)
                pair = (a, b, ua, ub) if side > 0 else (b, a, ub, ua)
                block["grass"].strip(pair[0], pair[1], shade, (pair[2], pair[3]))
            _rail(block, line(side * (road.half_m - 0.3)), side)
            for _ in range(7):
                spot = int(rng.integers(len(along)))
                away = float(rng.uniform(20, 90))
                point = line(side * away)[spot]
                tree(block, float(point[0]), float(point[1]), season, rng, ground_m=-0.5 if away < 50 else 0.5)
        left, right = line(-road.median_m), line(road.median_m)
        where = np.column_stack([np.zeros_like(along), along / 4])
        block["earth"].strip(left, right, WHITE, (where, where + np.array([0.8, 0.0])))
        _wall(block, line(-0.3), line(0.3))
        if int(begin) % 480 == 0 and begin > 60:
            _gantry(block, line(road.half_m)[0], line(-road.half_m)[0])
        if rng.random() < 0.4:
            point = line(float(rng.choice([-1, 1])) * float(rng.uniform(70, 130)))[0]
            angle = rng.uniform(0, np.pi)
            side_a = np.array([np.cos(angle), np.sin(angle)])
            barn(block, point, side_a * float(rng.uniform(12, 22)), season, rng)
        yield block


def _rail(block: Block, points: Values, side: int) -> None:
    for first, last in pairwise(points):
        for low, high, shade in ((0.45, 0.60, 0.62), (0.60, 0.75, 0.78)):
            corners = np.array([(*first[:2], low), (*last[:2], low), (*last[:2], high), (*first[:2], high)])
            block["plain"].quad(corners if side < 0 else corners[[1, 0, 3, 2]], (shade, shade, shade * 1.03))
            block["plain"].quad(corners if side > 0 else corners[[1, 0, 3, 2]], (0.5, 0.5, 0.52))
    for point in points[::2]:
        block["plain"].box((point[0] - 0.07, point[1] - 0.07, -0.3), (point[0] + 0.07, point[1] + 0.07, 0.6), METAL)


def _wall(block: Block, left: Values, right: Values) -> None:
    grey = (0.70, 0.70, 0.68)
    for points, flip in ((left, False), (right, True)):
        for first, last in pairwise(points):
            corners = np.array([(*first[:2], 0), (*last[:2], 0), (*last[:2], 0.85), (*first[:2], 0.85)])
            block["plain"].quad(corners[[1, 0, 3, 2]] if not flip else corners, grey)
    up = np.array([0, 0, 0.85])
    plain = np.zeros((len(left), 2))
    block["plain"].strip(left + up, right + up, grey, (plain, plain))


def _gantry(block: Block, right: Values, left: Values) -> None:
    """Adds a beam over the road with two blue signs."""
    for foot in (right, left):
        block["plain"].tube(np.array([*foot[:2], -0.3]), np.array([*foot[:2], 6.6]), 0.16, METAL)
    high = np.array([0, 0, 6.4])
    block["plain"].tube(right * (1, 1, 0) + high, left * (1, 1, 0) + high, 0.13, METAL, sides=4)
    across = (left - right)[:2] / np.linalg.norm((left - right)[:2])
    for centre, width in ((right[:2] + across * 6, 2.4), (right[:2] + across * 11.5, 2.0)):
        a, b = centre - across * width, centre + across * width
        for pair in ((a, b), (b, a)):
            corners = np.array([(*pair[0], 5.4), (*pair[1], 5.4), (*pair[1], 7.6), (*pair[0], 7.6)])
            block["plain"].quad(corners, (0.10, 0.26, 0.60), lit=False)
            start, end = pair[0] * 0.8 + pair[1] * 0.2, pair[0] * 0.2 + pair[1] * 0.8
            inside = np.array([(*start, 6.6), (*end, 6.6), (*end, 6.9), (*start, 6.9)])
            normal = np.cross(inside[1] - inside[0], inside[3] - inside[0])
            block["plain"].quad(inside + normal / np.linalg.norm(normal) * 0.04, (0.9, 0.9, 0.92), lit=False)
