"""Estimated errors to files: a table of frames, the suspected and missed boxes, pictures of the worst, timelines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices
from askew.boxes import Detections
from askew.errors import InputError
from askew.export.columns import write_table
from askew.export.frame_pictures import draw_frame
from askew.export.names import file_stem, frame_name
from askew.export.timeline import clock, draw_timeline
from askew.review import Reviewed
from askew.video.frame_errors import FrameErrors
from askew.video.scores import error_scores, least_confidence

APART = 5
"""Frames between two that are drawn."""


def write_errors(
    folder: Path,
    reviews: Sequence[Reviewed],
    *,
    parameters: Mapping[str, Any],
    table: str = "parquet",
    pictures: int = 24,
) -> None:
    """Writes `frames.parquet` (or .csv), `boxes.json`, and for each video a timeline and pictures of its worst frames.

    Args:
        folder: an empty folder, such as `askew.files.output_folder` gives.
        reviews: the videos with their estimated errors.
        parameters: what the errors were estimated with, for `boxes.json`.
        table: "parquet" or "csv".
        pictures: how many frames of each video to draw: the most errors first, none next to another; 0 draws no frame,
            and no timeline either.

    Raises:
        InputError: errors that were not estimated, or a video that is cut short.
    """
    if pictures < 0:
        raise InputError(f"pictures: expected a number of frames from 0, got {pictures}")
    seconds = {review.name: review.video.seconds() for review in reviews}
    write_table(frames_table(reviews, seconds), folder / f"frames.{table}")
    document = json.dumps(boxes_document(reviews, parameters), indent=1)
    (folder / "boxes.json").write_text(document + "\n", encoding="utf-8")
    if pictures:
        for review in reviews:
            _draw(folder, review, pictures, seconds[review.name])


def frames_table(reviews: Sequence[Reviewed], seconds: Mapping[str, NDArray[np.float64]]) -> dict[str, list[Any]]:
    """Returns the columns of the table of frames: one row a frame of each video.

    Args:
        seconds: for each video (L,) when its frames are shown (`Video.seconds`); NaN is written as nothing.
    """
    names = "video frame seconds detections false_positives false_negatives score least_confidence".split()
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for review in reviews:
        errors, frames = _errors(review), review.boxes.frames
        columns["video"] += [review.name] * len(errors)
        columns["frame"] += range(len(errors))
        columns["seconds"] += [None if np.isnan(t) else round(t, 3) for t in seconds[review.name].tolist()]
        columns["detections"] += [len(frame) for frame in frames]
        columns["false_positives"] += errors.false_positives.tolist()
        columns["false_negatives"] += errors.false_negatives.tolist()
        columns["score"] += error_scores(errors).tolist()
        columns["least_confidence"] += least_confidence(frames).tolist()
    return columns


def boxes_document(reviews: Sequence[Reviewed], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Returns all boxes of every frame that has a suspected detection or a missed object, for JSON.

    A box has the number by which `askew.export.frame_pictures.draw_frame` draws it: a detection its row in the frame,
    from 0, missed objects the numbers after those.
    """
    videos = []
    for review in reviews:
        errors, frames = _errors(review), []
        for number in np.flatnonzero(errors.false_positives + errors.false_negatives).tolist():
            found, wrong, missed = review.boxes.frames[number], errors.suspected[number], errors.missed[number]
            entries = _entries([found, missed], review.boxes.classes)
            groups = {"suspected": np.flatnonzero(wrong), "missed": len(found) + np.arange(len(missed))}
            groups["kept"] = np.flatnonzero(~wrong)
            frames.append({"frame": number} | {name: [entries[k] for k in rows] for name, rows in groups.items()})
        size = {"width": review.video.width_px, "height": review.video.height_px, "n_frames": len(errors)}
        videos.append({"video": review.name, **size, "energy": errors.energy, "frames": frames})
    return {"parameters": dict(parameters), "videos": videos}


def worst_frames(errors: FrameErrors, count: int) -> Indices:
    """Returns up to `count` frames with the most estimated errors, worst first, no two within 5 frames."""
    totals = errors.false_positives + errors.false_negatives
    free = totals > 0
    shown: list[int] = []
    for frame in np.argsort(-totals, kind="stable").tolist():
        if len(shown) == count or totals[frame] == 0:
            break
        if free[frame]:
            shown.append(frame)
            free[max(0, frame - APART) : frame + APART + 1] = False
    return np.array(shown, dtype=np.int64)


def _draw(folder: Path, review: Reviewed, count: int, seconds: NDArray[np.float64]) -> None:
    errors = _errors(review)
    shown = worst_frames(errors, count)
    strip = draw_timeline(errors, title=review.name, seconds=seconds, marked=np.sort(shown))
    strip.save(folder / f"{file_stem(review.name)}-timeline.png")
    if len(shown):
        (folder / "pictures").mkdir(exist_ok=True)
    for frame, image in review.video.frames_at(shown.tolist()):
        picture = draw_frame(
            image,
            review.boxes.frames[frame],
            errors.suspected[frame],
            errors.missed[frame],
            classes=review.boxes.classes,
            title=_title(review.name, frame, float(seconds[frame])),
        )
        picture.save(folder / "pictures" / frame_name(review.name, frame, ".jpg"), quality=90, subsampling=0)


def _title(video: str, frame: int, seconds: float) -> str:
    when = "" if np.isnan(seconds) else f", {clock(seconds, tenths=True)}"
    return f"{video}, frame {frame}{when}"


def _entries(parts: Sequence[Detections], classes: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the boxes of a frame, numbered on from part to part."""
    out: list[dict[str, Any]] = []
    for part in parts:
        for box, score, kind in zip(part.boxes.tolist(), part.scores.tolist(), part.classes.tolist(), strict=True):
            sides = [round(value, 2) for value in box]
            out.append({"id": len(out), "box": sides, "score": round(score, 4), "class": classes[kind]})
    return out


def _errors(review: Reviewed) -> FrameErrors:
    if review.errors is None:
        raise InputError(f"reviews: the errors of video {review.name!r} were not estimated: use askew.review.review")
    return review.errors
