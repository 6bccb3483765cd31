"""FiftyOne's own formats on disk: `labels.json`, and `data.json`, which says where the pictures lie.

fo.Dataset.from_dir(FOLDER, dataset_type=fo.types.FiftyOneImageDetectionDataset)        # boxes
fo.Dataset.from_dir(FOLDER, dataset_type=fo.types.FiftyOneImageClassificationDataset)   # one class a picture
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from posixpath import splitext
from typing import Any

from askew.errors import InputError, one_line
from askew.project.exchange.rows import Box, Content, Holds, Row, Size, check_inside, classes_of

HOLDS = Holds(frozenset(("class", "boxes", "none")), hash=False, reason=False)


def write(content: Content, places: Mapping[str, Path]) -> dict[str, str]:
    """Returns the text of each file, by its path in the folder.

    Args:
        content: rows of one kind; those without a label go with either.
        places: the picture of each row's name.

    Raises:
        InputError: rows with classes and rows with boxes, which FiftyOne keeps in different data sets; or a picture
            whose size is not known.
    """
    kinds = {row.kind for row in content.rows} - {"none"}
    if len(kinds) > 1:
        raise InputError("fiftyone: some pictures have one class and some boxes: export one kind, with --only")
    classes = classes_of(content)
    number = {name: place for place, name in enumerate(classes)}
    called = keys([row.name for row in content.rows])
    labels = {called[row.name][0]: _target(row, number) for row in content.rows}
    data = {called[row.name][1]: str(places[row.name]) for row in content.rows}
    return {"labels.json": _json({"classes": classes, "labels": labels}), "data.json": _json(data)}


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def keys(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Returns what `labels.json` and `data.json` call pictures: FiftyOne takes the ending off the second only.

    Raises:
        InputError: a name that leads out of its folder, or that is another's without the ending.

    >>> keys(["a.jpg", "b.jpg", "b.png"])["a.jpg"], keys(["b.jpg", "b.png"])["b.png"]
    (('a', 'a.jpg'), ('b.png', 'b.png.png'))
    """
    stem = {name: splitext(name)[0] for name in names}
    shared = Counter(stem.values())
    taken = {one for one, count in shared.items() if count == 1}
    called = {}
    for name in names:
        check_inside(name)
        key = stem[name] if shared[stem[name]] == 1 else name
        if key != stem[name] and key in taken:
            raise InputError(f"fiftyone: picture {one_line(name, 80)} is another's name without ending: rename it")
        called[name] = (key, key + splitext(name)[1])
    return called


def _target(row: Row, number: Mapping[str, int]) -> Any:
    if row.kind == "boxes":
        return [_detection(box, row, number) for box in row.boxes]
    return None if row.class_name is None else {"label": number[row.class_name], **_told(row, row.score)}


def _detection(box: Box, row: Row, number: Mapping[str, int]) -> dict[str, Any]:
    if row.size is None:
        raise InputError(f"picture {one_line(row.name, 80)}: its size is not known, and FiftyOne needs shares of it")
    return {"label": number[box.class_name], "bounding_box": _shares(box, row.size), **_told(row, box.score)}


def _shares(box: Box, size: Size) -> list[float]:
    """Returns left, top, width and height as shares of the picture."""
    width, height = size
    return [box.left / width, box.top / height, (box.right - box.left) / width, (box.bottom - box.top) / height]


def _told(row: Row, score: float | None) -> dict[str, Any]:
    told = {key: text for key, text in (("who", row.who), ("at", row.at)) if text}
    return ({} if score is None else {"confidence": score}) | ({"attributes": told} if told else {})
