"""Pictures as people have them train the same model, and get the same answer, in whatever form they come."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
linear_model = pytest.importorskip("sklearn.linear_model")

from PIL import Image  # noqa: E402

from askew.data.dataset import Images  # noqa: E402
from askew.errors import InputError  # noqa: E402
from askew.learn.classifier import Classifier  # noqa: E402
from askew.learn.estimator import EstimatorLearner  # noqa: E402
from askew.learn.training import Training  # noqa: E402
from askew.pool import Pool  # noqa: E402

RNG = np.random.default_rng(0)
LABELS = np.array([0, 1, -1] * 8)
PIXELS = RNG.integers(0, 120, (24, 8, 8, 3), dtype=np.uint8)
PIXELS[LABELS == 1, :, :, 0] += 120


def learner(kind):
    if kind == "estimator":
        return EstimatorLearner(linear_model.LogisticRegression(max_iter=500), 2)
    return Classifier(2, backbone="small-convnet", training=Training(epochs=2, batch=8, lr=0.02), device="cpu")


@pytest.fixture
def folder(tmp_path):
    """The same pictures as files: those of class 0 and 1 in class folders, the others beside them, in their order."""
    for i, (pixels, label) in enumerate(zip(PIXELS, LABELS, strict=True)):
        place = tmp_path / {0: "a", 1: "b", -1: "unlabeled"}[int(label)]
        place.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(place / f"{i:02}.png")
    return tmp_path


@pytest.mark.parametrize("kind", ["network", "estimator"])
def test_arrays_and_tensors_are_one_pool(kind):
    one = learner(kind)
    known = Images(LABELS, PIXELS)
    expected = one.fit(known, Pool(LABELS), seed=0).predict(known, ("probs",), seed=0)["probs"]
    channels_first = np.ascontiguousarray(PIXELS.transpose(0, 3, 1, 2))
    for given in (PIXELS, channels_first, PIXELS / 255, torch.from_numpy(channels_first) / 255, list(PIXELS)):
        assert np.array_equal(one.fit(given, LABELS).predict(given)["probs"], expected)
        feed = one.feed(given)
        assert np.array_equal(one.fit(feed, LABELS).predict(feed)["probs"], expected)
    gaps = [None if label < 0 else int(label) for label in LABELS]
    assert np.array_equal(one.fit(PIXELS, gaps).predict(PIXELS, "probs")["probs"], expected)


@pytest.mark.parametrize("kind", ["network", "estimator"])
def test_a_folder_and_its_files_are_one_pool(kind, folder):
    one = learner(kind)
    pool = Images.of(folder)
    order = [int(name[-6:-4]) for name in pool.names]
    expected = one.fit(PIXELS[order], LABELS[order]).predict(PIXELS[order])["probs"]
    model = one.fit(folder)  # the class folders are the labels
    assert np.array_equal(model.predict(folder)["probs"], expected)
    assert np.array_equal(one.fit(list(pool.paths), pool.labels).predict(list(pool.paths))["probs"], expected)
    assert np.array_equal(one.fit(one.feed(folder)).predict(one.feed(folder))["probs"], expected)


@pytest.mark.parametrize("kind", ["network", "estimator"])
def test_files_are_brought_to_the_size_of_the_models_pictures(kind, tmp_path):
    model = learner(kind).fit(PIXELS, LABELS)
    large = [Image.fromarray(pixels).resize((40, 40), Image.Resampling.NEAREST) for pixels in PIXELS]
    for i, one in enumerate(large):
        one.save(tmp_path / f"{i:02}.png")
    small = Images.of(tmp_path, side_px=8)
    assert np.array_equal(model.predict(tmp_path)["probs"], model.predict(small)["probs"])
    assert np.array_equal(model.predict(large)["probs"], model.predict(small)["probs"])


def test_a_training_from_a_model_brings_files_to_its_size(folder):
    one = learner("network")
    first = one.fit(folder)
    for file in folder.rglob("*.png"):
        Image.open(file).resize((20, 20)).save(file)
    assert one.fit(folder, start=first).shape == (8, 8, 3)


def test_files_do_not_fit_a_model_of_pictures_that_are_no_squares(folder):
    model = learner("network").fit(PIXELS[:, :4], LABELS)
    with pytest.raises(InputError, match="files become squares, the model's pictures are 4 × 8: pass arrays"):
        model.predict(folder)


def test_an_estimator_is_asked_about_pictures_of_its_own_size_only():
    model = learner("estimator").fit(PIXELS, LABELS)
    with pytest.raises(InputError, match=r"are \(4, 8, 3\); the estimator was fitted to \(8, 8, 3\)"):
        model.predict(PIXELS[:, :4])


@pytest.mark.parametrize("kind", ["network", "estimator"])
def test_pictures_without_labels_cannot_be_learned_from(kind):
    with pytest.raises(InputError, match="no labelled picture to train on"):
        learner(kind).fit(PIXELS)
    with pytest.raises(InputError, match="23 for 24 pictures"):
        learner(kind).fit(PIXELS, LABELS[1:])
    with pytest.raises(InputError, match=r"unknown need of a classifier 'prob'.*did you mean 'probs'"):
        learner(kind).fit(PIXELS, LABELS).predict(PIXELS, "prob")


def test_what_a_feed_was_cut_to_keeps_its_labels(folder):
    one = learner("network")
    part = one.feed(folder).take([0, 1, 8, 9])
    images = Images.of(folder).take([0, 1, 8, 9])
    assert images.labels.tolist() == [0, 0, 1, 1]
    assert np.array_equal(one.fit(part).predict(images)["probs"], one.fit(images).predict(images)["probs"])
