"""Costs learned from annotated frames, against scikit-learn's logistic regression, SciPy and cases made by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from askew.data.doubts import read_doubt, write_doubt
from askew.errors import DataNotFound, InputError
from askew.video import (
    Detections,
    Doubt,
    StaticTracker,
    estimate_all,
    estimate_errors,
    expected_errors,
    learn_doubt,
    perspective_of,
)


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
    line = perspective_of(found)
    height = np.log(high) - line.slope * boxes[:, 3] - line.levels[0]
    features = np.stack([np.log(scores / (1 - scores)), height, np.log(wide / high)], axis=1)
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    wrong = np.concatenate([~np.isin(f.boxes[:, 0], t.boxes[:, 0]) for f, t in zip(found, there, strict=True)])
    model = linear_model.LogisticRegression(tol=1e-10, max_iter=1000).fit(features, wrong)
    got = learned.log_odds(found)
    assert np.allclose(got, model.decision_function(features), atol=2e-3)


def test_far_scores_and_empty_boxes_have_finite_odds():
    found, there = frames(1)
    odds = learn_doubt(found, there).log_odds([Detections(np.zeros((2, 4)), [0, 1], [0, 0])])
    assert np.isfinite(odds).all()
    assert odds[0] > odds[1]


def test_without_neighbours_the_sign_of_the_odds_decides():
    found, there = frames(2)
    learned = learn_doubt(found, there)
    lone = [found[0], *[Detections.none()] * 7]
    odds = learned.log_odds(lone).round(3)
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


def street(seed, camera_px, horizon_px, n_frames=60):
    """People on a plane, half as tall as the camera stands high, and boxes of twice that; the score tells little.

    Feet that are y pixels below the horizon belong to a person of y / 2 pixels; the picture is `camera_px` high.
    """
    rng = np.random.default_rng(seed)
    found, there = [], []
    for _ in range(n_frames):
        below = rng.uniform(0.1, 0.6, 6) * camera_px
        wrong = rng.random(6) < 0.3
        factor = np.where(wrong, 2, 1)
        height = 0.5 * below * rng.uniform(0.9, 1.1, 6) * factor
        bottom, left = horizon_px + below, 100.0 * np.arange(6) * camera_px / 500
        boxes = np.stack([left, bottom - height, left + 0.4 * height, bottom], axis=1)
        scores = np.clip(rng.normal(np.where(wrong, 0.5, 0.6), 0.1), 0.05, 0.95)
        found.append(Detections(boxes, scores, np.zeros(6, int)))
        there.append(Detections(boxes[~wrong], np.ones((~wrong).sum()), np.zeros((~wrong).sum(), int)))
    return found, there, wrong_of(found, there)


def wrong_of(found, there):
    return np.concatenate([~np.isin(f.boxes[:, 0], t.boxes[:, 0]) for f, t in zip(found, there, strict=True)])


def test_the_line_of_a_video_is_that_of_least_squares_where_nothing_is_odd():
    rng = np.random.default_rng(0)
    bottom = rng.uniform(100, 500, 400)
    kinds = np.arange(400) % 2
    height = np.exp(1 + 2 * kinds + 0.004 * bottom)
    boxes = np.stack([np.zeros(400), bottom - height, np.ones(400), bottom], axis=1)
    line = perspective_of([Detections(boxes, np.ones(400), kinds + 3)])
    assert line.slope == pytest.approx(0.004, rel=1e-4)
    assert line.levels == pytest.approx({3: 1, 4: 3}, rel=1e-3)
    assert np.abs(line.residuals([Detections(boxes, np.ones(400), kinds + 3)])).max() < 1e-3
    odd = height.copy()
    odd[::5] *= 3
    boxes = np.stack([np.zeros(400), bottom - odd, np.ones(400), bottom], axis=1)
    robust = perspective_of([Detections(boxes, np.where(odd > height, 0.4, 0.9), kinds)])
    assert robust.slope == pytest.approx(0.004, rel=0.05)
    residuals = robust.residuals([Detections(boxes, np.ones(400), kinds)])
    assert np.abs(residuals[odd == height]).max() < 0.1 < 1 < residuals[odd > height].min()


def test_the_size_of_the_picture_and_the_class_change_no_residual():
    found, _, _ = street(0, 500, 80)
    large = [Detections(2 * f.boxes, f.scores, f.classes + 5) for f in found]
    want = perspective_of(found).residuals(found)
    assert np.allclose(perspective_of(large).residuals(large), want, atol=1e-6)
    assert perspective_of(found).residuals([Detections([[0, 0, 9, 9]], [1], [7])]).tolist() == [0]
    assert perspective_of([Detections.none()]).residuals(found).tolist() == [0] * 360


def test_what_one_camera_taught_holds_for_another():
    """The second sees the same street three times as large and from elsewhere: heights in pixels mean another thing."""
    found, there, _ = street(0, 300, 40)
    other, _, wrong = street(1, 900, 20)
    learned = learn_doubt(found, there)
    suspected = learned.log_odds(other) > 0
    assert wrong[suspected].mean() > 0.9
    assert suspected[wrong].mean() > 0.85
    single = estimate_errors(other, StaticTracker(), pairwise=0.0, doubt=learned)
    assert np.concatenate(single.suspected).tolist() == (learned.log_odds(other).round(3) >= 0).tolist()
    both = estimate_all([found, other], [StaticTracker()] * 2, pairwise=0.0, doubt=learned)
    assert [e.false_positives.tolist() for e in both][1] == single.false_positives.tolist()


def test_frames_of_several_videos_have_their_own_perspectives():
    one, one_truth, _ = street(0, 300, 40, 20)
    two, two_truth, _ = street(1, 900, 20, 20)
    lines = [perspective_of(one)] * 20 + [perspective_of(two)] * 20
    learned = learn_doubt([*one, *two], [*one_truth, *two_truth], perspectives=lines)
    turned = learn_doubt([*two, *one], [*two_truth, *one_truth], perspectives=lines[::-1])
    assert np.allclose(learned.weights, turned.weights, atol=1e-3)
    assert learned.n_frames == 40
    merged = learn_doubt([*one, *two], [*one_truth, *two_truth])
    assert abs(merged.weights - learned.weights).max() > 0.1
    with pytest.raises(InputError, match="perspectives: 1 for 40 frames; expected one each"):
        learn_doubt([*one, *two], [*one_truth, *two_truth], perspectives=lines[:1])


def test_a_prior_is_where_few_frames_begin_and_many_end_elsewhere():
    """Against a plain minimisation of the same loss, in the units of the features themselves."""
    from scipy.optimize import minimize

    from askew.video.doubt import PRIOR

    prior = Doubt(np.array([1.0, -1, -3, 0.5]), n_frames=7)
    found, there, wrong = street(3, 500, 80, 4)
    line = perspective_of(found)
    boxes = np.concatenate([f.boxes for f in found]).astype(float)
    scores = np.concatenate([f.scores for f in found]).astype(float)
    wide, high = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    features = np.stack(
        [np.ones(24), np.log(scores / (1 - scores)), line.residuals(found), np.log(wide / high)], axis=1
    )
    middle, spread = features[:, 1:].mean(axis=0), np.maximum(features[:, 1:].std(axis=0), 0.05)

    def loss(weights):
        away = weights - prior.weights
        at_middle = away[0] + away[1:] @ middle
        margins = np.where(wrong, 1, -1) * (features @ weights)
        return np.logaddexp(0, -margins).sum() + PRIOR / 2 * (at_middle**2 + ((spread * away[1:]) ** 2).sum())

    want = minimize(
        loss, np.zeros(4), method="Nelder-Mead", options={"maxiter": 20000, "xatol": 1e-7, "fatol": 1e-10}
    ).x
    got = learn_doubt(found, there, prior=prior)
    assert np.allclose(features @ got.weights, features @ want, atol=2e-2)
    assert got.n_frames == 11
    nothing = learn_doubt([Detections.none()], [Detections.none()], prior=prior)
    assert nothing.weights.tolist() == prior.weights.tolist()
    right = learn_doubt([found[0].select(~wrong[:6])], [there[0]], prior=prior)
    assert np.isfinite(right.weights).all()


def test_shapes_that_differ_by_rounding_teach_nothing():
    """All boxes of the street have one shape but for the last bits; a weight on those would be of any size."""
    found, there, _ = street(3, 500, 80, 4)
    assert abs(learn_doubt(found, there).weights[3]) < 1e-3


def test_expected_errors_are_the_sums_of_probabilities():
    found, there, _ = street(4, 500, 80)
    learned = learn_doubt(found, there)
    probabilities = 1 / (1 + np.exp(-learned.log_odds(found)))
    assert np.allclose(expected_errors(found, learned), probabilities.reshape(60, 6).sum(axis=1))
    assert expected_errors([Detections.none()] * 2, learned).tolist() == [0, 0]


@pytest.mark.parametrize("weights", [[1.0, 2, 3], [np.nan, 0, 0, 0], [1e7, 0, 0, 0], [[0.0] * 4]])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(InputError, match="weights: "):
        Doubt(np.array(weights))


def test_a_doubt_is_written_and_read_back_to_the_bit(tmp_path):
    found, there, _ = street(5, 500, 80)
    learned = learn_doubt(found, there)
    write_doubt(tmp_path / "d.json", learned)
    back = read_doubt(tmp_path / "d.json")
    assert back.weights.tolist() == learned.weights.tolist()
    assert back.n_frames == 60


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"askew": "ledger"}, "d.json: is no doubt: expected what --save-doubt"),
        ({"version": 2}, "d.json: is a doubt of version 2 or of other features; this askew reads version 1"),
        ({"features": ["height"]}, "or of other features"),
        ({"weights": [1, 2, 3]}, "d.json: weights: expected 4 numbers"),
        ({"weights": [1, 2, "3", 4]}, "expected 4 finite weights and a whole n_frames"),
        ({"weights": [1, 2, 1e300, 4]}, "weights: expected 4 numbers"),
        ({"weights": [1, 2, True, 4]}, "expected 4 finite weights"),
        ({"n_frames": -1}, "n_frames: expected a whole number >= 0, got -1"),
        ({"n_frames": None}, "a whole n_frames"),
    ],
)
def test_a_file_that_is_no_doubt_is_refused(tmp_path, change, message):
    write_doubt(tmp_path / "d.json", Doubt(np.zeros(4)))
    content = json.loads((tmp_path / "d.json").read_text())
    (tmp_path / "d.json").write_text(json.dumps(content | change))
    with pytest.raises(InputError, match=message):
        read_doubt(tmp_path / "d.json")


def test_what_is_no_json_or_too_long_is_refused(tmp_path):
    (tmp_path / "d.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        read_doubt(tmp_path / "d.json")
    (tmp_path / "d.json").write_text(" " * 70000)
    with pytest.raises(InputError, match="is 70000 bytes; expected a doubt"):
        read_doubt(tmp_path / "d.json")
    with pytest.raises(DataNotFound):
        read_doubt(tmp_path / "no.json")
