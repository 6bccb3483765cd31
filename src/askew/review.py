"""Videos and what a detector found in them, reviewed: the errors of every frame, and which frames to annotate next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Mask
from askew.data.annotations import VideoBoxes, read_videos
from askew.data.doubts import read_doubt
from askew.data.film import Video, open_videos
from askew.data.film.labeled import read_labeled, read_names
from askew.errors import InputError, unknown
from askew.plan import Balance, Plan, Spacing
from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import select
from askew.selection import Selection
from askew.strategies.registry import strategies
from askew.video.coherence import estimate_errors
from askew.video.doubt import Doubt, learn_doubt
from askew.video.frame_errors import FrameErrors
from askew.video.perspective import perspective_of
from askew.video.scores import (
    entropy,
    expected_errors,
    expected_objects,
    least_confidence,
    least_confidence_sum,
    margin,
)
from askew.video.trackers import Tracker


@dataclass(frozen=True, eq=False)
class Footage:
    """Videos, their detections, and which frames are labelled: read and checked, nothing computed yet.

    Attributes:
        videos: the videos by name.
        boxes: the detections of each, with one numbering of classes.
        labeled: which frames are labelled, over all frames of all videos in order.
        doubt: what the annotations taught about the detector, what was learned before, or both; else None.
        n_taken_as_empty: how many labelled frames have no annotation, where annotations are given.
    """

    videos: Mapping[str, Video]
    boxes: Mapping[str, VideoBoxes]
    labeled: Mask
    doubt: Doubt | None = None
    n_taken_as_empty: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, by number."""
        return next(iter(self.boxes.values())).classes


@dataclass(frozen=True)
class Coherence:
    """How nearby frames are compared; see `askew.video.estimate_errors`."""

    reach: int = 3
    link_iou: float = 0.5
    candidate_iou: float = 0.75
    pairwise: float = 1.0
    confidence: float | None = None
    fill: int = 0


@dataclass(frozen=True, eq=False)
class Reviewed:
    """A video, its detections, their estimated errors, and what was learned of the detector; None if it was not."""

    name: str
    video: Video
    boxes: VideoBoxes
    errors: FrameErrors | None = None
    doubt: Doubt | None = None


class PickedFrames(NamedTuple):
    """Frames for a person to annotate, best first."""

    rows: list[tuple[Reviewed, int]]
    """The video of each, and its number there."""
    scores: NDArray[np.float64]
    """(n,) what made each worth it."""
    selection: Selection
    """The same over all frames of all videos in order, with what the balance proved."""


SCORES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "fp": ("temporal_coherence", {"errors": "fp"}),
    "fn": ("temporal_coherence", {"errors": "fn"}),
    "fp+fn": ("temporal_coherence", {"errors": "fp+fn"}),
    "expected-fp": ("frame_expected_errors", {}),
    "least-confidence": ("frame_least_confidence", {}),
    "least-confidence-sum": ("frame_least_confidence_sum", {}),
    "entropy": ("frame_entropy", {}),
    "margin": ("frame_margin", {}),
    "random": ("random", {}),
}
"""Short names for what makes a frame worth a person's time: a strategy and its parameters."""

AUTO_FRAMES = 10
"""Annotated frames from which on "auto" trusts what they taught."""

BREAKS = ("seed", "confidence")
"""What may settle the order of frames with equally many estimated errors."""


