"""COCO JSON, with its extension to videos: images that know their video and their place in it."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from askew.boxes import Detections
from askew.data.annotations.fields import Id, Record, records, text_of
from askew.data.annotations.frames import MOST_CLASSES, VideoBoxes, by_frame, check_image_size
from askew.data.film.reader import natural
from askew.errors import DataNotFound, InputError

PLACES = ("frame_id", "frame_index")
"""Keys under which exporters write an image's place in its video, from 0."""

SLACK = 4e-3
"""How far from 1 a distribution may sum; 16-bit floats do not come nearer."""

DECIMALS = (2, 3, 4)
"""A distribution rounded to so many decimals may be off by half a unit of the last for each class."""


class Image(NamedTuple):
    """An image of a video: its id, its file, and its place and (width, height) in pixels if the file says."""

    id: Id
    file_name: str
    place: int | None
    size: tuple[int, int] | None


class Annotation(NamedTuple):
    """A box, as left, top, width and height, with all that is said of it."""

    box: list[float]
    score: float
    kind: int
    probs: list[float] | None


@dataclass(frozen=True, eq=False)
class CocoFile:
    """What a COCO file says, checked; the boxes of each of its videos are made when asked for."""

    where: Path
    classes: tuple[str, ...]
    videos: dict[str, list[Image]]
    """The images of each video, by its name."""
    annotations: dict[Id, list[Annotation]]
    """The boxes of each image, by its id."""

    def boxes(
        self,
        name: str,
        n_frames: int | None = None,
        stems: Sequence[str] = (),
        named: Mapping[str, int] | None = None,
    ) -> VideoBoxes:
        """Returns the boxes of one of the videos.

        Args:
            n_frames: the length of the video, if there is one; checked against the images.
            stems: names of the frames, in order, without suffix, if they are files.
            named: the frame of each picture, by file name, where that is known.

        Raises:
            InputError: images that are no frames of it, or whose order nothing tells; or a box that cannot be.
        """
        images = self.videos[name]
        places = _places(self.where, name, images, n_frames, stems, named or {})
        rows = [
            (place, one)
            for place, image in zip(places, images, strict=True)
            for one in self.annotations.get(image.id, ())
        ]
        sides = np.array([one.box for _, one in rows], dtype=np.float64).reshape(len(rows), 4)
        bad = np.flatnonzero((sides[:, 2:] < 0).any(axis=1))
        if len(bad):
            place, one = rows[bad[0]]
            raise InputError(f"{self.where}: frame {place} has box {one.box}: of negative width or height")
        sides[:, 2:] += sides[:, :2]
        length = n_frames if n_frames is not None else max(places, default=-1) + 1
        found = by_frame(
            self.where,
            np.array([place for place, _ in rows], dtype=np.int64),
            sides,
            np.array([one.score for _, one in rows], dtype=np.float64),
            np.array([one.kind for _, one in rows], dtype=np.int64),
            length,
            _distributions(self.where, rows),
        )
        file_names = {place: image.file_name for place, image in zip(places, images, strict=True)}
        names = tuple(file_names.get(place, "") for place in range(length))
        return VideoBoxes(found, self.classes, names, listed=frozenset(places))

    def check_size(self, name: str, width_px: int, height_px: int) -> None:
        """Checks that the images of a video are as large as its frames, where the file says their size.

        Raises:
            InputError: one is not; its boxes would lie elsewhere.
        """
        for image in self.videos[name]:
            check_image_size(f"{self.where}: image {image.id!r}", image.size, (width_px, height_px))


def read_coco(
    path: str | Path, *, images: str | Path | None = None, n_frames: int | None = None
) -> dict[str, VideoBoxes]:
    """Reads COCO boxes, annotations or detections, as one `VideoBoxes` a video, by the video's name.

    Images with a `video_id` belong to that video; those without are the frames of a single one, called "". An image's
    place is its `frame_id` (or `frame_index`), from 0; images without it are in the natural order of their file names,
    and must then be all the frames. Names that tell no order, such as hashes, are refused where the
    list has another. Classes are numbered in the order of their category ids.

    A detection may have `probs` beside its `score`: the distribution over the classes in that order, and the background
    after them if the detector has one. It sums to 1, or differs from it by no more than rounding explains, and is then
    divided by its sum. Either all detections of a video have it, or none.

    Args:
        images: for a list of results: the JSON that has its images and categories.
        n_frames: the length of every video, if there is one; checked against the images.

    Raises:
        DataNotFound: no such file.
        InputError: no COCO, something missing in it, or a box or a frame that cannot be.
    """
    file = load_coco(path, images=images)
    return {name: file.boxes(name, n_frames) for name in file.videos}


