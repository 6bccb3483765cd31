"""What every reader of boxes returns, and how rows become frames."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from askew.boxes import Detections, FrameDetections, as_frames, trusted
from askew.data.annotations.fields import check_name
from askew.errors import InputError

MOST_FRAMES = 10_000_000
"""No file is taken to be about more frames: four days at 25 a second."""

MOST_CLASSES = 1 << 15
"""No file is taken to be about more classes: half as many again as ImageNet has."""

ONLY = "object"
"""The class of boxes in a format that has but one."""


@dataclass(frozen=True, eq=False)
class VideoBoxes:
    """The boxes of one video: one `Detections` a frame, and the names of the classes that their numbers mean."""

    frames: FrameDetections
    """A list with one `Detections` a frame is taken too."""
    classes: tuple[str, ...]
    names: tuple[str, ...] = ()
    """The file of each frame, where the format says."""
    named: bool = True
    """Whether the file names its classes; else `classes` are made up from their numbers."""
    listed: frozenset[int] | None = None
    """The frames that the file lists, also those without a box; None where the format lists none."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "frames", as_frames("frames", self.frames))

    def __len__(self) -> int:
        return len(self.frames)

    def padded(self, n_frames: int) -> VideoBoxes:
        """Returns the same with empty frames added at the end, up to `n_frames`."""
        starts = self.frames.starts
        more = np.repeat(starts[-1:], max(0, n_frames - len(self.frames)))
        return replace(self, frames=FrameDetections(self.frames.table, np.concatenate([starts, more])))

    def first(self, n_frames: int) -> VideoBoxes:
        """Returns the boxes of the first frames."""
        return replace(self, frames=self.frames[:n_frames], names=self.names[:n_frames])

    def above(self, score: float) -> VideoBoxes:
        """Returns the boxes whose score is at least `score`."""
        return replace(self, frames=self.frames.where(self.frames.table.scores >= score))

    def of_classes(self, classes: Sequence[str]) -> VideoBoxes:
        """Returns the boxes of these classes only, renumbered in this order.

        So are the columns of `probs`. What a detection gives to classes that are left out, or to a background, goes
        together into one more column at the end, so that rows still sum to 1.

        >>> sure = Detections([[0, 0, 4, 4]], [0.5], [2], probs=[[0.25, 0.25, 0.5]])
        >>> VideoBoxes((sure,), ("car", "bus", "van")).of_classes(["van", "car"]).frames[0].probs.tolist()
        [[0.5, 0.25, 0.25]]
        """
        places = {name: place for place, name in reversed(list(enumerate(classes)))}
        number = np.array([places.get(name, -1) for name in self.classes], dtype=np.int64)
        new = number[self.frames.table.classes]
        kept = self.frames.where(new >= 0)
        table = kept.table
        probs = None if table.probs is None else _moved(table.probs, number, len(classes))
        renumbered = trusted(table.boxes, table.scores, new[new >= 0], probs)
        return replace(self, frames=FrameDetections(renumbered, kept.starts), classes=tuple(classes))

    def called(self, classes: Sequence[str]) -> VideoBoxes:
        """Returns the same boxes with names of classes, in the order of their numbers, for a file that has none.

        Raises:
            InputError: fewer names than classes; several where the format has but one class; or a name that no table
                can hold.

        >>> unnamed = VideoBoxes((Detections([[0, 0, 4, 4]], [0.5], [0]),), ("object",), named=False)
        >>> unnamed.called(["person"]).classes
        ('person',)
        """
        n_classes, n_names = len(self.classes), len(classes)
        if n_names < n_classes or (self.classes == (ONLY,) and n_names > 1):
            raise InputError(
                f"classes: {n_names} names ({', '.join(classes)}) for boxes of {n_classes}: give each one a name, in "
                f"the order of their numbers, or choose among {', '.join(self.classes)}"
            )
        for name in classes:
            check_name("classes", "a class", name)
        return replace(self, classes=tuple(classes))


