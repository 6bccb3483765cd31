"""Boxes from and to files: MOTChallenge, COCO with videos, ImageNet-VID's XML, YOLO and SYNTHIA-AL.

All readers return `VideoBoxes`, frames from 0, one `Detections` a frame; scores of annotations are 1.
"""

from __future__ import annotations

from pathlib import Path

from askew.data.annotations.coco import read_coco, to_coco
from askew.data.annotations.frames import VideoBoxes
from askew.data.annotations.mot import read_mot, to_mot
from askew.data.annotations.synthia import read_synthia_al
from askew.data.annotations.voc import VID_ROAD_CLASSES, read_vid, read_voc
from askew.data.annotations.yolo import read_yolo
from askew.errors import DataNotFound, InputError
from askew.video.boxes import check_inside
from askew.video.reader import Video

__all__ = [
    "VID_ROAD_CLASSES",
    "VideoBoxes",
    "read_boxes",
    "read_coco",
    "read_mot",
    "read_synthia_al",
    "read_vid",
    "read_voc",
    "read_yolo",
    "to_coco",
    "to_mot",
]


def read_boxes(path: str | Path, video: Video, *, images: str | Path | None = None) -> VideoBoxes:
    """Reads the boxes of one video, in whichever format the file or folder is, and checks them against the video.

    Of a video opened for its first frames only, boxes of the other frames are left out.

    .txt or .csv is MOTChallenge, .json is COCO (of several videos, that of the same name), a folder of .xml is Pascal
    VOC's (ImageNet-VID's), a folder of .txt is YOLO's.

    Args:
        images: for a COCO list of results, which does not say which frame an image is: the data set's own JSON.

    Raises:
        DataNotFound: nothing is there.
        InputError: another format, a frame that the video does not have, a box outside the image, or a broken line.
    """
    where = Path(path)
    if not where.exists():
        raise DataNotFound(f"detections: {where} does not exist")
    if where.is_dir():
        boxes = _from_folder(where, video)
    elif where.suffix.lower() in (".txt", ".csv"):
        boxes = read_mot(where, n_frames=video.declared)
    elif where.suffix.lower() == ".json":
        boxes = _of_video(read_coco(where, images=images, n_frames=video.declared), video, where)
    else:
        raise InputError(f"detections: {where}: expected .txt or .csv (MOTChallenge), .json (COCO) or a folder")
    check_inside(boxes.frames, video.width_px, video.height_px)
    return boxes.first(video.n_frames)


def _from_folder(where: Path, video: Video) -> VideoBoxes:
    stems = [picture.stem for picture in video.pictures]
    if any(where.glob("*.xml")):
        return read_voc(where, n_frames=video.declared, stems=stems)
    if any(where.glob("*.txt")):
        return read_yolo(where, size=(video.width_px, video.height_px), n_frames=video.declared, stems=stems)
    raise DataNotFound(f"detections: {where} holds neither .xml (Pascal VOC) nor .txt (YOLO) files")


def _of_video(videos: dict[str, VideoBoxes], video: Video, where: Path) -> VideoBoxes:
    names = {name: Path(name).stem for name in videos}
    same = [name for name, stem in names.items() if video.name in (name, stem)]
    if len(videos) > 1 and len(same) != 1:
        raise InputError(f"detections: {where} speaks of {len(videos)} videos, {len(same)} of them {video.name!r}")
    boxes = videos[same[0] if same else next(iter(videos))]
    if len(boxes.frames) > video.declared:
        raise InputError(
            f"detections: {where} has frame {len(boxes.frames) - 1}; the video has {video.declared} frames"
        )
    return boxes.padded(video.declared)
