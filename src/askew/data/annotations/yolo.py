"""YOLO text, one file a frame: `class centre-x centre-y width height [confidence]`, as shares of the image."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from askew.data.annotations.fields import files_of, text_of, whole_numbers
from askew.data.annotations.frames import VideoBoxes, by_frame, class_names, frame_of, places_of
from askew.data.film.reader import natural
from askew.errors import DataNotFound, InputError

NAMES = "classes.txt"
"""The file of class names, one a line, that many tools put beside the boxes."""


def read_yolo(
    folder: str | Path,
    *,
    size: tuple[int, int],
    n_frames: int | None = None,
    stems: Sequence[str] = (),
    first: int = 1,
) -> VideoBoxes:
    """Reads a folder of YOLO files; frames without a file have no boxes.

    Args:
        size: (width, height) of the frames in pixels.
        n_frames: the video's length; without it, the last frame spoken of is the last.
        stems: names of the frames, in order, without suffix; a file is about the frame of its own name.
        first: without `stems`, the last number in a file's name is its frame, counted from here. Ultralytics counts
            the frames of a video from 1.

    Raises:
        DataNotFound: no folder, or no text files in it.
        InputError: a line that is not as said, shares outside [0, 1], or a frame that does not exist.
    """
    where = Path(folder)
    files = sorted(files_of(where, ".txt"), key=lambda path: natural(path.name))
    files = [path for path in files if path.name != NAMES]
    if not files:
        raise DataNotFound(f"annotations: no .txt files in {where}")
    places = places_of(stems)
    spoken = [frame_of(path, places, n_frames, first) for path in files]
    frames, tables = [], [np.zeros((0, 6))]
    for path, frame in zip(files, spoken, strict=True):
        tables.append(table_of(path))
        frames += [frame] * len(tables[-1])
    table = np.concatenate(tables)
    half = table[:, 3:5] / 2
    boxes = np.concatenate([table[:, 1:3] - half, table[:, 1:3] + half], axis=1) * np.array([*size, *size])
    kinds = table[:, 0].astype(np.int64)
    length = n_frames if n_frames is not None else max(spoken) + 1
    named = where / NAMES
    names = [name.strip() for name in text_of(named).split("\n") if name.strip()] if named.is_file() else []
    classes = class_names(named if names else where, int(kinds.max()) + 1 if len(kinds) else 1, names, first=0)
    found = by_frame(where, np.array(frames, dtype=np.int64), boxes, np.nan_to_num(table[:, 5], nan=1.0), kinds, length)
    return VideoBoxes(found, classes, named=bool(names))


def table_of(path: Path) -> NDArray[np.float64]:
    """Returns the (K, 6) numbers of a file, with the confidence NaN where there is none.

    Raises:
        InputError: a line that is not as said, or shares outside [0, 1].
    """
    lines, rows = [], []
    for number, line in enumerate(text_of(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            numbers = [float(part) for part in line.split()]
        except ValueError:
            numbers = []
        inside = len(numbers) in (5, 6) and all(-0.01 <= value <= 1.01 for value in numbers[1:])
        if not inside or not numbers[0] >= 0 or min(numbers[3:5]) < 0:
            raise InputError(
                f"{path}: line {number}: expected a class from 0, then centre, width and height (and confidence) in "
                f"[0, 1], got {reprlib.repr(line.strip())}"
            )
        lines.append(number)
        rows.append(numbers if len(numbers) == 6 else [*numbers, np.nan])
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    whole_numbers(path, lines, table[:, 0], "a class")
    return table
