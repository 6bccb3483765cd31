"""MOTChallenge text: `frame, id, left, top, width, height, confidence, …`, frames from 1."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices
from askew.boxes import Detections
from askew.data.annotations.fields import text_of, whole_numbers
from askew.data.annotations.frames import ONLY, VideoBoxes, by_frame, check_span, class_names
from askew.errors import DataNotFound, InputError

COLUMNS = "frame, id, left, top, width, height, confidence"


def read_mot(path: str | Path, *, n_frames: int | None = None, classes: Sequence[str] = ()) -> VideoBoxes:
    """Reads a MOTChallenge file of detections or of ground truth.

    Lines of 7 or of 10 numbers (detections, and the truth of 2015) are of one class. Lines of 9 are the truth of
    2016 on: the eighth number is the class, from 1, and lines whose seventh number is 0, "not to be considered", are
    left out. Boxes are taken as they stand; the benchmark counts pixels from 1, most detectors from 0. Empty lines are
    passed over; there are no comments. The format has no place for class distributions.

    Args:
        n_frames: the video's length; without it, the last frame spoken of is the last.
        classes: names of the classes, in order; "object", or "class 1" and so on, without it.

    Raises:
        DataNotFound: no such file.
        InputError: a line that is not as said, something not finite, a negative width or height, or a frame that does
            not exist.
    """
    where = Path(path)
    if not where.is_file():
        raise DataNotFound(f"detections: no file {where}")
    lines, rows = _numbers(where)
    frames = whole_numbers(where, lines, rows[:, 0], "a frame") - 1
    length = check_span(where, frames, n_frames, first=1)
    kinds = np.zeros(len(rows), np.int64)
    if rows.shape[1] == 9:
        counts = rows[:, 6] != 0
        rows, frames, lines = rows[counts], frames[counts], lines[counts]
        kinds = whole_numbers(where, lines, rows[:, 7], "a class") - 1
        if len(kinds) and kinds.min() < 0:
            raise InputError(f"{where}: classes are counted from 1, got {kinds.min() + 1}")
    n_classes = int(kinds.max()) + 1 if len(kinds) else 1
    names = class_names(where, n_classes, classes or ([ONLY] if n_classes == 1 else []), first=1)
    boxes = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)
    return VideoBoxes(by_frame(where, frames, boxes, rows[:, 6], kinds, length), names, named=bool(classes))


def _numbers(where: Path) -> tuple[Indices, NDArray[np.float64]]:
    """Returns the numbers of the lines that are not empty, and which lines those are, from 1."""
    every = text_of(where).split("\n")
    lines = np.array([number for number, line in enumerate(every, start=1) if line.strip()], dtype=np.int64)
    if not len(lines):
        return lines, np.zeros((0, 7))
    texts = [every[number - 1] for number in lines]
    try:
        rows = np.loadtxt(texts, delimiter=",", comments=None, ndmin=2, dtype=np.float64)
    except ValueError as error:
        wrong = next((i for i, text in enumerate(texts) if not _reads(text, texts[0])), 0)
        raise InputError(
            f"{where}: line {lines[wrong]}: expected lines of {COLUMNS}, …, got {reprlib.repr(texts[wrong].strip())}"
        ) from error
    if rows.shape[1] not in (7, 8, 9, 10):
        raise InputError(f"{where}: expected lines of 7 to 10 numbers ({COLUMNS}, …), got {rows.shape[1]}")
    bad = np.flatnonzero(~np.isfinite(rows[:, :7]).all(axis=1))
    if len(bad):
        raise InputError(f"{where}: line {lines[bad[0]]} is not finite: {rows[bad[0], :7].tolist()} ({len(bad)} lines)")
    bad = np.flatnonzero((rows[:, 4] < 0) | (rows[:, 5] < 0))
    if len(bad):
        raise InputError(
            f"{where}: line {lines[bad[0]]} has a negative width or height: {rows[bad[0], :7].tolist()} "
            f"({len(bad)} lines)"
        )
    return lines, rows


def _reads(text: str, first: str) -> bool:
    """Tells whether a line holds numbers, as many as the first."""
    try:
        np.loadtxt([text], delimiter=",", comments=None, ndmin=2, dtype=np.float64)
    except ValueError:
        return False
    return text.count(",") == first.count(",")


def to_mot(frames: Sequence[Detections]) -> str:
    """Returns detections of one class as MOTChallenge text.

    Raises:
        InputError: there is more than one class, which this format has no place for.

    >>> print(to_mot([Detections([[1, 2, 4, 6]], [0.5], [0])]), end="")
    1,-1,1.00,2.00,3.00,4.00,0.5000,-1,-1,-1
    """
    kinds = {int(kind) for frame in frames for kind in frame.classes}
    if len(kinds) > 1:
        raise InputError(f"detections: of {len(kinds)} classes; MOTChallenge detections have one: write COCO (.json)")
    lines = []
    for number, frame in enumerate(frames, start=1):
        for (left, top, right, bottom), score in zip(frame.boxes.tolist(), frame.scores.tolist(), strict=True):
            box = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}"
            lines.append(f"{number},-1,{box},{score:.4f},-1,-1,-1\n")
    return "".join(lines)
