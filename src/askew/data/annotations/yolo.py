"""YOLO text, one file a frame: `class centre-x centre-y width height [confidence]`, as shares of the image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from askew.data.annotations.frames import VideoBoxes, by_frame, frame_of
from askew.errors import DataNotFound, InputError
from askew.video.reader import natural

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
    files = sorted(where.glob("*.txt"), key=lambda path: natural(path.name)) if where.is_dir() else []
    files = [path for path in files if path.name != NAMES]
    if not files:
        raise DataNotFound(f"annotations: no .txt files in {where}")
    frames, rows = [], []
    for path in files:
        frame = frame_of(path, stems, n_frames, first)
        lines = _lines(path)
        frames += [frame] * len(lines)
        rows += lines
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    half = table[:, 3:5] / 2
    boxes = np.concatenate([table[:, 1:3] - half, table[:, 1:3] + half], axis=1) * np.array([*size, *size])
    kinds = table[:, 0].astype(np.int64)
    length = n_frames if n_frames is not None else max(frames, default=-1) + 1
    found = by_frame(np.array(frames, dtype=np.int64), boxes, table[:, 5], kinds, length)
    return VideoBoxes(found, _names(where, int(kinds.max()) + 1 if len(kinds) else 1))


def _lines(path: Path) -> list[list[float]]:
    out = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            numbers = [float(part) for part in line.split()]
        except ValueError as error:
            raise InputError(f"{path}: line {number}: {error}") from error
        numbers += [1.0] * (6 - len(numbers)) if len(numbers) == 5 else []
        inside = len(numbers) == 6 and all(-0.01 <= value <= 1.01 for value in numbers[1:])
        if not inside or numbers[0] < 0 or numbers[0] != int(numbers[0]):
            raise InputError(
                f"{path}: line {number}: expected a class from 0, then centre, width and height (and confidence) in "
                f"[0, 1], got {line.strip()[:80]!r}"
            )
        out.append(numbers)
    return out


def _names(where: Path, n_classes: int) -> tuple[str, ...]:
    path = where / NAMES
    names = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
    names = [name.strip() for name in names if name.strip()]
    if names and len(names) < n_classes:
        raise InputError(f"{path}: {len(names)} names, but there is a box of class {n_classes - 1}")
    return tuple(names or (f"class {number}" for number in range(n_classes)))
