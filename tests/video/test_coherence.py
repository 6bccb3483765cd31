from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askew.errors import InputError
from askew.video import Detections, StaticTracker, estimate_all, estimate_errors
from askew.video.cut import energy_of, minimum_cut
from askew.video.linking import edges_of, flatten, group_candidates, link

_spec = importlib.util.spec_from_file_location("video_reference", Path(__file__).with_name("reference.py"))
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)


class Drift:
    """A tracker without `track_many`, whose boxes move with the frame number, so that direction and order matter."""

    def __init__(self, speed=3.0):
        self.speed = speed

    def track(self, boxes, source, target):
        shift = np.float32(self.speed * (target - source))
        return boxes + np.array([shift, 0, shift, 0], np.float32)


def scene(rng, n_frames, objects=3, classes=2, grid=None):
    frames = []
    where, speed = rng.uniform(0, 60, (objects, 2)), rng.uniform(-2, 5, objects)
    kinds = rng.integers(0, classes, objects)
    for t in range(n_frames):
        boxes = [[x + speed[o] * t, y, x + speed[o] * t + 20, y + 30] for o, (x, y) in enumerate(where)]
        boxes = np.array(boxes) + rng.normal(0, 1, (objects, 4))
        keep = rng.random(objects) > 0.2
        extra = rng.uniform(0, 60, (rng.poisson(0.7), 2))
        boxes = np.concatenate([boxes[keep], np.c_[extra, extra + np.array([18, 25])]])
        if grid:
            boxes = np.round(boxes / grid) * grid
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2])
        kind = np.concatenate([kinds[keep], rng.integers(0, classes, len(extra))])
        frames.append(Detections(boxes.astype(np.float32), np.full(len(boxes), 0.5), kind))
    return frames


def plain(frames):
    return [[(tuple(map(float, b)), int(c)) for b, c in zip(f.boxes, f.classes, strict=True)] for f in frames]


def plain_tracker(tracker):
    def move(box, source, target):
        return tuple(map(float, tracker.track(np.array([box], np.float32), source, target)[0]))

    return move


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("grid", [None, 5])
def test_links_and_candidates_are_those_of_plain_python(seed, grid):
    """On a grid of 5 pixels many overlaps are exactly 1/2 or 3/4: the comparison must be strict there."""
    rng = np.random.default_rng(seed)
    frames, tracker = scene(rng, int(rng.integers(1, 30)), objects=4, grid=grid), Drift(3.0 if grid is None else 0.0)
    flat = flatten([frames])
    links, unmatched = link(flat, tracker, reach=3, link_iou=0.5)
    candidates = group_candidates(flat, unmatched, candidate_iou=0.75)
    want_links, want = reference.build(plain(frames), plain_tracker(tracker))
    assert len(links) == len(want_links)
    assert set(map(tuple, links.tolist())) == want_links
    got = sorted(
        (int(f), int(c), tuple(sorted(candidates.origin[candidates.group == g].tolist())))
        for g, (f, c) in enumerate(zip(candidates.frames, candidates.classes, strict=True))
    )
    assert got == sorted((f, c, tuple(sorted(origins))) for f, c, _, origins in want)


def test_many_boxes_in_one_frame_cross_block_borders():
    rng = np.random.default_rng(5)
    sizes = [0, 150, 3, 0, 90, 200, 1, 2]
    frames = []
    for n in sizes:
        corner = rng.uniform(0, 200, (n, 2))
        frames.append(Detections(np.c_[corner, corner + 40].astype(np.float32), np.ones(n), rng.integers(0, 3, n)))
    links, _ = link(flatten([frames]), StaticTracker(), reach=3, link_iou=0.5)
    want, _ = reference.build(plain(frames), lambda box, *_: box)
    assert set(map(tuple, links.tolist())) == want


