"""What `askew video` writes: a table of frames, the suspected and missed boxes, and pictures; all of it or nothing."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices
from askew.data.annotations import VideoBoxes, read_videos
from askew.data.frame_pictures import draw_frame, draw_timeline
from askew.data.preannotation import Guess
from askew.errors import DataNotFound, InputError, MissingExtra, unknown
from askew.video.frame_errors import FrameErrors
from askew.video.reader import Image, Video, need_opencv

TABLES = ("parquet", "csv")


@dataclass(frozen=True, eq=False)
class Reviewed:
    """A video, its detections, and their estimated errors."""

    name: str
    video: Video
    boxes: VideoBoxes
    errors: FrameErrors

    @property
    def stem(self) -> str:
        """The name as a file name."""
        return self.name.replace("/", "__")


@contextmanager
def new_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Gives a folder to fill, which becomes `path` at the end of the block, or vanishes if the block fails.

    Raises:
        InputError: `path` is a file, or a folder with something in it and not to be replaced.
        DataNotFound: the folder above does not exist.
    """
    check_new_folder(path, replace=replace)
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        draft.chmod(0o755)
        yield draft
        if path.exists():
            shutil.rmtree(path)
        draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def check_new_folder(path: Path, *, replace: bool = False) -> None:
    """Checks that a folder can be made at `path`, before any work is done for it; see `new_folder`."""
    if not path.resolve().parent.is_dir():
        raise DataNotFound(f"--out: there is no folder {path.parent}")
    if path.is_file():
        raise InputError(f"--out: {path} is a file; expected a folder, new or empty")
    if path.is_dir() and any(path.iterdir()) and not replace:
        raise InputError(f"--out: {path} has something in it: choose another folder, or pass --force to replace it")


def frames_table(reviews: Sequence[Reviewed], scores: Mapping[str, Sequence[NDArray[np.float64]]]) -> dict[str, Any]:
    """Returns the columns of the table of frames: one row a frame of each video, with one column for each score."""
    columns: dict[str, list[Any]] = {
        key: [] for key in ("video", "frame", "seconds", "detections", "false_positives", "false_negatives")
    }
    for review in reviews:
        n_frames, rate = len(review.errors), review.video.frame_rate
        columns["video"] += [review.name] * n_frames
        columns["frame"] += range(n_frames)
        columns["seconds"] += [round(i / rate, 3) if rate > 0 else None for i in range(n_frames)]
        columns["detections"] += [len(frame) for frame in review.boxes.frames]
        columns["false_positives"] += review.errors.false_positives.tolist()
        columns["false_negatives"] += review.errors.false_negatives.tolist()
    return columns | {name: [float(v) for one in parts for v in one] for name, parts in scores.items()}


