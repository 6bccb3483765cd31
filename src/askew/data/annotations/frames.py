"""What every reader of boxes returns, and how rows become frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from askew.errors import InputError
from askew.video.boxes import Detections


@dataclass(frozen=True, eq=False)
class VideoBoxes:
    """The boxes of one video: one `Detections` a frame, and the names of the classes that their numbers mean."""

    frames: tuple[Detections, ...]
    classes: tuple[str, ...]
    names: tuple[str, ...] = ()
    """The file of each frame, where the format says."""

    def __len__(self) -> int:
        return len(self.frames)

    def padded(self, n_frames: int) -> VideoBoxes:
        """Returns the same with empty frames added at the end, up to `n_frames`."""
        more = (Detections.none(),) * max(0, n_frames - len(self.frames))
        return VideoBoxes(self.frames + more, self.classes, self.names)

    def first(self, n_frames: int) -> VideoBoxes:
        """Returns the boxes of the first frames."""
        return VideoBoxes(self.frames[:n_frames], self.classes, self.names[:n_frames])

    def above(self, score: float) -> VideoBoxes:
        """Returns the boxes whose score is at least `score`."""
        return VideoBoxes(tuple(f.select(f.scores >= score) for f in self.frames), self.classes, self.names)

    def of_classes(self, classes: Sequence[str]) -> VideoBoxes:
        """Returns the boxes of these classes only, renumbered in this order."""
        number = np.array([classes.index(name) if name in classes else -1 for name in self.classes], dtype=np.int64)
        frames = []
        for frame in self.frames:
            new = number[frame.classes]
            kept = frame.select(new >= 0)
            frames.append(Detections(kept.boxes, kept.scores, new[new >= 0]))
        return VideoBoxes(tuple(frames), tuple(classes), self.names)


def by_frame(
    frames: NDArray[np.int64],
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    classes: NDArray[np.int64],
    n_frames: int,
) -> tuple[Detections, ...]:
    """Splits rows, in any order of frames, into one `Detections` a frame; rows of a frame keep their order."""
    order = np.argsort(frames, kind="stable")
    ends = np.cumsum(np.bincount(frames, minlength=n_frames))
    parts = [np.split(column[order], ends[:-1]) for column in (boxes, scores, classes)] if n_frames else ([], [], [])
    nothing = Detections.none()
    return tuple(Detections(b, s, c) if len(s) else nothing for b, s, c in zip(*parts, strict=True))


def frame_of(path: Path, stems: Sequence[str], n_frames: int | None, first: int) -> int:
    """Returns the frame, from 0, that a file is about: by the frames' file names, else the last number in its name.

    Raises:
        InputError: no such frame.
    """
    if stems:
        if path.stem not in stems:
            raise InputError(f"{path}: there is no frame called {path.stem!r}")
        return list(stems).index(path.stem)
    numbers = re.findall(r"\d+", path.stem)
    if not numbers:
        raise InputError(f"{path}: expected a number of the frame in the name")
    frame = int(numbers[-1]) - first
    if frame < 0 or (n_frames is not None and frame >= n_frames):
        known = f"; the video has {n_frames} frames" if n_frames is not None else ""
        raise InputError(f"{path}: frame {int(numbers[-1])} (counted from {first}) does not exist{known}")
    return frame


def check_span(path: Path, frames: NDArray[np.int64], n_frames: int | None, first: int) -> int:
    """Returns how many frames there are: `n_frames`, or as many as the rows speak of.

    Raises:
        InputError: a row is about a frame that does not exist.
    """
    if len(frames) == 0:
        return n_frames or 0
    low, high = int(frames.min()), int(frames.max())
    if low < 0 or (n_frames is not None and high >= n_frames):
        wrong = low if low < 0 else high
        known = f"the video has {n_frames} frames, {first} to {n_frames - 1 + first}" if n_frames else f"from {first}"
        raise InputError(f"{path}: speaks of frame {wrong + first}, which does not exist: {known}")
    return high + 1 if n_frames is None else n_frames
