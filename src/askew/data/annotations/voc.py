"""Pascal VOC XML, one file a frame, as in the tree of ImageNet-VID."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from askew.data.annotations.fields import box_sides, check_name, files_of
from askew.data.annotations.frames import VideoBoxes, by_frame, check_image_size, frame_of, places_of
from askew.data.film.reader import natural
from askew.errors import DataNotFound, InputError

VID_ROAD_CLASSES = {"n02958343": "car", "n02834778": "bicycle", "n03790512": "motorcycle"}
"""The three classes of ImageNet-VID that the thesis uses, by their names in the files."""

SIDES = ("xmin", "ymin", "xmax", "ymax")

DECLARED = "a document type is declared, which annotations do not need"

MOST_BYTES = 10_000_000
"""The largest file taken for the annotation of one frame."""

Row = tuple[int, list[float], str]


def read_voc(
    folder: str | Path,
    *,
    n_frames: int | None = None,
    stems: Sequence[str] = (),
    classes: Sequence[str] = (),
    size: tuple[int, int] | None = None,
) -> VideoBoxes:
    """Reads a folder of Pascal VOC files, one a frame.

    Args:
        n_frames: the video's length; without it, there are as many frames as files.
        stems: names of the frames, in order, without suffix; a file is about the frame of its own name. Without it, and
            with `n_frames`, the number in a file's name is its frame, from 0; with neither, files are frames in order.
        classes: names to keep, numbered in this order; all that occur, sorted, without it.
        size: (width, height) of the frames in pixels, checked against what the files say.

    Raises:
        DataNotFound: no folder, or no XML in it.
        InputError: a file that is no VOC annotation, or about a frame that does not exist or has another size.
    """
    where = Path(folder)
    files = sorted(files_of(where, ".xml"), key=lambda path: natural(path.name))
    if not files:
        raise DataNotFound(f"annotations: no .xml files in {where}")
    rows: list[Row] = []
    places = places_of(stems)
    for place, path in enumerate(files):
        frame = frame_of(path, places, n_frames, first=0) if places or n_frames is not None else place
        rows += [(frame, box, name) for box, name in _objects(path, size)]
    names = list(classes) if classes else sorted({name for _, _, name in rows})
    numbers = {name: number for number, name in enumerate(names)}
    rows = [row for row in rows if row[2] in numbers]
    length = n_frames if n_frames is not None else len(files)
    found = by_frame(
        where,
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.float64).reshape(-1, 4),
        np.ones(len(rows)),
        np.array([numbers[row[2]] for row in rows], dtype=np.int64),
        length,
    )
    return VideoBoxes(found, tuple(names), tuple(path.stem for path in files) if n_frames is None else ())


def read_vid(root: str | Path, split: str = "train", *, classes: Sequence[str] = ()) -> dict[str, VideoBoxes]:
    """Reads the annotations of ImageNet-VID: `Annotations/VID/<split>/…/<video>/000000.xml`, by the path of the video.

    The frames of a video are in the same place under `Data/VID/<split>`. With `classes` (such as `VID_ROAD_CLASSES`),
    only videos with an object of one of them are returned, as in the thesis.

    Raises:
        DataNotFound: the tree is not there.
        InputError: see `read_voc`.
    """
    base = Path(root) / "Annotations" / "VID" / split
    folders = sorted({path.parent for path in base.rglob("*.xml")})
    if not folders:
        raise DataNotFound(f"annotations: no .xml files under {base}; expected ImageNet-VID's tree")
    if not classes:
        kinds = sorted({name for folder in folders for path in folder.glob("*.xml") for _, name in _objects(path)})
        return {folder.relative_to(base).as_posix(): read_voc(folder, classes=kinds) for folder in folders}
    videos = {folder.relative_to(base).as_posix(): read_voc(folder, classes=classes) for folder in folders}
    return {name: video for name, video in videos.items() if any(len(frame) for frame in video.frames)}


class _Builder(ElementTree.TreeBuilder):
    """Builds a tree of a document that declares nothing: declared entities can grow without end."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002  (the parser's call)
        """Is called where a document type is declared."""
        raise InputError(DECLARED)


def _objects(path: Path, size: tuple[int, int] | None = None) -> list[tuple[list[float], str]]:
    root = read_xml(path)
    check_image_size(f"{path}: the image", declared_size(root), size)
    return objects_of(path, root)


def read_xml(path: Path) -> ElementTree.Element:
    """Returns the root of a small XML file that declares nothing.

    Raises:
        InputError: the file is large, no XML, or declares a document type.
    """
    if path.stat().st_size > MOST_BYTES:
        raise InputError(
            f"{path}: {path.stat().st_size} bytes; expected the objects of one frame, {MOST_BYTES} at most"
        )
    try:
        root = ElementTree.parse(path, ElementTree.XMLParser(target=_Builder())).getroot()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(f"{path}: not XML that can be read: {str(error)[:100]}") from error
    return root


def declared_size(root: ElementTree.Element) -> tuple[int, int] | None:
    """Returns width and height of the image of a VOC annotation, None where they are missing, or 0."""
    declared = [(root.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
    if all(re.fullmatch(r"[1-9][0-9]{0,5}", text) for text in declared):
        return int(declared[0]), int(declared[1])
    return None


def objects_of(path: Path, root: ElementTree.Element) -> list[tuple[list[float], str]]:
    """Returns the objects of a VOC annotation: left, top, right and bottom, and the name.

    Raises:
        InputError: one has no name or no box, or one that cannot be.
    """
    out = []
    for one in root.iter("object"):
        name, box = (one.findtext("name") or "").strip(), one.find("bndbox")
        if not name or box is None:
            raise InputError(f"{path}: an object without name or bndbox: not a Pascal VOC annotation")
        check_name(path, "an object", name)
        sides = box_sides(path, f"bndbox of {name!r}", [box.findtext(side) for side in SIDES])
        if sides[2] < sides[0] or sides[3] < sides[1]:
            raise InputError(f"{path}: bndbox of {name!r}: expected xmin <= xmax and ymin <= ymax, got {sides}")
        out.append((sides, name))
    return out
