"""What people made of guessed boxes, against cases counted by hand."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sqlalchemy")

from askew.boxes import iou_matrix
from askew.project.box_review import BoxReview, Fate, review
from askew.project.exchange.rows import Box

CAR, TRUCK = Box("car", 0, 0, 10, 10), Box("truck", 20, 0, 30, 10)


def of(guessed: Sequence[Box], answer: Sequence[Box]) -> BoxReview:
    return review([(guessed, answer)])


def test_each_kind_is_counted_over_all_pictures() -> None:
    suspected, missed = replace(TRUCK, kind="suspected"), replace(TRUCK, kind="missed")
    said = review(
        [
            ([CAR, suspected], [CAR]),  # the suspicion was right
            ([CAR, suspected], [CAR, TRUCK]),  # it was wrong
            ([missed], [replace(TRUCK, right=32)]),  # missed indeed, and made wider
            ([CAR], []),
            ([], [CAR, TRUCK]),
        ]
    )
    assert said == BoxReview(5, 6, 2, {"detected": Fate(2, 0, 1), "suspected": Fate(1, 0, 1), "missed": Fate(0, 1, 0)})
    assert said.fates["detected"].n == 3


@pytest.mark.parametrize(
    ("answer", "fate", "added"),
    [
        (replace(CAR, right=11), Fate(kept=1), 0),  # a pixel is rounding
        (replace(CAR, right=12), Fate(changed=1), 0),  # IoU 10/12
        (replace(CAR, class_name="truck"), Fate(changed=1), 0),
        (replace(CAR, right=19), Fate(changed=1), 0),  # 10/19
        (replace(CAR, right=20), Fate(out=1), 1),  # 1/2 and not above
        (TRUCK, Fate(out=1), 1),
    ],
)
def test_a_box_is_the_guessed_one_while_it_overlaps_by_more_than_half(answer: Box, fate: Fate, added: int) -> None:
    said = of([CAR], [answer])
    assert (said.fates["detected"], said.added) == (fate, added)


def test_a_guess_that_stayed_is_not_given_to_its_neighbour() -> None:
    wide = replace(CAR, right=14)
    assert of([CAR, wide], [wide]).fates["detected"] == Fate(kept=1, out=1)
    assert of([wide, CAR], [wide]).fates["detected"] == Fate(kept=1, out=1)


def test_two_boxes_that_are_alike_are_two() -> None:
    assert of([CAR, CAR], [CAR, CAR]).fates["detected"] == Fate(kept=2)
    assert of([CAR], [CAR, CAR]).added == 1


def test_it_pairs_as_well_as_trying_all_ways() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        guessed, answer = (
            [Box("car", x, 0, x + 20, 10) for x in rng.integers(0, 30, size=rng.integers(0, 5)).tolist()]
            for _ in range(2)
        )
        said = of(guessed, answer)
        fate = said.fates["detected"]
        assert (fate.kept, fate.kept + fate.changed) == best(guessed, answer)
        assert said.added == len(answer) - fate.kept - fate.changed


def best(guessed: Sequence[Box], answer: Sequence[Box]) -> tuple[int, int]:
    """The most that stayed, and of the ways with so many the pairs of the one with the greatest overlap."""
    first, second = (np.array([b.sides for b in some]).reshape(-1, 4) for some in (guessed, answer))
    overlap = iou_matrix(first, second)
    found = [(0, 0.0, 0)]
    places = [*range(len(answer)), *[None] * len(guessed)]
    for way in set(itertools.permutations(places, len(guessed))):
        pairs = [(i, j) for i, j in enumerate(way) if j is not None]
        near = [(i, j) for i, j in pairs if abs(first[i] - second[j]).max() <= 1]
        if all(overlap[i, j] > 0.5 for i, j in pairs):
            found.append((len(near), round(sum(overlap[i, j] for i, j in pairs), 9), len(pairs)))
    kept, _, pairs = max(found)
    return kept, pairs
