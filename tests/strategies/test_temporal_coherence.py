"""Temporal coherence as a strategy: it ranks by the errors that the frames are held to have."""

from __future__ import annotations

import numpy as np
import pytest

from askew.errors import InputError
from askew.plan import Balance, Spacing
from askew.query import query
from askew.strategies.registry import strategies

FALSE, MISSED = [0, 3, 1, 0], [2, 0, 0, 1]


@pytest.mark.parametrize(("errors", "order"), [("fp", [1, 2]), ("fn", [0, 3]), ("fp+fn", [1, 0])])
def test_frames_with_the_most_errors_come_first(errors, order):
    got = query("temporal_coherence", 2, false_positives=FALSE, false_negatives=MISSED, errors=errors)
    assert got.tolist() == order


def test_it_can_be_spaced_and_balanced_over_expected_objects():
    """Frame 1 is the worst and frame 2 beside it is left out; frame 3 alone shows the class that is wanted."""
    objects = np.array([[1.0, 0], [1, 0], [1, 0], [0, 1]])
    frames = {"videos": np.zeros(4, int), "places": np.arange(4), "objects": objects}
    scores = {"false_positives": FALSE, "false_negatives": MISSED}
    assert query("temporal_coherence", 2, spacing=Spacing(0, 1), **frames, **scores).tolist() == [1, 3]
    even = {"balance": Balance(9.0), "spacing": Spacing(0, 0)}
    assert query("temporal_coherence", 2, **even, **frames, **scores).tolist() == [1, 3]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("frame_least_confidence", "frame_doubt"),
        ("frame_least_confidence_sum", "frame_doubt_sum"),
        ("frame_expected_errors", "frame_wrong"),
        ("frame_entropy", "frame_entropy"),
        ("frame_margin", "frame_margin"),
    ],
)
def test_uncertainty_of_frames_ranks_by_its_field(name, field):
    assert strategies()[name].needs == (field,)
    assert query(name, 3, **{field: [0.5, 0.0, 0.75, 0.25]}).tolist() == [2, 0, 3]


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match=r"unknown kind of errors 'tp': .*known: fn, fp, fp\+fn"):
        query("temporal_coherence", 1, false_positives=FALSE, false_negatives=MISSED, errors="tp")
    with pytest.raises(InputError, match="false_positives: -1 at item 0"):
        query("temporal_coherence", 1, false_positives=[-1, 0], false_negatives=[0, 0])
