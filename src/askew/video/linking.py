"""Links between detections of nearby frames, and candidates for what the detector missed: the graph of chapter 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Indices, Mask
from askew.boxes import Boxes, Detections, areas, as_frames, iou_pairs
from askew.video.trackers import Tracker, track_all

CELLS = 1 << 14
"""Pairs of boxes compared at once: their temporaries stay in a core's own cache."""

DOUBT = 4e-6
"""An overlap in 32 bits this near its threshold, as a share of the areas, is computed again in 64: 10 x its error."""

Columns = tuple[NDArray[np.float32], ...]
"""Left, top, right, bottom and a share of the area of boxes, an array each, with the padding box at the end."""

FAR = np.float32(1e18)
"""The padding box runs from FAR to -FAR: it overlaps nothing."""


_NONE = np.zeros(0, np.int64)


class Flat(NamedTuple):
    """All detections of a video in one array each; frame i has the rows from `starts[i]` to `starts[i + 1]`."""

    boxes: Boxes
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    frames: Indices
    starts: Indices

    videos: Indices
    """(L,) the video of each frame; -1 for the frames that only keep videos apart."""

    def reaching(self, step: int) -> Indices:
        """Returns the rows of the detections whose frame has another of its video `step` frames on."""
        target = np.arange(len(self.videos)) + step
        inside = (target >= 0) & (target < len(self.videos))
        reaches = inside & (self.videos[np.where(inside, target, 0)] == self.videos)
        return np.flatnonzero(reaches[self.frames])


class Unmatched(NamedTuple):
    """Tracked boxes that overlap no detection of their class in the frame they were tracked into."""

    boxes: Boxes
    origin: Indices
    target: Indices


class Candidates(NamedTuple):
    """Groups of tracked boxes that no detection explains; the m-th edge joins `group[m]` and detection `origin[m]`."""

    boxes: Boxes
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    frames: Indices
    group: Indices
    origin: Indices


class Missed(NamedTuple):
    """Boxes of objects that are held to be missed."""

    boxes: Boxes
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    frames: Indices

    def rows(self, which: Mask | Indices) -> Missed:
        """Returns some of them."""
        return Missed(self.boxes[which], self.scores[which], self.classes[which], self.frames[which])

    def and_also(self, other: Missed) -> Missed:
        """Returns these, then the others."""
        return Missed(
            np.concatenate([self.boxes, other.boxes]),
            np.concatenate([self.scores, other.scores]),
            np.concatenate([self.classes, other.classes]),
            np.concatenate([self.frames, other.frames]),
        )


def flatten(videos: Sequence[Sequence[Detections]], gap: int = 0) -> Flat:
    """Gathers the detections of videos into single arrays, with `gap` empty frames after each video; O(K)."""
    every = [as_frames(f"videos[{number}]", video) for number, video in enumerate(videos)]
    counts = np.concatenate([_NONE, *(np.r_[np.diff(frames.starts), np.zeros(gap, np.int64)] for frames in every)])
    numbers = [np.repeat([number, -1], [len(frames), gap]) for number, frames in enumerate(every)]
    tables = [frames.table for frames in every] or [Detections.none()]
    boxes, scores, classes = (
        _joined([getattr(table, name) for table in tables]) for name in ("boxes", "scores", "classes")
    )
    frames_of_rows = np.repeat(np.arange(len(counts)), counts)
    return Flat(boxes, scores, classes, frames_of_rows, np.r_[0, np.cumsum(counts)], np.concatenate([_NONE, *numbers]))


def _joined(columns: list[NDArray[Any]]) -> NDArray[Any]:
    return columns[0] if len(columns) == 1 else np.concatenate(columns)


