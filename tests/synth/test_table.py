"""Table 2.1: its rows, and the videos that are drawn from them."""

from __future__ import annotations

import pytest

from askew.errors import InputError
from askew.synth.table import CLASSES, FPS, SYNTHIA_AL, sequences

TABLE = {  # name: videos, thousands of frames, areas, conditions, P of pedestrian, cyclist, car, wheelchair in percent
    "default": (150, 74, "city highway", "spring winter fall rain", (30, 20, 35, 0)),
    "town": (36, 17, "town", "spring winter fall rain", (30, 20, 35, 0)),
    "night": (6, 3, "city highway", "night", (0, 0, 35, 0)),
    "wheelchair": (5, 2, "city town", "spring", (20, 20, 0, 100)),
    "test": (85, 40, "city town highway", "spring fall rain night", (30, 20, 35, 0)),
    "test-wheelchair": (12, 5, "city town", "spring", (20, 20, 0, 100)),
}


def test_the_rows_are_those_of_the_thesis() -> None:
    for row in SYNTHIA_AL:
        videos, _, areas, conditions, percent = TABLE[row.name]
        assert (row.sequences, set(row.areas), set(row.conditions)) == (
            videos,
            set(areas.split()),
            set(conditions.split()),
        )
        assert [round(100 * row.spawn[name]) for name in CLASSES] == list(percent)
        assert row.part == ("test" if row.name.startswith("test") else "train")


def test_all_of_it_is_as_long_as_in_the_thesis() -> None:
    videos = sequences()
    for name, (count, thousands, *_) in TABLE.items():
        own = [one for one in videos if one.name.rsplit("-", 1)[0] == name]
        assert len(own) == count
        low, high = min(one.n_frames for one in own), max(one.n_frames for one in own)
        assert 10 * FPS <= low <= high <= 30 * FPS
        frames = sum(one.n_frames for one in own)
        expected, spread = count * 20 * FPS, (count / 12) ** 0.5 * 20 * FPS
        assert abs(frames - expected) < 4 * spread
        assert abs(frames - thousands * 1000) < 4 * spread + 1000
    assert len({one.name for one in videos}) == len({one.seed for one in videos}) == len(videos) == 294


def test_every_pair_of_area_and_condition_comes_equally_often() -> None:
    pairs = [(one.area, one.condition) for one in sequences() if one.name.startswith("default-")]
    counts = [pairs.count(pair) for pair in set(pairs)]
    assert len(counts) == 8
    assert max(counts) - min(counts) <= 1


def test_a_highway_and_the_night_have_cars_only() -> None:
    for one in sequences():
        others = [one.spawn[name] for name in CLASSES if name != "car"]
        if one.area == "highway" or one.condition == "night":
            assert one.spawn["car"] == 0.35
            assert not any(others)
        else:
            assert any(others)


def test_a_share_keeps_one_of_every_row_and_seeds_differ() -> None:
    few = sequences(scale=0.01, seconds=(1, 2))
    assert len(few) == 2 + 1 + 1 + 1 + 1 + 1 == len(sequences(scale=0.01, seconds=(1, 2), seed=1)) + 0
    assert sequences(scale=0.01) == sequences(scale=0.01)
    assert [one.seed for one in few] != [one.seed for one in sequences(scale=0.01, seconds=(1, 2), seed=1)]


@pytest.mark.parametrize("scale", [0, -1, 1.1, float("nan")])
def test_a_scale_that_is_no_share_is_refused(scale: float) -> None:
    with pytest.raises(InputError, match="scale"):
        sequences(scale=scale)


@pytest.mark.parametrize("seconds", [(0, 1), (3, 2), (1, float("inf")), (0.01, 0.02)])
def test_seconds_that_are_no_range_are_refused(seconds: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="seconds"):
        sequences(seconds=seconds)
