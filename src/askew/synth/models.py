"""Pedestrians, cyclists, cars and wheelchairs, part by part: what moves against the rest is a part of its own.

An object stands at the origin, looks along +y, and its wheels or feet are at height 0. Metres.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from askew.synth.meshes import Colour, Light, Mesh
from askew.synth.table import CLASSES

Motion = Callable[[float], float]

SKIN: tuple[Colour, ...] = ((0.95, 0.78, 0.66), (0.80, 0.60, 0.45), (0.55, 0.38, 0.28), (0.36, 0.25, 0.19))
HAIR: tuple[Colour, ...] = ((0.12, 0.09, 0.07), (0.35, 0.22, 0.12), (0.70, 0.55, 0.30), (0.6, 0.6, 0.6))
CLOTHES: tuple[Colour, ...] = (
    (0.72, 0.14, 0.16), (0.16, 0.26, 0.58), (0.14, 0.44, 0.28), (0.85, 0.72, 0.22), (0.85, 0.85, 0.84),
    (0.14, 0.14, 0.16), (0.48, 0.22, 0.48), (0.88, 0.46, 0.16), (0.42, 0.60, 0.72), (0.48, 0.44, 0.38),
)  # fmt: skip
TROUSERS: tuple[Colour, ...] = ((0.14, 0.17, 0.28), (0.16, 0.16, 0.17), (0.40, 0.35, 0.27), (0.28, 0.34, 0.46))
PAINTS: tuple[Colour, ...] = (
    (0.82, 0.82, 0.84), (0.10, 0.10, 0.12), (0.45, 0.46, 0.50), (0.70, 0.10, 0.10), (0.12, 0.24, 0.55),
    (0.90, 0.90, 0.88), (0.24, 0.34, 0.26), (0.80, 0.66, 0.22), (0.30, 0.30, 0.32), (0.20, 0.42, 0.62),
)  # fmt: skip
RUBBER: Colour = (0.07, 0.07, 0.08)
STEEL: Colour = (0.62, 0.63, 0.66)
GLASS: Colour = (0.12, 0.16, 0.20)


@dataclass(frozen=True, eq=False)
class Part:
    """A part of an object.

    Attributes:
        mesh: its triangles, about its own pivot.
        pivot: where that is, in metres.
        pitch: metres gone to degrees turned about the axis to the right; None if it is fixed.
    """

    mesh: Mesh
    pivot: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pitch: Motion | None = None


@dataclass(frozen=True, eq=False)
class Model:
    """What an object looks like.

    Attributes:
        parts: of it.
        size_m: width, length and height, for its shadow.
    """

    parts: tuple[Part, ...]
    size_m: tuple[float, float, float]


def model(kind: int, look: int, light: Light, *, lamps: bool) -> Model:
    """Returns what an object of a class looks like.

    Args:
        kind: a number of `CLASSES`.
        look: seed of its colours and measures.
        light: that falls on it.
        lamps: whether the lamps of cars and bicycles are lit.
    """
    rng = np.random.default_rng(look)
    makers = {"pedestrian": _pedestrian, "cyclist": _cyclist, "car": _car, "wheelchair": _wheelchair}
    return makers[CLASSES[kind]](rng, light, lamps)


def _one(rng: np.random.Generator, choices: tuple[Colour, ...]) -> Colour:
    return choices[int(rng.integers(len(choices)))]


def _swing(stride_m: float, degrees: float, phase: float) -> Motion:
    return lambda gone_m: degrees * float(np.sin(2 * np.pi * gone_m / stride_m + phase))


def _rolling(radius_m: float) -> Motion:
    return lambda gone_m: -float(np.degrees(gone_m / radius_m)) % 360


def _head(mesh: Mesh, rng: np.random.Generator, at: tuple[float, float, float]) -> None:
    x, y, z = at
    hair = _one(rng, HAIR)
    mesh.ball((x, y, z), (0.10, 0.115, 0.135), _one(rng, SKIN))
    mesh.ball((x, y - 0.025, z + 0.04), (0.112, 0.115, 0.12), hair)
    if rng.random() < 0.35:
        mesh.ball((x, y - 0.05, z - 0.05), (0.115, 0.09, 0.17), hair)


def _pedestrian(rng: np.random.Generator, light: Light, lamps: bool) -> Model:  # noqa: ARG001
    shirt, trousers = _one(rng, CLOTHES), _one(rng, TROUSERS)
    tall = float(rng.uniform(0.9, 1.06))
    body = Mesh(light)
    wide = 0.21 * float(rng.uniform(0.9, 1.15))
    body.box((-wide * 0.8, -0.11, 0.84 * tall), (wide * 0.8, 0.11, 1.0 * tall), trousers)
    body.box((-wide * 0.85, -0.12, 0.95 * tall), (wide * 0.85, 0.12, 1.22 * tall), shirt, taper=1.12)
    body.box((-wide * 0.97, -0.135, 1.22 * tall), (wide * 0.97, 0.135, 1.47 * tall), shirt, taper=0.72)
    body.tube((0, 0, 1.44 * tall), (0, 0, 1.55 * tall), 0.05, SKIN[0])
    _head(body, rng, (0, 0.01, 1.65 * tall))
    if rng.random() < 0.3:
        body.box((-0.15, -0.28, 1.05 * tall), (0.15, -0.12, 1.42 * tall), _one(rng, CLOTHES))
    if rng.random() < 0.25:
        body.hull(_oval(wide * 1.25, 0.22), _oval(wide * 0.8, 0.13), 0.52 * tall, 1.0 * tall, _one(rng, CLOTHES))
    parts = [Part(body)]
    for side, phase in ((-1, 0.0), (1, np.pi)):
        leg = Mesh(light)
        leg.tube((0, 0, 0), (0, 0.01, -0.44 * tall), 0.085, trousers, end=0.8)
        leg.tube((0, 0.01, -0.44 * tall), (0, 0, -0.84 * tall), 0.066, trousers, end=0.75)
        leg.box((-0.05, -0.08, -0.89 * tall), (0.05, 0.18, -0.80 * tall), (0.12, 0.10, 0.10))
        parts.append(Part(leg, (side * 0.095, 0, 0.89 * tall), _swing(1.45, 27, phase)))
        arm = Mesh(light)
        arm.tube((0, 0, 0), (side * 0.03, 0.0, -0.30 * tall), 0.055, shirt, end=0.85)
        arm.tube((side * 0.03, 0, -0.30 * tall), (side * 0.03, 0.05, -0.56 * tall), 0.043, shirt, end=0.8)
        arm.ball((side * 0.03, 0.06, -0.60 * tall), (0.04, 0.04, 0.06), SKIN[0], around=5, up=3)
        parts.append(Part(arm, (side * (wide + 0.03), 0, 1.43 * tall), _swing(1.45, 22, phase + np.pi)))
    return Model(tuple(parts), (0.55, 0.5, 1.75 * tall))


def _oval(a: float, b: float, n: int = 8) -> NDArray[np.float64]:
    angle = np.arange(n) * 2 * np.pi / n
    return np.stack([a * np.cos(angle), b * np.sin(angle)], axis=1)


def _wheel(light: Light, radius_m: float, *, spokes: int = 6, wide_m: float = 0.045, colour: Colour = RUBBER) -> Mesh:
    """Returns an upright wheel that rolls along +y: a tyre of short tubes, and spokes."""
    mesh = Mesh(light)
    angle = np.arange(15) * 2 * np.pi / 14
    rim = np.stack([np.zeros(15), np.cos(angle) * radius_m, np.sin(angle) * radius_m], axis=1)
    for first, last in itertools.pairwise(rim):
        mesh.tube(first, last, wide_m, colour, sides=4)
    for number in range(spokes):
        turn = np.pi * number / spokes
        end = np.array([0.0, np.cos(turn) * radius_m, np.sin(turn) * radius_m])
        mesh.tube(-end, end, 0.012, STEEL, sides=3)
    return mesh


def _cyclist(rng: np.random.Generator, light: Light, lamps: bool) -> Model:
    frame_colour, shirt, trousers = _one(rng, PAINTS), _one(rng, CLOTHES), _one(rng, TROUSERS)
    body = Mesh(light)
    hub, crank, seat, front, bar = (0, -0.5, 0.34), (0, -0.05, 0.30), (0, -0.25, 0.92), (0, 0.38, 0.86), (0, 0.42, 1.05)
    wheel_front = (0, 0.55, 0.34)
    for first, last in ((hub, crank), (hub, seat), (crank, seat), (crank, front), (seat, front), (front, wheel_front)):
        body.tube(np.array(first), np.array(last), 0.03, frame_colour, sides=4)
    body.tube(np.array(front), np.array(bar), 0.03, STEEL, sides=4)
    body.tube(np.array([-0.28, 0.40, 1.06]), np.array([0.28, 0.40, 1.06]), 0.025, RUBBER, sides=4)
    body.box((-0.09, -0.38, 0.92), (0.09, -0.12, 0.99), RUBBER)
    hip, neck = np.array([0, -0.22, 1.0]), np.array([0, 0.12, 1.48])
    body.tube(hip, (hip + neck) / 2, 0.16, shirt, sides=7, end=1.15)
    body.tube((hip + neck) / 2, neck, 0.184, shirt, sides=7, end=0.7)
    _head(body, rng, (0, 0.2, 1.66))
    if rng.random() < 0.6:
        body.ball((0, 0.19, 1.74), (0.125, 0.16, 0.09), _one(rng, CLOTHES))
    for side in (-1, 1):
        elbow = np.array([side * 0.27, 0.2, 1.2])
        body.tube(neck + np.array([side * 0.17, -0.02, -0.06]), elbow, 0.05, shirt)
        body.tube(elbow, np.array([side * 0.25, 0.40, 1.08]), 0.042, SKIN[1])
    if lamps:
        body.box((-0.05, 0.47, 0.85), (0.05, 0.52, 0.95), (1, 1, 0.9), lit=False)
        body.box((-0.05, -0.56, 0.72), (0.05, -0.52, 0.82), (1, 0.1, 0.1), lit=False)
    parts = [Part(body)]
    for y in (-0.5, 0.55):
        parts.append(Part(_wheel(light, 0.33, spokes=4, wide_m=0.028), (0, y, 0.34), _rolling(0.34)))
    for side, phase in ((-1, 0.0), (1, np.pi)):
        leg = Mesh(light)
        leg.tube((0, 0, 0), (0, 0.34, -0.22), 0.085, trousers, end=0.8)
        leg.tube((0, 0.34, -0.22), (0, 0.14, -0.62), 0.062, trousers, end=0.75)
        leg.box((-0.045, 0.08, -0.68), (0.045, 0.32, -0.61), (0.1, 0.1, 0.1))
        parts.append(Part(leg, (side * 0.11, -0.22, 0.98), _swing(4.2, 17, phase)))
    return Model(tuple(parts), (0.6, 1.75, 1.75))


def _wheelchair(rng: np.random.Generator, light: Light, lamps: bool) -> Model:  # noqa: ARG001
    shirt, trousers, frame = (
        _one(rng, CLOTHES),
        _one(rng, TROUSERS),
        _one(rng, ((0.2, 0.2, 0.22), (0.6, 0.1, 0.1), STEEL)),
    )
    body = Mesh(light)
    body.box((-0.23, -0.24, 0.46), (0.23, 0.24, 0.53), (0.10, 0.10, 0.12))
    body.box((-0.23, -0.30, 0.50), (0.23, -0.24, 1.0), (0.12, 0.12, 0.14))
    for side in (-1, 1):
        x = side * 0.26
        body.tube(np.array([x, -0.28, 0.5]), np.array([x, -0.28, 1.04]), 0.022, frame)
        body.tube(np.array([x, -0.28, 1.02]), np.array([x, -0.44, 1.02]), 0.024, RUBBER)
        body.tube(np.array([x, -0.24, 0.73]), np.array([x, 0.20, 0.73]), 0.03, (0.1, 0.1, 0.12))
        body.tube(np.array([x, 0.20, 0.73]), np.array([x, 0.42, 0.16]), 0.022, frame)
        body.tube(np.array([x, -0.24, 0.5]), np.array([x, 0.30, 0.48]), 0.022, frame)
        body.box((x * 0.55 - 0.07, 0.38, 0.12), (x * 0.55 + 0.07, 0.60, 0.15), STEEL)
        thigh = np.array([side * 0.10, -0.12, 0.62])
        body.tube(thigh, np.array([side * 0.11, 0.34, 0.62]), 0.09, trousers, end=0.85)
        body.tube(np.array([side * 0.11, 0.34, 0.62]), np.array([side * 0.11, 0.46, 0.20]), 0.068, trousers, end=0.8)
        body.box((side * 0.11 - 0.05, 0.42, 0.15), (side * 0.11 + 0.05, 0.66, 0.23), (0.1, 0.1, 0.1))
    body.tube(np.array([0, -0.16, 0.6]), np.array([0, -0.15, 0.9]), 0.17, shirt, sides=7, end=1.1)
    body.tube(np.array([0, -0.15, 0.9]), np.array([0, -0.14, 1.16]), 0.187, shirt, sides=7, end=0.7)
    _head(body, rng, (0, -0.11, 1.34))
    parts = [Part(body)]
    for side in (-1, 1):
        parts.append(Part(_wheel(light, 0.30, spokes=5, wide_m=0.03), (side * 0.32, -0.14, 0.32), _rolling(0.32)))
        parts.append(Part(_wheel(light, 0.08, spokes=2, wide_m=0.028), (side * 0.24, 0.36, 0.09), _rolling(0.1)))
        arm = Mesh(light)
        arm.tube((0, 0, 0), (side * 0.07, -0.02, -0.28), 0.052, shirt)
        arm.tube((side * 0.07, -0.02, -0.28), (side * 0.10, 0.18, -0.46), 0.042, SKIN[1])
        parts.append(Part(arm, (side * 0.20, -0.13, 1.10), _swing(1.6, 16, 0.0)))
    return Model(tuple(parts), (0.75, 1.2, 1.4))


def _car(rng: np.random.Generator, light: Light, lamps: bool) -> Model:
    paint = _one(rng, PAINTS)
    style = int(rng.integers(4))
    length, width, height = ((4.5, 1.78, 1.45), (4.0, 1.74, 1.50), (4.7, 1.85, 1.72), (5.1, 1.95, 2.1))[style]
    belt = (0.90, 0.92, 1.02, 1.15)[style]
    back, front = -length / 2, length / 2
    roof = ((-0.30, 0.10), (-0.44, 0.10), (-0.42, 0.12), (-0.47, 0.26))[style]
    foot = ((-0.44, 0.24), (-0.49, 0.26), (-0.48, 0.27), (-0.49, 0.36))[style]
    half = width / 2
    body = Mesh(light)
    _profile(
        body,
        [(back, 0.32), (back - 0.02, 0.62), (back + 0.10, belt - 0.04), (back + 0.35, belt)],
        [(front * 0.50, belt), (front - 0.35, belt - 0.13), (front, belt - 0.30), (front + 0.02, 0.34)],
        half,
        0.94,
        paint,
    )
    cabin = np.array([foot[0] * length, foot[1] * length]), np.array([roof[0] * length, roof[1] * length])
    base = np.array(
        [
            (-half * 0.92, cabin[0][0]),
            (half * 0.92, cabin[0][0]),
            (half * 0.92, cabin[0][1]),
            (-half * 0.92, cabin[0][1]),
        ]
    )
    top = np.array(
        [
            (-half * 0.74, cabin[1][0]),
            (half * 0.74, cabin[1][0]),
            (half * 0.74, cabin[1][1]),
            (-half * 0.74, cabin[1][1]),
        ]
    )
    body.hull(base, top, belt - 0.02, height - 0.05, GLASS)
    body.hull(top * (1.02, 1.02), top * (0.92, 0.96), height - 0.05, height, paint)
    for share in (0.02, 0.5, 0.98):
        for side in (-1, 1):
            low = np.array([side * half * 0.925, cabin[0][0] * (1 - share) + cabin[0][1] * share, belt])
            high = np.array([side * half * 0.745, cabin[1][0] * (1 - share) + cabin[1][1] * share, height - 0.04])
            body.tube(low, high, 0.035, paint, sides=4)
    body.box((-half * 0.96, back - 0.04, 0.30), (half * 0.96, back + 0.2, 0.50), (0.13, 0.13, 0.14))
    body.box((-half * 0.96, front - 0.2, 0.28), (half * 0.96, front + 0.05, 0.48), (0.13, 0.13, 0.14))
    body.box((-0.26, back - 0.05, 0.55), (0.26, back - 0.01, 0.67), (0.85, 0.85, 0.80))
    body.box((-half * 0.5, front - 0.02, 0.50), (half * 0.5, front + 0.03, 0.62), (0.08, 0.08, 0.09))
    for side in (-1, 1):
        x = side * (half - 0.20)
        white, red = ((1.0, 0.97, 0.85), (1.0, 0.12, 0.10)) if lamps else ((0.85, 0.86, 0.88), (0.55, 0.06, 0.06))
        body.box((x - 0.17, front - 0.12, belt - 0.40), (x + 0.17, front + 0.04, belt - 0.24), white, lit=not lamps)
        body.box((x - 0.16, back - 0.04, belt - 0.28), (x + 0.16, back + 0.08, belt - 0.10), red, lit=not lamps)
        mirror = side * (half + 0.09)
        body.box((mirror - 0.09, front * 0.42, belt), (mirror + 0.09, front * 0.42 + 0.12, belt + 0.14), paint)
    for y in (back + 0.82, front - 0.85):
        for side in (-1, 1):
            _tyre(body, (side * (half - 0.11), y, 0.32), 0.33, side)
    return Model((Part(body),), (width + 0.15, length + 0.1, height))


def _profile(
    mesh: Mesh,
    behind: list[tuple[float, float]],
    ahead: list[tuple[float, float]],
    half: float,
    narrow: float,
    colour: Colour,
) -> None:
    """Adds a body whose outline from the side goes up `behind` and down `ahead`; its upper edge is narrower."""
    outline = behind + ahead
    highest = max(z for _, z in outline)
    sides = []
    for side in (-1, 1):
        wide = [half * (narrow if z > highest - 0.2 else 1.0) * side for _, z in outline]
        sides.append(np.array([(x, y, z) for x, (y, z) in zip(wide, outline, strict=True)]))
    left, right = sides
    for number in range(len(outline) - 1):
        mesh.quad(
            np.stack([left[number], right[number], right[number + 1], left[number + 1]])[::-1][[3, 2, 1, 0]], colour
        )
    for points, outward in ((left, -1.0), (right, 1.0)):
        centre = np.array([points[:, 0].mean(), 0.0, 0.5])
        for number in range(len(points)):
            after = (number + 1) % len(points)
            triangle = np.stack([centre, points[number], points[after]])
            if outward > 0:
                triangle = triangle[[0, 2, 1]]
            mesh.add(triangle, np.tile([outward, 0.0, 0.1], (3, 1)), np.array([(0, 1, 2)]), colour)


def _tyre(mesh: Mesh, centre: tuple[float, float, float], radius_m: float, side: int) -> None:
    x, y, z = centre
    mesh.tube(np.array([x - 0.11, y, z]), np.array([x + 0.11, y, z]), radius_m, RUBBER, sides=10)
    out = x + side * 0.12
    for scale, colour in ((1.0, RUBBER), (0.6, STEEL)):
        angle = np.arange(10) * 2 * np.pi / 10 * -side
        ring = np.stack(
            [np.full(10, out), y + np.cos(angle) * radius_m * scale, z + np.sin(angle) * radius_m * scale], axis=1
        )
        out += side * 0.01
        fan = np.stack([np.zeros(8), np.arange(1, 9), np.arange(2, 10)], axis=1).astype(np.int64)[:, ::-1]
        mesh.add(ring, np.tile([float(side), 0, 0.2], (10, 1)), fan, colour)
