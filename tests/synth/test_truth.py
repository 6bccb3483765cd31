"""Boxes from a picture of numbers, against a count of its pixels one by one."""

from __future__ import annotations

import numpy as np
import pytest

from askew.synth.truth import visible


@pytest.mark.parametrize("seed", range(5))
def test_boxes_are_those_of_counting_every_pixel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = np.kron(rng.integers(0, 6, (6, 8)), np.ones((5, 5), int)).astype(np.int32)
    numbers[rng.random(numbers.shape) < 0.3] = 0
    kinds = rng.integers(0, 4, 5)
    found = {one.number: one for one in visible(numbers, kinds, lambda _: 400)}
    for number in range(5):
        pixels = [(y, x) for y in range(30) for x in range(40) if numbers[y, x] == number + 1]
        if len(pixels) <= 50:
            assert number not in found
            continue
        ys, xs = [y for y, _ in pixels], [x for _, x in pixels]
        one = found[number]
        assert one.box == (min(xs), min(ys), max(xs) + 1, max(ys) + 1)
        assert (one.n_pixels, one.kind) == (len(pixels), kinds[number])
        assert one.visibility == len(pixels) / 400


def test_fifty_pixels_are_too_few_and_one_more_is_enough() -> None:
    numbers = np.zeros((10, 20), np.int32)
    numbers[:5, :10] = 1
    assert visible(numbers, np.array([0]), lambda _: 50) == ()
    numbers[5, 0] = 1
    assert visible(numbers, np.array([0]), lambda _: 51)[0].visibility == 1
