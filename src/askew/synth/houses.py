"""Houses of a city and of a town, with their gardens, and barns."""

from __future__ import annotations

import numpy as np

from askew.synth.blocks import KERB_M, SQUARE, WHITE, Block, Rectangle, Values, sides
from askew.synth.meshes import Colour
from askew.synth.plants import hedge, tree
from askew.synth.textures import Season

WALLS: tuple[Colour, ...] = (
    (0.80, 0.62, 0.48), (0.72, 0.44, 0.36), (0.82, 0.78, 0.68),
    (0.62, 0.62, 0.64), (0.86, 0.80, 0.60), (0.60, 0.50, 0.42),
)  # fmt: skip
PLASTER: tuple[Colour, ...] = ((0.92, 0.90, 0.84), (0.90, 0.82, 0.66), (0.78, 0.84, 0.86), (0.88, 0.72, 0.62))


def houses_of_city(block: Block, inner: Rectangle, season: Season, rng: np.random.Generator) -> None:
    depth = 13.0
    for first, along, length in sides(inner):
        inward = np.array([-along[1], along[0]])
        at = 0.0
        while at < length - depth - 2:
            wide = min(float(rng.uniform(10, 19)), length - depth - at)
            storeys = int(rng.integers(3, 10))
            setback = float(rng.choice([0.0, 0.0, 0.7]))
            base = first + along * at + inward * setback
            _tower(block, base, along * wide, inward * (depth - setback), storeys, season, rng)
            at += wide + (2.5 if rng.random() < 0.12 else 0.0)


def _tower(
    block: Block, base: Values, along: Values, inward: Values, storeys: int, season: Season, rng: np.random.Generator
) -> None:
    """Adds a house of a city: a row of shops below, storeys of windows above, a flat roof with a rim."""
    colour = WALLS[int(rng.integers(len(WALLS)))]
    front, top = KERB_M + 4.0, KERB_M + 4.0 + 3.0 * storeys
    wide, deep = float(np.linalg.norm(along)), float(np.linalg.norm(inward))
    corners = [base, base + along, base + along + inward, base + inward]
    name = f"facade{int(rng.integers(6))}"
    shift = float(rng.integers(4)) / 4
    for number, length in enumerate((wide, deep, wide, deep)):
        a, b = corners[number], corners[(number + 1) % 4]
        low = np.array([(*a, KERB_M), (*b, KERB_M), (*b, front), (*a, front)])
        block["shops"].quad(
            low, WHITE, np.array([(0, 1), (length / 16, 1), (length / 16, 0), (0, 0)]) + np.array([shift, 0.0])
        )
        high = np.array([(*a, front), (*b, front), (*b, top), (*a, top)])
        repeats = max(1, round(length / 3)) / 4
        where = np.array([(0, storeys / 4), (repeats, storeys / 4), (repeats, 0), (0, 0)]) + np.array([shift, 0.0])
        block[name].quad(high, colour, where)
        rim = np.array([(*a, top), (*b, top), (*b, top + 0.7), (*a, top + 0.7)])
        block["plain"].quad(rim, (0.7 * colour[0], 0.7 * colour[1], 0.7 * colour[2]))
    block["plain"].quad(
        np.array([(*one, top + 0.7) for one in corners]), season.roof if season.snow else (0.4, 0.4, 0.42)
    )


def houses_of_town(block: Block, inner: Rectangle, season: Season, rng: np.random.Generator) -> None:
    for first, along, length in sides(inner):
        inward = np.array([-along[1], along[0]])
        at = 2.0
        while at < length - 20:
            wide, deep = float(rng.uniform(8, 11)), float(rng.uniform(8, 10))
            garden = float(rng.uniform(3, 6.5))
            _cottage(block, first + along * at + inward * garden, along * wide, inward * deep, season, rng)
            ends = first + along * (at - 1) + inward * 0.5, first + along * (at + wide * 0.4) + inward * 0.5
            if season.leaves and rng.random() < 0.6:
                hedge(block, *ends, season)
            elif rng.random() < 0.6:
                _fence(block, first + along * (at - 1), first + along * (at + wide * 0.5), inward * 0.4)
            spot = first + along * (at + wide + 1.8) + inward * float(rng.uniform(2, 7))
            if rng.random() < 0.75:
                tree(block, float(spot[0]), float(spot[1]), season, rng)
            at += wide + float(rng.uniform(3.5, 7))


