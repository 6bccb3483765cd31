"""Gaps between tracklets: cases worked out by hand, and a reference in plain Python."""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from askew.errors import InputError
from askew.video import Detections, StaticTracker, estimate_all, estimate_errors

_spec = importlib.util.spec_from_file_location("video_reference", Path(__file__).with_name("reference.py"))
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)


class Drift:
    """A tracker for which all moves to the right, 2 pixels a frame."""

    def track(self, boxes, source, target):
        shift = np.float32(2 * (target - source))
        return boxes + np.array([shift, 0, shift, 0], np.float32)


def car(frame, left=10.0, kind=0, score=0.9):
    return Detections([[left + 2 * frame, 20, left + 2 * frame + 40, 50]], [score], [kind])


def lost(first, last, n_frames=18, **kind):
    """A car that is not found from frame `first` to `last`."""
    return [Detections.none() if first <= number <= last else car(number, **kind) for number in range(n_frames)]


def missed(errors):
    return {number: frame.boxes.tolist() for number, frame in enumerate(errors.missed) if len(frame)}


class TestByHand:
    """A car moves 2 pixels a frame and is lost in frames 5 to 12. The text itself finds two frames at either end."""

    def test_the_text_finds_what_its_links_reach(self):
        assert sorted(missed(estimate_errors(lost(5, 12), Drift()))) == [5, 6, 11, 12]

    def test_a_gap_is_filled_on_the_line_between_its_ends(self):
        errors = estimate_errors(lost(5, 12), Drift(), fill=8)
        assert missed(errors) == {number: car(number).boxes.tolist() for number in range(5, 13)}
        assert errors.false_negatives.tolist() == [0] * 5 + [1] * 8 + [0] * 5
        assert errors.energy == estimate_errors(lost(5, 12), Drift()).energy

    def test_a_longer_one_is_not(self):
        assert sorted(missed(estimate_errors(lost(5, 12), Drift(), fill=7))) == [5, 6, 11, 12]

    def test_ends_that_the_tracker_does_not_join_stay_apart(self):
        """Held still, the box moves 18 of its 40 pixels away in the gap: IoU 22 / 58; at most 0.37 joins them."""
        assert set(missed(estimate_errors(lost(5, 12), StaticTracker(), fill=8))) & {8, 9} == set()
        joined = estimate_errors(lost(5, 12), StaticTracker(), fill=8, link_iou=0.37)
        assert {8, 9} <= set(missed(joined))

    def test_scores_change_evenly(self):
        frames = [Detections.none() if 5 <= number <= 12 else car(number, score=0.9) for number in range(18)]
        frames[13:] = [car(number, score=0.45) for number in range(13, 18)]
        errors = estimate_errors(frames, Drift(), fill=8)
        assert [errors.missed[number].scores[0] for number in (8, 9)] == pytest.approx([0.7, 0.65])

    def test_two_detections_are_no_tracklet(self):
        frames = lost(0, 17)
        frames[3:5] = [car(3), car(4)]
        frames[13:] = lost(18, 18)[13:]
        assert set(missed(estimate_errors(frames, Drift(), fill=8))) & {8, 9} == set()

    def test_another_class_does_not_go_on(self):
        frames = lost(5, 17)[:13] + [car(number, kind=1) for number in range(13, 18)]
        assert set(missed(estimate_errors(frames, Drift(), fill=8))) & {8, 9} == set()

    def test_where_a_detection_of_the_class_is_nothing_was_missed(self):
        """In frame 8 a box 10 pixels off is found, IoU 30 / 50; of another class it changes nothing."""
        frames = lost(5, 12)
        for kind, filled in ((0, [7, 9, 10]), (1, [7, 8, 9, 10])):
            frames[8] = car(8, left=20.0, kind=kind)
            errors = estimate_errors(frames, Drift(), fill=8)
            assert [n for n in (7, 8, 9, 10) if car(n).boxes.tolist()[0] in missed(errors).get(n, [])] == filled

    def test_the_shortest_gap_goes_first_and_each_end_joins_once(self):
        """Two cars, 4 pixels apart, of which one comes back: the nearer one is it."""
        both = [Detections([*car(n).boxes, *car(n, left=14.0).boxes], [0.9, 0.9], [0, 0]) for n in range(5)]
        frames = both + lost(5, 12)[5:]
        filled = missed(estimate_errors(frames, Drift(), fill=8))
        assert filled[8] == car(8).boxes.tolist()
        assert filled[9] == car(9).boxes.tolist()

    def test_videos_are_not_joined(self):
        one, two = lost(5, 17)[:5], lost(18, 18)[:5]
        for errors in estimate_all([one, two], [Drift(), Drift()], fill=20):
            assert errors.false_negatives.sum() == 0


