"""MOTChallenge text: `frame, id, left, top, width, height, confidence, …`, frames from 1."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from askew.data.annotations.frames import VideoBoxes, by_frame, check_span
from askew.errors import DataNotFound, InputError
from askew.video.boxes import Detections

COLUMNS = "frame, id, left, top, width, height, confidence"


def read_mot(path: str | Path, *, n_frames: int | None = None, classes: Sequence[str] = ()) -> VideoBoxes:
    """Reads a MOTChallenge file of detections or of ground truth.

    Lines of 7 or of 10 numbers (detections, and the truth of 2015) are of one class. Lines of 9 are the truth of
    2016 on: the eighth number is the class, from 1, and lines whose seventh number is 0, "not to be considered", are
    left out. Boxes are taken as they stand; the benchmark counts pixels from 1, most detectors from 0.

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
    rows = _numbers(where)
    frames = rows[:, 0].astype(np.int64) - 1
    length = check_span(where, frames, n_frames, first=1)
    kinds = np.zeros(len(rows), np.int64)
    scores = rows[:, 6]
    if rows.shape[1] == 9:
        counts = rows[:, 6] != 0
        rows, frames, kinds, scores = rows[counts], frames[counts], rows[counts, 7].astype(np.int64) - 1, scores[counts]
        if len(kinds) and kinds.min() < 0:
            raise InputError(f"{where}: classes are counted from 1, got {kinds.min() + 1}")
    boxes = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)
    found = by_frame(frames, boxes, scores, kinds, length)
    n_classes = int(kinds.max()) + 1 if len(kinds) else 1
    if classes and len(classes) < n_classes:
        raise InputError(f"classes: {len(classes)} names, but {where} has class {n_classes}")
    default = [f"class {i + 1}" for i in range(n_classes)] if n_classes > 1 else ["object"]
    return VideoBoxes(found, tuple(classes or default))


def _numbers(where: Path) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*input contained no data.*")
        try:
            rows = np.loadtxt(where, delimiter=",", ndmin=2, dtype=np.float64)
        except (ValueError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise InputError(f"{where}: expected lines of {COLUMNS}, …: {reason}") from error
    if rows.size == 0:
        return np.zeros((0, 7))
    if rows.shape[1] not in (7, 8, 9, 10):
        raise InputError(f"{where}: expected lines of 7 to 10 numbers ({COLUMNS}, …), got {rows.shape[1]}")
    bad = np.flatnonzero(~np.isfinite(rows[:, :7]).all(axis=1))
    if len(bad):
        raise InputError(f"{where}: row {bad[0] + 1} is not finite: {rows[bad[0], :7].tolist()} ({len(bad)} rows)")
    bad = np.flatnonzero((rows[:, 4] < 0) | (rows[:, 5] < 0) | (rows[:, 0] != np.floor(rows[:, 0])))
    if len(bad):
        raise InputError(
            f"{where}: row {bad[0] + 1} has a negative width or height, or a frame that is not whole: "
            f"{rows[bad[0], :7].tolist()} ({len(bad)} rows)"
        )
    return rows


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
