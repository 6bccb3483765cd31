"""Where one can go: the streets of a city or a town, or a highway, as paths of points in metres.

A street plan is a square grid of crossings. The places made for pedestrians, cyclists, cars and wheelchairs lie along
it, at fixed distances; each is the start of a random path that stays on the pavement or in its lane.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Node = tuple[int, int]
Corner = tuple[int, int, int, int]

STEPS: tuple[Node, ...] = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""East, north, west, south."""


@dataclass(frozen=True)
class Plan:
    """Measures of an area in metres.

    Attributes:
        pitch_m: from crossing to crossing.
        road_m: half the width of the road.
        lane_m: from the middle of the road to the middle of the lane.
        bike_m: from the middle of the road to where cyclists ride.
        pavement_m: width of the pavement.
        walker_m, wheelchair_m, cyclist_m, car_m: from one place made for a class to the next, along pavement or lane.
        speed_m_s: of the car that carries the camera.
    """

    pitch_m: float
    road_m: float
    lane_m: float
    bike_m: float
    pavement_m: float
    walker_m: float
    wheelchair_m: float
    cyclist_m: float
    car_m: float
    speed_m_s: float


CITY = Plan(80.0, 5.2, 2.2, 4.5, 4.0, 5.5, 16.0, 17.0, 21.0, 8.5)
TOWN = Plan(66.0, 4.3, 1.9, 3.7, 2.4, 8.0, 16.0, 20.0, 25.0, 7.5)

PLANS = {"city": CITY, "town": TOWN}


@dataclass(frozen=True)
class Place:
    """A place made for one object of a class, with the path that it would take.

    Attributes:
        kind: the class.
        path: (P, 2) points in metres.
    """

    kind: str
    path: Points


def route(rng: np.random.Generator, n_crossings: int) -> list[Node]:
    """Returns the crossings that a random drive passes: mostly straight on, never back, never twice the same."""
    while True:
        here, heading = (0, 0), 1
        nodes = [(0, -1), here]
        for number in range(n_crossings):
            turn = 0 if number == 0 else int(rng.choice([0, 1, -1], p=[0.64, 0.18, 0.18]))
            heading = (heading + turn) % 4
            here = (here[0] + STEPS[heading][0], here[1] + STEPS[heading][1])
            nodes.append(here)
        if len(set(nodes)) == len(nodes):
            return nodes


def drive(rng: np.random.Generator, start: Node, heading: int, n_crossings: int) -> list[Node]:
    """Returns the crossings of a random drive along the grid, never straight back."""
    nodes = [start]
    for _ in range(n_crossings):
        nodes.append((nodes[-1][0] + STEPS[heading][0], nodes[-1][1] + STEPS[heading][1]))
        heading = (heading + int(rng.choice([0, 1, -1], p=[0.6, 0.2, 0.2]))) % 4
    return nodes


def lane(plan: Plan, nodes: list[Node], offset_m: float) -> Points:
    """Returns the path that keeps `offset_m` to the right of the middle of the streets, with round turns."""
    centres = np.array(nodes, dtype=np.float64) * plan.pitch_m
    legs = np.diff(centres, axis=0) / plan.pitch_m
    right = np.stack([legs[:, 1], -legs[:, 0]], axis=1) * offset_m
    inner = plan.road_m + 1.5
    parts = []
    for number in range(len(legs)):
        first = centres[number] + legs[number] * inner + right[number]
        last = centres[number + 1] - legs[number] * inner + right[number]
        parts.append(np.stack([first, last]))
        if number + 1 < len(legs):
            following = centres[number + 1] + legs[number + 1] * inner + right[number + 1]
            if (legs[number] == legs[number + 1]).all():
                continue
            middle = _meeting(last, legs[number], following, legs[number + 1])
            share = np.linspace(0, 1, 12)[1:-1, None]
            parts.append((1 - share) ** 2 * last + 2 * share * (1 - share) * middle + share**2 * following)
    return np.concatenate(parts)


def _meeting(first: Points, along: Points, second: Points, other: Points) -> Points:
    """Returns where the line through `first` meets the line through `second`; the two are perpendicular."""
    meeting: Points = first + along * float((second - first) @ along)
    return meeting if abs(float(other @ along)) < 0.5 else (first + second) / 2


def walk(rng: np.random.Generator, start: Corner, first: Corner, n_corners: int) -> list[Corner]:
    """Returns the street corners that a random walk on the pavements passes; one street in four is crossed."""
    corners = [start, first]
    for _ in range(n_corners):
        before, here = corners[-2], corners[-1]
        along = [one for one in _along(here) if one != before]
        across = [one for one in _across(here) if one != before]
        options = across if not along or (across and rng.random() < 0.25) else along
        corners.append(options[int(rng.integers(len(options)))])
    return corners


def _along(corner: Corner) -> list[Corner]:
    i, j, x, y = corner
    return [(i + x, j, -x, y), (i, j + y, x, -y)]


def _across(corner: Corner) -> list[Corner]:
    i, j, x, y = corner
    return [(i, j, -x, y), (i, j, x, -y)]


def pavement(plan: Plan, corners: list[Corner], beside_m: float) -> Points:
    """Returns the path along the middle of the pavements, `beside_m` further from the road."""
    out = plan.road_m + plan.pavement_m / 2 + beside_m
    return np.array([(i * plan.pitch_m + x * out, j * plan.pitch_m + y * out) for i, j, x, y in corners])