def _moved(probs: NDArray[np.float32], number: NDArray[np.int64], n_classes: int) -> NDArray[np.float32]:
    """Returns class distributions with column c moved to `number[c]`, and the others summed at the end, if any."""
    targets = np.full(probs.shape[1], -1)
    targets[: len(number)] = number[: probs.shape[1]]
    targets[targets < 0] = n_classes
    out = np.zeros((n_classes + 1, len(probs)), np.float32)
    np.add.at(out, targets, probs.T)
    return np.ascontiguousarray(out.T if (targets == n_classes).any() else out[:-1].T)


def by_frame(
    where: Path,
    frames: NDArray[np.int64],
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    classes: NDArray[np.int64],
    n_frames: int,
    probs: NDArray[np.floating] | None = None,
) -> FrameDetections:
    """Sorts rows, in any order of frames, by frame; rows of a frame keep their order.

    Raises:
        InputError: rows that are no detections, or more frames than any video has.
    """
    if n_frames > MOST_FRAMES:
        raise InputError(f"{where}: speaks of frame {n_frames - 1}; expected at most {MOST_FRAMES} frames")
    try:
        table = Detections(boxes, scores, classes, probs)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    counts = np.bincount(frames, minlength=n_frames)
    return FrameDetections(table.select(np.argsort(frames, kind="stable")), np.r_[0, np.cumsum(counts)])


def class_names(where: Path, n_classes: int, names: Sequence[str], *, first: int) -> tuple[str, ...]:
    """Returns the names of the classes: those given, or else "class 1", "class 2" and so on, from `first`.

    Raises:
        InputError: fewer names than classes, or more classes than any data set has.
    """
    if n_classes > MOST_CLASSES:
        raise InputError(f"{where}: class {n_classes - 1 + first}: expected at most {MOST_CLASSES} classes")
    if names and len(names) < n_classes:
        raise InputError(f"{where}: {len(names)} names of classes, but there is a box of class {n_classes - 1 + first}")
    for name in names:
        check_name(where, "a class", name)
    return tuple(names) or tuple(f"class {number + first}" for number in range(n_classes))


def check_image_size(what: str, size: tuple[int, int] | None, frames: tuple[int, int] | None) -> None:
    """Checks that an image is as large as the frames of the video, where both sizes (width, height) are known.

    Raises:
        InputError: it is not, so its boxes would lie elsewhere.
    """
    if size is not None and frames is not None and size != frames:
        raise InputError(
            f"{what} has {size[0]} x {size[1]} pixels, but the frames of the video have {frames[0]} x {frames[1]}: "
            "give the film that the boxes were found in, or turn and scale the boxes"
        )


def frame_of(path: Path, places: Mapping[str, int], n_frames: int | None, first: int) -> int:
    """Returns the frame, from 0, that a file is about: by the frames' file names, else the last number in its name.

    Args:
        places: the frame of each file name without suffix; none to go by numbers.

    Raises:
        InputError: no such frame.
    """
    if places:
        if path.stem not in places:
            raise InputError(f"{path}: there is no frame called {path.stem!r}")
        return places[path.stem]
    numbers = re.findall(r"[0-9]+", path.stem)
    if not numbers:
        raise InputError(f"{path}: expected a number of the frame in the name")
    frame = int(numbers[-1]) - first
    if frame < 0 or frame >= (MOST_FRAMES if n_frames is None else n_frames):
        known = f"; the video has {n_frames} frames" if n_frames is not None else ""
        raise InputError(f"{path}: frame {int(numbers[-1])} (counted from {first}) does not exist{known}")
    return frame


def places_of(stems: Sequence[str]) -> dict[str, int]:
    """Returns the frame of each name, the first where a name comes twice."""
    return {stem: place for place, stem in reversed(list(enumerate(stems)))}


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
