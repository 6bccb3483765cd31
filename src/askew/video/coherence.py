"""Temporal coherence: which detections are wrong, and what was missed, judged by the neighbouring frames alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise as neighbours
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices, Mask, is_number, is_whole
from askew.boxes import Boxes, Detections, FrameDetections, as_frames, check_probabilities, trusted
from askew.errors import InputError
from askew.video.cut import Ties, minimum_cut
from askew.video.doubt import Doubt
from askew.video.frame_errors import FrameErrors
from askew.video.gaps import with_gaps_filled
from askew.video.linking import Flat, Missed, edges_of, flatten, group_candidates, link
from askew.video.trackers import Tracker, track_all


def estimate_errors(
    detections: Sequence[Detections],
    tracker: Tracker,
    *,
    reach: int = 3,
    link_iou: float = 0.5,
    candidate_iou: float = 0.75,
    pairwise: float = 1.0,
    ties: Ties = "absent",
    confidence: float | None = None,
    doubt: Doubt | None = None,
    fill: int = 0,
) -> FrameErrors:
    """Estimates a detector's errors in every frame of a video from the coherence of nearby frames, without any label.

    Every detection is tracked to the `reach` frames before and after. Detections of one class that meet so are linked;
    tracked boxes that meet no detection of their class are grouped into candidates, linked to the detections they came
    from. Every node is then called present or absent (detections: true or false positive; candidates: false or true
    negative) at the least energy E = Σ φ(l_v) + pairwise · Σ ψ(l_u, l_v) (Eq. 2.1-2.4): 1 for each false positive, 1
    for each false negative, `pairwise` for each edge whose ends differ. One minimum cut is the global optimum.
    Zolfaghari Bengar et al., *Temporal Coherence for Active Learning in Videos*, 2019.

    The authors' code adds each edge from both ends: `pairwise=2` is theirs. It looks for detections of any class where
    a tracked box lands; here, as in the thesis, of the same class. On equal energy it prefers absent, as is done here.

    Args:
        detections: one `Detections` a frame, in order.
        tracker: moves boxes between frames, such as `FlowTracker`.
        reach: how many frames to look either way, >= 1.
        link_iou: overlap above which a tracked box meets a detection, in [0, 1).
        candidate_iou: overlap above which a tracked box joins a candidate, in [0, 1).
        pairwise: the cost of an edge whose ends differ, >= 0.
        ties: which of several optimal labellings to take.
        confidence: not in the thesis. None charges 1 for calling a detection wrong, as there; a number charges it times
            (s - s0) / (1 - s0) for a detection of score s, s0 being the lowest score in the video. Scores in [0, 1].
        doubt: not in the thesis. What `learn_doubt` learned from annotated frames. Calling a detection wrong costs its
            log-odds of being right, calling it right those of being wrong, whichever is above 0. Scores in [0, 1].
        fill: not in the thesis. Gaps between tracklets, of up to so many frames, are filled with missed objects on a
            line between their ends, if the tracker joins these (`askew.video.gaps`). The energy is that without them.

    Raises:
        InputError: a parameter out of range, both `confidence` and `doubt`, or something that is not `Detections`.

    Cost: O(reach · K · k) for K detections in all and k of a class a frame, plus one maximum flow; memory linear in K.

    >>> from askew.video.trackers import StaticTracker
    >>> car = [Detections([[0, 0, 10, 10]], [0.9], [0])] * 12
    >>> car[6] = Detections([[50, 50, 60, 60]], [0.6], [0])  # the car is missed once, and something else is reported
    >>> errors = estimate_errors(car, StaticTracker())
    >>> errors.false_positives.tolist(), errors.false_negatives.tolist(), errors.energy
    ([0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], 2.0)
    """
    options = Options(reach, link_iou, candidate_iou, pairwise, ties, confidence, doubt, fill)
    return _estimate([as_frames("detections", detections)], [tracker], options)[0]


def estimate_all(
    videos: Sequence[Sequence[Detections]],
    trackers: Sequence[Tracker],
    *,
    reach: int = 3,
    link_iou: float = 0.5,
    candidate_iou: float = 0.75,
    pairwise: float = 1.0,
    ties: Ties = "absent",
    confidence: float | None = None,
    doubt: Doubt | None = None,
    fill: int = 0,
) -> list[FrameErrors]:
    """Estimates the errors in many videos, exactly as `estimate_errors` does in each, but together and so faster.

    Args:
        videos: for each video, one `Detections` a frame.
        trackers: the tracker of each video.

    Raises:
        InputError: not one tracker a video; else see `estimate_errors`.

    Cost: see `estimate_errors`; memory does not grow with the number of videos, but for the detections and results.

    >>> from askew.video.trackers import StaticTracker
    >>> flicker = [Detections([[0, 0, 9, 9]], [0.5], [0]), *[Detections.none()] * 3]
    >>> [errors.energy for errors in estimate_all([flicker, flicker[1:]], [StaticTracker()] * 2)]
    [1.0, 0.0]
    """
    if len(videos) != len(trackers):
        raise InputError(f"trackers: {len(trackers)} for {len(videos)} videos; expected one each")
    options = Options(reach, link_iou, candidate_iou, pairwise, ties, confidence, doubt, fill)
    frames = [as_frames(f"videos[{i}]", video) for i, video in enumerate(videos)]
    out: list[FrameErrors] = []
    start, size = 0, 0
    for stop, video in enumerate(frames, start=1):
        size += len(video)
        if size >= TOGETHER or stop == len(frames):
            out += _estimate(frames[start:stop], trackers[start:stop], options)
            start, size = stop, 0
    return out


TOGETHER = 20_000
"""Frames, of however many videos, that are linked and cut in one go."""

DEAREST = 1e9
"""The highest cost of calling a sure detection wrong; a graph of any size still adds up."""

LONGEST_GAP = 1000
"""Frames of a gap that may be filled; the tracker goes all the way at each length."""

MOST_TRACKED = 1 << 28
"""Boxes that are tracked in one go: their links take tens of gigabytes."""


class Options(NamedTuple):
    """The parameters of the method; see `estimate_errors`."""

    reach: int
    link_iou: float
    candidate_iou: float
    pairwise: float
    ties: Ties
    confidence: float | None
    doubt: Doubt | None
    fill: int


class _Joined:
    """The trackers of several videos as one, for their frames in a row with `gap` frames after each."""

    def __init__(self, trackers: Sequence[Tracker], lengths: Sequence[int], gap: int) -> None:
        self.trackers = trackers
        self.starts = np.cumsum([0, *(length + gap for length in lengths)])

    def track(self, boxes: Boxes, source: int, target: int) -> Boxes:
        ones = np.ones(len(boxes), np.int64)
        return self.track_many(boxes, source * ones, target * ones)

    def track_many(self, boxes: Boxes, sources: Indices, targets: Indices) -> Boxes:
        moved = np.empty_like(boxes)
        ends = np.searchsorted(sources, self.starts)
        for tracker, start, begin, end in zip(self.trackers, self.starts[:-1], ends[:-1], ends[1:], strict=True):
            here = slice(begin, end)
            moved[here] = track_all(tracker, boxes[here], sources[here] - start, targets[here] - start)
        return moved


def _estimate(videos: Sequence[FrameDetections], trackers: Sequence[Tracker], options: Options) -> list[FrameErrors]:
    _check_parameters(options)
    reach = _reach(videos, options.reach)
    tracker = _Joined(trackers, [len(video) for video in videos], reach)
    flat = flatten(videos, gap=reach)
    links, unmatched = link(flat, tracker, reach=reach, link_iou=options.link_iou)
    candidates = group_candidates(flat, unmatched, candidate_iou=options.candidate_iou)
    n_detections, n_candidates = len(flat.boxes), len(candidates.boxes)
    if_wrong, if_right = _detection_costs(flat, options, videos)
    if_absent = np.r_[if_wrong, np.zeros(n_candidates)]
    if_present = np.r_[if_right, np.ones(n_candidates)]
    edges = edges_of(links, candidates, n_detections)
    cut = minimum_cut(if_absent, if_present, edges, weight=options.pairwise, ties=options.ties)
    node_video = flat.videos[np.concatenate([flat.frames, candidates.frames])]
    paid = np.where(cut.present, if_present, if_absent)
    broken = edges[cut.present[edges[:, 0]] != cut.present[edges[:, 1]], 0]
    energies = np.bincount(node_video, paid, minlength=len(videos)).astype(np.float64)
    energies += options.pairwise * np.bincount(node_video[broken], minlength=len(videos))
    missed = Missed(*candidates[:4]).rows(cut.present[n_detections:])
    if options.fill:
        missed = with_gaps_filled(missed, flat, links, tracker, longest=options.fill, link_iou=options.link_iou)
    return _labelled(flat, ~cut.present[:n_detections], missed, energies, [len(video) for video in videos])


def _reach(videos: Sequence[FrameDetections], reach: int) -> int:
    """Returns how far to look: no further than the longest video has frames.

    Raises:
        InputError: so many boxes would be tracked that no memory holds them.
    """
    reach = max(1, min(int(reach), max((len(video) for video in videos), default=1) - 1))
    tracked = 2 * reach * sum(len(video.table) for video in videos)
    if tracked > MOST_TRACKED:
        raise InputError(
            f"reach: {reach} frames either way is {tracked} boxes to track; expected {MOST_TRACKED} at most"
        )
    return reach


def _detection_costs(
    flat: Flat, options: Options, videos: Sequence[FrameDetections]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the (K,) costs of calling each detection a false and a true positive: 1 and 0 in the thesis (Eq. 2.2)."""
    if options.doubt is not None:
        wrong = np.round(np.concatenate([np.zeros(0), *(options.doubt.log_odds(video) for video in videos)]), 3)
        return np.maximum(-wrong, 0), np.maximum(wrong, 0)
    if options.confidence is None or not len(flat.scores):
        return np.ones(len(flat.scores)), np.zeros(len(flat.scores))
    check_probabilities("confidence", flat.scores)
    scores = flat.scores.astype(np.float64)
    lowest = np.ones(len(videos))
    video = flat.videos[flat.frames]
    np.minimum.at(lowest, video, scores)
    above = (scores - lowest[video]) / np.maximum(1 - lowest[video], 1e-9)
    return np.asarray(np.round(options.confidence * above, 3)), np.zeros(len(scores))


