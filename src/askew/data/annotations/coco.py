"""COCO JSON, with its extension to videos: images that know their video and their place in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from askew.data.annotations.frames import VideoBoxes, by_frame
from askew.errors import DataNotFound, InputError
from askew.video.boxes import Detections
from askew.video.reader import natural

PLACES = ("frame_id", "frame_index")
"""Keys under which exporters write an image's place in its video, from 0."""


def read_coco(
    path: str | Path, *, images: str | Path | None = None, n_frames: int | None = None
) -> dict[str, VideoBoxes]:
    """Reads COCO boxes, annotations or detections, as one `VideoBoxes` a video, by the video's name.

    Images with a `video_id` belong to that video; those without are the frames of a single one, called "". An image's
    place is its `frame_id` (or `frame_index`), from 0; images without it are in the natural order of their file names,
    and must then be all the frames. Classes are numbered in the order of their category ids.

    Args:
        images: for a list of results: the JSON that has its images and categories.
        n_frames: the length of the video, if there is one; checked against the images.

    Raises:
        DataNotFound: no such file.
        InputError: no COCO, something missing in it, or a box or a frame that cannot be.
    """
    where = Path(path)
    content = _load(where)
    if isinstance(content, list):
        if images is None:
            raise InputError(
                f"{where}: a list of results does not say which frame an image is: give images= (--images)"
            )
        content = {**_mapping(Path(images), _load(Path(images))), "annotations": content}
    data = _mapping(where, content)
    try:
        return _read(where, data, n_frames)
    except (KeyError, TypeError, IndexError) as error:
        raise InputError(f"{where}: not COCO as expected: {type(error).__name__} {error}") from error