def read_footage(
    clip: str | Path,
    detections: str | Path,
    *,
    images: str | Path | None = None,
    classes: Sequence[str] | None = None,
    min_score: float = 0.0,
    n_frames: int | None = None,
    labeled: Sequence[str | Path] = (),
    annotations: str | Path | None = None,
    doubt: str | Path | None = None,
) -> Footage:
    """Reads videos, their detections, what is labelled and annotations, and checks that all of it fits together.

    Args:
        clip: a video file, a folder of frames, or a folder of either.
        detections: what `askew.data.annotations.read_videos` takes.
        images: the data set's JSON, for a COCO list of results.
        classes: use only these; all if None. Where no file names its classes (MOTChallenge, YOLO), their names, in the
            order of their numbers.
        min_score: leave out detections below this.
        n_frames: use the first so many frames of each video only.
        labeled: tables `video,frame` of the frames that are labelled.
        annotations: what is really in those frames, in a format of `detections`: teaches which detections to doubt. In
            COCO without `frame_id` the column `file` of `labeled` tells the frames of a single video.
        doubt: a file of what was learned before (`askew.data.doubts.write_doubt`), from other videos or frames. With
            annotations it is what their doubt begins from.

    Raises:
        DataNotFound: something is not there.
        InputError: something cannot be read, or does not fit the videos.
        MissingExtra: OpenCV is not installed.
    """
    if annotations is not None and not labeled:
        raise InputError("annotations: needs labeled, which says for which frames they are complete")
    before = None if doubt is None else read_doubt(doubt)
    videos = open_videos(clip, n_frames=n_frames)
    boxes = read_detections(detections, videos, images=images, classes=classes, min_score=min_score)
    known = read_labeled(labeled, {name: len(video) for name, video in videos.items()})
    if annotations is None:
        return Footage(videos, boxes, known, before)
    named = read_names(labeled) if len(videos) == 1 else {}
    return Footage(videos, boxes, known, *_learned(annotations, named, videos, boxes, known, before))


def read_detections(
    path: str | Path,
    videos: Mapping[str, Video],
    *,
    images: str | Path | None = None,
    classes: Sequence[str] | None = None,
    min_score: float = 0.0,
) -> dict[str, VideoBoxes]:
    """Reads the detections of all videos, with one numbering of classes; see `read_footage`.

    Raises:
        DataNotFound, InputError: see `askew.data.annotations.read_videos`; or none of the classes asked for are there,
            or no score is as high as `min_score`.
    """
    return _above(_of_classes(read_videos(path, videos, images=images), classes), min_score)


def review(
    footage: Footage, tracker: Callable[[Video], Tracker], *, coherence: Coherence | None = None
) -> list[Reviewed]:
    """Estimates the detector's errors in every frame of every video, from the coherence of nearby frames.

    Args:
        footage: what `read_footage` read.
        tracker: makes the tracker of a video: `askew.data.film.flow_tracker`, or `lambda video: StaticTracker()`.
        coherence: how frames are compared; the thesis's settings if None.

    Raises:
        InputError: a video that is cut short, or see `askew.video.estimate_errors`.
    """
    how = coherence or Coherence()
    return [
        Reviewed(
            name,
            video,
            footage.boxes[name],
            estimate_errors(
                footage.boxes[name].frames,
                tracker(video),
                reach=how.reach,
                link_iou=how.link_iou,
                candidate_iou=how.candidate_iou,
                pairwise=how.pairwise,
                confidence=how.confidence,
                doubt=footage.doubt,
                fill=how.fill,
            ),
            footage.doubt,
        )
        for name, video in footage.videos.items()
    ]


def settled(by: str, footage: Footage) -> tuple[str, Footage]:
    """Returns what "auto" stands for, with the footage that it reads; any other short name as it is.

    Frames are ranked by their estimated false positives. What annotated frames taught, or a doubt learned before, is
    used as soon as at least `AUTO_FRAMES` frames stand behind it; until then the estimate is the thesis's.
    """
    if by != "auto":
        return by, footage
    taught = footage.doubt is not None and footage.doubt.n_frames >= AUTO_FRAMES
    return "fp", footage if taught else replace(footage, doubt=None)


def without_errors(footage: Footage) -> list[Reviewed]:
    """Returns the videos and their detections for strategies that read no estimated errors."""
    return [Reviewed(name, video, footage.boxes[name], None, footage.doubt) for name, video in footage.videos.items()]


def reads_errors(by: str) -> bool:
    """Tells whether a short name of `SCORES` reads estimated errors."""
    return "false_positives" in _plan(by).needs


def reads_doubt(by: str) -> bool:
    """Tells whether a short name of `SCORES` reads what was learned of the detector, which alone it does not do."""
    return "frame_wrong" in _plan(by).needs