def test_hand_computed_chain():
    """Six frames with one standing object, missed in frame 2; reach 1. Frames 1 and 3 each cast a candidate into 2.

    Both overlap fully: one candidate with two edges. Present: FN 1, edges agree. Absent: 2 broken edges. So FN wins.
    """
    box = [[0, 0, 10, 10]]
    frames = [Detections(box, [0.8], [4])] * 6
    frames[2] = Detections.none()
    errors = estimate_errors(frames, StaticTracker(), reach=1)
    assert errors.false_negatives.tolist() == [0, 0, 1, 0, 0, 0]
    assert errors.false_positives.tolist() == [0] * 6
    assert errors.energy == 1.0
    assert errors.missed[2].boxes.tolist() == [[0, 0, 10, 10]]
    assert errors.missed[2].classes.tolist() == [4]
    assert errors.missed[2].scores.tolist() == pytest.approx([0.8])
    assert [s.tolist() for s in errors.suspected] == [[False], [False], [], [False], [False], [False]]


def test_lone_detection_is_suspected():
    """One detection in frame 3 of 7, reach 3: six candidates, an edge each. TP costs 6 whichever way, FP costs 1."""
    frames = [Detections.none()] * 7
    frames[3] = Detections([[0, 0, 4, 4]], [0.5], [0])
    errors = estimate_errors(frames, StaticTracker())
    assert errors.false_positives.tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert errors.energy == 1.0
    cheap = estimate_errors(frames, StaticTracker(), pairwise=0.1)
    assert cheap.false_positives.sum() == 0
    assert cheap.energy == pytest.approx(0.6)


def test_other_class_does_not_link():
    frames = [Detections([[0, 0, 4, 4]], [0.5], [i % 2]) for i in range(4)]
    links, unmatched = link(flatten([frames]), StaticTracker(), reach=1, link_iou=0.5)
    assert len(links) == 0
    assert len(unmatched.boxes) == 6


def test_ties_go_where_asked():
    """Two frames, one detection: FP costs 1; TP costs 1 with its one candidate, called either way."""
    frames = [Detections([[0, 0, 4, 4]], [0.5], [0]), Detections.none()]
    absent, present = (estimate_errors(frames, StaticTracker(), ties=t) for t in ("absent", "present"))
    assert absent.energy == present.energy == 1.0
    assert (absent.false_positives.sum(), absent.false_negatives.sum()) == (1, 0)
    assert (present.false_positives.sum(), present.false_negatives.sum()) == (0, 1)


def test_videos_together_are_as_videos_alone():
    rng = np.random.default_rng(11)
    videos = [scene(rng, n, objects=4) for n in (1, 17, 2, 30, 8)] + [[], [Detections.none()] * 3]
    trackers = [Drift(float(i)) for i in range(7)]
    for options in ({}, {"confidence": 3.0, "pairwise": 0.7, "reach": 2}):
        together = estimate_all(videos, trackers, **options)
        for video, tracker, errors in zip(videos, trackers, together, strict=True):
            alone = estimate_errors(video, tracker, **options)
            assert errors.energy == pytest.approx(alone.energy)
            assert errors.false_negatives.tolist() == alone.false_negatives.tolist()
            assert [s.tolist() for s in errors.suspected] == [s.tolist() for s in alone.suspected]
            assert [m.boxes.tolist() for m in errors.missed] == [m.boxes.tolist() for m in alone.missed]
    with pytest.raises(InputError, match="6 for 7 videos"):
        estimate_all(videos, trackers[:-1])


