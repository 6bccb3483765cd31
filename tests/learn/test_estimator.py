from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
linear_model = pytest.importorskip("sklearn.linear_model")

from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.svm import LinearSVC  # noqa: E402

from askew.data.dataset import Images  # noqa: E402
from askew.data.load import load  # noqa: E402
from askew.errors import InputError  # noqa: E402
from askew.learn.estimator import EstimatorLearner, flattened  # noqa: E402


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def test_probabilities_are_the_estimators_own(digits):
    rows = np.flatnonzero(digits.train.labels < 4)[:100]
    some = digits.train.take(rows)
    learner = EstimatorLearner(linear_model.LogisticRegression(max_iter=200), 10)
    model = learner.fit(some, some.labels, seed=0)
    found = model.predict(digits.test, ["probs", "features"], seed=0)
    x = digits.test.pixels.reshape(len(digits.test), -1).astype(np.float32) / np.float32(255)
    own = linear_model.LogisticRegression(max_iter=200).fit(flattened(some), some.labels).predict_proba(x)
    assert np.allclose(found["probs"][:, :4], own, atol=1e-6)
    assert (found["probs"][:, 4:] == 0).all()
    assert np.array_equal(found["features"], x)


def test_labels_of_one_class_only(digits):
    learner = EstimatorLearner(linear_model.LogisticRegression(), 10)
    model = learner.fit(digits.train.take([0, 1]), np.array([6, 6]), seed=0)
    probs = model.predict(digits.test.take([0]), ["probs"], seed=0)["probs"]
    assert probs.tolist() == [[0, 0, 0, 0, 0, 0, 1, 0, 0, 0]]


def test_the_seed_reaches_an_estimator_without_one_and_leaves_the_given_one_alone(digits):
    some = digits.train.take(np.arange(80))
    given = RandomForestClassifier(5)
    found = []
    for seed in (0, 0, 1):
        model = EstimatorLearner(given, 10).fit(some, some.labels, seed=seed)
        found.append(model.predict(digits.test, ["probs"], seed=0)["probs"])
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    assert given.random_state is None
    assert not hasattr(given, "classes_")


def test_files_are_read_like_pixels(digits, tmp_path):
    from PIL import Image

    colour = np.repeat(digits.train.pixels[:5], 3, axis=3)
    for i, pixels in enumerate(colour):
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    paths = tuple(tmp_path / f"{i}.png" for i in range(5))
    labels = digits.train.labels[:5]
    assert np.array_equal(flattened(Images(labels, paths=paths, side_px=8)), flattened(Images(labels, colour)))


def test_what_an_estimator_cannot_say(digits, tmp_path):
    with pytest.raises(InputError, match="LinearSVC has no predict_proba"):
        EstimatorLearner(LinearSVC(), 10)
    learner = EstimatorLearner(linear_model.LogisticRegression(max_iter=500), 10)
    assert (learner.gives, learner.epochs, learner.saves) == (("probs", "features"), 0, False)
    some = digits.train.take(np.arange(40))
    model = learner.fit(some, some.labels, seed=0)
    with pytest.raises(InputError, match="LogisticRegression has no stochastic passes"):
        model.predict(digits.test, ["draws"], seed=0)
    with pytest.raises(InputError, match="unknown need"):
        model.predict(digits.test, ["dispersion"], seed=0)
    with pytest.raises(InputError, match=r"LogisticRegression can be saved as a pickle only.*fit it again"):
        model.save(tmp_path / "m")
    with pytest.raises(InputError, match="fit it again"):
        learner.load(tmp_path / "m")
    with pytest.raises(InputError, match="start: an estimator is trained anew"):
        learner.fit(some, some.labels, seed=0, start=model)
    assert list(tmp_path.iterdir()) == []


def test_only_the_labelled_pictures_of_a_pool_teach_it(digits):
    labels = np.full(len(digits.train), -1)
    labels[:80] = digits.train.labels[:80]
    learner = EstimatorLearner(linear_model.LogisticRegression(max_iter=500), 10)
    some = digits.train.take(np.arange(80))
    one, other = (
        learner.fit(images, known, seed=0).predict(digits.test, ["probs"], seed=0)["probs"]
        for images, known in ((digits.train, labels), (some, some.labels))
    )
    assert np.array_equal(one, other)


class Wrong:
    def fit(self, _, y):
        self.classes_ = np.unique(y)

    def predict_proba(self, x):
        return np.ones((len(x), 1))


def test_probabilities_of_another_width_are_refused(digits):
    model = EstimatorLearner(Wrong(), 10).fit(digits.train.take([0, 1]), np.array([0, 1]), seed=0)
    with pytest.raises(InputError, match=r"predict_proba gave \(359, 1\) for 2 classes"):
        model.predict(digits.test, ["probs"], seed=0)