def plain_gaps(frames, tracker, links, known, longest, link_iou):
    """What `askew.video.gaps` says, one pair of detections at a time; `known` are missed (frame, class, box)."""
    nodes = [(number, box, kind) for number, frame in enumerate(frames) for box, kind in frame]
    part = list(range(len(nodes)))
    for a, b in sorted(links):
        part = [part[a] if one == part[b] else one for one in part]
    tracklet = [part.count(one) >= 3 for one in part]
    ends = {n for n, yes in enumerate(tracklet) if yes and all(a != n for a, _ in links)}
    starts = {n for n, yes in enumerate(tracklet) if yes and all(b != n for _, b in links)}
    new = []
    for step in range(2, longest + 2):
        pairs = []
        for a in sorted(ends):
            for b in sorted(starts):
                (i, box, kind), (j, other, same) = nodes[a], nodes[b]
                if j - i == step and kind == same:
                    overlap = max(reference.iou(tracker(box, i, j), other), reference.iou(tracker(other, j, i), box))
                    if overlap > link_iou:
                        pairs.append((-overlap, a, b))
        for _, a, b in sorted(pairs):
            if a in ends and b in starts:
                ends.discard(a)
                starts.discard(b)
                (i, box, kind), (j, other, _) = nodes[a], nodes[b]
                for frame in range(i + 1, j):
                    share = (frame - i) / (j - i)
                    new.append((frame, kind, tuple(p + (q - p) * share for p, q in zip(box, other, strict=True))))
    seen = [*known, *((frame, kind, box) for frame, box, kind in nodes)]
    return [
        one for one in new if all(one[:2] != other[:2] or reference.iou(one[2], other[2]) <= link_iou for other in seen)
    ]


def street(rng):
    """Five objects of two classes, each of them gone for up to 14 frames, others missing now and then."""
    frames = []
    lefts, tops, kinds = rng.uniform(0, 150, 5), rng.uniform(0, 60, 5), rng.integers(0, 2, 5)
    gone = [(start, start + rng.integers(2, 15)) for start in rng.integers(3, 25, 5)]
    for number in range(40):
        seen = [o for o in range(5) if not gone[o][0] <= number < gone[o][1] and rng.random() > 0.1]
        corners = np.array([[lefts[o] + 2 * number, tops[o]] for o in seen]).reshape(-1, 2) + rng.normal(0, 1.5)
        boxes = np.concatenate([corners, corners + np.array([30, 40])], axis=1)
        frames.append(Detections(boxes, np.full(len(seen), 0.5), kinds[seen]))
    return frames


def listed(errors):
    """The missed objects of all frames: (frame, class, box)."""
    return [
        (number, int(kind), tuple(map(float, box)))
        for number, frame in enumerate(errors.missed)
        for box, kind in zip(frame.boxes, frame.classes, strict=True)
    ]


def test_filled_gaps_are_those_of_plain_python():
    more = [compared_with_plain_python(np.random.default_rng(seed)) for seed in range(25)]
    assert sum(count > 0 for count in more) >= 10


def compared_with_plain_python(rng):
    """Compares both ways on a street; returns how many boxes are new."""
    frames = street(rng)
    plain = [[(tuple(map(float, b)), int(c)) for b, c in zip(f.boxes, f.classes, strict=True)] for f in frames]

    def tracker(box, source, target):
        return tuple(map(float, Drift().track(np.array([box], np.float32), source, target)[0]))

    without, filled = (estimate_errors(frames, Drift(), fill=longest) for longest in (0, 12))
    links, _ = reference.build(plain, tracker)

    want = sorted(listed(without) + plain_gaps(plain, tracker, links, listed(without), 12, 0.5))
    got = sorted(listed(filled))
    assert [one[:2] for one in got] == [one[:2] for one in want]
    assert np.allclose([one[2] for one in got], [one[2] for one in want], atol=1e-3)
    assert filled.false_positives.tolist() == without.false_positives.tolist()
    frames_of_missed = [number for number, _, _ in listed(filled)]
    assert all(a <= b for a, b in pairwise(frames_of_missed))
    return len(got) - len(listed(without))


def test_many_videos_together_are_as_each_alone():
    videos = [lost(5, 12), lost(3, 9, kind=1), [], lost(0, 17), lost(6, 6)]
    together = estimate_all(videos, [Drift()] * 5, fill=10)
    for video, errors in zip(videos, together, strict=True):
        alone = estimate_errors(video, Drift(), fill=10)
        assert missed(errors) == missed(alone)
        assert errors.energy == alone.energy


@pytest.mark.parametrize("value", [-1, 1.5, "far", None, 2000, float("nan")])
def test_other_lengths_are_refused(value):
    with pytest.raises(InputError, match=r"fill: expected a whole number of frames in \[0, 1000\]"):
        estimate_errors(lost(5, 12), Drift(), fill=value)