def test_a_sure_detection_is_harder_to_doubt():
    """Alone among 7 frames, six edges to candidates: present costs 6, for each of the two detections.

    With confidence 10 and a lowest score of 0.5, calling it wrong costs 10 (0.9 - 0.5) / 0.5 = 8 at a score of 0.9, 4
    at 0.7, and nothing at 0.5.
    """
    for score, wrong, energy in ((0.9, False, 6.0), (0.7, True, 4.0)):
        frames = [Detections.none()] * 7
        frames[3] = Detections([[0, 0, 4, 4], [90, 90, 99, 99]], [score, 0.5], [0, 1])
        errors = estimate_errors(frames, StaticTracker(), confidence=10.0)
        assert errors.suspected[3].tolist() == [wrong, True]
        assert errors.energy == pytest.approx(energy)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_cut_has_the_least_energy_of_all_labellings(data):
    n_nodes = data.draw(st.integers(1, 14))
    n_detections = data.draw(st.integers(0, n_nodes))
    pairs = [(a, b) for a in range(n_nodes) for b in range(a)]
    edges = data.draw(st.lists(st.sampled_from(pairs), max_size=40)) if pairs else []
    weight = data.draw(st.sampled_from([0.0, 0.3, 1.0, 1.7, 2.0, 1e9]))
    if_absent = np.r_[np.ones(n_detections), np.zeros(n_nodes - n_detections)]
    array = np.array(edges, np.int64).reshape(-1, 2)
    labellings = (np.arange(2**n_nodes)[:, None] >> np.arange(n_nodes)) & 1
    unary = np.where(labellings == 1, 1 - if_absent, if_absent).sum(axis=1)
    broken = (labellings[:, array[:, 0]] != labellings[:, array[:, 1]]).sum(axis=1)
    energies = unary + weight * broken
    best = labellings[np.abs(energies - energies.min()) < 1e-9].astype(bool)
    for ties, extreme in (("absent", best.all(axis=0)), ("present", best.any(axis=0))):
        cut = minimum_cut(if_absent, 1 - if_absent, array, weight=weight, ties=ties)
        assert cut.energy == pytest.approx(energies.min(), abs=1e-9)
        assert cut.present.tolist() == extreme.tolist()
    assert (
        energies.min() == pytest.approx(reference.least_energy(n_nodes, n_detections, edges, weight), abs=1e-9)
        if n_nodes <= 6
        else True
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_cut_with_costs_of_any_kind(seed):
    rng = np.random.default_rng(seed)
    n_nodes = int(rng.integers(1, 11))
    absent, present = rng.uniform(0, 2, n_nodes), rng.uniform(0, 2, n_nodes)
    edges = rng.integers(0, n_nodes, (int(rng.integers(0, 20)), 2))
    weight = float(rng.uniform(0, 1.5))
    labellings = ((np.arange(2**n_nodes)[:, None] >> np.arange(n_nodes)) & 1).astype(bool)
    least = min(energy_of(one, absent, present, edges, weight) for one in labellings)
    cut = minimum_cut(absent, present, edges, weight=weight)
    assert cut.energy == pytest.approx(least, abs=1e-9)
    assert cut.energy == pytest.approx(energy_of(cut.present, absent, present, edges, weight))


@pytest.mark.parametrize("seed", range(8))
def test_estimates_of_random_scenes_have_the_least_energy(seed):
    rng = np.random.default_rng(seed)
    frames = scene(rng, 4, objects=1, classes=1)
    flat = flatten([frames])
    links, unmatched = link(flat, Drift(), reach=1, link_iou=0.5)
    candidates = group_candidates(flat, unmatched, candidate_iou=0.75)
    n_detections = len(flat.boxes)
    edges = edges_of(links, candidates, n_detections).tolist()
    n_nodes = n_detections + len(candidates.boxes)
    assert n_nodes <= 16
    errors = estimate_errors(frames, Drift(), reach=1)
    assert errors.energy == reference.least_energy(n_nodes, n_detections, edges)
    assert [len(s) for s in errors.suspected] == [len(f) for f in frames]
    assert errors.false_positives.tolist() == [int(s.sum()) for s in errors.suspected]
    assert errors.false_negatives.tolist() == [len(m) for m in errors.missed]


def test_no_detections_anywhere():
    errors = estimate_errors([Detections.none()] * 4, StaticTracker())
    assert errors.false_positives.tolist() == errors.false_negatives.tolist() == [0] * 4
    assert errors.energy == 0.0
    assert len(estimate_errors([], StaticTracker())) == 0


def test_suspected_follows_the_order_in_which_detections_were_given():
    """A standing object of class 5 comes second in every frame; in frame 4 something of class 1 comes first."""
    frames = [Detections([[0, 0, 10, 10]], [0.9], [5])] * 9
    frames[4] = Detections([[70, 70, 90, 90], [0, 0, 10, 10]], [0.9, 0.9], [1, 5])
    assert estimate_errors(frames, StaticTracker()).suspected[4].tolist() == [True, False]
    frames[4] = frames[4].select([1, 0])
    assert estimate_errors(frames, StaticTracker()).suspected[4].tolist() == [False, True]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reach": 0}, "reach: .* got 0"),
        ({"reach": 1.5}, "reach: .* got 1.5"),
        ({"link_iou": 1.0}, "link_iou: .* got 1.0"),
        ({"candidate_iou": float("nan")}, "candidate_iou: .* got nan"),
        ({"pairwise": -1.0}, "pairwise: .* got -1.0"),
        ({"confidence": -1.0}, "confidence: .* got -1.0"),
        ({"ties": "maybe"}, "unknown ties 'maybe'"),
        ({"link_iou": "half"}, "link_iou: .* got 'half'"),
        ({"pairwise": "one"}, "pairwise: .* got 'one'"),
        ({"pairwise": None}, "pairwise: .* got None"),
        ({"confidence": "high"}, "confidence: .* got 'high'"),
        ({"confidence": 1e308}, r"confidence: expected None or a number in \[0, 1e\+09\], got 1e\+308"),
        ({"doubt": 0.5}, "doubt: expected None or what learn_doubt returns, got float"),
    ],
)
def test_parameters_out_of_range(options, message):
    with pytest.raises(InputError, match=message):
        estimate_errors([Detections.none()] * 3, StaticTracker(), **options)