def load_coco(path: str | Path, *, images: str | Path | None = None) -> CocoFile:
    """Reads and checks a COCO file, of however many videos; see `read_coco`."""
    where = Path(path)
    content = read_json(where)
    if type(content) is list:
        if images is None:
            raise InputError(
                f"{where}: a list of results does not say which frame an image is: give images= (--images)"
            )
        content = {**as_coco(Path(images), read_json(Path(images))), "annotations": content}
    data = as_coco(where, content)
    classes, numbers = categories(where, data)
    videos, known = _videos(where, data)
    annotations: dict[Id, list[Annotation]] = {}
    for one in records(where, data, "annotations", "annotation"):
        image, category = one.identity("image_id"), one.identity("category_id")
        if image not in known:
            raise InputError(f"{where}: annotation {one.number} is of image {image!r}, which does not exist")
        if category not in numbers:
            raise InputError(f"{where}: annotation {one.number} is of unknown category {category!r}")
        annotations.setdefault(image, []).append(_annotation(one, numbers[category], len(classes)))
    return CocoFile(where, classes, videos, annotations)


def read_json(where: Path) -> Any:
    """Returns what a JSON file holds.

    Raises:
        DataNotFound: no such file.
        InputError: it is not JSON, or nested too deep.
    """
    if not where.is_file():
        raise DataNotFound(f"detections: no file {where}")
    try:
        return json.loads(text_of(where))
    except RecursionError as error:
        raise InputError(f"{where}: not JSON that can be read: nested too deep") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: not JSON: {error}") from error
    except ValueError as error:
        raise InputError(f"{where}: not JSON that can be read: {error}") from error


def as_coco(where: Path, content: Any) -> dict[str, Any]:
    """Returns content that is a COCO document.

    Raises:
        InputError: it is none.
    """
    if type(content) is not dict:
        raise InputError(f"{where}: not COCO: expected a mapping, got {reprlib.repr(content)}")
    missing = [key for key in ("images", "categories") if key not in content]
    if missing:
        raise InputError(f"{where}: not COCO: {', '.join(missing)} missing")
    return content


def categories(where: Path, data: dict[str, Any]) -> tuple[tuple[str, ...], dict[Id, int]]:
    """Returns the names of the classes, in the order of their category ids, and the number of each id."""
    listed = [(one.identity("id"), one.text("name")) for one in records(where, data, "categories", "category")]
    ids = [identity for identity, _ in listed]
    if len(ids) > MOST_CLASSES:
        raise InputError(f"{where}: {len(ids)} categories; expected at most {MOST_CLASSES}")
    check_once(where, "categories", ids)
    listed.sort(key=lambda one: (type(one[0]) is str, one[0]))
    return tuple(name for _, name in listed), {identity: number for number, (identity, _) in enumerate(listed)}


def _videos(where: Path, data: dict[str, Any]) -> tuple[dict[str, list[Image]], set[Id]]:
    """Returns the images of each video, by the video's name, and the ids of all images."""
    entries = [(one.identity("id"), one.text("name")) for one in records(where, data, "videos", "video")]
    check_once(where, "videos", [identity for identity, _ in entries])
    names: dict[Id | None, str] = dict(entries)
    members: dict[Id | None, list[Image]] = {identity: [] for identity in names}
    ids = []
    for one in records(where, data, "images", "image"):
        video = None if one.values.get("video_id") is None else one.identity("video_id")
        file_name = "" if one.values.get("file_name") is None else one.text("file_name")
        key = next((key for key in PLACES if key in one.values), None)
        ids.append(one.identity("id"))
        image = Image(ids[-1], file_name, None if key is None else one.whole(key), image_size(one))
        members.setdefault(video, []).append(image)
    check_once(where, "images", ids)
    called = [names.get(key, "" if key is None else str(key)) for key in members]
    check_once(where, "videos", called, "names")
    return dict(zip(called, members.values(), strict=True)), set(ids)


def image_size(image: Record) -> tuple[int, int] | None:
    """Returns width and height of an image, None where they are missing, or 0 as some tools write them."""
    width, height = (image.values.get(key) for key in ("width", "height"))
    return (width, height) if type(width) is type(height) is int and width > 0 and height > 0 else None


def check_once(where: Path, what: str, values: Sequence[Id], kind: str = "ids") -> None:
    """Checks that no two of what a file lists are called the same.

    Raises:
        InputError: two are.
    """
    if len(set(values)) < len(values):
        seen: set[Id] = set()
        twice = next(value for value in values if value in seen or seen.add(value))  # type: ignore[func-returns-value]
        raise InputError(f"{where}: two {what} have the same {kind.removesuffix('s')}, {reprlib.repr(twice)}")


def _annotation(one: Record, kind: int, n_classes: int) -> Annotation:
    box = one.finites("bbox", 4)
    score = one.finite("score") if "score" in one.values else 1.0
    if "probs" not in one.values:
        return Annotation(box, score, kind, None)
    probs = one.finites("probs")
    total = sum(probs)
    if len(probs) not in (n_classes, n_classes + 1) or min(probs) < 0 or not abs(total - 1) <= _slack(probs, total):
        raise one.refuse("probs", f"{n_classes} probabilities (or {n_classes + 1}, with the background) that sum to 1")
    return Annotation(box, score, kind, [value / total for value in probs])


