"""Boxes in the store: JSON, a list of `{"class": …, "box": [left, top, right, bottom]}` in pixels, maybe a `score`.

A guess may have a `kind` too: "suspected", probably wrong, or "missed", probably left out by the detector; without one
it is "detected".
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from askew.errors import InputError, one_line, unknown
from askew.project.exchange.rows import BOX_KINDS, Box, Size

LARGEST = 1e9
"""No side of a box and no score is beyond it."""

MOST_BOXES = 500
"""Boxes of one picture that are asked or answered."""


def detail_of(boxes: Sequence[Box]) -> str:
    """Returns boxes as the JSON that the store keeps.

    >>> detail_of([Box("car", 1.0, 2.0, 3.0, 4.0)])
    '[{"class": "car", "box": [1.0, 2.0, 3.0, 4.0]}]'
    """
    listed = [
        {"class": box.class_name, "box": list(box.sides)}
        | ({} if box.score is None else {"score": box.score})
        | ({} if box.kind == BOX_KINDS[0] else {"kind": box.kind})
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
    numbers = [side for side in sides if _sound(side)] if type(sides) is list else []
    name, score = (one.get("class"), one.get("score")) if type(one) is dict else (None, None)
    sure = score is None or _sound(score)
    if type(name) is not str or len(numbers) != 4 or len(sides or ()) != 4 or not sure:
        raise InputError(f"boxes: expected a class and four sides, got {one_line(one, 80)}")
    kind = one.get("kind", BOX_KINDS[0])
    if kind not in BOX_KINDS:
        raise unknown("kind of box", str(kind), BOX_KINDS)
    return Box.of(name, numbers, score, kind)


def _sound(number: Any) -> bool:
    """Tells whether it is a finite number; a whole one may have more digits than any fraction can hold."""
    return type(number) in (int, float) and abs(number) <= LARGEST


def answered(listed: Any, size: Size, classes: Collection[str]) -> str:
    """Returns boxes that somebody drew, as the JSON that the store keeps.

    Args:
        listed: what the page sends: a list of objects with `class` and `box` and nothing else.
        size: (width, height) of the picture in pixels.
        classes: those of the project.

    Raises:
        InputError: something else; more than `MOST_BOXES`; or a box that is empty, reaches out of the picture or has an
            unknown class.
    """
    if type(listed) is not list or len(listed) > MOST_BOXES:
        told = f"{len(listed)} of them" if type(listed) is list else one_line(repr(listed), 60)
        raise InputError(f"boxes: expected a list of at most {MOST_BOXES} boxes, got {told}")
    boxes = []
    for number, one in enumerate(listed, start=1):
        if type(one) is not dict or set(one) != {"class", "box"}:
            raise InputError(f"box {number}: expected a class and a box, got {one_line(repr(one), 80)}")
        box = _box(one)
        if box.class_name not in classes:
            raise InputError(f"box {number}: {one_line(str(unknown('class', box.class_name, classes)), 200)}")
        if not (0 <= box.left < box.right <= size[0] and 0 <= box.top < box.bottom <= size[1]):
            raise InputError(
                f"box {number}: {list(box.sides)}: expected left < right and top < bottom within the picture of "
                f"{size[0]} x {size[1]} px"
            )
        boxes.append(box)
    return detail_of(boxes)
