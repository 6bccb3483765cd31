"""What stands still: roads, pavements, houses, trees, lamps, fields. Blocks of it, each a mesh a texture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from askew.seeding import generator
from askew.synth import textures
from askew.synth.blocks import KERB_M, LIFT, METAL, SQUARE, WHITE, Block, Rectangle, Values, sides
from askew.synth.houses import houses_of_city, houses_of_town
from askew.synth.meshes import Light
from askew.synth.motorway import highway_blocks
from askew.synth.plants import tree
from askew.synth.streets import PLANS, STEPS, Highway, Node, Plan
from askew.synth.table import Sequence
from askew.synth.textures import Picture, Season
from askew.synth.traffic import Traffic


@dataclass(frozen=True, eq=False)
class World:
    """All that stands still in a video.

    Attributes:
        blocks: parts of it, near each other within one.
        pictures: the textures by name; "plain" has none.
        light: what is baked into the blocks.
        ahead_m: how far one can see.
    """

    blocks: tuple[Block, ...]
    pictures: dict[str, Picture]
    light: Light
    ahead_m: float


def world(video: Sequence, who: Traffic) -> World:
    """Returns the scenery of a video; the same for the same sequence."""
    rng = generator(video.seed, "scenery")
    season = textures.SEASONS[video.condition]
    light = Light(season.sun, season.shade)
    pictures = _pictures(video, season, rng)
    if who.highway is not None:
        length_m = float(np.linalg.norm(np.diff(who.camera[:, :2], axis=0), axis=1).sum()) + 420
        return World(tuple(highway_blocks(who.highway, length_m, season, light, rng)), pictures, light, 420.0)
    assert who.route is not None
    plan = PLANS[video.area]
    nodes = _around(list(who.route))
    blocks = [*_streets(plan, nodes, light)]
    for node in sorted({(i + dx, j + dy) for i, j in nodes for dx in (0, -1) for dy in (0, -1)}):
        blocks.append(_quarter(plan, node, video.area == "city", season, light, rng))
    return World(tuple(blocks), pictures, light, 210.0)


def _pictures(video: Sequence, season: Season, rng: np.random.Generator) -> dict[str, Picture]:
    night = video.condition == "night"
    found = {
        "grass": textures.ground(rng, season.grass, rough=0.45, snow=season.snow),
        "earth": textures.ground(rng, (0.50, 0.47, 0.42), rough=0.3, snow=season.snow),
        "paving": textures.paving(rng, season.pavement, snow=season.snow * 0.7),
        "leaves": textures.leaves(rng),
        "tiles": textures.tiles(rng),
        "sky": textures.sky(rng, season),
    }
    if video.area == "highway":
        road = Highway()
        picture = textures.motorway(rng, season, lanes=road.lanes, lane_m=road.lane_m, shoulder_m=road.shoulder_m)
        return {**found, "motorway": picture}
    plan = PLANS[video.area]
    return {
        **found,
        "street": textures.street(rng, season, half_m=plan.road_m),
        "crossing": textures.crossing(rng, season),
        "zebra": textures.zebra(rng, season, half_m=plan.road_m),
        "shops": textures.shops(rng, night=night),
        **{f"facade{kind}": textures.facade(rng, kind, night=night) for kind in range(6)},
    }


def _around(route: list[Node]) -> set[Node]:
    """Returns the crossings of the route and those within two streets of them."""
    return {(i + dx, j + dy) for i, j in route for dx in range(-2, 3) for dy in range(-2, 3)}


def _flat(x0: float, y0: float, x1: float, y1: float, z: float = 0.0) -> Values:
    return np.array([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)])


def _streets(plan: Plan, nodes: set[Node], light: Light) -> Iterator[Block]:
    half, zebra_m = plan.road_m, 3.0
    for i, j in sorted(nodes):
        block = Block(light)
        x, y = i * plan.pitch_m, j * plan.pitch_m
        block["crossing"].quad(_flat(x - half, y - half, x + half, y + half), WHITE, SQUARE * 1.3)
        for heading in (0, 1):
            dx, dy = STEPS[heading]
            along, right = np.array([dx, dy, 0.0]), np.array([dy, -dx, 0.0]) * half
            start = np.array([x, y, 0.0]) + along * half
            total = plan.pitch_m - 2 * half
            for first, last, name, repeat in (
                (0.0, zebra_m, "zebra", 1.0),
                (zebra_m, total - zebra_m, "street", (total - 2 * zebra_m) / 8),
                (total - zebra_m, total, "zebra", 1.0),
            ):
                for begin in np.arange(first, last - 0.01, 12.0):
                    end = min(begin + 12.0, last)
                    v0, v1 = (begin - first) / (last - first) * repeat, (end - first) / (last - first) * repeat
                    corners = [
                        start + along * begin - right,
                        start + along * begin + right,
                        start + along * end + right,
                        start + along * end - right,
                    ]
                    where = np.array([(0, v0), (1, v0), (1, v1), (0, v1)])
                    block[name].quad(np.array(corners), WHITE, where)
        yield block


def _quarter(plan: Plan, node: Node, city: bool, season: Season, light: Light, rng: np.random.Generator) -> Block:
    """Returns what stands between four crossings, of which `node` is the south-western."""
    block = Block(light)
    low_x, low_y = node[0] * plan.pitch_m + plan.road_m, node[1] * plan.pitch_m + plan.road_m
    high_x, high_y = low_x + plan.pitch_m - 2 * plan.road_m, low_y + plan.pitch_m - 2 * plan.road_m
    kerb = (0.66, 0.66, 0.65)
    wide = plan.pavement_m
    for a, b in (((low_x, low_y), (high_x, low_y)), ((high_x, low_y), (high_x, high_y)),
                 ((high_x, high_y), (low_x, high_y)), ((low_x, high_y), (low_x, low_y))):  # fmt: skip
        corners = np.array([(*a, 0.0), (*b, 0.0), (*b, KERB_M), (*a, KERB_M)])
        block["plain"].quad(corners, kerb)
    inner = (low_x + wide, low_y + wide, high_x - wide, high_y - wide)
    for x0, y0, x1, y1 in (
        (low_x, low_y, high_x, inner[1]), (low_x, inner[3], high_x, high_y),
        (low_x, inner[1], inner[0], inner[3]), (inner[2], inner[1], high_x, inner[3]),
    ):  # fmt: skip
        size = np.array([(x1 - x0) / 3, (y1 - y0) / 3])
        for part in _cut(x0, y0, x1, y1):
            share = (part[:, :2] - (x0, y0)) / (x1 - x0, y1 - y0)
            block["paving"].quad(part + LIFT, WHITE, share * size)
    park = city and rng.random() < 0.14
    for part in _cut(*inner):
        block["earth" if city and not park else "grass"].quad(part + LIFT, WHITE, part[:, :2] / 9)
    if park:
        for _ in range(16):
            tree(block, rng.uniform(inner[0] + 3, inner[2] - 3), rng.uniform(inner[1] + 3, inner[3] - 3), season, rng)
    elif city:
        houses_of_city(block, inner, season, rng)
    else:
        houses_of_town(block, inner, season, rng)
    _along_pavement(block, (low_x, low_y, high_x, high_y), season, rng, trees=city)
    return block


def _cut(x0: float, y0: float, x1: float, y1: float, size_m: float = 14.0) -> Iterator[Values]:
    """Yields a rectangle in parts: the renderer shades large triangles badly close to the eye."""
    xs = np.linspace(x0, x1, max(2, int(np.ceil((x1 - x0) / size_m)) + 1))
    ys = np.linspace(y0, y1, max(2, int(np.ceil((y1 - y0) / size_m)) + 1))
    for a, b in pairwise(xs):
        for c, d in pairwise(ys):
            yield _flat(a, c, b, d)


def _along_pavement(
    block: Block,
    outer: Rectangle,
    season: Season,
    rng: np.random.Generator,
    *,
    trees: bool,
) -> None:
    """Adds lamps, and in a city trees, along the kerbs of a quarter."""
    for first, along, length in sides(outer):
        inward = np.array([-along[1], along[0]])
        for number, at in enumerate(np.arange(7.0, length - 5, 10.5)):
            spot = first + along * at + inward * 0.8
            if number % 2 == 0:
                _lamp(block, spot, -inward)
            elif trees and rng.random() < 0.75:
                tree(block, float(spot[0]), float(spot[1]), season, rng, small=True)
        for corner_spot in (first + along * 1.2 + inward * 1.2,):
            _signals(block, corner_spot)


def _lamp(block: Block, at: Values, outward: Values) -> None:
    foot = np.array([*at, KERB_M])
    top = foot + np.array([0.0, 0.0, 6.2])
    block["plain"].tube(foot, top, 0.08, METAL, end=0.6)
    arm = top + np.array([*(outward * 1.5), 0.25])
    block["plain"].tube(top, arm, 0.05, METAL, sides=4)
    low = np.minimum(arm[:2], arm[:2] - outward * 0.6) - 0.13
    high = np.maximum(arm[:2], arm[:2] - outward * 0.6) + 0.13
    lit = block["plain"].light.shade < 0.3
    block["plain"].box((*low, 6.28), (*high, 6.42), (1.0, 0.93, 0.7) if lit else (0.75, 0.75, 0.72), lit=not lit)


def _signals(block: Block, at: Values) -> None:
    x, y = float(at[0]), float(at[1])
    block["plain"].tube(np.array([x, y, KERB_M]), np.array([x, y, 3.0]), 0.07, (0.2, 0.2, 0.2))
    block["plain"].box((x - 0.16, y - 0.16, 2.5), (x + 0.16, y + 0.16, 3.4), (0.10, 0.11, 0.10))
    for height, colour in ((3.22, (0.9, 0.15, 0.1)), (2.95, (0.35, 0.28, 0.05)), (2.68, (0.06, 0.3, 0.12))):
        block["plain"].box((x - 0.19, y - 0.09, height - 0.09), (x + 0.19, y + 0.09, height + 0.09), colour, lit=False)
        block["plain"].box((x - 0.09, y - 0.19, height - 0.09), (x + 0.09, y + 0.19, height + 0.09), colour, lit=False)
