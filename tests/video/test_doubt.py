"""Costs learned from annotated frames, against scikit-learn's logistic regression and cases made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from askew.errors import InputError
from askew.video import Detections, StaticTracker, estimate_errors, learn_doubt


def frames(seed, n_frames=60):
    """Detections whose chance to be wrong falls with the score and with the height of the box."""
    rng = np.random.default_rng(seed)
    found, there = [], []
    for _ in range(n_frames):
        left = 100 * np.arange(5) + rng.uniform(0, 20, 5)
        width, height = rng.uniform(10, 60, 5), rng.uniform(10, 60, 5)
        boxes = np.stack([left, np.zeros(5), left + width, height], axis=1).astype(np.float32)
        scores = rng.uniform(0.05, 0.95, 5).astype(np.float32)
        odds = 3 - 2 * np.log(scores / (1 - scores)) - 0.1 * height
        wrong = rng.random(5) < 1 / (1 + np.exp(-odds))
        found.append(Detections(boxes, scores, np.zeros(5, int)))
        there.append(Detections(boxes[~wrong], np.ones((~wrong).sum()), np.zeros((~wrong).sum(), int)))
    return found, there


def test_it_is_the_logistic_regression_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    found, there = frames(0)
    learned = learn_doubt(found, there)
    boxes, scores = (np.concatenate([getattr(f, name) for f in found]) for name in ("boxes", "scores"))
    boxes, scores = boxes.astype(np.float64), scores.astype(np.float64)
    wide, high = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    features = np.stack([np.log(scores / (1 - scores)), np.log(high), np.log(wide / high)], axis=1)
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    wrong = np.concatenate([~np.isin(f.boxes[:, 0], t.boxes[:, 0]) for f, t in zip(found, there, strict=True)])
    model = linear_model.LogisticRegression(tol=1e-10, max_iter=1000).fit(features, wrong)
    got = np.concatenate([learned.log_odds(f.boxes, f.scores) for f in found])
    assert np.allclose(got, model.decision_function(features), atol=2e-3)


def test_far_scores_and_empty_boxes_have_finite_odds():
    found, there = frames(1)
    odds = learn_doubt(found, there).log_odds(np.zeros((2, 4), np.float32), np.array([0, 1], np.float32))
    assert np.isfinite(odds).all()
    assert odds[0] > odds[1]


def test_without_neighbours_the_sign_of_the_odds_decides():
    found, there = frames(2)
    learned = learn_doubt(found, there)
    lone = [found[0], *[Detections.none()] * 7]
    odds = learned.log_odds(found[0].boxes, found[0].scores).round(3)
    errors = estimate_errors(lone, StaticTracker(), pairwise=0.0, doubt=learned)
    assert errors.suspected[0].tolist() == (odds >= 0).tolist()
    assert errors.energy == 0


@pytest.mark.parametrize("right", [True, False])
def test_nothing_to_learn_from(right):
    box = [[0, 0, 5, 5]]
    found = [Detections(box, [0.5], [0])]
    with pytest.raises(
        InputError, match=f"all 1 detections of the 1 annotated frames are {'right' if right else 'wrong'}"
    ):
        learn_doubt(found, [Detections(box, [1], [0])] if right else [Detections.none()])


def test_scores_must_be_probabilities():
    found, there = frames(3)
    learned = learn_doubt(found, there)
    odd = [Detections([[0, 0, 5, 5]], [1.5], [0])]
    with pytest.raises(InputError, match=r"doubt: needs scores in \[0, 1\], got 1.5 to 1.5"):
        estimate_errors(odd, StaticTracker(), doubt=learned)
    with pytest.raises(InputError, match="confidence and doubt"):
        estimate_errors(found, StaticTracker(), doubt=learned, confidence=1.0)
