"""Frames to annotate, with a first guess of their boxes, for the labelling tool: COCO, CVAT or Label Studio."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from askew.arrays import Mask
from askew.boxes import Detections
from askew.errors import unknown

FORMATS = {"coco": "preannotations.json", "cvat": "preannotations.xml", "label-studio": "preannotations.json"}


@dataclass(frozen=True, eq=False)
class Guess:
    """A frame to annotate and what is thought to be in it."""

    file_name: str
    video: str
    frame: int
    width_px: int
    height_px: int
    detections: Detections
    suspected: Mask
    missed: Detections

    def boxes(self) -> list[tuple[list[float], int, float, str]]:
        """Returns (left, top, right, bottom) within the image, class, score, and "kept", "suspected" or "missed"."""
        states = np.where(self.suspected, "suspected", "kept").tolist() + ["missed"] * len(self.missed)
        out: list[tuple[list[float], int, float, str]] = []
        for part in (self.detections, self.missed):
            clipped = part.boxes.clip(0, [self.width_px, self.height_px, self.width_px, self.height_px])
            for box, kind, score in zip(clipped.tolist(), part.classes.tolist(), part.scores.tolist(), strict=True):
                out.append(([round(v, 2) for v in box], kind, round(score, 4), states[len(out)]))
        return [one for one in out if one[0][2] > one[0][0] and one[0][3] > one[0][1]]


def preannotations(guesses: Sequence[Guess], classes: Sequence[str], kind: str) -> str:
    """Returns the first guesses as the text of a file that a labelling tool imports.

    "coco": annotations with `score` and `attributes.askew`, which says "kept", "suspected" or "missed". "cvat": CVAT
    for images 1.1. "label-studio": tasks with predictions; images are served from local files, and the suspected and
    missed ones say so in their `meta`.

    Raises:
        InputError: another format.
    """
    if kind not in FORMATS:
        raise unknown("format", kind, FORMATS)
    if kind == "cvat":
        return _cvat(guesses, classes)
    content = _coco(guesses, classes) if kind == "coco" else _label_studio(guesses, classes)
    return json.dumps(content, indent=1) + "\n"


def _coco(guesses: Sequence[Guess], classes: Sequence[str]) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, guess in enumerate(guesses, start=1):
        place = {"video": guess.video, "frame_id": guess.frame, "width": guess.width_px, "height": guess.height_px}
        images.append({"id": number, "file_name": guess.file_name, **place})
        for (left, top, right, bottom), kind, score, state in guess.boxes():
            width, height = round(right - left, 2), round(bottom - top, 2)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": kind + 1,
                    "bbox": [left, top, width, height],
                    "area": round(width * height, 2),
                    "iscrowd": 0,
                    "score": score,
                    "attributes": {"askew": state},
                }
            )
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, start=1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _cvat(guesses: Sequence[Guess], classes: Sequence[str]) -> str:
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "  <version>1.1</version>", "  <meta><task>"]
    lines.append(f"    <size>{len(guesses)}</size><mode>annotation</mode><labels>")
    lines += [f"      <label><name>{escape(name)}</name><attributes></attributes></label>" for name in classes]
    lines.append("    </labels></task></meta>")
    for number, guess in enumerate(guesses):
        size = f'width="{guess.width_px}" height="{guess.height_px}"'
        lines.append(f'  <image id="{number}" name={quoteattr(guess.file_name)} {size}>')
        for (left, top, right, bottom), kind, _, _ in guess.boxes():
            corners = f'xtl="{left:.2f}" ytl="{top:.2f}" xbr="{right:.2f}" ybr="{bottom:.2f}"'
            lines.append(
                f'    <box label={quoteattr(classes[kind])} source="auto" occluded="0" {corners} z_order="0"/>'
            )
        lines.append("  </image>")
    return "\n".join([*lines, "</annotations>", ""])


def _label_studio(guesses: Sequence[Guess], classes: Sequence[str]) -> list[dict[str, Any]]:
    tasks = []
    for guess in guesses:
        regions = []
        for number, ((left, top, right, bottom), kind, score, state) in enumerate(guess.boxes()):
            x, y = 100 * left / guess.width_px, 100 * top / guess.height_px
            width, height = 100 * (right - left) / guess.width_px, 100 * (bottom - top) / guess.height_px
            value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
            regions.append(
                {
                    "id": f"box{number}",
                    "type": "rectanglelabels",
                    "from_name": "label",
                    "to_name": "image",
                    "original_width": guess.width_px,
                    "original_height": guess.height_px,
                    "image_rotation": 0,
                    "score": score,
                    "meta": {"text": [state]},
                    "value": {**value, "rectanglelabels": [classes[kind]]},
                }
            )
        data = {"image": f"/data/local-files/?d={quote(guess.file_name)}", "video": guess.video, "frame": guess.frame}
        tasks.append({"data": data, "predictions": [{"model_version": "askew", "result": regions}]})
    return tasks
