"""Boxes there and back: pre-annotations in Label Studio's format, and what people drew, as its API writes it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from copy import deepcopy
from typing import Any

import pytest

pytest.importorskip("sqlalchemy")

from askew.errors import InputError
from askew.project.exchange.rows import Box
from askew.project.label_studio.answers import annotations_of, taken
from askew.project.label_studio.config import labelling_config, with_classes
from askew.project.label_studio.regions import boxes_in, regions_of

HASH = "cd" * 32
SIZE = (768, 576)

RECORDED: dict[str, Any] = {
    "id": 42,
    "project": 7,
    "data": {"image": "/data/upload/7/a1b2c3d4-cdcd.png", "askew_item": HASH, "askew_file": "clip-000209.png"},
    "annotations": [
        {
            "id": 9,
            "completed_by": 1,
            "was_cancelled": False,
            "updated_at": "2026-11-25T18:00:00.123456Z",
            "result": [
                {
                    "original_width": 768,
                    "original_height": 576,
                    "image_rotation": 0,
                    "value": {
                        "x": 83.703125,
                        "y": 41.579861,
                        "width": 5.34375,
                        "height": 14.401042,
                        "rotation": 0,
                        "rectanglelabels": ["person"],
                    },
                    "id": "askew1",
                    "from_name": "label",
                    "to_name": "image",
                    "type": "rectanglelabels",
                    "score": 0.8489,
                    "origin": "prediction",
                },
                {
                    "original_width": 768,
                    "original_height": 576,
                    "image_rotation": 0,
                    "value": {
                        "x": 25.0,
                        "y": 50.0,
                        "width": 12.5,
                        "height": 25.0,
                        "rotation": 0,
                        "rectanglelabels": ["person"],
                    },
                    "id": "Dx_aB91ISN",
                    "from_name": "label",
                    "to_name": "image",
                    "type": "rectanglelabels",
                    "origin": "manual",
                },
            ],
        }
    ],
}
"""A task as Label Studio's API writes it: a pre-annotation that was accepted, and a box that was drawn."""


def recorded(**value: Any) -> dict[str, Any]:
    """The recorded task with another value of its second rectangle."""
    task = deepcopy(RECORDED)
    task["annotations"][0]["result"][1]["value"] |= value
    return task


def take(task: dict[str, Any], classes: tuple[str, ...] = ("person",)) -> Any:
    found = annotations_of(task, {1: "ann@example.org"}, boxes=True)
    return taken(found, items={HASH: 3}, sizes={3: SIZE}, questions={3: 30}, classes=classes, rows=())


def drawn(task: dict[str, Any]) -> list[tuple[str, list[float]]]:
    (answer,) = take(task).answers
    return [(one["class"], one["box"]) for one in json.loads(answer.detail)]


def test_recorded_rectangles_are_boxes_in_pixels() -> None:
    (answer,) = take(RECORDED).answers
    assert (answer.item_id, answer.kind, answer.class_name, answer.who) == (3, "boxes", None, "ann@example.org")
    assert answer.question_id == 30
    first, second = drawn(RECORDED)
    assert first == ("person", pytest.approx([642.84, 239.5, 683.88, 322.45], abs=0.001))
    assert second == ("person", [192.0, 288.0, 288.0, 432.0])


def test_a_guess_that_goes_out_comes_back_to_a_ten_thousandth_of_a_pixel() -> None:
    size = (1013, 767)
    boxes = [
        Box.of("person", (1 / 3, 2 / 3, 100.1234, 765.4321), 0.5),
        Box.of("car", (0, 0, 1013, 767)),
        Box.of("car", (5, 6, 7, 8), kind="missed"),
    ]
    regions = regions_of(boxes, size)
    back = boxes_in(regions)
    assert back is not None
    for box, one in zip(boxes, back, strict=True):
        assert one.class_name == box.class_name
        pixels = [side * px for side, px in zip(one.sides, (*size, *size), strict=True)]
        assert pixels == pytest.approx(box.sides, abs=1e-4)
    assert [one.get("score") for one in regions] == [0.5, None, None]
    assert [one.get("meta") for one in regions] == [None, None, {"text": ["probably missed by the detector"]}]


