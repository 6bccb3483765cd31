"""COCO JSON: boxes as annotations; one class of a picture as an annotation without a box, as in COCO Camera Traps.

What COCO has no place for (who, when, the hash, that nobody can tell) stands under `askew` in an image's entry, which
other readers pass over.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from askew.data.annotations.coco import as_coco, categories, check_once, image_size, read_json
from askew.data.annotations.fields import Id, Record, records
from askew.data.reading import check_memory, plain_file
from askew.errors import InputError, one_line
from askew.project.exchange.rows import BOX_KINDS, DECIMALS, KINDS, Box, Content, Holds, Row, about, classes_of

HOLDS = Holds(frozenset(KINDS))

MEMORY_A_BYTE = 16
"""How much memory JSON takes when it is read, at most, for each byte of its file."""


def write(content: Content) -> str:
    """Returns rows as a COCO document; category ids are the places of the classes, from 1."""
    classes = classes_of(content)
    number = {name: place for place, name in enumerate(classes, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, row in enumerate(content.rows, start=1):
        size = {} if row.size is None else dict(zip(("width", "height"), row.size, strict=True))
        images.append({"id": image_id, "file_name": row.name, **size, "askew": _beyond(row)})
        for one in _annotations(row, number):
            annotations.append({"id": len(annotations) + 1, "image_id": image_id, **one})
    listed = [{"id": place, "name": name} for name, place in number.items()]
    document = {"images": images, "annotations": annotations, "categories": listed}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _annotations(row: Row, number: Mapping[str, int]) -> list[dict[str, Any]]:
    if row.class_name is not None:
        return [{"category_id": number[row.class_name], **_sure(row.score)}]
    out = []
    for box in row.boxes:
        width, height = round(box.right - box.left, DECIMALS), round(box.bottom - box.top, DECIMALS)
        bbox = {"bbox": [box.left, box.top, width, height], "area": round(width * height, DECIMALS), "iscrowd": 0}
        thought = {} if box.kind == BOX_KINDS[0] else {"attributes": {"askew": box.kind}}
        out.append({"category_id": number[box.class_name], **bbox, **_sure(box.score), **thought})
    return out


def _sure(score: float | None) -> dict[str, float]:
    return {} if score is None else {"score": score}


def _beyond(row: Row) -> dict[str, Any]:
    """Returns what COCO has no place for."""
    told = {"who": row.who, "at": row.at, "hash": row.hash, "reason": row.reason}
    return {"kind": row.kind, "guess": row.guess} | {key: text for key, text in told.items() if text}


def read(path: Path) -> Content:
    """Reads a COCO document.

    An image whose annotations have no box has one class; an image without annotations has no label, unless askew wrote
    what it has. What has a `score` is a guess. Regions of crowds are left out. An image with both, or with several
    classes, is several rows.

    Raises:
        DataNotFound: no such file.
        InputError: no COCO, or something in it that cannot be.
    """
    check_memory(str(path), (plain_file(path).st_size,), MEMORY_A_BYTE)
    data = as_coco(path, read_json(path))
    classes, numbers = categories(path, data)
    listed = list(records(path, data, "images", "image"))
    images = {one.identity("id"): one for one in listed}
    check_once(path, "images", [one.identity("id") for one in listed])
    found: dict[Id, list[Record]] = {identity: [] for identity in images}
    left_out: Counter[str] = Counter()
    for one in records(path, data, "annotations", "annotation"):
        image, category = one.identity("image_id"), one.identity("category_id")
        if image not in found or category not in numbers:
            what = f"image {image!r}" if image not in found else f"category {category!r}"
            raise InputError(f"{path}: annotation {one.number} is of {one_line(what, 80)}, which does not exist")
        if one.values.get("iscrowd") == 1:
            left_out["regions of crowds"] += 1
        else:
            found[image].append(one)
    rows: list[Row] = []
    with about(path):
        for identity, entry in images.items():
            names = [classes[numbers[one.identity("category_id")]] for one in found[identity]]
            rows += _rows(entry, found[identity], names)
    return Content(tuple(rows), tuple(dict.fromkeys(classes)), dict(left_out))


def _rows(image: Record, annotations: list[Record], names: list[str]) -> list[Row]:
    beyond = image.values.get("askew")
    told = Record(image.where, "askew of image", image.number, beyond if type(beyond) is dict else {})
    texts: dict[str, Any] = {key: told.text(key) for key in ("who", "at", "hash", "reason") if key in told.values}
    plain: dict[str, Any] = {"name": image.text("file_name"), "size": image_size(image), **texts}
    guess = told.values.get("guess") is True
    boxes = [_box(one, name) for one, name in zip(annotations, names, strict=True) if "bbox" in one.values]
    whole = [(one, name) for one, name in zip(annotations, names, strict=True) if "bbox" not in one.values]
    rows = [
        Row(**plain, kind="class", class_name=name, score=score, guess=guess or score is not None)
        for name, score in dict.fromkeys((name, _score(one)) for one, name in whole)
    ]
    if boxes:
        sure = any(box.score is not None for box in boxes)
        rows.append(Row(**plain, kind="boxes", boxes=tuple(boxes), guess=guess or sure))
    if rows:
        return rows
    kind = told.text("kind") if "kind" in told.values else "none"
    return [Row(**plain, kind=kind, guess=guess)]


def _box(one: Record, name: str) -> Box:
    left, top, width, height = one.finites("bbox", 4)
    if width < 0 or height < 0:
        raise one.refuse("bbox", "left, top, width and height, which are not negative,")
    return Box.of(name, (left, top, left + width, top + height), _score(one), _kind(one))


def _kind(one: Record) -> str:
    """Returns what is thought of a box, which stands in its attribute `askew`; others may have attributes too."""
    attributes = one.values.get("attributes")
    told = attributes.get("askew") if type(attributes) is dict else None
    return told if told in BOX_KINDS else BOX_KINDS[0]


def _score(one: Record) -> float | None:
    return one.finite("score") if one.values.get("score") is not None else None
