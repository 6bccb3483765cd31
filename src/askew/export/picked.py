"""Picked frames to files: pictures, a table, and a first guess of their boxes for the labelling tool."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.data.film.reader import Image, need_opencv
from askew.errors import InputError
from askew.export.columns import write_table
from askew.export.names import frame_name
from askew.export.preannotation import FORMATS, Guess, preannotations
from askew.review import Reviewed
from askew.video.frame_errors import no_errors


def write_picked(
    folder: Path,
    rows: Sequence[tuple[Reviewed, int]],
    scores: NDArray[np.floating],
    *,
    kind: str = "coco",
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Writes picked frames into a folder: `frames/`, `picked.csv`, best first, and `preannotations.json` or `.xml`.

    Args:
        folder: an empty folder, such as `askew.files.output_folder` gives.
        rows: the video and number of each frame.
        scores: (n,) what made it worth it.
        kind: the labelling tool: "coco", "cvat" or "label-studio".
        parameters: what the frames were picked with, for `parameters.json`; no such file without it.

    Raises:
        InputError: an unknown kind, or a picture that cannot be written.
    """
    (folder / "frames").mkdir()
    names = [f"frames/{frame_name(review.name, frame, '.png')}" for review, frame in rows]
    columns: dict[str, list[Any]] = {
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
    text = preannotations(_guesses(rows, names), rows[0][0].boxes.classes, kind)
    (folder / FORMATS[kind]).write_text(text, encoding="utf-8")
    if parameters is not None:
        (folder / "parameters.json").write_text(json.dumps(dict(parameters), indent=1) + "\n", encoding="utf-8")


def write_picture(image: Image, path: Path) -> None:
    """Writes a frame, unchanged, as a picture.

    Raises:
        InputError: there is such a picture already, or it cannot be written.
    """
    if path.exists():
        raise InputError(f"{path.name}: two frames would be written to this name: rename one of their videos")
    if not need_opencv("writing pictures").imwrite(str(path), image):
        raise InputError(f"{path}: OpenCV could not write the picture")


def _guesses(rows: Sequence[tuple[Reviewed, int]], names: Sequence[str]) -> list[Guess]:
    reviews = dict.fromkeys(review for review, _ in rows)
    errors = {review: review.errors or no_errors(review.boxes.frames) for review in reviews}
    return [
        Guess(
            name,
            review.name,
            frame,
            review.video.width_px,
            review.video.height_px,
            review.boxes.frames[frame],
            errors[review].suspected[frame],
            errors[review].missed[frame],
        )
        for (review, frame), name in zip(rows, names, strict=True)
    ]
