"""What is drawn: numbers to the pixel, pictures that show something, the same bytes each time."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("panda3d")
pytest.importorskip("cv2")

import itertools

from askew.synth import render
from askew.synth.table import CLASSES, SYNTHIA_AL, Area, Condition, Sequence

EVERYBODY = {"pedestrian": 0.6, "cyclist": 0.6, "car": 0.4, "wheelchair": 0.6}


def video(
    area: Area, condition: Condition, n_frames: int, spawn: dict[str, float] | None = None, seed: int = 4
) -> Sequence:
    cars = {name: 0.35 if name == "car" else 0.0 for name in CLASSES}
    usual = cars if area == "highway" or condition == "night" else dict(SYNTHIA_AL[0].spawn)
    return Sequence("one", "train", area, condition, spawn or usual, n_frames, seed)


@pytest.fixture(scope="module")
def street() -> list[render.Frame]:
    return list(render.frames(video("city", "spring", 30, EVERYBODY)))


def test_boxes_are_the_numbers_to_the_pixel(street: list[render.Frame]) -> None:
    seen = 0
    for frame in street:
        assert frame.numbers.shape == (300, 400)
        counted = {int(n) - 1 for n in np.unique(frame.numbers) if n and (frame.numbers == n).sum() > 50}
        assert {one.number for one in frame.objects} == counted
        for one in frame.objects:
            rows, columns = np.where(frame.numbers == one.number + 1)
            assert one.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            assert one.n_pixels == len(rows)
            assert 0 < one.visibility <= 1
            seen += 1
    assert seen > 60


def test_every_class_is_seen_and_some_are_hidden_in_part(street: list[render.Frame]) -> None:
    objects = [one for frame in street for one in frame.objects]
    assert {CLASSES[one.kind] for one in objects} == set(CLASSES)
    assert min(one.visibility for one in objects) < 0.9
    assert max(one.visibility for one in objects) == 1


def test_a_box_moves_little_from_frame_to_frame(street: list[render.Frame]) -> None:
    for before, after in itertools.pairwise(street):
        old = {one.number: one for one in before.objects}
        for one in after.objects:
            if one.number in old and min(one.visibility, old[one.number].visibility) > 0.98:
                middle = [(b[0] + b[2]) / 2 for b in (one.box, old[one.number].box)]
                assert abs(middle[0] - middle[1]) < 40


def test_every_number_is_drawn_as_itself() -> None:
    core = render.core
    view = render._View(core.GraphicsEngine.getGlobalPtr(), "numbers", 64, 64)
    root, lens = core.NodePath("root"), core.PerspectiveLens()
    view.camera.setLens(lens)
    view.region.setCamera(root.attachNewNode(view.camera))
    maker = core.CardMaker("card")
    maker.setFrame(-9, 9, -9, 9)
    root.attachNewNode(maker.generate()).setY(5)
    for value in range(256):
        view.camera.setInitialState(render._flat_state(value, 255 - value, value // 2))
        core.GraphicsEngine.getGlobalPtr().renderFrame()
        assert np.unique(view.read().reshape(-1, 3), axis=0).tolist() == [[value, 255 - value, value // 2]]


@pytest.mark.parametrize(
    ("area", "condition"), [("city", "night"), ("town", "winter"), ("town", "fall"), ("highway", "rain")]
)
def test_seasons_and_areas_look_different_and_none_is_blank(area: Area, condition: Condition) -> None:
    first = next(iter(render.frames(video(area, condition, 1))))
    other = next(iter(render.frames(video(area, "night" if condition != "night" else "spring", 1))))
    assert first.picture.dtype == np.uint8
    assert first.picture.std() > 12
    assert abs(first.picture.mean() - other.picture.mean()) > 20


def test_the_same_sequence_gives_the_same_bytes_in_another_process() -> None:
    one = video("highway", "spring", 3)

    def digest() -> str:
        whole = hashlib.sha256()
        for frame in render.frames(one, width_px=200, height_px=150):
            whole.update(frame.picture.tobytes() + frame.numbers.tobytes())
        return whole.hexdigest()

    code = (
        "import hashlib\nfrom askew.synth.render import frames\nfrom askew.synth.table import Sequence\n"
        f"one = Sequence('one', 'train', 'highway', 'spring', {dict(one.spawn)!r}, 3, 4)\nwhole = hashlib.sha256()\n"
        "for f in frames(one, width_px=200, height_px=150):\n"
        "    whole.update(f.picture.tobytes() + f.numbers.tobytes())\n"
        "print(whole.hexdigest())"
    )
    theirs = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert digest() == theirs
