"""Coherence, then confidence: whole numbers of errors come first, and doubt only among equals."""

from __future__ import annotations

import numpy as np
import pytest

from askew.errors import InputError
from askew.query import query

FALSE, MISSED, DOUBT = [0, 1, 1, 2, 1], [3, 0, 0, 0, 0], [1.0, 0.2, 0.9, 0.0, 0.5]


def fields(false=FALSE, missed=MISSED, doubt=DOUBT):
    return {"false_positives": false, "false_negatives": missed, "frame_doubt": doubt}


def test_by_hand():
    """Frame 3 has two errors; of the three with one, 2 is doubted most, then 4; frame 0 has none, for all its doubt."""
    assert query("frame_coherence", 5, **fields()).tolist() == [3, 2, 4, 1, 0]
    assert query("frame_coherence", 2, errors="fn", **fields()).tolist() == [0, 2]
    scores = query("frame_coherence", 5, details=True, **fields()).scores
    assert np.allclose(scores, [2, 1.45, 1.25, 1.1, 0.5])


@pytest.mark.parametrize("seed", range(20))
def test_it_sorts_by_errors_and_then_by_doubt(seed):
    rng = np.random.default_rng(seed)
    false, missed, doubt = rng.integers(0, 4, 80), rng.integers(0, 3, 80), rng.random(80)
    want = sorted(range(80), key=lambda frame: (-(false[frame] + missed[frame]), -doubt[frame]))
    got = query("frame_coherence", 30, errors="fp+fn", seed=seed, **fields(false, missed, doubt))
    assert got.tolist() == want[:30]


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match="unknown kind of errors 'tp'"):
        query("frame_coherence", 1, errors="tp", **fields())
    with pytest.raises(InputError, match="frame_doubt"):
        query("frame_coherence", 1, **fields(doubt=[2.0, 0, 0, 0, 0]))
