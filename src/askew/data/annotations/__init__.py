"""Boxes from and to files: MOTChallenge, COCO with videos, ImageNet-VID's XML, YOLO and SYNTHIA-AL.

All readers return `VideoBoxes`, frames from 0, one `Detections` a frame; scores of annotations are 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from askew.boxes import check_inside
from askew.data.annotations.coco import CocoFile, load_coco, read_coco, to_coco
from askew.data.annotations.frames import VideoBoxes
from askew.data.annotations.layout import check_layout
from askew.data.annotations.mot import read_mot, to_mot
from askew.data.annotations.synthia import read_synthia_al
from askew.data.annotations.voc import VID_ROAD_CLASSES, read_vid, read_voc
from askew.data.annotations.yolo import read_yolo
from askew.data.film.reader import Video
from askew.errors import DataNotFound, InputError

__all__ = [
    "VID_ROAD_CLASSES",
    "VideoBoxes",
    "read_boxes",
    "read_coco",
    "read_mot",
    "read_synthia_al",
    "read_vid",
    "read_videos",
    "read_voc",
    "read_yolo",
    "to_coco",
    "to_mot",
]


def read_boxes(
    path: str | Path,
    video: Video,
    *,
    images: str | Path | None = None,
    named: Mapping[str, int] | None = None,
) -> VideoBoxes:
    """Reads the boxes of one video, in whichever format the file or folder is, and checks them against the video.

    Of a video opened for its first frames only, boxes of the other frames are left out.

    .txt or .csv is MOTChallenge, .json is COCO (of several videos, that of the same name), a folder of .xml is Pascal
    VOC's (ImageNet-VID's), a folder of .txt is YOLO's.

    Args:
        images: for a COCO list of results, which does not say which frame an image is: the data set's own JSON.
        named: the frame of each picture, by file name: tells it where a COCO file does not.

    Raises:
        DataNotFound: nothing is there.
        InputError: another format, a frame that the video does not have, a box outside the image, a broken
            line, or corners or shares where left, top, width and height in pixels belong.
    """
    where = Path(path)
    if not where.exists():
        raise DataNotFound(f"detections: {where} does not exist")
    if where.is_dir():
        boxes = _from_folder(where, video)
    elif where.suffix.lower() in (".txt", ".csv"):
        boxes = read_mot(where, n_frames=video.declared)
        check_layout(where, boxes.frames, video.width_px, video.height_px)
    elif where.suffix.lower() == ".json":
        file = load_coco(where, images=images)
        only = next(iter(file.videos)) if len(file.videos) == 1 else None
        boxes = _from_coco(file, video, _named(file, video.name) if only is None else only, named)
    else:
        raise InputError(f"detections: {where}: expected .txt or .csv (MOTChallenge), .json (COCO) or a folder")
    return _checked(boxes, video)


def read_videos(
    path: str | Path,
    videos: Mapping[str, Video],
    *,
    images: str | Path | None = None,
    named: Mapping[str, int] | None = None,
) -> dict[str, VideoBoxes]:
    """Reads the boxes of several videos: a COCO file that names each, or a folder with something for each.

    In a folder it is `<name>.txt`, `.csv` or `.json`, or a folder `<name>`. For a single video, see `read_boxes`, which
    alone reads `named`.

    Raises:
        DataNotFound: nothing for one of the videos.
        InputError: a file that does not say which video its boxes are of, or one that speaks of none of a video's name;
            see also `read_boxes`.
    """
    where = Path(path)
    if len(videos) == 1:
        return {name: read_boxes(where, video, images=images, named=named) for name, video in videos.items()}
    if where.is_dir():
        return {name: read_boxes(_source(where, name), video, images=images) for name, video in videos.items()}
    if where.suffix.lower() != ".json":
        raise InputError(
            f"detections: {where} cannot tell {len(videos)} videos apart: give a folder with <name>.txt for each, or a "
            "COCO file with videos"
        )
    file = load_coco(where, images=images)
    keys = {name: _named(file, name) for name in videos}
    for name, key in keys.items():
        twin = next(other for other, its in keys.items() if its == key)
        if twin != name:
            raise InputError(f"detections: {where}: its video {key!r} may be {twin!r} or {name!r}: give paths as names")
    return {name: _checked(_from_coco(file, video, keys[name]), video) for name, video in videos.items()}


def _checked(boxes: VideoBoxes, video: Video) -> VideoBoxes:
    check_inside(boxes.frames, video.width_px, video.height_px)
    return boxes.first(video.n_frames)


def _from_folder(where: Path, video: Video) -> VideoBoxes:
    stems = [picture.stem for picture in video.pictures]
    if any(where.glob("*.xml")):
        size = (video.width_px, video.height_px)
        return read_voc(where, n_frames=video.declared, stems=stems, size=size)
    if any(where.glob("*.txt")):
        return read_yolo(where, size=(video.width_px, video.height_px), n_frames=video.declared, stems=stems)
    raise DataNotFound(f"detections: {where} holds neither .xml (Pascal VOC) nor .txt (YOLO) files")


def _source(folder: Path, name: str) -> Path:
    choices = [folder / f"{name}{suffix}" for suffix in (".txt", ".csv", ".json")] + [folder / name]
    for choice in choices:
        if choice.exists():
            return choice
    raise DataNotFound(
        f"detections: {folder} has nothing for video {name!r}; looked for {choices[0].name} and the like"
    )


def _named(file: CocoFile, name: str) -> str:
    """Returns which video of a COCO file is called so: by its whole name, else without suffix, else without folders."""
    last = PurePosixPath(name).name
    for called in (
        [key for key in file.videos if key == name],
        [key for key in file.videos if (PurePosixPath(key).parent / PurePosixPath(key).stem).as_posix() == name],
        [key for key in file.videos if last in (PurePosixPath(key).name, PurePosixPath(key).stem)],
    ):
        if len(called) == 1:
            return called[0]
    known = ", ".join(map(repr, list(file.videos)[:3])) or "none"
    videos = "1 video" if len(file.videos) == 1 else f"{len(file.videos)} videos"
    raise InputError(f"detections: {file.where} speaks of {videos}, {len(called)} of them {name!r}: it has {known}")


def _from_coco(file: CocoFile, video: Video, name: str, named: Mapping[str, int] | None = None) -> VideoBoxes:
    file.check_size(name, video.width_px, video.height_px)
    stems = [one.stem for one in video.pictures]
    boxes = file.boxes(name, video.declared, stems, named).padded(video.declared)
    check_layout(file.where, boxes.frames, video.width_px, video.height_px)
    return boxes
