"""The columnar detections of a video behave as the list of their frames does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askew.boxes import Detections, FrameDetections, as_frames, check_inside
from askew.errors import InputError


def frames_of(counts, *, probs=False, seed=0):
    rng = np.random.default_rng(seed)
    out = []
    for count in counts:
        corner = rng.uniform(0, 50, (count, 2))
        boxes = np.concatenate([corner, corner + 5], axis=1)
        given_probs = rng.dirichlet(np.ones(3), count) if probs else None
        out.append(Detections(boxes, rng.random(count), rng.integers(0, 3, count), given_probs))
    return out


def same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        for name in ("boxes", "scores", "classes"):
            assert np.array_equal(getattr(a, name), getattr(b, name))
        assert (a.probs is None or not len(a)) if b.probs is None or not len(b) else np.array_equal(a.probs, b.probs)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=8), st.booleans(), st.data())
def test_they_are_the_list_of_their_frames(counts, probs, data):
    plain = frames_of(counts, probs=probs)
    video = FrameDetections.of(plain)
    same(video, plain)
    assert video.frames.tolist() == [i for i, count in enumerate(counts) for _ in range(count)]
    cut = slice(
        *(data.draw(st.none() | st.integers(-9, 9)) for _ in range(2)), data.draw(st.sampled_from([None, 1, 2, -1]))
    )
    same(video[cut], plain[cut])
    if plain:
        index = data.draw(st.integers(-len(plain), len(plain) - 1))
        same([video[index]], [plain[index]])
    same(video.where(video.table.scores > 0.5), [frame.select(frame.scores > 0.5) for frame in plain])
    assert as_frames("x", video) is video


def test_an_index_beyond_the_frames():
    video = FrameDetections.of(frames_of([1, 2]))
    with pytest.raises(IndexError):
        video[2]
    assert [video.frame_of(row) for row in range(3)] == [0, 1, 1]


def test_what_cannot_be_is_refused():
    one = frames_of([1])[0]
    for starts in ([], [0], [0, 2], [1, 1], [0, 1, 0, 1]):
        with pytest.raises(InputError, match="starts: expected 0 and then numbers that rise to 1"):
            FrameDetections(one, np.array(starts))
    with pytest.raises(InputError, match="truth: expected one Detections a frame; frame 1 is a NoneType"):
        as_frames("truth", [one, None])
    with pytest.raises(InputError, match="detections: frame 2 has no probs, but others have"):
        FrameDetections.of([*frames_of([1, 0], probs=True), one])
    two = Detections(one.boxes, one.scores, [0], [[0.5, 0.5]])
    with pytest.raises(InputError, match=r"probs of \[2, 3\] classes in one video"):
        FrameDetections.of([*frames_of([1], probs=True), two])


def test_boxes_outside_are_counted_in_their_frame():
    out = Detections([[0, 0, 5, 5], [200, 0, 205, 5], [201, 0, 206, 5]], [1, 1, 1], [0, 0, 0])
    with pytest.raises(InputError, match=r"frame 1 has 2 boxes outside the image of 100 x 80 pixels; first is \[200"):
        check_inside(FrameDetections.of([Detections.none(), out, out]), 100, 80)
