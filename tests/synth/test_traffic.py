"""Who is on the road: how many, where, and that nobody leaves the place that is made for it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from askew.synth.streets import CITY, PLANS, Highway, lane, pavement
from askew.synth.table import CLASSES, SYNTHIA_AL, Area, Sequence
from askew.synth.traffic import traffic

USUAL = dict(SYNTHIA_AL[0].spawn)


def video(area: Area, seed: int = 0, n_frames: int = 60, spawn: dict[str, float] | None = None) -> Sequence:
    wanted = spawn or {name: p if area != "highway" or name == "car" else 0.0 for name, p in USUAL.items()}
    return Sequence("one", "train", area, "spring", wanted, n_frames, seed)


@pytest.mark.parametrize("row", ["default", "wheelchair"])
def test_places_are_taken_as_often_as_the_table_says(row: str) -> None:
    spawn = next(dict(one.spawn) for one in SYNTHIA_AL if one.name == row)
    places, taken = dict.fromkeys(CLASSES, 0), dict.fromkeys(CLASSES, 0)
    for seed in range(6):
        who = traffic(video("city", seed, 10, spawn))
        for name in CLASSES:
            places[name] += who.n_places[name]
            taken[name] += who.n_taken[name]
    for name in CLASSES:
        low, high = binom.interval(0.9999, places[name], spawn[name])
        assert places[name] > 300, name
        assert low <= taken[name] <= high, name


def test_on_a_highway_too() -> None:
    whos = [traffic(video("highway", seed, 10)) for seed in range(4)]
    places, taken = (sum(one[name] for one in counts) for counts, name in (
        ([who.n_places for who in whos], "car"), ([who.n_taken for who in whos], "car")))  # fmt: skip
    low, high = binom.interval(0.9999, places, 0.35)
    assert places > 200
    assert low <= taken <= high
    assert all((who.kinds == CLASSES.index("car")).all() for who in whos)


@pytest.mark.parametrize("area", ["city", "town"])
def test_cars_stay_on_the_road_and_who_walks_on_the_pavement_or_a_crossing(area: Area) -> None:
    who, plan = traffic(video(area, 3, 500)), PLANS[area]
    to_street = np.abs((who.positions[..., :2] + plan.pitch_m / 2) % plan.pitch_m - plan.pitch_m / 2)
    nearest, other = to_street.min(axis=2), to_street.max(axis=2)
    walks = np.isin(who.kinds, [CLASSES.index("pedestrian"), CLASSES.index("wheelchair")])
    assert (nearest[:, ~walks] <= plan.road_m).all()
    on_road = nearest[:, walks] < plan.road_m
    assert (nearest[:, walks] <= plan.road_m + plan.pavement_m).all()
    assert (other[:, walks][on_road] <= plan.road_m + plan.pavement_m).all()  # near a corner: it crosses there
    assert on_road.any()
    assert (~on_road).mean() > 0.6


def test_on_a_highway_everybody_keeps_a_lane_and_its_direction() -> None:
    who = traffic(video("highway", 1, 120))
    road = who.highway
    assert road is not None
    middle = road.line(-500, 1500, 0.0, step_m=1.0)
    for one in range(0, len(who.kinds), 5):
        here = who.positions[60, one]
        nearest = int(np.linalg.norm(middle - here[:2], axis=1).argmin())
        along = middle[nearest + 1] - middle[nearest]
        right = (here[0] - middle[nearest, 0]) * along[1] - (here[1] - middle[nearest, 1]) * along[0]
        assert min(abs(abs(right) - road.offset_m(number)) for number in range(road.lanes)) < 0.4
        forward = np.cos(here[2]) * along[0] + np.sin(here[2]) * along[1]
        assert forward * right > 0  # on the right it goes along, on the left it comes


def test_everybody_moves_smoothly_and_no_faster_than_its_speed() -> None:
    who = traffic(video("city", 2, 250))
    moves = np.linalg.norm(np.diff(who.positions[..., :2], axis=0), axis=2) * 25
    top = np.array([1.7, 5.5, 10.0, 1.3])[who.kinds]
    assert (moves.max(axis=0) <= top * 1.02).all()
    assert (np.diff(who.travelled, axis=0) >= 0).all()
    assert np.linalg.norm(who.camera[-1, :2] - who.camera[0, :2]) > 5


def test_a_car_waits_behind_a_slower_one_and_never_drives_through_it() -> None:
    for seed in range(3):
        who = traffic(video("highway", seed, 300))
        gaps = np.linalg.norm(who.positions[:, :, None, :2] - who.positions[:, None, :, :2], axis=3)
        moving = who.travelled[-1] < who.travelled.max()  # at the end of its path one stands and others pile up
        gaps[:, np.arange(len(who.kinds)), np.arange(len(who.kinds))] = np.inf
        assert gaps[:, moving][:, :, moving].min() > 2.5


def test_the_same_seed_gives_the_same_traffic() -> None:
    first, again, other = traffic(video("town", 5)), traffic(video("town", 5)), traffic(video("town", 6))
    assert (first.positions == again.positions).all()
    assert (first.looks == again.looks).all()
    assert first.positions.shape != other.positions.shape or (first.positions != other.positions).any()


def test_a_lane_keeps_right_and_turns_round() -> None:
    straight = lane(CITY, [(0, 0), (0, 1), (0, 2)], 2.0)
    assert (straight[:, 0] == 2.0).all()
    assert (np.diff(straight[:, 1]) > 0).all()
    turned = lane(CITY, [(0, 0), (0, 1), (1, 1)], 2.0)
    assert turned[-1, 1] == pytest.approx(CITY.pitch_m - 2.0)
    steps = np.diff(turned, axis=0)
    angles = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    assert (np.diff(angles) < 1e-9).all()
    assert angles[-1] - angles[0] == pytest.approx(-np.pi / 2)


def test_a_pavement_lies_outside_of_the_road() -> None:
    path = pavement(CITY, [(0, 0, 1, 1), (1, 0, -1, 1)], 0.0)
    out = CITY.road_m + CITY.pavement_m / 2
    np.testing.assert_allclose(path, [(out, out), (CITY.pitch_m - out, out)])


def test_a_highway_winds_and_its_lines_keep_their_distance() -> None:
    road = Highway.draw(np.random.default_rng(0))
    left, right = road.line(0, 900, -4.0), road.line(0, 900, 6.0)
    np.testing.assert_allclose(np.linalg.norm(right - left, axis=1), 10.0, atol=1e-6)
    assert np.ptp(road.heading(np.arange(0, 900.0))) > 0.1