def link(flat: Flat, tracker: Tracker, *, reach: int, link_iou: float) -> tuple[Indices, Unmatched]:
    """Links detections of one class whose boxes meet once tracked, and returns the tracked boxes that meet none.

    Detection a of frame i and b of frame j, 0 < |i - j| <= reach, are linked if IoU(a, track of b into i) > link_iou or
    IoU(b, track of a into j) > link_iou.

    Returns:
        links: (E, 2) int64 rows of `flat`, the earlier frame first, each pair once.
        unmatched: the tracked boxes without a detection of their class.

    Cost: O(reach · K · k) for K detections and k a frame; memory linear in K and the links.
    """
    links: list[Indices] = [np.zeros((0, 2), np.int64)]
    lost: list[Unmatched] = []
    fixed, classes = _columns(flat.boxes, link_iou), _small(flat.classes)
    for step in range(1, reach + 1):
        ahead, back = flat.reaching(step), flat.reaching(-step)
        forward, backward = np.zeros_like(flat.boxes), np.zeros_like(flat.boxes)
        forward[ahead] = track_all(tracker, flat.boxes[ahead], flat.frames[ahead], flat.frames[ahead] + step)
        backward[back] = track_all(tracker, flat.boxes[back], flat.frames[back], flat.frames[back] - step)
        pairs, met_ahead, met_back = _meetings(
            fixed, _columns(forward, link_iou), _columns(backward, link_iou), classes, flat.starts, step, link_iou
        )
        links.append(pairs)
        for rows, tracked, met, shift in ((ahead, forward, met_ahead, step), (back, backward, met_back, -step)):
            left = rows[~met[rows]]
            lost.append(Unmatched(tracked[left], left, flat.frames[left] + shift))
    unmatched = Unmatched(*(np.concatenate(parts) for parts in zip(*lost, strict=True)))
    return np.concatenate(links), unmatched


def _meetings(
    fixed: Columns,
    ahead: Columns,
    back: Columns,
    classes: NDArray[Any],
    starts: Indices,
    step: int,
    threshold: float,
) -> tuple[Indices, Mask, Mask]:
    """Returns the pairs of detections `step` frames apart that meet, and whose tracks, either way, meet any.

    Frames of a block are laid out with one slot for each detection of the fullest, so that all pairs of a block are
    compared by broadcasting over slots, in 32 bits; whatever is in doubt is decided in 64.
    """
    met_ahead, met_back = np.zeros(len(classes), bool), np.zeros(len(classes), bool)
    found: list[Indices] = [np.zeros((0, 2), np.int64)]
    for frames in _blocks(np.diff(starts), step):
        early, late = _slots(starts, frames), _slots(starts, frames + step)
        same = classes[early][:, None] == classes[late][None]
        hits = _overlapping(ahead, fixed, early, late, threshold)
        hits &= same
        hits_back = _overlapping(fixed, back, early, late, threshold)
        hits_back &= same
        met_ahead[early] |= hits.any(axis=1)
        met_back[late] |= hits_back.any(axis=0)
        hits |= hits_back
        cell, frame = np.divmod(np.flatnonzero(hits), len(frames))
        slot_early, slot_late = np.divmod(cell, len(late))
        found.append(np.stack([early[slot_early, frame], late[slot_late, frame]], axis=1))
    return np.concatenate(found), met_ahead[:-1], met_back[:-1]