def _cottage(
    block: Block, base: Values, along: Values, inward: Values, season: Season, rng: np.random.Generator
) -> None:
    """Adds a house of a town: plaster, two storeys of windows, a gable roof."""
    colour = PLASTER[int(rng.integers(len(PLASTER)))]
    storeys = int(rng.integers(1, 3))
    top = KERB_M + 0.4 + 3.0 * storeys
    ridge = top + float(rng.uniform(2.2, 3.4))
    corners = [base, base + along, base + along + inward, base + inward]
    name = f"facade{int(rng.choice([1, 4]))}"
    for number in range(4):
        a, b = corners[number], corners[(number + 1) % 4]
        repeats = max(1, round(float(np.linalg.norm(b - a)) / 3)) / 4
        where = np.array([(0, storeys / 4), (repeats, storeys / 4), (repeats, 0), (0, 0)])
        block[name].quad(np.array([(*a, KERB_M), (*b, KERB_M), (*b, top), (*a, top)]), colour, where)
    out_along, out_inward = along / np.linalg.norm(along) * 0.5, inward / np.linalg.norm(inward) * 0.6
    a, b, c, d = corners[0] - out_along, corners[1] + out_along, corners[2] + out_along, corners[3] - out_along
    middle = [(a + d) / 2, (b + c) / 2]
    eaves = top - 0.25
    for first, last, end, start in ((a - out_inward, b - out_inward, middle[1], middle[0]),
                                    (c + out_inward, d + out_inward, middle[0], middle[1])):  # fmt: skip
        corners_of_roof = np.array([(*first, eaves), (*last, eaves), (*end, ridge), (*start, ridge)])
        block["tiles"].quad(corners_of_roof, season.roof, SQUARE * (5, 3))
    for first, last, end in (
        (corners[1], corners[2], middle[1] - out_along),
        (corners[3], corners[0], middle[0] + out_along),
    ):
        gable = np.array([(*first, top), (*last, top), (*end, ridge - 0.1)])
        normal = np.cross(gable[1] - gable[0], gable[2] - gable[0])
        block["plain"].add(gable, np.tile(normal / np.linalg.norm(normal), (3, 1)), np.array([(0, 1, 2)]), colour)
    chimney = corners[0] + along * 0.3 + inward * 0.62
    block["plain"].box(
        (chimney[0] - 0.35, chimney[1] - 0.35, top),
        (chimney[0] + 0.35, chimney[1] + 0.35, ridge + 0.6),
        (0.45, 0.28, 0.24),
    )
    door = corners[0] + along * 0.5
    outside = -inward / np.linalg.norm(inward) * 0.06
    half_door = along / np.linalg.norm(along) * 0.5
    ends = [door - half_door + outside, door + half_door + outside]
    block["plain"].quad(
        np.array([(*ends[0], KERB_M), (*ends[1], KERB_M), (*ends[1], 2.3), (*ends[0], 2.3)]), (0.35, 0.20, 0.14)
    )


def _fence(block: Block, first: Values, last: Values, inward: Values) -> None:
    length = float(np.linalg.norm(last - first))
    for share in np.arange(0, 1.0, 0.55 / length):
        post = first + (last - first) * share + inward
        block["plain"].box(
            (post[0] - 0.05, post[1] - 0.05, KERB_M), (post[0] + 0.05, post[1] + 0.05, 1.1), (0.85, 0.83, 0.78)
        )
    for height in (0.45, 0.9):
        a, b = first + inward, last + inward
        block["plain"].tube(np.array([*a, height]), np.array([*b, height]), 0.05, (0.85, 0.83, 0.78), sides=4)


def barn(block: Block, at: Values, along: Values, season: Season, rng: np.random.Generator) -> None:
    across = np.array([-along[1], along[0]]) / np.linalg.norm(along) * 10
    base = at[:2]
    corners = [base, base + along, base + along + across, base + across]
    colour = ((0.55, 0.20, 0.16), (0.75, 0.72, 0.64), (0.48, 0.42, 0.36))[int(rng.integers(3))]
    for number in range(4):
        a, b = corners[number], corners[(number + 1) % 4]
        block["plain"].quad(np.array([(*a, 0.0), (*b, 0.0), (*b, 5.5), (*a, 5.5)]), colour)
    middle = [(corners[0] + corners[3]) / 2, (corners[1] + corners[2]) / 2]
    for first, last, end, start in (
        (corners[0], corners[1], middle[1], middle[0]),
        (corners[2], corners[3], middle[0], middle[1]),
    ):
        block["tiles"].quad(
            np.array([(*first, 5.4), (*last, 5.4), (*end, 9.0), (*start, 9.0)]), season.roof, SQUARE * (8, 4)
        )
