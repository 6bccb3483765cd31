"""Table 2.1 of the thesis: which videos there are, of which areas and conditions, and how often each class appears."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from askew.errors import InputError
from askew.seeding import generator

Area = Literal["city", "town", "highway"]
Condition = Literal["spring", "winter", "fall", "rain", "night"]

CLASSES = ("pedestrian", "cyclist", "car", "wheelchair")
"""Names of the classes; class c of every box is number c here."""

HIGHWAY_CLASSES = ("car",)
"""What drives on a highway."""

FPS = 25
"""Frames a second."""


@dataclass(frozen=True)
class Subset:
    """A row of Table 2.1.

    Attributes:
        name: of the row; its videos are called `<name>-<number>`.
        part: "train" or "test".
        sequences: how many videos.
        areas, conditions: each video has one of each. All pairs come equally often, in a random order.
        spawn: class to the probability that a place made for it is taken; on a highway only cars are.
    """

    name: str
    part: Literal["train", "test"]
    sequences: int
    areas: tuple[Area, ...]
    conditions: tuple[Condition, ...]
    spawn: Mapping[str, float]


def _spawn(pedestrian: float, cyclist: float, car: float, wheelchair: float) -> Mapping[str, float]:
    return MappingProxyType(dict(zip(CLASSES, (pedestrian, cyclist, car, wheelchair), strict=True)))


_USUAL = _spawn(0.30, 0.20, 0.35, 0.0)
_WHEELCHAIRS = _spawn(0.20, 0.20, 0.0, 1.0)

SYNTHIA_AL = (
    Subset("default", "train", 150, ("city", "highway"), ("spring", "winter", "fall", "rain"), _USUAL),
    Subset("town", "train", 36, ("town",), ("spring", "winter", "fall", "rain"), _USUAL),
    Subset("night", "train", 6, ("city", "highway"), ("night",), _spawn(0.0, 0.0, 0.35, 0.0)),
    Subset("wheelchair", "train", 5, ("city", "town"), ("spring",), _WHEELCHAIRS),
    Subset("test", "test", 85, ("city", "town", "highway"), ("spring", "fall", "rain", "night"), _USUAL),
    Subset("test-wheelchair", "test", 12, ("city", "town"), ("spring",), _WHEELCHAIRS),
)
"""The six rows of Table 2.1."""


@dataclass(frozen=True)
class Sequence:
    """One video to make.

    Attributes:
        name: file name without a suffix.
        part: "train" or "test".
        area, condition: where and when.
        spawn: class to the probability that a place made for it is taken.
        n_frames: its length, at `FPS` frames a second.
        seed: of everything random in it.
    """

    name: str
    part: str
    area: Area
    condition: Condition
    spawn: Mapping[str, float]
    n_frames: int
    seed: int


def sequences(
    *, scale: float = 1.0, seconds: tuple[float, float] = (10.0, 30.0), seed: int = 0
) -> tuple[Sequence, ...]:
    """Returns the videos of Table 2.1, or of a share of it.

    Args:
        scale: share of every row's videos, rounded, at least one a row.
        seconds: shortest and longest video; lengths are drawn uniformly between.
        seed: of lengths, of who gets which area and condition, and of what is in each video.

    Raises:
        InputError: a scale that is not in (0, 1], or seconds that are not 0 < shortest <= longest.
    """
    if not 0 < scale <= 1:
        raise InputError(f"scale: expected a share above 0 and at most 1, got {scale}")
    low, high = seconds
    if not (0 < low <= high < math.inf) or low * FPS < 1:
        raise InputError(
            f"seconds: expected shortest and longest, at least one frame ({1 / FPS}), got {low} and {high}"
        )
    found = []
    for row in SYNTHIA_AL:
        count = max(1, round(scale * row.sequences))
        rng = generator(seed, "roads", row.name)
        pairs = [(area, condition) for area in row.areas for condition in row.conditions]
        order = [pairs[i] for _ in range(-(-count // len(pairs))) for i in rng.permutation(len(pairs))]
        for number, (area, condition) in enumerate(order[:count]):
            n_frames = max(1, round(FPS * rng.uniform(low, high)))
            spawn = _of_area(row.spawn, area, condition)
            own = int(rng.integers(2**62))
            found.append(Sequence(f"{row.name}-{number:03d}", row.part, area, condition, spawn, n_frames, own))
    return tuple(found)


def _of_area(spawn: Mapping[str, float], area: Area, condition: Condition) -> Mapping[str, float]:
    """Returns the probabilities where they hold: a highway has cars only, and so has the night."""
    kept = HIGHWAY_CLASSES if area == "highway" or condition == "night" else CLASSES
    return MappingProxyType({name: p if name in kept else 0.0 for name, p in spawn.items()})