def test_something_that_is_no_detections():
    for nothing in (None, 3, Detections.none()):
        with pytest.raises(InputError, match="detections: expected a list with one Detections a frame, got"):
            estimate_errors(nothing, StaticTracker())
    with pytest.raises(InputError, match="frame 1 is a list"):
        estimate_errors([Detections.none(), []], StaticTracker())


def test_a_tracker_that_returns_nonsense():
    class Lost:
        def track(self, boxes, source, target):  # noqa: ARG002
            return boxes * np.nan

    class Short:
        def track(self, boxes, source, target):  # noqa: ARG002
            return boxes[:0]

    frames = [Detections([[0, 0, 1, 1]], [1.0], [0])] * 2
    with pytest.raises(InputError, match="not finite, from frame 0 to 1"):
        estimate_errors(frames, Lost())
    with pytest.raises(InputError, match=r"shape \(0, 4\) for 1 boxes"):
        estimate_errors(frames, Short())


def test_reach_beyond_the_video_is_the_whole_video():
    """A million frames either way of four: the same answer as three, at no more cost; of a long video it is refused."""
    frames = [Detections([[0, 0, 9, 9]], [0.9], [0]), Detections.none(), *[Detections([[0, 0, 9, 9]], [0.9], [0])] * 2]
    far, near = (estimate_errors(frames, StaticTracker(), reach=reach) for reach in (1_000_000, 3))
    assert (far.false_negatives.tolist(), far.energy) == (near.false_negatives.tolist(), near.energy)
    assert estimate_errors(frames[:1], StaticTracker(), reach=5).energy == 0
    assert len(estimate_errors([], StaticTracker(), reach=5)) == 0
    crowd = [Detections(np.tile([0, 0, 9, 9], (100, 1)), [0.9] * 100, [0] * 100)] * 2000
    with pytest.raises(InputError, match="reach: 1999 frames either way is 799600000 boxes to track"):
        estimate_errors(crowd, StaticTracker(), reach=1_000_000)
