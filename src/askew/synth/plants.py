"""Trees and hedges, in the colours of a season."""

from __future__ import annotations

import numpy as np

from askew.synth.blocks import KERB_M, Block, Values
from askew.synth.meshes import Colour
from askew.synth.textures import Season

BARK: Colour = (0.30, 0.23, 0.17)


def tree(
    block: Block,
    x: float,
    y: float,
    season: Season,
    rng: np.random.Generator,
    *,
    small: bool = False,
    ground_m: float = KERB_M,
) -> None:
    """Adds a tree: a trunk, and a crown of rough balls, or bare branches."""
    tall = float(rng.uniform(3.0, 4.2) if small else rng.uniform(4.0, 7.5))
    trunk = 0.34 * tall
    block["plain"].tube(
        np.array([x, y, ground_m]), np.array([x, y, ground_m + trunk * 1.6]), 0.045 * tall, BARK, end=0.5
    )
    if not season.leaves:
        _branches(block, np.array([x, y, ground_m + trunk]), tall, rng)
        return
    colour = np.asarray(season.leaves[int(rng.integers(len(season.leaves)))]) * rng.uniform(1.1, 1.5)
    for number in range(3 if small else 4):
        size = tall * float(rng.uniform(0.22, 0.32))
        dx, dy = rng.normal(0, 0.11 * tall, 2) if number else (0.0, 0.0)
        z = ground_m + trunk + tall * float(rng.uniform(0.25, 0.55)) + (0.25 * tall if number == 0 else 0.0)
        rough = rng.uniform(0.80, 1.18, (6, 7))
        block["leaves"].ball(
            (x + dx, y + dy, z), (size, size, size * 0.85), tuple(colour), around=7, up=5, rough=rough, texture=3.0
        )


def _branches(block: Block, foot: Values, tall: float, rng: np.random.Generator) -> None:
    for _ in range(9):
        angle, up = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.0)
        start = foot + np.array([0, 0, float(rng.uniform(0, 0.3 * tall))])
        end = start + np.array([np.cos(angle) * 0.32, np.sin(angle) * 0.32, up * 0.5]) * tall * float(
            rng.uniform(0.6, 1)
        )
        block["plain"].tube(start, end, 0.016 * tall, BARK, sides=4, end=0.3)
        for _ in range(2):
            middle = start + (end - start) * float(rng.uniform(0.4, 0.8))
            tip = middle + rng.normal(0, 0.13, 3) * tall + np.array([0, 0, 0.10 * tall])
            block["plain"].tube(middle, tip, 0.009 * tall, BARK, sides=3, end=0.3)


def hedge(block: Block, first: Values, last: Values, season: Season) -> None:
    low, high = np.minimum(first, last) - 0.35, np.maximum(first, last) + 0.35
    block["leaves"].box((*low, KERB_M), (*high, 1.25), season.leaves[0])