def select_frames(
    reviews: Sequence[Reviewed],
    n: int,
    *,
    by: str = "fp",
    break_ties: str = "seed",
    labeled: Mask | None = None,
    spacing: Spacing | None = None,
    balance: Balance | None = None,
    seed: int = 0,
) -> PickedFrames:
    """Picks n frames for a person to annotate, none close to labelled ones or to each other, best first.

    Args:
        reviews: what `review` or `without_errors` returned.
        n: how many frames.
        by: what makes a frame worth it: "fp", "fn", "fp+fn", "expected-fp", "least-confidence", "least-confidence-sum",
            "entropy", "margin" or "random".
        break_ties: "seed", or for estimated errors "confidence": of frames with equally many, first those whose
            detections have the lowest mean score. Not in the thesis.
        labeled: which frames are labelled, over all frames of all videos in order (`Footage.labeled`).
        spacing: how many frames are left out around labelled and picked ones, and whether videos take turns.
        balance: also evens out the classes of the expected objects.
        seed: settles ties and random picks.

    Raises:
        InputError: an unknown `by` or `break_ties`, errors that were not estimated, a doubt that was not learned,
            scores outside [0, 1] where they are taken for probabilities, or fewer than n frames that can be picked.
    """
    plan = _plan(by, balance, spacing or Spacing(), break_ties)
    sizes = [len(one.boxes) for one in reviews]
    columns = {name: np.concatenate([_column(name, one) for one in reviews]) for name in plan.needs if name in COLUMNS}
    videos, places = np.repeat(np.arange(len(sizes)), sizes), np.concatenate([np.arange(size) for size in sizes])
    known = np.zeros(len(videos), bool) if labeled is None else labeled
    pred = Predictions(**columns, videos=videos, places=places)
    chosen = select(plan, n, pred, Pool(np.where(known, 0, -1)), seed=seed)
    rows = [(reviews[videos[frame]], int(places[frame])) for frame in chosen.chosen]
    return PickedFrames(rows, np.asarray(chosen.scores, dtype=np.float64), chosen)


COLUMNS: Mapping[str, Callable[[Reviewed], NDArray[Any]]] = {
    "false_positives": lambda one: _estimated(one).false_positives,
    "false_negatives": lambda one: _estimated(one).false_negatives,
    "frame_doubt": lambda one: least_confidence(one.boxes.frames),
    "frame_doubt_sum": lambda one: least_confidence_sum(one.boxes.frames),
    "frame_wrong": lambda one: expected_errors(one.boxes.frames, _taught(one)),
    "frame_entropy": lambda one: entropy(one.boxes.frames),
    "frame_margin": lambda one: margin(one.boxes.frames),
    "objects": lambda one: expected_objects(one.boxes.frames, len(one.boxes.classes)),
}
"""The fields of `Predictions` that reviewed videos give: a number, or a row, a frame."""


def _column(name: str, one: Reviewed) -> NDArray[Any]:
    return COLUMNS[name](one)


def _estimated(one: Reviewed) -> FrameErrors:
    if one.errors is None:
        raise InputError(f"reviews: the errors of video {one.name!r} were not estimated: use review()")
    return one.errors


def _taught(one: Reviewed) -> Doubt:
    if one.doubt is None:
        raise InputError("expected-fp needs annotated frames (labeled and annotations), or a doubt learned before")
    return one.doubt


def _plan(by: str, balance: Balance | None = None, spacing: Spacing | None = None, break_ties: str = "seed") -> Plan:
    if by not in SCORES:
        raise unknown("score", by, SCORES)
    if break_ties not in BREAKS:
        raise unknown("way to break ties", break_ties, BREAKS)
    name, parameters = SCORES[by]
    if break_ties == "confidence":
        if name != "temporal_coherence":
            raise InputError(f"break_ties: estimated errors alone have ties that confidence may settle, not {by}")
        name = "frame_coherence"
    return Plan(strategies()[name], parameters, balance, spacing)