def _slack(probs: list[float], total: float) -> float:
    """Returns how far from 1 the sum may be: more where the numbers are rounded, but never so far that none is left."""
    if abs(total - 1) <= SLACK:
        return SLACK
    rounded = (digits for digits in DECIMALS if all(round(value, digits) == value for value in probs))
    return next((min(0.5, len(probs) * 0.5 * 10.0**-digits) for digits in rounded), SLACK)


def _distributions(where: Path, rows: Sequence[tuple[int, Annotation]]) -> NDArray[np.float64] | None:
    lengths = {None if one.probs is None else len(one.probs) for _, one in rows}
    if len(lengths) > 1:
        without = next((place for place, one in rows if one.probs is None), None)
        which = "probs of two lengths" if without is None else f"none at one of frame {without}"
        raise InputError(f"{where}: expected probs at every detection of a video or at none, got {which}")
    return None if lengths <= {None} else np.array([one.probs for _, one in rows], dtype=np.float64)


def _places(
    where: Path,
    name: str,
    images: Sequence[Image],
    n_frames: int | None,
    stems: Sequence[str],
    named: Mapping[str, int],
) -> list[int]:
    known = [image.place for image in images if image.place is not None]
    files = [PurePosixPath(image.file_name).name for image in images]
    if not known and all(file in named for file in files):
        known = [named[file] for file in files]
    if known and len(known) < len(images):
        lost = next(image.id for image in images if image.place is None)
        raise InputError(f"{where}: image {lost!r} has no {' or '.join(PLACES)}, but others of {_video(name)} have")
    if not known:
        if n_frames is not None and images and len(images) != n_frames:
            raise InputError(
                f"{where}: {len(images)} images for the {n_frames} frames of {_video(name)}, and no frame_id "
                "to tell which is which"
            )
        order = sorted(range(len(images)), key=lambda i: natural(_called(images[i])))
        if not _tells_order([images[i] for i in order], stems) and order != list(range(len(images))):
            raise InputError(
                f"{where}: the names of the images ({_called(images[0])!r} and so on) do not tell their order in "
                f"{_video(name)}: give each a frame_id, from 0, or a name with the frame's number"
            )
        return [int(place) for place in np.argsort(order)]
    if len(set(known)) < len(known):
        raise InputError(f"{where}: two images of {_video(name)} have the same place")
    wrong = [place for place in known if place < 0 or (n_frames is not None and place >= n_frames)]
    if wrong:
        frames = f"the video has {n_frames} frames, 0 to {n_frames - 1}" if n_frames else "frames count from 0"
        raise InputError(f"{where}: speaks of frame {wrong[0]}, which does not exist: {frames}")
    return known


def _video(name: str) -> str:
    """Returns how an error calls a video; in a file of a single one it has no name."""
    return f"video {name!r}" if name else "the video"


def _called(image: Image) -> str:
    return image.file_name or str(image.id)


def _tells_order(images: Sequence[Image], stems: Sequence[str]) -> bool:
    """Tells whether images, in the natural order of their names, are known to be in the order of the frames.

    They are if their names are those of the frames, differ in numbers only, or first differ in a number that is each
    one's own (`clip-12-<hash>.jpg`); or if their ids rise along.
    """
    names = [PurePosixPath(_called(image)).with_suffix("").as_posix() for image in images]
    if list(stems) == [PurePosixPath(name).name for name in names]:
        return True
    ids = [image.id for image in images]
    if all(type(identity) is not str for identity in ids) and ids == sorted(ids):
        return True
    keys = [natural(name) for name in names]
    if len({re.sub(r"[0-9]+", "0", name) for name in names}) == 1:
        return True
    first = next((parts for parts in zip(*keys, strict=False) if len(set(parts)) > 1), ((0, 0, ""),))
    return all(part[0] == 1 for part in first) and len(set(first)) == len(images)


def to_coco(
    videos: dict[str, Sequence[Detections]],
    classes: Sequence[str],
    *,
    size: tuple[int, int],
    names: dict[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Returns boxes as a COCO document with videos; scores come along as `score`, class distributions as `probs`.

    Args:
        videos: the frames of each video, by its name.
        classes: the class names; category ids are their places from 1.
        size: (width, height) of the frames in pixels.
        names: the file of each frame, by the video's name; the number of the frame otherwise.

    >>> document = to_coco({"clip": [Detections([[1, 2, 4, 6]], [0.5], [0])]}, ["car"], size=(8, 8))
    >>> document["annotations"][0]["bbox"], document["images"][0]["file_name"]
    ([1.0, 2.0, 3.0, 4.0], 'clip/000000.jpg')
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    for video_id, (name, frames) in enumerate(videos.items(), start=1):
        entries.append({"id": video_id, "name": name})
        for place, frame in enumerate(frames):
            file_name = names[name][place] if names else f"{name}/{place:06d}.jpg"
            image = {"id": len(images) + 1, "file_name": file_name, "video_id": video_id, "frame_id": place}
            images.append({**image, "width": size[0], "height": size[1]})
            for row, one in enumerate(entry(frame, len(images))):
                probs = {} if frame.probs is None else {"probs": frame.probs[row].round(6).tolist()}
                annotations.append({"id": len(annotations) + 1, **one, **probs})
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
