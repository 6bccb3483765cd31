"""Gaps between tracklets: where a detector lost an object for longer than the links reach. Not in the thesis."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from askew.arrays import Indices, Mask
from askew.boxes import iou_pairs
from askew.video.linking import Flat, Missed
from askew.video.trackers import Tracker, track_all

SHORTEST = 3
"""Detections of a tracklet: fewer that are linked may be a mistake that came twice."""


def with_gaps_filled(
    missed: Missed, flat: Flat, links: Indices, tracker: Tracker, *, longest: int, link_iou: float
) -> Missed:
    """Returns missed objects with those added that lie in gaps of up to `longest` frames between tracklets.

    A tracklet is three or more detections that links hold together. One of its detections is an end if no link leads
    from it to a later frame, and a start if none leads to an earlier one. An end and a start of one class are joined as
    detections are linked: one of them, tracked into the frame of the other, overlaps it by more than `link_iou`. Each
    joins once: the shortest gaps first, of those the highest overlaps. In the frames between, box and score change
    evenly from end to start. A box that overlaps a detection or a missed object of its class by more than `link_iou`
    says nothing new and is left out.

    Args:
        missed: the missed objects that are known.
        links: (E, 2) rows of `flat`, the earlier frame first.

    Cost: O(longest² · E) steps of the tracker for E ends.
    """
    ends, starts = _ends(len(flat.boxes), links)
    joined = [np.zeros((0, 2), np.int64)]
    for step in range(2, longest + 2):
        pairs = _joins(flat, np.flatnonzero(ends), np.flatnonzero(starts), tracker, step, link_iou)
        ends[pairs[:, 0]] = starts[pairs[:, 1]] = False
        joined.append(pairs)
    filled = _between(flat, np.concatenate(joined))
    seen = Missed(flat.boxes, flat.scores, flat.classes, flat.frames).and_also(missed)
    both = missed.and_also(filled.rows(~_met(filled, seen, link_iou)))
    return both.rows(np.argsort(both.frames, kind="stable"))


def _ends(n_detections: int, links: Indices) -> tuple[Mask, Mask]:
    """Returns which detections end a tracklet, and which start one."""
    graph = coo_array((np.ones(len(links), bool), (links[:, 0], links[:, 1])), shape=(n_detections, n_detections))
    _, tracklet = connected_components(graph, directed=False)
    ends = np.bincount(tracklet, minlength=1)[tracklet] >= SHORTEST
    starts = ends.copy()
    ends[links[:, 0]] = False
    starts[links[:, 1]] = False
    return ends, starts


def _joins(flat: Flat, ends: Indices, starts: Indices, tracker: Tracker, step: int, link_iou: float) -> Indices:
    """Returns the (J, 2) pairs of an end and a start `step` frames later that the tracker joins, each row once."""
    pairs = _pairs(flat, np.intersect1d(ends, flat.reaching(step)), starts, step)
    overlap = np.zeros(len(pairs))
    for mine, other, shift in ((0, 1, step), (1, 0, -step)):
        rows, place = np.unique(pairs[:, mine], return_inverse=True)
        moved = track_all(tracker, flat.boxes[rows], flat.frames[rows], flat.frames[rows] + shift)
        np.maximum(overlap, iou_pairs(moved[place], flat.boxes[pairs[:, other]]), out=overlap)
    order = np.argsort(-overlap, kind="stable")
    free_end, free_start = np.ones((2, len(flat.boxes)), bool)
    out = []
    for end, start in pairs[order[overlap[order] > link_iou]].tolist():
        if free_end[end] and free_start[start]:
            free_end[end] = free_start[start] = False
            out.append((end, start))
    return np.array(out, dtype=np.int64).reshape(-1, 2)


def _pairs(flat: Flat, ends: Indices, starts: Indices, step: int) -> Indices:
    """Returns all (P, 2) pairs of an end and a start of its class `step` frames later."""
    row, place = _within(flat.frames[ends] + step, flat.frames[starts])
    left, right = ends[row], starts[place]
    same = flat.classes[left] == flat.classes[right]
    return np.stack([left[same], right[same]], axis=1)


def _within(wanted: Indices, keys: Indices) -> tuple[Indices, Indices]:
    """Returns for each place where a wanted key stands in sorted keys: which was wanted, and the place."""
    first, last = np.searchsorted(keys, wanted, "left"), np.searchsorted(keys, wanted, "right")
    counts = last - first
    row = np.repeat(np.arange(len(wanted)), counts)
    return row, np.arange(len(row)) + np.repeat(last - np.cumsum(counts), counts)


def _between(flat: Flat, pairs: Indices) -> Missed:
    """Returns the boxes on the lines between the ends of gaps."""
    lengths = flat.frames[pairs[:, 1]] - flat.frames[pairs[:, 0]]
    gap = np.repeat(np.arange(len(pairs)), lengths - 1)
    step = np.arange(len(gap)) - np.repeat(np.cumsum(lengths - 1) - lengths, lengths - 1)
    share = (step / lengths[gap]).astype(np.float32)
    end, start = pairs[gap].T
    boxes = flat.boxes[end] + (flat.boxes[start] - flat.boxes[end]) * share[:, None]
    scores = flat.scores[end] + (flat.scores[start] - flat.scores[end]) * share
    return Missed(boxes, scores, flat.classes[end], flat.frames[end] + step)


def _met(boxes: Missed, seen: Missed, link_iou: float) -> Mask:
    """Returns which boxes overlap one that was seen of their class in their frame."""
    n_classes = 1 + int(max(boxes.classes.max(initial=0), seen.classes.max(initial=0)))
    keys = seen.frames * n_classes + seen.classes
    order = np.argsort(keys, kind="stable")
    row, place = _within(boxes.frames * n_classes + boxes.classes, keys[order])
    met = np.zeros(len(boxes.frames), bool)
    met[row[iou_pairs(boxes.boxes[row], seen.boxes[order[place]]) > link_iou]] = True
    return met