def write_table(columns: dict[str, Any], path: Path) -> None:
    """Writes columns as Parquet or CSV, by the suffix.

    Raises:
        InputError: another suffix.
        MissingExtra: Parquet without pyarrow.
    """
    if path.suffix == ".csv":
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        path.write_text(buffer.getvalue(), encoding="utf-8")
        return
    if path.suffix != ".parquet":
        raise unknown("table", path.suffix, TABLES)
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("writing Parquet", "video") from error
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def boxes_document(reviews: Sequence[Reviewed], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the suspected detections and missed objects of every frame that has any, for JSON."""
    videos = []
    for review in reviews:
        frames = []
        for number, (found, wrong, missed) in enumerate(
            zip(review.boxes.frames, review.errors.suspected, review.errors.missed, strict=True)
        ):
            if wrong.any() or len(missed):
                suspected = [{"detection": int(k), **_entry(found, int(k), review)} for k in np.flatnonzero(wrong)]
                missing = [_entry(missed, k, review) for k in range(len(missed))]
                frames.append({"frame": number, "suspected": suspected, "missed": missing})
        size = {"width": review.video.width_px, "height": review.video.height_px, "n_frames": len(review.errors)}
        videos.append({"video": review.name, **size, "energy": review.errors.energy, "frames": frames})
    return {"parameters": dict(parameters), "videos": videos}


def _entry(frame: Any, row: int, review: Reviewed) -> dict[str, Any]:
    box = [round(float(v), 2) for v in frame.boxes[row]]
    name = review.boxes.classes[int(frame.classes[row])]
    return {"box": box, "score": round(float(frame.scores[row]), 4), "class": name}


def write_errors(
    folder: Path,
    reviews: Sequence[Reviewed],
    scores: Mapping[str, Sequence[NDArray[np.float64]]],
    *,
    parameters: Mapping[str, Any],
    table: str = "parquet",
    pictures: int = 24,
) -> None:
    """Writes `frames.parquet` (or .csv), `boxes.json`, and for each video a timeline and pictures of its worst frames.

    Args:
        pictures: how many frames of each video to draw: the most errors first, none next to another; 0 draws no frame,
            and no timeline either.
    """
    write_table(frames_table(reviews, scores), folder / f"frames.{table}")
    document = json.dumps(boxes_document(reviews, parameters), indent=1)
    (folder / "boxes.json").write_text(document + "\n", encoding="utf-8")
    if not pictures:
        return
    for review in reviews:
        shown = worst_frames(review.errors, pictures)
        strip = draw_timeline(
            review.errors, title=review.name, frame_rate=review.video.frame_rate, marked=np.sort(shown)
        )
        strip.save(folder / f"{review.stem}-timeline.png")
        if len(shown):
            (folder / "pictures").mkdir(exist_ok=True)
        for frame, image in review.video.frames_at(shown.tolist()):
            picture = draw_frame(
                image,
                review.boxes.frames[frame],
                review.errors.suspected[frame],
                review.errors.missed[frame],
                classes=review.boxes.classes,
                title=f"{review.name}, frame {frame}",
            )
            picture.save(folder / "pictures" / f"{review.stem}-{frame:06d}.jpg", quality=90)


def worst_frames(errors: FrameErrors, count: int) -> Indices:
    """Returns up to `count` frames with the most estimated errors, worst first, no two within 5 frames."""
    totals = errors.false_positives + errors.false_negatives
    shown: list[int] = []
    for frame in np.argsort(-totals, kind="stable").tolist():
        if len(shown) == count or totals[frame] == 0:
            break
        if all(abs(frame - other) > 5 for other in shown):
            shown.append(frame)
    return np.array(shown, dtype=np.int64)


def read_all_boxes(
    path: Path,
    videos: Mapping[str, Video],
    *,
    images: Path | None = None,
    classes: Sequence[str] | None = None,
    min_score: float = 0.0,
) -> dict[str, VideoBoxes]:
    """Reads and checks the boxes of all videos, with one numbering of classes.

    For one video `path` is what `read_boxes` takes; for several, see `read_videos`.

    Raises:
        DataNotFound: nothing for one of the videos.
        InputError: see `read_videos`; or none of the classes asked for are there.
    """
    found = read_videos(path, videos, images=images)
    known = list(dict.fromkeys(kind for boxes in found.values() for kind in boxes.classes))
    names = list(classes or known or ["object"])
    if known and not set(names) & set(known):
        raise InputError(f"--classes: none of {', '.join(names)} here; the detections have {', '.join(sorted(known))}")
    return {name: boxes.of_classes(names).above(min_score) for name, boxes in found.items()}


def write_picked(folder: Path, rows: Sequence[tuple[Reviewed, int]], scores: NDArray[np.float64]) -> list[Guess]:
    """Writes the picked frames as pictures and `picked.csv`, best first, and returns what is thought to be in them."""
    (folder / "frames").mkdir()
    names = [f"frames/{review.stem}-{frame:06d}.png" for review, frame in rows]
    columns = {
        "rank": list(range(1, len(rows) + 1)),
        "video": [review.name for review, _ in rows],
        "frame": [frame for _, frame in rows],
        "score": [float(score) for score in scores],
        "file": names,
    }
    write_table(columns, folder / "picked.csv")
    for review in dict.fromkeys(review for review, _ in rows):
        wanted = {frame: name for (one, frame), name in zip(rows, names, strict=True) if one is review}
        for frame, image in review.video.frames_at(wanted):
            write_picture(image, folder / wanted[frame])
    return [
        Guess(
            name,
            review.name,
            frame,
            review.video.width_px,
            review.video.height_px,
            review.boxes.frames[frame],
            review.errors.suspected[frame],
            review.errors.missed[frame],
        )
        for (review, frame), name in zip(rows, names, strict=True)
    ]


def write_picture(image: Image, path: Path) -> None:
    """Writes a frame, unchanged, as a picture."""
    if not need_opencv("writing pictures").imwrite(str(path), image):
        raise InputError(f"{path}: OpenCV could not write the picture")


def read_labeled(paths: Sequence[Path], reviews: Sequence[tuple[str, int]]) -> NDArray[np.bool_]:
    """Returns which frames are labelled, over all frames of all videos in order, from CSV files with `video,frame`.

    Frames count from 0; the column `video` may be missing if there is one video. The `picked.csv` that `askew video
    pick` writes is such a file.

    Raises:
        DataNotFound: no such file.
        InputError: no such columns, or a video or frame that does not exist.
    """
    starts = dict(zip((n for n, _ in reviews), np.cumsum([0] + [size for _, size in reviews]).tolist(), strict=False))
    sizes = dict(reviews)
    out = np.zeros(sum(sizes.values()), bool)
    for path in paths:
        if not path.is_file():
            raise DataNotFound(f"--labeled: no file {path}")
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        for number, row in enumerate(rows, start=2):
            video = row.get("video") or (reviews[0][0] if len(reviews) == 1 else None)
            text = row.get("frame") or ""
            if video not in starts or not text.isdigit() or int(text) >= sizes[video]:
                raise InputError(f"--labeled: {path}, line {number}: no frame {text!r} of video {video!r} here")
            out[starts[video] + int(text)] = True
    return out