def _check_parameters(options: Options) -> None:
    reach, pairwise = options.reach, options.pairwise
    if not is_whole(reach) or reach < 1:
        raise InputError(f"reach: expected a whole number of frames >= 1, got {reach!r}")
    for name, value in (("link_iou", options.link_iou), ("candidate_iou", options.candidate_iou)):
        if not is_number(value) or not 0 <= value < 1:
            raise InputError(f"{name}: expected a number in [0, 1), got {value!r}")
    if not is_number(pairwise) or pairwise < 0:
        raise InputError(f"pairwise: expected a finite number >= 0, got {pairwise!r}")
    if options.confidence is not None and not (is_number(options.confidence) and 0 <= options.confidence <= DEAREST):
        raise InputError(f"confidence: expected None or a number in [0, {DEAREST:g}], got {options.confidence!r}")
    if options.doubt is not None and not isinstance(options.doubt, Doubt):
        raise InputError(f"doubt: expected None or what learn_doubt returns, got {type(options.doubt).__name__}")
    if options.confidence is not None and options.doubt is not None:
        raise InputError("confidence and doubt both say what a detection's error costs: give one of them")
    if not is_whole(options.fill) or not 0 <= options.fill <= LONGEST_GAP:
        raise InputError(f"fill: expected a whole number of frames in [0, {LONGEST_GAP}], got {options.fill!r}")


def _labelled(
    flat: Flat, wrong: Mask, missed: Missed, energies: NDArray[np.float64], lengths: Sequence[int]
) -> list[FrameErrors]:
    """Turns what is wrong and missed in all frames into the errors of each frame of each video."""
    n_frames = len(flat.videos)
    wrong.flags.writeable = False
    false_positives = np.bincount(flat.frames[wrong], minlength=n_frames)
    false_negatives = np.bincount(missed.frames, minlength=n_frames)
    suspected = [wrong[start:stop] for start, stop in neighbours(flat.starts.tolist())]
    found = trusted(missed.boxes, missed.scores, missed.classes)
    every = FrameDetections(found, np.r_[0, np.cumsum(false_negatives)])
    gap = (n_frames - sum(lengths)) // max(1, len(lengths))
    out, start = [], 0
    for length, energy in zip(lengths, energies.tolist(), strict=True):
        here = slice(start, start + length)
        out.append(
            FrameErrors(false_positives[here], false_negatives[here], tuple(suspected[here]), every[here], energy)
        )
        start += length + gap
    return out
