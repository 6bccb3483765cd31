"""The temperature of few labels: calibration error by hand, the classifier against scikit-learn's, what T must do."""

from __future__ import annotations

import numpy as np
import pytest

from askew.kernels import calibration
from askew.kernels.calibration import calibration_error, cross_validated_temperature


def test_calibration_error_by_hand():
    """Bins (0.6, 0.667]: two items, one right, off by 0.13; (0.933, 1]: one of 1.0, wrong, off by 1."""
    confidence, right = np.array([0.62, 0.64, 1.0]), np.array([True, False, False])
    assert calibration_error(confidence, right) == pytest.approx((2 * abs(0.5 - 0.63) + 1.0) / 3)
    assert calibration_error(np.ones(4), np.ones(4, dtype=bool)) == 0


@pytest.mark.parametrize("n_dims", [4, 90])
def test_the_classifier_is_scikit_learns(n_dims):
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    classes = rng.integers(4, size=60)
    rows = rng.standard_normal((4, n_dims))[classes] + rng.standard_normal((60, n_dims))
    logits, truth = calibration._held_out(calibration._short(rows), classes)
    for held in range(calibration.FOLDS):
        seen = np.arange(60) % calibration.FOLDS != held
        model = linear_model.LogisticRegression(C=1.0, tol=1e-9, max_iter=5000).fit(rows[seen], classes[seen])
        found, logits = logits[: (~seen).sum()], logits[(~seen).sum() :]
        expected = model.predict_proba(rows[~seen])
        assert calibration._softmax(found) == pytest.approx(expected, abs=2e-3)
        assert truth[: (~seen).sum()].tolist() == classes[~seen].tolist()
        truth = truth[(~seen).sum() :]


def test_what_is_sure_and_right_is_left_and_what_is_sure_and_wrong_is_cooled():
    rng = np.random.default_rng(1)
    classes = np.repeat(np.arange(3), 40)
    apart = 30 * np.eye(3)[classes] + rng.standard_normal((120, 3))
    assert cross_validated_temperature(apart, classes) == 1
    noise = 30 * rng.standard_normal((120, 40))
    assert cross_validated_temperature(noise, classes) > 5


def test_the_temperature_is_the_one_of_least_error():
    rng = np.random.default_rng(2)
    classes = rng.integers(3, size=90)
    rows = 3 * (rng.standard_normal((3, 12))[classes] + 2 * rng.standard_normal((90, 12)))
    order = calibration._by_class_and_content(rows, classes)
    logits, truth = calibration._held_out(calibration._short(rows[order]), classes[order])

    def error(t):
        p = np.exp(logits / t) / np.exp(logits / t).sum(axis=1, keepdims=True)
        top, right, off = p.max(axis=1), p.argmax(axis=1) == truth, 0.0
        for b in range(15):
            inside = (top >= b / 15) & (top < (b + 1) / 15)
            if inside.any():
                off += inside.mean() * abs(right[inside].mean() - top[inside].mean())
        return off

    found = cross_validated_temperature(rows, classes)
    assert 1 < found < 20
    assert error(found) <= min(error(t) for t in np.arange(1, 20.25, 0.5)) + 1e-9


def test_the_order_of_the_items_decides_nothing():
    rng = np.random.default_rng(3)
    rows, classes = rng.standard_normal((70, 9)), rng.integers(4, size=70)
    expected = cross_validated_temperature(rows, classes)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(70)
        assert cross_validated_temperature(rows[order], classes[order]) == expected


@pytest.mark.parametrize("classes", [[0], [2, 2, 2], [0, 1], [0, 1, 2, 3], [5, 5, 5, 5, 0]])
@pytest.mark.parametrize("size", [0.0, 1e-200, 1.0, 1e200])
def test_few_labels_and_features_of_any_size(classes, size):
    rows = size * np.random.default_rng(4).standard_normal((len(classes), 3))
    found = cross_validated_temperature(rows, np.array(classes))
    assert 1 <= found <= 20
    if len(set(classes)) == 1:
        assert found == 1
