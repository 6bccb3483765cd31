"""Boxes in the store: JSON, a list of `{"class": …, "box": [left, top, right, bottom]}` in pixels, maybe a `score`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from askew.errors import InputError, one_line
from askew.project.exchange.rows import Box


def detail_of(boxes: Sequence[Box]) -> str:
    """Returns boxes as the JSON that the store keeps.

    >>> detail_of([Box("car", 1.0, 2.0, 3.0, 4.0)])
    '[{"class": "car", "box": [1.0, 2.0, 3.0, 4.0]}]'
    """
    listed = [
        {"class": box.class_name, "box": list(box.sides)} | ({} if box.score is None else {"score": box.score})
        for box in boxes
    ]
    return json.dumps(listed, ensure_ascii=False)


def boxes_of(detail: str | None) -> tuple[Box, ...]:
    """Returns the boxes that the store keeps, rounded to what is exchanged.

    Raises:
        InputError: the detail is not of that form.

    >>> boxes_of('[{"class": "car", "box": [1, 2, 3, 4], "score": 0.5}]')[0].score
    0.5
    """
    try:
        listed = json.loads(detail or "[]")
    except ValueError:
        listed = None
    if type(listed) is not list:
        raise InputError(f"boxes: expected a list, got {one_line(detail, 60)!r}")
    return tuple(_box(one) for one in listed)


def _box(one: Any) -> Box:
    sides = one.get("box") if type(one) is dict else None
    numbers = [side for side in sides if type(side) in (int, float)] if type(sides) is list else []
    name, score = (one.get("class"), one.get("score")) if type(one) is dict else (None, None)
    sure = score is None or (type(score) in (int, float) and math.isfinite(score))
    if type(name) is not str or len(numbers) != 4 or len(sides or ()) != 4 or not sure:
        raise InputError(f"boxes: expected a class and four sides, got {one_line(one, 80)}")
    return Box.of(name, numbers, score)
