"""Pictures of surfaces, made from noise: asphalt with its lines, grass, façades, leaves, sky. NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Values = NDArray[np.float64]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Season:
    """Colours of a condition, each from 0 to 1.

    Attributes:
        grass, asphalt, pavement, roof: of these.
        leaves: of the crowns of trees, one drawn a tree; empty if trees are bare.
        sky: at the zenith and at the horizon.
        cloud: share of the sky that clouds cover.
        sun, shade: light from the sun and from everywhere.
        snow: share of grass, roofs and kerbs that snow covers.
    """

    grass: Colour
    asphalt: Colour
    pavement: Colour
    roof: Colour
    leaves: tuple[Colour, ...]
    sky: tuple[Colour, Colour]
    cloud: float
    sun: float
    shade: float
    snow: float = 0.0


SEASONS = {
    "spring": Season(
        grass=(0.34, 0.52, 0.20),
        asphalt=(0.36, 0.36, 0.38),
        pavement=(0.62, 0.60, 0.57),
        roof=(0.52, 0.27, 0.20),
        leaves=((0.28, 0.50, 0.16), (0.36, 0.56, 0.20), (0.24, 0.44, 0.18), (0.78, 0.60, 0.66)),
        sky=((0.25, 0.48, 0.85), (0.74, 0.85, 0.95)),
        cloud=0.35,
        sun=0.62,
        shade=0.48,
    ),
    "fall": Season(
        grass=(0.45, 0.43, 0.20),
        asphalt=(0.35, 0.34, 0.34),
        pavement=(0.58, 0.54, 0.48),
        roof=(0.48, 0.27, 0.20),
        leaves=((0.80, 0.42, 0.10), (0.72, 0.26, 0.12), (0.82, 0.62, 0.16), (0.52, 0.40, 0.14)),
        sky=((0.42, 0.55, 0.76), (0.90, 0.84, 0.72)),
        cloud=0.5,
        sun=0.55,
        shade=0.46,
    ),
    "winter": Season(
        grass=(0.88, 0.90, 0.94),
        asphalt=(0.42, 0.43, 0.46),
        pavement=(0.78, 0.79, 0.82),
        roof=(0.86, 0.88, 0.92),
        leaves=(),
        sky=((0.62, 0.70, 0.80), (0.86, 0.88, 0.91)),
        cloud=0.75,
        sun=0.28,
        shade=0.68,
        snow=0.8,
    ),
    "rain": Season(
        grass=(0.26, 0.38, 0.18),
        asphalt=(0.22, 0.23, 0.26),
        pavement=(0.42, 0.42, 0.43),
        roof=(0.38, 0.22, 0.18),
        leaves=((0.20, 0.36, 0.14), (0.24, 0.40, 0.16), (0.18, 0.32, 0.15)),
        sky=((0.42, 0.45, 0.50), (0.62, 0.64, 0.67)),
        cloud=1.0,
        sun=0.10,
        shade=0.70,
    ),
    "night": Season(
        grass=(0.34, 0.52, 0.20),
        asphalt=(0.36, 0.36, 0.38),
        pavement=(0.62, 0.60, 0.57),
        roof=(0.52, 0.27, 0.20),
        leaves=((0.28, 0.50, 0.16), (0.36, 0.56, 0.20), (0.24, 0.44, 0.18)),
        sky=((0.02, 0.03, 0.08), (0.10, 0.10, 0.16)),
        cloud=0.3,
        sun=0.05,
        shade=0.22,
    ),
}


def noise(rng: np.random.Generator, height: int, width: int, cell: int, octaves: int = 4) -> Values:
    """Returns (height, width) smooth noise in [0, 1] that repeats at its edges; `cell` pixels are its largest wave."""
    total, weight, size = np.zeros((height, width)), 0.0, 1.0
    for octave in range(octaves):
        step = max(1, cell >> octave)
        rows, columns = max(1, height // step), max(1, width // step)
        total += size * _stretched(rng.random((rows, columns)), height, width)
        weight, size = weight + size, size / 2
    return total / weight


def _stretched(grid: Values, height: int, width: int) -> Values:
    """Returns a grid brought to a size, linear between its cells and periodic."""
    y, x = np.arange(height) * grid.shape[0] / height, np.arange(width) * grid.shape[1] / width
    y0, x0 = y.astype(int), x.astype(int)
    dy, dx = (y - y0)[:, None], (x - x0)[None]
    dy, dx = dy * dy * (3 - 2 * dy), dx * dx * (3 - 2 * dx)
    y1, x1 = (y0 + 1) % grid.shape[0], (x0 + 1) % grid.shape[1]
    top = grid[y0][:, x0] * (1 - dx) + grid[y0][:, x1] * dx
    bottom = grid[y1][:, x0] * (1 - dx) + grid[y1][:, x1] * dx
    stretched: Values = top * (1 - dy) + bottom * dy
    return stretched


def _painted(colour: Colour, shade: Values) -> Values:
    return np.asarray(colour) * shade[..., None]


def _bytes(values: Values) -> Picture:
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def _snowed(values: Values, rng: np.random.Generator, share: float) -> Values:
    """Returns a surface with patches of snow over that share of it."""
    if share == 0:
        return values
    height, width = values.shape[:2]
    field = noise(rng, height, width, width // 4)
    cover = np.clip((field - np.quantile(field, 1 - share)) * 14 + 0.5, 0, 1)[..., None]
    return values * (1 - cover) + np.array([0.93, 0.95, 0.98]) * cover


def ground(rng: np.random.Generator, colour: Colour, *, rough: float, snow: float = 0.0) -> Picture:
    """Returns (128, 128, 3) of grass, earth or pavement; `rough` is how much its brightness varies."""
    shade = 1 - rough / 2 + rough * noise(rng, 128, 128, 32, 5) + rng.normal(0, rough / 6, (128, 128))
    return _bytes(_snowed(_painted(colour, shade), rng, snow))


def paving(rng: np.random.Generator, colour: Colour, *, snow: float = 0.0) -> Picture:
    """Returns (128, 128, 3) of slabs with joints: four by four of them."""
    shade = 0.9 + 0.2 * noise(rng, 128, 128, 32, 5) + np.kron(rng.normal(0, 0.03, (4, 4)), np.ones((32, 32)))
    shade[::32] *= 0.75
    shade[:, ::32] *= 0.75
    return _bytes(_snowed(_painted(colour, shade), rng, snow))


def asphalt(rng: np.random.Generator, colour: Colour, size: int = 128) -> Values:
    """Returns (size, size, 3) of asphalt with patches and grit."""
    shade = 0.86 + 0.28 * noise(rng, size, size, size // 2, 5) + rng.normal(0, 0.035, (size, size))
    return _painted(colour, shade)


def _line(
    values: Values, columns: slice, rows: slice, rng: np.random.Generator, colour: Colour = (0.9, 0.9, 0.88)
) -> None:
    part = values[rows, columns]
    worn = 0.65 + 0.35 * rng.random(part.shape[:2])[..., None]
    part[:] = part * (1 - worn) + np.asarray(colour) * worn


def street(rng: np.random.Generator, season: Season, *, half_m: float) -> Picture:
    """Returns (128, 128, 3) of a street across its width and 8 m of its length, with a dashed line and gutters."""
    values = asphalt(rng, season.asphalt)
    metre = 128 / (2 * half_m)
    middle = max(1, round(0.08 * metre))
    _line(values, slice(64 - middle, 64 + middle), slice(20, 84), rng)
    for left in (round(0.25 * metre), 127 - round(0.4 * metre)):
        values[:, left : left + round(0.15 * metre) + 1] *= 0.8
    _ruts(values, metre, (-half_m / 2 - 0.7, -half_m / 2 + 0.7, half_m / 2 - 0.7, half_m / 2 + 0.7))
    if season.snow:
        edge = round(0.9 * metre)
        for side in (slice(0, edge), slice(128 - edge, 128)):
            values[:, side] = _snowed(values[:, side], rng, 0.75)
    return _bytes(values)


def _ruts(values: Values, metre: float, at_m: tuple[float, ...]) -> None:
    """Darkens where wheels go, that many metres right of the middle."""
    columns = np.arange(values.shape[1])
    for middle in at_m:
        dark = np.exp(-(((columns - values.shape[1] / 2) / metre - middle) ** 2) / 0.08)
        values *= 1 - 0.13 * dark[None, :, None]


def crossing(rng: np.random.Generator, season: Season) -> Picture:
    """Returns (128, 128, 3) of bare asphalt."""
    return _bytes(asphalt(rng, season.asphalt))


def zebra(rng: np.random.Generator, season: Season, *, half_m: float) -> Picture:
    """Returns (32, 128, 3) of a pedestrian crossing across a street."""
    values = asphalt(rng, season.asphalt)[:32]
    bar = 128 * 0.5 / (2 * half_m)
    for number in range(round(128 / (2 * bar))):
        left = round((2 * number + 0.5) * bar)
        _line(values, slice(left, left + round(bar)), slice(3, 29), rng)
    return _bytes(values)


def motorway(rng: np.random.Generator, season: Season, *, lanes: int, lane_m: float, shoulder_m: float) -> Picture:
    """Returns (128, 256, 3) of one side of a highway, its middle left, and 18 m of its length."""
    values = np.concatenate([asphalt(rng, season.asphalt), asphalt(rng, season.asphalt)], axis=1)
    metre = 256 / (lanes * lane_m + shoulder_m)
    wide = max(1, round(0.09 * metre))
    for number in range(1, lanes):
        at = round(number * lane_m * metre)
        _line(values, slice(at - wide, at + wide), slice(0, 43), rng)
    for at in (round(0.35 * metre), round(lanes * lane_m * metre)):
        _line(values, slice(at - wide, at + wide), slice(0, 128), rng)
    if season.snow:
        edge = round(lanes * lane_m * metre) + 6
        values[:, edge:] = _snowed(values[:, edge:], rng, 0.8)
    return _bytes(values)


def facade(rng: np.random.Generator, kind: int, *, night: bool) -> Picture:
    """Returns (128, 128, 3) of four storeys by four windows of a house front, 12 m by 12 m; `kind` is its style."""
    wall = 0.84 + 0.22 * noise(rng, 128, 128, 64, 5)
    if kind % 3 == 0:
        wall[::4] *= 0.86
        for row in range(0, 128, 4):
            wall[row : row + 4, (row // 4 % 2) * 4 :: 8] *= 0.86
    values = np.repeat(wall[..., None], 3, axis=2)
    margin, tall = ((7, 20), (5, 22), (2, 17))[kind % 3]
    for row in range(4):
        for column in range(4):
            top, left = row * 32 + (32 - tall) // 2, column * 32 + margin
            pane = values[top : top + tall, left : 32 * (column + 1) - margin]
            sky = np.linspace(0.55, 0.30, tall)[:, None, None] * np.array([0.75, 0.9, 1.05])
            lit = night and rng.random() < 0.4
            pane[:] = np.array([1.6, 1.3, 0.75]) * rng.uniform(0.7, 1.0) if lit else sky * rng.uniform(0.5, 1.0)
            if not lit and rng.random() < 0.4:
                pane[: tall // 3] = np.array([0.78, 0.74, 0.66]) * rng.uniform(0.7, 1)
            pane[:, pane.shape[1] // 2] *= 0.6
            pane[[0, -1]] *= 0.6
            pane[:, [0, -1]] *= 0.6
            values[top + tall : top + tall + 2, left - 1 : 32 * (column + 1) - margin + 1] *= 1.15
    if kind % 3 == 2:
        values[::32] *= 0.7
    return _bytes(values)


def shops(rng: np.random.Generator, *, night: bool) -> Picture:
    """Returns (32, 128, 3) of a row of shop windows, 4 m high and 16 m long."""
    values = np.full((32, 128, 3), 0.42)
    for number in range(4):
        left = number * 32 + 2
        awning = np.asarray(rng.choice([(0.62, 0.16, 0.14), (0.14, 0.34, 0.30), (0.72, 0.62, 0.40), (0.2, 0.24, 0.4)]))
        values[0:7, left : left + 28] = awning
        values[5:7, left : left + 28] *= 0.7
        glass = np.array([0.95, 0.85, 0.6]) * 1.3 if night and rng.random() < 0.6 else np.array([0.22, 0.26, 0.30])
        values[9:26, left + 1 : left + 17] = glass * (0.8 + 0.4 * noise(rng, 17, 16, 8))[..., None]
        values[9:31, left + 20 : left + 27] = np.array([0.30, 0.22, 0.16]) * rng.uniform(0.6, 1.4)
    return _bytes(values)


def leaves(rng: np.random.Generator) -> Picture:
    """Returns (64, 64, 3) of grey foliage, which the colour of a tree multiplies."""
    shade = 0.55 + 0.9 * (noise(rng, 64, 64, 16, 4) - 0.25) + rng.normal(0, 0.10, (64, 64))
    return _bytes(np.repeat(shade[..., None], 3, axis=2))


def tiles(rng: np.random.Generator) -> Picture:
    """Returns (64, 64, 3) of grey roof tiles, which the colour of a roof multiplies."""
    shade = 0.85 + 0.2 * rng.random((64, 64))
    shade[::8] *= 0.6
    for row in range(8):
        shade[8 * row : 8 * row + 8, (row % 2) * 4 :: 8] *= 0.8
    return _bytes(np.repeat(shade[..., None], 3, axis=2))


def sky(rng: np.random.Generator, season: Season) -> Picture:
    """Returns (128, 512, 3) of the sky around, the zenith first and a little below the horizon last."""
    zenith, horizon = np.asarray(season.sky[0]), np.asarray(season.sky[1])
    height = np.linspace(1, 0, 128)[:, None, None] ** 0.7
    values = np.broadcast_to(zenith * height + horizon * (1 - height), (128, 512, 3)).copy()
    field = noise(rng, 128, 512, 64, 6)
    cover = np.clip((field - np.quantile(field, 1 - min(season.cloud, 0.98))) * 5, 0, 1)
    cover *= np.linspace(1.0, 0.35, 128)[:, None] * (0.75 if season.cloud < 1 else 0.5)
    bright = np.asarray(horizon) * 1.06 - 0.16 * noise(rng, 128, 512, 32, 5)[..., None] * (season.cloud > 0.6)
    values = values * (1 - cover[..., None]) + bright * cover[..., None]
    return _bytes(values)