def edges(nodes: list[Node]) -> list[tuple[Node, int]]:
    """Returns the streets of a drive and those that meet it, each as its western or southern end and a direction."""
    found: dict[tuple[Node, int], None] = {}
    for node in nodes:
        for heading in range(4):
            other = (node[0] + STEPS[heading][0], node[1] + STEPS[heading][1])
            found[(node, heading) if heading < 2 else (other, heading - 2)] = None
    return sorted(found)


def places(plan: Plan, nodes: list[Node], rng: np.random.Generator) -> Iterator[Place]:
    """Yields every place made for an object along the streets of a drive, with a random path from there."""
    for node, heading in edges(nodes):
        other = (node[0] + STEPS[heading][0], node[1] + STEPS[heading][1])
        for start, way in ((node, heading), (other, heading + 2)):
            for kind, every_m, offset_m in (
                ("car", plan.car_m, plan.lane_m),
                ("cyclist", plan.cyclist_m, plan.bike_m),
            ):
                for along_m in _spots(plan, every_m, rng):
                    path = lane(plan, drive(rng, start, way, 9), offset_m)
                    yield Place(kind, _from(path, along_m))
        for side in (-1, 1):
            x, y = STEPS[heading]
            start_corner = (*node, x or side, y or side)
            end_corner = (*other, -x or side, -y or side)
            for kind, every_m in (("pedestrian", plan.walker_m), ("wheelchair", plan.wheelchair_m)):
                for along_m in _spots(plan, every_m, rng):
                    ends = (start_corner, end_corner) if rng.random() < 0.5 else (end_corner, start_corner)
                    beside_m = float(rng.uniform(-0.35, 0.35)) * plan.pavement_m
                    path = pavement(plan, walk(rng, *ends, 6), beside_m)
                    yield Place(kind, _from(path, along_m))


def _spots(plan: Plan, every_m: float, rng: np.random.Generator) -> Points:
    """Returns how far along a street its places lie, in metres from where the crossing ends."""
    length = plan.pitch_m - 2 * plan.road_m - 4
    count = max(1, int(length // every_m))
    return 2 + (np.arange(count) + 0.5) * length / count + rng.uniform(-0.2, 0.2, count) * every_m


def _from(path: Points, along_m: float) -> Points:
    """Returns the rest of a path from so many metres on."""
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    ends = np.concatenate([[0.0], np.cumsum(lengths)])
    at = min(int(np.searchsorted(ends, along_m, side="right")) - 1, len(lengths) - 1)
    share = (along_m - ends[at]) / lengths[at]
    return np.concatenate([[path[at] * (1 - share) + path[at + 1] * share], path[at + 1 :]])


@dataclass(frozen=True)
class Highway:
    """Measures of a highway in metres: its lanes on each side of the middle, and how it winds."""

    lanes: int = 3
    lane_m: float = 3.6
    median_m: float = 1.6
    shoulder_m: float = 2.6
    car_m: float = 32.0
    speed_m_s: float = 25.0
    amplitudes: tuple[float, ...] = ()
    waves_m: tuple[float, ...] = ()
    phases: tuple[float, ...] = ()

    @staticmethod
    def draw(rng: np.random.Generator) -> Highway:
        """Returns a highway that winds at random."""
        waves = (520.0, 1300.0)
        return Highway(
            amplitudes=tuple(rng.uniform(0.1, 0.22, 2)), waves_m=waves, phases=tuple(rng.uniform(0, 2 * np.pi, 2))
        )

    @property
    def half_m(self) -> float:
        """From the middle to the end of the shoulder."""
        return self.median_m + self.lanes * self.lane_m + self.shoulder_m

    def heading(self, along_m: Points) -> Points:
        """Returns the direction of the road in radians, so many metres along it; 0 is east, π/2 north."""
        turned = np.full(np.shape(along_m), np.pi / 2)
        for size, wave, phase in zip(self.amplitudes, self.waves_m, self.phases, strict=True):
            turned = turned + size * (np.sin(2 * np.pi * along_m / wave + phase) - np.sin(phase))
        return turned

    def line(self, first_m: float, last_m: float, offset_m: float, *, step_m: float = 4.0) -> Points:
        """Returns the points `offset_m` to the right of the middle between two places along the road."""
        grid = np.arange(min(0.0, first_m) - step_m, max(0.0, last_m) + 2 * step_m, step_m)
        angle = self.heading(grid + step_m / 2)
        moves = np.stack([np.cos(angle), np.sin(angle)], axis=1) * step_m
        middle = np.concatenate([[[0.0, 0.0]], np.cumsum(moves, axis=0)[:-1]])
        origin = int(np.searchsorted(grid, 0.0))
        middle = middle - middle[origin]
        at = np.arange(first_m, last_m, step_m)
        x, y = np.interp(at, grid, middle[:, 0]), np.interp(at, grid, middle[:, 1])
        angle = self.heading(at)
        return np.stack([x + np.sin(angle) * offset_m, y - np.cos(angle) * offset_m], axis=1)

    def offset_m(self, number: int) -> float:
        """Returns how far right of the middle a lane is; lane 0 is the fastest."""
        return self.median_m + (number + 0.5) * self.lane_m


def highway_places(road: Highway, length_m: float, rng: np.random.Generator) -> Iterator[Place]:
    """Yields every place made for a car along a highway, in both directions, with the lane from there on."""
    for number in range(road.lanes):
        for along_m in np.arange(-160.0, length_m, road.car_m) + rng.uniform(-8, 8):
            yield Place("car", road.line(along_m, 2.2 * length_m + 300, road.offset_m(number)))
        for along_m in np.arange(-80.0, 2.2 * length_m, road.car_m) + rng.uniform(-8, 8):
            yield Place("car", road.line(-400.0, along_m, -road.offset_m(number))[::-1].copy())