def test_what_is_probably_wrong_is_left_out_and_what_reaches_out_is_cut() -> None:
    boxes = [Box("car", 0, 0, 5, 5, kind="suspected"), Box("car", -2, 90, 20, 101), Box("car", 100, 0, 101, 5)]
    (region,) = regions_of(boxes, (100, 100))
    assert region["value"] == {"x": 0, "y": 90, "width": 20, "height": 10, "rotation": 0, "rectanglelabels": ["car"]}


@pytest.mark.parametrize("turned", [{"rotation": 30.5}, {"rectanglelabels": []}, {"rectanglelabels": ["a", "b"]},
                                    {"x": 101.0}, {"width": 0}])  # fmt: skip
def test_what_is_no_box_of_one_class_is_counted_and_nothing_of_it_is_taken(turned: dict[str, Any]) -> None:
    found = take(recorded(**turned))
    assert (found.answers, found.odd) == ((), 1)


def test_a_picture_that_was_turned_in_label_studio_is_not_taken() -> None:
    task = deepcopy(RECORDED)
    task["annotations"][0]["result"][0]["image_rotation"] = 90
    assert take(task).odd == 1


def test_a_full_turn_is_none_and_a_box_drawn_backwards_is_one() -> None:
    assert drawn(recorded(rotation=360))[1] == ("person", [192.0, 288.0, 288.0, 432.0])
    assert drawn(recorded(x=37.5, width=-12.5))[1] == ("person", [192.0, 288.0, 288.0, 432.0])


def test_no_box_skip_and_cannot_tell_are_told_apart() -> None:
    task = deepcopy(RECORDED)
    one = task["annotations"][0]
    one["result"] = []
    assert take(task).answers[0].detail == "[]"
    choice = {"from_name": "cannot_tell", "to_name": "image", "type": "choices"}
    one["result"] = [{**choice, "value": {"choices": ["(cannot tell)"]}}]
    assert take(task).answers[0].kind == "cannot_tell"
    one["was_cancelled"] = True
    assert take(task).skips == ((30, "ann@example.org"),)


def test_classes_that_the_project_does_not_have_are_told() -> None:
    found = take(recorded(rectanglelabels=["dog"]))
    assert (found.answers, found.unknown) == ((), {"dog": 1})


def test_what_is_no_rectangle_of_label_studio_is_one_line() -> None:
    for value in ({"x": "here"}, {"width": None}, {"y": [1]}):
        with pytest.raises(InputError, match="task 42"):
            take(recorded(**value))


def test_other_controls_beside_the_boxes_are_passed_over() -> None:
    task = deepcopy(RECORDED)
    task["annotations"][0]["result"].append({"from_name": "mask", "type": "brushlabels", "value": {"rle": [1]}})
    assert len(drawn(task)) == 2


def test_the_configuration_has_a_box_for_every_class() -> None:
    config = labelling_config(["heron", 'gull & <tern> "x"'], boxes=True)
    root = ET.fromstring(config)
    assert [one.get("value") for one in root.iter("Label")] == ["heron", 'gull & <tern> "x"']
    assert root.find("RectangleLabels").attrib == {"name": "label", "toName": "image", "canRotate": "false"}  # type: ignore[union-attr]
    assert with_classes(config, ["heron"], boxes=True) is config
    more = ET.fromstring(with_classes(config, ["heron", "kite"], boxes=True))
    assert [one.get("value") for one in more.iter("Label")] == ["heron", 'gull & <tern> "x"', "kite"]
    assert [one.get("value") for one in more.iter("Choice")] == ["(cannot tell)"]
    for boxes in (True, False):
        with pytest.raises(InputError, match="no project that askew made"):
            with_classes(labelling_config(["heron"], boxes=not boxes), ["heron"], boxes=boxes)