def _overlapping(first: Columns, second: Columns, early: Indices, late: Indices, threshold: float) -> NDArray[np.bool_]:
    """Returns (k, m, F) bool: does box `early[i, f]` of `first` overlap box `late[j, f]` of `second`, IoU > threshold?

    IoU > t is the same as: intersection > t / (1 + t) · sum of the areas, which needs no division.
    """
    left_a, top_a, right_a, bottom_a, part_a = (column[early][:, None] for column in first)
    left_b, top_b, right_b, bottom_b, part_b = (column[late][None] for column in second)
    shared = np.minimum(right_a, right_b)
    shared -= np.maximum(left_a, left_b)
    np.maximum(shared, 0, out=shared)
    height = np.minimum(bottom_a, bottom_b)
    height -= np.maximum(top_a, top_b)
    shared *= height
    needed = part_a + part_b
    shared -= needed
    needed *= DOUBT * (1 + threshold) / max(threshold, DOUBT)
    sure: NDArray[np.bool_] = shared > needed
    doubt = np.flatnonzero((np.abs(shared, out=shared) <= needed).ravel() & (needed.ravel() > 0))
    if len(doubt):
        cell, frame = np.divmod(doubt, early.shape[1])
        row_a, row_b = early[cell // len(late), frame], late[cell % len(late), frame]
        boxes_a = np.stack([column[row_a] for column in first[:4]], axis=1)
        boxes_b = np.stack([column[row_b] for column in second[:4]], axis=1)
        sure.ravel()[doubt] = iou_pairs(boxes_a, boxes_b) > threshold
    return sure


def _small(classes: NDArray[np.int64]) -> NDArray[Any]:
    """Returns the classes renumbered in as few bytes as do, with one more at the end for the padding."""
    names, numbers = np.unique(classes, return_inverse=True)
    return np.append(numbers, 0).astype(np.uint8 if len(names) < 256 else np.int32)


def _columns(boxes: Boxes, threshold: float) -> Columns:
    """Returns left, top, right, bottom and t / (1 + t) of the area of the boxes, and of a padding box at the end."""
    sides = [np.append(boxes[:, c], FAR if c < 2 else -FAR) for c in range(4)]
    return (*sides, np.append(areas(boxes) * (threshold / (1 + threshold)), 0).astype(np.float32))


def _blocks(counts: Indices, step: int) -> Iterator[Indices]:
    """Yields the frames that have detections and so have those `step` later, in blocks of about `CELLS` pairs.

    Frames with equal numbers of detections go together, so that little of a block is padding.
    """
    here, there = counts[:-step], counts[step:]
    order = np.lexsort((there, here))
    order = order[(here[order] > 0) & (there[order] > 0)]
    begin = 0
    while begin < len(order):
        size = min(len(order) - begin, CELLS)
        while True:
            frames = order[begin : begin + size]
            widest = int(here[frames].max()) * int(there[frames].max())
            if size == 1 or size * widest <= 2 * CELLS:
                break
            size = max(1, min(size // 2, CELLS // widest))
        yield frames
        begin += size


def _slots(starts: Indices, frames: Indices) -> Indices:
    """Returns the (k, F) rows of the boxes of F frames, k the most in any of them, filled with -1, the padding box."""
    first = starts[frames]
    counts = starts[frames + 1] - first
    place = np.arange(int(counts.max()))[:, None]
    return np.where(place < counts, first + place, -1)


def group_candidates(flat: Flat, unmatched: Unmatched, *, candidate_iou: float) -> Candidates:
    """Groups the unmatched tracked boxes of one frame and class by overlap, greedily: each group is a candidate.

    The boxes are taken by source frame, then place in it; a box joins the first group whose first box it overlaps by
    more than `candidate_iou`, or starts a new one. A candidate's box is the mean of its members', its score the mean of
    the scores of the detections it came from. Cost: O(U · groups a frame) for U boxes, all frames at once.
    """
    n_classes = int(flat.classes.max()) + 1 if len(flat.classes) else 1
    keys = unmatched.target * n_classes + flat.classes[unmatched.origin]
    order = np.lexsort((unmatched.origin, keys))
    boxes, origin, keys = unmatched.boxes[order], unmatched.origin[order], keys[order]
    leads, group = np.unique(_leaders(boxes, keys, candidate_iou), return_inverse=True)
    size = np.bincount(group, minlength=len(leads))
    mean_box = np.stack([np.bincount(group, boxes[:, c], len(leads)) for c in range(4)], axis=1) / size[:, None]
    score = np.bincount(group, flat.scores[origin], len(leads)) / size
    frames, classes = np.divmod(keys[leads], n_classes)
    return Candidates(mean_box.astype(np.float32), score.astype(np.float32), classes, frames, group, origin)


def _leaders(boxes: Boxes, keys: NDArray[np.int64], candidate_iou: float) -> Indices:
    """Returns, for each box, the position of the first box of its group; boxes are sorted by key."""
    leader = np.full(len(boxes), -1)
    left = np.arange(len(boxes))
    while len(left):
        fresh = np.ones(len(left), bool)
        fresh[1:] = keys[left[1:]] != keys[left[:-1]]
        heads = left[np.maximum.accumulate(np.where(fresh, np.arange(len(left)), 0))]
        joins: Mask = (iou_pairs(boxes[heads], boxes[left]) > candidate_iou) | fresh
        leader[left[joins]] = heads[joins]
        left = left[~joins]
    return leader


def edges_of(links: Indices, candidates: Candidates, n_detections: int) -> Indices:
    """Returns the (E, 2) edges of the graph: detections are nodes 0 to K - 1, candidates follow."""
    return np.concatenate([links, np.stack([candidates.origin, candidates.group + n_detections], axis=1)])