def _of_classes(boxes: Mapping[str, VideoBoxes], classes: Sequence[str] | None) -> dict[str, VideoBoxes]:
    """Returns the boxes of all videos with one numbering of classes; names are given to those of files without any."""
    known = list(dict.fromkeys(kind for one in boxes.values() for kind in one.classes))
    names = list(classes or known or ["object"])
    if set(names) & set(known) or not known:
        return {name: one.of_classes(names) for name, one in boxes.items()}
    if any(one.named for one in boxes.values()):
        raise InputError(f"classes: none of {', '.join(names)} here; the detections have {', '.join(sorted(known))}")
    return {name: one.called(names) for name, one in boxes.items()}


def _above(boxes: Mapping[str, VideoBoxes], min_score: float) -> dict[str, VideoBoxes]:
    if not np.isfinite(min_score):
        raise InputError(f"min_score: expected a finite number, got {min_score}")
    kept = {name: one.above(min_score) for name, one in boxes.items()}
    scores = np.concatenate([np.zeros(0), *(frame.scores for one in boxes.values() for frame in one.frames)])
    if len(scores) and scores.max() < min_score:
        raise InputError(
            f"min_score: {min_score:g} leaves none of the {len(scores)} detections; their scores go from "
            f"{scores.min():g} to {scores.max():g}"
        )
    return kept


def _learned(
    annotations: str | Path,
    named: Mapping[str, int],
    videos: Mapping[str, Video],
    boxes: Mapping[str, VideoBoxes],
    labeled: Mask,
    prior: Doubt | None,
) -> tuple[Doubt, int]:
    """Learns which detections to doubt from the annotated frames; returns also how many of these have no annotation."""
    if not labeled.any():
        raise InputError("annotations: labeled lists no frame that they would be complete for")
    truth = _as_classes(read_videos(annotations, videos, named=named), next(iter(boxes.values())))
    found = [frame for name in videos for frame in boxes[name].frames]
    there = [frame for name in videos for frame in truth[name].frames]
    rows = np.flatnonzero(labeled)
    _check_listed(annotations, truth, labeled)
    empty = sum(len(there[row]) == 0 for row in rows)
    seen = [one for name in videos for one in [perspective_of(boxes[name].frames)] * len(boxes[name])]
    taught = learn_doubt(
        [found[row] for row in rows],
        [there[row] for row in rows],
        perspectives=[seen[row] for row in rows],
        prior=prior,
    )
    return taught, empty


def _check_listed(annotations: str | Path, truth: Mapping[str, VideoBoxes], labeled: Mask) -> None:
    """Checks that annotations that list their frames, as COCO does, list all that are labelled."""
    start, lost = 0, []
    for name, boxes in truth.items():
        frames = np.flatnonzero(labeled[start : start + len(boxes)]).tolist()
        lost += [(name, frame) for frame in frames if boxes.listed is not None and frame not in boxes.listed]
        start += len(boxes)
    if lost:
        name, frame = lost[0]
        raise InputError(
            f"annotations: {annotations} does not list {len(lost)} of the {np.count_nonzero(labeled)} frames in "
            f"labeled, the first frame {frame} of video {name!r}: list them among its images if they are empty, or "
            "take them out of labeled"
        )


def _as_classes(truth: Mapping[str, VideoBoxes], found: VideoBoxes) -> dict[str, VideoBoxes]:
    """Returns annotations with the class numbers of the detections; where both have one class, it is the same."""
    known, classes = tuple(dict.fromkeys(kind for one in truth.values() for kind in one.classes)), found.classes
    if len(known) == len(classes) == 1:
        return dict(truth)
    if set(known) & set(classes):
        return {name: boxes.of_classes(classes) for name, boxes in truth.items()}
    if not found.named and not any(boxes.named for boxes in truth.values()):
        return {name: boxes.called(classes) for name, boxes in truth.items()}
    raise InputError(
        f"annotations: classes {', '.join(known)}; the detections are of {', '.join(classes)}: name them alike"
    )
