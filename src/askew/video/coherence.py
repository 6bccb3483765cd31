"""Temporal coherence: which detections are wrong, and what was missed, judged by the neighbouring frames alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices, Mask
from askew.errors import InputError
from askew.video.boxes import Detections, as_frames, trusted
from askew.video.cut import Ties, minimum_cut
from askew.video.linking import Candidates, Flat, edges_of, flatten, group_candidates, link
from askew.video.trackers import Tracker


@dataclass(frozen=True, eq=False)
class FrameErrors:
    """The errors of a detector in each of the L frames of a video: estimated without labels, or counted with them."""

    false_positives: NDArray[np.int64]
    """(L,) detections of each frame that are held to be wrong."""
    false_negatives: NDArray[np.int64]
    """(L,) objects of each frame that are held to be missed."""
    suspected: tuple[Mask, ...]
    """One (K,) bool array a frame: which of its detections are held to be wrong."""
    missed: tuple[Detections, ...]
    """One Detections a frame: the objects held to be missed."""
    energy: float
    """The energy of the labelling (Eq. 2.1); NaN where the errors were counted and not estimated."""

    def __len__(self) -> int:
        return len(self.false_positives)


def estimate_errors(
    detections: Sequence[Detections],
    tracker: Tracker,
    *,
    reach: int = 3,
    link_iou: float = 0.5,
    candidate_iou: float = 0.75,
    pairwise: float = 1.0,
    ties: Ties = "absent",
) -> FrameErrors:
    """Estimates a detector's errors in every frame of a video from the coherence of nearby frames, without any label.

    Every detection is tracked to the `reach` frames before and after. Detections of one class that meet so are linked;
    tracked boxes that meet no detection of their class are grouped into candidates, linked to the detections they
    came from. Every node is then called present or absent (detections: TP or FP; candidates: FN or TN) at the least
    E = Σ φ(l_v) + pairwise · Σ ψ(l_u, l_v) (Eq. 2.1-2.4): 1 for each FP, 1 for each FN, `pairwise` for each edge whose
    ends differ. One minimum cut is the global optimum. Zolfaghari Bengar et al., *Temporal Coherence for Active
    Learning in Videos*, 2019.

    The authors' code adds each edge from both ends: `pairwise=2` is theirs. It looks for detections of any class where
    a tracked box lands; here, as in the text, of the same class. On equal energy it prefers absent, as is done here.

    Args:
        detections: one `Detections` a frame, in order.
        tracker: moves boxes between frames, such as `FlowTracker`.
        reach: how many frames to look either way, >= 1.
        link_iou: overlap above which a tracked box meets a detection, in [0, 1).
        candidate_iou: overlap above which a tracked box joins a candidate, in [0, 1).
        pairwise: the cost of an edge whose ends differ, >= 0.
        ties: which of several optimal labellings to take.

    Raises:
        InputError: a parameter out of range, or something that is not `Detections`.

    Cost: O(reach · K · k) for K detections in all and k of a class a frame, plus one maximum flow; memory linear in K.

    >>> from askew.video.trackers import StaticTracker
    >>> car = [Detections([[0, 0, 10, 10]], [0.9], [0])] * 12
    >>> car[6] = Detections([[50, 50, 60, 60]], [0.6], [0])  # the car is missed once, and something else is reported
    >>> errors = estimate_errors(car, StaticTracker())
    >>> errors.false_positives.tolist(), errors.false_negatives.tolist(), errors.energy
    ([0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], 2.0)
    """
    frames = as_frames("detections", detections)
    _check_parameters(reach, link_iou, candidate_iou, pairwise)
    flat = flatten([frames])
    links, unmatched = link(flat, tracker, reach=reach, link_iou=link_iou)
    candidates = group_candidates(flat, unmatched, candidate_iou=candidate_iou)
    n_detections, n_candidates = len(flat.boxes), len(candidates.boxes)
    if_absent = np.r_[np.ones(n_detections), np.zeros(n_candidates)]
    edges = edges_of(links, candidates, n_detections)
    cut = minimum_cut(if_absent, 1 - if_absent, edges, weight=pairwise, ties=ties)
    return labelled(flat, candidates, cut.present, cut.energy)


def no_errors(detections: Sequence[Detections]) -> FrameErrors:
    """Returns errors that say nothing: no detection suspected, nothing missed; for scores that need none."""
    frames = as_frames("detections", detections)
    zeros = np.zeros(len(frames), np.int64)
    suspected = tuple(np.zeros(len(frame), bool) for frame in frames)
    return FrameErrors(zeros, zeros, suspected, (Detections.none(),) * len(frames), float("nan"))


def _check_parameters(reach: int, link_iou: float, candidate_iou: float, pairwise: float) -> None:
    if isinstance(reach, bool) or not isinstance(reach, int | np.integer) or reach < 1:
        raise InputError(f"reach: expected a whole number of frames >= 1, got {reach!r}")
    for name, value in (("link_iou", link_iou), ("candidate_iou", candidate_iou)):
        if not 0 <= value < 1:
            raise InputError(f"{name}: expected a number in [0, 1), got {value!r}")
    if not (np.isfinite(pairwise) and pairwise >= 0):
        raise InputError(f"pairwise: expected a finite number >= 0, got {pairwise!r}")


def labelled(flat: Flat, candidates: Candidates, present: Mask, energy: float) -> FrameErrors:
    """Turns the labels of the nodes into the errors of each frame: absent detections, present candidates."""
    n_frames, n_detections = len(flat.videos), len(flat.boxes)
    wrong = ~present[:n_detections]
    bounds = flat.starts.tolist()
    there = np.flatnonzero(present[n_detections:])
    return FrameErrors(
        false_positives=np.bincount(flat.frames[wrong], minlength=n_frames),
        false_negatives=np.bincount(candidates.frames[there], minlength=n_frames),
        suspected=tuple(wrong[start:stop] for start, stop in pairwise(bounds)),
        missed=_per_frame(candidates, there, n_frames),
        energy=energy,
    )


def _per_frame(candidates: Candidates, rows: Indices, n_frames: int) -> tuple[Detections, ...]:
    """Returns the candidates at `rows`, which are sorted by frame, as one Detections a frame."""
    boxes, classes, scores = candidates.boxes[rows], candidates.classes[rows], candidates.scores[rows]
    ends = np.cumsum(np.bincount(candidates.frames[rows], minlength=n_frames)).tolist()
    nothing, start, out = Detections.none(), 0, []
    for end in ends:
        here = slice(start, end)
        out.append(trusted(boxes[here], scores[here], classes[here]) if end > start else nothing)
        start = end
    return tuple(out)