def _load(where: Path) -> Any:
    if not where.is_file():
        raise DataNotFound(f"detections: no file {where}")
    try:
        return json.loads(where.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{where}: not JSON: {error}") from error


def _mapping(where: Path, content: Any) -> dict[str, Any]:
    missing = [key for key in ("images", "categories") if key not in content] if isinstance(content, dict) else ["{}"]
    if missing:
        raise InputError(f"{where}: not COCO: {', '.join(missing)} missing")
    return dict(content)


def _read(where: Path, data: dict[str, Any], n_frames: int | None) -> dict[str, VideoBoxes]:
    categories = sorted(data["categories"], key=lambda category: category["id"])
    numbers = {category["id"]: number for number, category in enumerate(categories)}
    names = {video["id"]: str(video["name"]) for video in data.get("videos", [])}
    members: dict[Any, list[dict[str, Any]]] = {key: [] for key in names}
    for image in data["images"]:
        members.setdefault(image.get("video_id"), []).append(image)
    boxes_of: dict[Any, list[dict[str, Any]]] = {image["id"]: [] for image in data["images"]}
    for number, annotation in enumerate(data.get("annotations", [])):
        if annotation["image_id"] not in boxes_of:
            raise InputError(f"{where}: annotation {number} is of image {annotation['image_id']}, which does not exist")
        if annotation["category_id"] not in numbers:
            raise InputError(f"{where}: annotation {number} is of unknown category {annotation['category_id']}")
        boxes_of[annotation["image_id"]].append(annotation)
    out = {}
    for key, frames in members.items():
        name = names.get(key, "" if key is None else str(key))
        out[name] = _video(where, name, frames, boxes_of, numbers, tuple(str(c["name"]) for c in categories), n_frames)
    return out


def _video(
    where: Path,
    name: str,
    images: list[dict[str, Any]],
    boxes_of: dict[Any, list[dict[str, Any]]],
    numbers: dict[Any, int],
    classes: tuple[str, ...],
    n_frames: int | None,
) -> VideoBoxes:
    places = _places(where, name, images, n_frames)
    rows = [(place, one) for place, image in zip(places, images, strict=True) for one in boxes_of[image["id"]]]
    boxes = np.array([one["bbox"] for _, one in rows], dtype=np.float64).reshape(len(rows), 4)
    bad = np.flatnonzero(~np.isfinite(boxes).all(axis=1) | (boxes[:, 2:] < 0).any(axis=1))
    if len(bad):
        place, one = rows[bad[0]]
        raise InputError(f"{where}: frame {place} has box {one['bbox']}: not finite, or of negative width or height")
    boxes[:, 2:] += boxes[:, :2]
    length = n_frames if n_frames is not None else max(places, default=-1) + 1
    file_names = {place: str(image.get("file_name", "")) for place, image in zip(places, images, strict=True)}
    found = by_frame(
        np.array([place for place, _ in rows], dtype=np.int64),
        boxes,
        np.array([one.get("score", 1.0) for _, one in rows], dtype=np.float64),
        np.array([numbers[one["category_id"]] for _, one in rows], dtype=np.int64),
        length,
    )
    return VideoBoxes(found, classes, tuple(file_names.get(place, "") for place in range(length)))


def _places(where: Path, name: str, images: list[dict[str, Any]], n_frames: int | None) -> list[int]:
    key = next((key for key in PLACES if images and key in images[0]), None)
    if key is None:
        if n_frames is not None and images and len(images) != n_frames:
            raise InputError(
                f"{where}: {len(images)} images for the {n_frames} frames of video {name!r}, and no frame_id "
                "to tell which is which"
            )
        order = sorted(range(len(images)), key=lambda i: natural(str(images[i].get("file_name", images[i]["id"]))))
        return [int(place) for place in np.argsort(order)]
    places = [int(image[key]) for image in images]
    if len(set(places)) < len(places):
        raise InputError(f"{where}: two images of video {name!r} have the same {key}")
    wrong = [place for place in places if place < 0 or (n_frames is not None and place >= n_frames)]
    if wrong:
        known = f"the video has {n_frames} frames, 0 to {n_frames - 1}" if n_frames else "frames count from 0"
        raise InputError(f"{where}: speaks of frame {wrong[0]}, which does not exist: {known}")
    return places


def to_coco(
    videos: dict[str, Sequence[Detections]],
    classes: Sequence[str],
    *,
    size: tuple[int, int],
    names: dict[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Returns boxes as a COCO document with videos; scores come along as `score`.

    Args:
        videos: the frames of each video, by its name.
        classes: the class names; category ids are their places from 1.
        size: (width, height) of the frames in pixels.
        names: the file of each frame, by the video's name; the number of the frame otherwise.

    >>> document = to_coco({"clip": [Detections([[1, 2, 4, 6]], [0.5], [0])]}, ["car"], size=(8, 8))
    >>> document["annotations"][0]["bbox"], document["images"][0]["file_name"]
    ([1.0, 2.0, 3.0, 4.0], 'clip/000000.jpg')
    """
    images, annotations, entries = [], [], []
    for video_id, (name, frames) in enumerate(videos.items(), start=1):
        entries.append({"id": video_id, "name": name})
        for place, frame in enumerate(frames):
            file_name = names[name][place] if names else f"{name}/{place:06d}.jpg"
            image = {"id": len(images) + 1, "file_name": file_name, "video_id": video_id, "frame_id": place}
            images.append({**image, "width": size[0], "height": size[1]})
            annotations += [{"id": len(annotations) + 1 + i, **one} for i, one in enumerate(entry(frame, len(images)))]
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, start=1)]
    return {"videos": entries, "images": images, "annotations": annotations, "categories": categories}


def entry(frame: Detections, image_id: int) -> list[dict[str, Any]]:
    """Returns the boxes of a frame as COCO annotations, without their ids."""
    out = []
    for box, score, kind in zip(frame.boxes.tolist(), frame.scores.tolist(), frame.classes.tolist(), strict=True):
        left, top, right, bottom = (round(v, 2) for v in box)
        width, height = round(right - left, 2), round(bottom - top, 2)
        bbox = {"bbox": [left, top, width, height], "area": round(width * height, 2), "iscrowd": 0}
        out.append({"image_id": image_id, "category_id": kind + 1, **bbox, "score": round(score, 4)})
    return out
