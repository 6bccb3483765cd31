"""Boxes as regions of Label Studio: rectangles with a label, in percent of the upright picture, not turned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from askew.project.exchange.rows import Box, Size
from askew.project.label_studio.config import CANNOT_TELL, CANNOT_TELL_CONTROL, CONTROL, PICTURE

TYPE = "rectanglelabels"
"""The type of such a region, and the key of its classes."""

DIGITS = 6
"""Decimals of a percentage that goes out: steps of a ten-thousandth of a pixel in a picture of 10,000 px."""

LEFT_OUT = "suspected"
"""Boxes of this kind are no pre-annotation: whoever sends the task in as it is would have accepted them."""


def regions_of(boxes: Iterable[Box], size: Size) -> list[dict[str, Any]]:
    """Returns guessed boxes as the regions of a prediction; what is probably wrong is left out, as on askew's page.

    Args:
        boxes: in pixels; they are cut at the edges of the picture.
        size: (width, height) of the picture in pixels.
    """
    out = []
    for number, box in enumerate(boxes, start=1):
        left, right = (100 * min(max(side, 0.0), size[0]) / size[0] for side in (box.left, box.right))
        top, bottom = (100 * min(max(side, 0.0), size[1]) / size[1] for side in (box.top, box.bottom))
        if box.kind == LEFT_OUT or right <= left or bottom <= top:
            continue
        sides = {"x": left, "y": top, "width": right - left, "height": bottom - top}
        region = {
            "id": f"askew{number}",
            "from_name": CONTROL,
            "to_name": PICTURE,
            "type": TYPE,
            "original_width": size[0],
            "original_height": size[1],
            "image_rotation": 0,
            "value": {
                **{name: round(side, DIGITS) for name, side in sides.items()},
                "rotation": 0,
                TYPE: [box.class_name],
            },
        }
        if box.score is not None:
            region["score"] = round(box.score, 6)
        if box.kind == "missed":
            region["meta"] = {"text": ["probably missed by the detector"]}
        out.append(region)
    return out


def cannot_tell(result: Sequence[Mapping[str, Any]]) -> bool:
    """Tells whether an annotation says that nobody can tell what is in the picture."""
    return any(
        one.get("from_name") == CANNOT_TELL_CONTROL and CANNOT_TELL in ((one.get("value") or {}).get("choices") or [])
        for one in result
    )


def boxes_in(result: Sequence[Mapping[str, Any]]) -> tuple[Box, ...] | None:
    """Returns the boxes of an annotation in shares of the picture, cut at its edges; none is no box in it.

    None comes back if a rectangle is turned, lies outside, or has no class or several; or if the picture was turned.
    Regions of other controls, which people added, are passed over.
    """
    out = []
    for region in result:
        if region.get("from_name") != CONTROL or region.get("type") != TYPE:
            continue
        box = _box(region)
        if box is None:
            return None
        out.append(box)
    return tuple(out)


def _box(region: Mapping[str, Any]) -> Box | None:
    value = region["value"]
    names = value.get(TYPE) or []
    turned = float(value.get("rotation") or 0) % 360 or float(region.get("image_rotation") or 0) % 360
    x, y, width, height = (float(value[name]) / 100 for name in ("x", "y", "width", "height"))
    left, right = sorted((x, x + width))
    top, bottom = sorted((y, y + height))
    left, top, right, bottom = (min(max(side, 0.0), 1.0) for side in (left, top, right, bottom))
    if turned or len(names) != 1 or not (left < right and top < bottom):
        return None
    return Box(str(names[0]), left, top, right, bottom)
