"""Who is on the road, and where in each frame: objects that follow their paths, and brake for what is ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from askew.seeding import generator
from askew.synth import table
from askew.synth.streets import PLANS, Highway, Node, Place, Points, highway_places, lane, places, route

STEP_M = 0.5
"""Between two points of a path that is looked up."""

LOOK_EVERY = 4
"""Frames between two looks ahead."""

SPEEDS = {"pedestrian": (0.9, 1.7), "cyclist": (3.0, 5.5), "car": (6.0, 10.0), "wheelchair": (0.7, 1.3)}
"""Metres a second, slowest and fastest, where streets are; a highway has its own."""

HIGHWAY_SPEEDS = (19.0, 31.0)

BRAKES = ("cyclist", "car")
"""Classes that brake for what is ahead of them."""

SIGHT_M = 14.0
"""How far ahead who brakes looks, beside twice its speed."""


@dataclass(frozen=True, eq=False)
class Traffic:
    """Everything that moves in a video.

    Attributes:
        kinds: (N,) the class of each object, a number of `table.CLASSES`.
        looks: (N,) seeds of what each looks like.
        positions: (T, N, 3) metres east and north, and the direction in radians, in each frame.
        travelled: (T, N) metres that each has gone: wheels and legs turn by it.
        camera: (T, 3) of the car that carries the camera.
        n_places, n_taken: class to how many places were made for it, and how many are taken.
        route: the crossings that the camera passes; None on a highway.
        highway: the road; None in a city or town.
    """

    kinds: NDArray[np.int64]
    looks: NDArray[np.int64]
    positions: NDArray[np.float64]
    travelled: NDArray[np.float64]
    camera: NDArray[np.float64]
    n_places: Mapping[str, int]
    n_taken: Mapping[str, int]
    route: tuple[Node, ...] | None
    highway: Highway | None


def traffic(video: table.Sequence) -> Traffic:
    """Returns who is in a video and where, frame by frame; the same for the same sequence."""
    rng = generator(video.seed, "traffic")
    seconds = video.n_frames / table.FPS
    nodes: list[Node] | None = None
    road: Highway | None = None
    if video.area == "highway":
        road = Highway.draw(rng)
        length = road.speed_m_s * seconds + 220
        all_places = list(highway_places(road, length, rng))
        own, speed = road.line(0.0, length + 60, road.offset_m(1)), road.speed_m_s
    else:
        plan = PLANS[video.area]
        nodes = route(rng, int(plan.speed_m_s * seconds / plan.pitch_m) + 4)
        all_places = list(places(plan, nodes, rng))
        own, speed = lane(plan, nodes, plan.lane_m), plan.speed_m_s
        own[0] += (own[1] - own[0]) * 0.4
    taken = [one for one in all_places if rng.random() < video.spawn[one.kind]]
    counts = {name: sum(one.kind == name for one in all_places) for name in table.CLASSES}
    chosen = {name: sum(one.kind == name for one in taken) for name in table.CLASSES}
    taken = _apart(taken, own)
    speeds = np.array([_speed(one.kind, road, rng) for one in taken] + [speed])
    brakes = np.array([one.kind in BRAKES for one in taken] + [True])
    places_at, gone = _simulated([*(one.path for one in taken), own], speeds, brakes, video.n_frames)
    return Traffic(
        kinds=np.array([table.CLASSES.index(one.kind) for one in taken], dtype=np.int64),
        looks=rng.integers(2**31, size=len(taken)),
        positions=places_at[:, :-1],
        travelled=gone[:, :-1],
        camera=places_at[:, -1],
        n_places=counts,
        n_taken=chosen,
        route=None if nodes is None else tuple(nodes),
        highway=road,
    )


def _apart(taken: Sequence[Place], own: Points) -> list[Place]:
    """Leaves out who would start in the car that carries the camera."""
    return [one for one in taken if np.linalg.norm(one.path[0] - own[0]) > (7 if one.kind == "car" else 4)]


def _speed(kind: str, road: Highway | None, rng: np.random.Generator) -> float:
    low, high = SPEEDS[kind] if road is None else HIGHWAY_SPEEDS
    return float(rng.uniform(low, high))


class _Paths:
    """Points of all paths at equal steps, looked up for all objects at once."""

    def __init__(self, paths: Sequence[Points]) -> None:
        parts, self.last = [], np.zeros(len(paths))
        self.start = np.zeros(len(paths), dtype=np.int64)
        begin = 0
        for number, path in enumerate(paths):
            lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
            grid = np.arange(0.0, lengths[-1] + STEP_M, STEP_M)
            parts.append(np.stack([np.interp(grid, lengths, path[:, 0]), np.interp(grid, lengths, path[:, 1])], axis=1))
            self.start[number], self.last[number] = begin, max(lengths[-1] - 3 * STEP_M, 0.0)
            begin += len(grid)
        self.points = np.concatenate([*parts, parts[-1][-1:].repeat(8, axis=0)])

    def at(self, along_m: NDArray[np.float64]) -> tuple[Points, NDArray[np.float64]]:
        """Returns (N, 2) places and (N,) directions in radians of objects so many metres along their paths."""
        clipped = np.minimum(along_m, self.last)
        step = clipped / STEP_M
        whole = step.astype(np.int64)
        share = (step - whole)[:, None]
        first = self.start + whole
        here = self.points[first] * (1 - share) + self.points[first + 1] * share
        behind = self.points[np.maximum(first - 2, self.start)]
        ahead = self.points[first + 3] * share + self.points[first + 2] * (1 - share)
        facing = ahead - behind
        return here, np.arctan2(facing[:, 1], facing[:, 0])


def _simulated(
    paths: Sequence[Points], speeds: NDArray[np.float64], brakes: NDArray[np.bool_], n_frames: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns (T, N, 3) places and (T, N) metres gone, of objects that drive their paths and brake."""
    table_of = _Paths(paths)
    gone, now = np.zeros(len(paths)), speeds.copy()
    wanted = speeds.copy()
    out, way = np.zeros((n_frames, len(paths), 3)), np.zeros((n_frames, len(paths)))
    dt = 1 / table.FPS
    for frame in range(n_frames):
        here, facing = table_of.at(gone)
        out[frame, :, :2], out[frame, :, 2], way[frame] = here, facing, gone
        if frame % LOOK_EVERY == 0:
            wanted = np.where(brakes, np.minimum(speeds, _allowed(here, facing, now, brakes)), speeds)
        now = np.clip(wanted, now - 7.0 * dt, now + 2.0 * dt)
        gone = np.minimum(gone + np.maximum(now, 0.0) * dt, table_of.last)
    return out, way


def _allowed(
    here: Points, facing: NDArray[np.float64], now: NDArray[np.float64], brakes: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Returns the speed that the gap to what is ahead of each object allows; infinite where nothing is ahead.

    A car brakes for another that goes its way, and for whoever is on foot in its lane.
    """
    allowed = np.full(len(here), np.inf)
    rows = np.flatnonzero(brakes)
    way = np.stack([np.cos(facing[rows]), np.sin(facing[rows])], axis=1)
    between = here[None] - here[rows, None]
    ahead = (between * way[:, None]).sum(axis=2)
    aside = np.abs(between[..., 0] * -way[:, None, 1] + between[..., 1] * way[:, None, 0])
    same_way = np.cos(facing[None] - facing[rows, None]) > 0.5
    counts = np.where(brakes[None], same_way & (aside < 1.7), aside < 1.5)
    near = counts & (ahead > 0.3) & (ahead < SIGHT_M + 2 * now[rows, None])
    gap = np.where(near, ahead, np.inf).min(axis=1)
    allowed[rows] = np.maximum(0.0, (gap - 7.0) * 0.7)
    return allowed
