from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from askew.data.dataset import Dataset, Images
from askew.data.load import load
from askew.errors import InputError
from askew.learn.classifier import Classifier
from askew.learn.learner import telling
from askew.learn.task import ImageClassification
from askew.learn.training import Training
from askew.learn.vaal import labeled_likeness
from askew.learn.vaal_settings import VaalSettings
from askew.pool import Pool
from askew.seeding import number

N, C = 12, 3


class Recorder:
    """A learner that says of a picture what its number is, and keeps what it was given."""

    n_classes, gives, saves = C, ("probs", "features", "draws"), True

    def __init__(self, epochs=4):
        self.epochs, self.fits, self.asked, self.epoch, self.feeds = epochs, [], [], 0, []

    def feed(self, images):
        self.feeds.append(len(images))
        return images

    def fit(self, images, pool, *, seed, start=None, recorders=()):
        numbers = images.pixels[:, 0, 0, 0]
        self.fits.append((numbers.tolist(), pool.labels.tolist(), seed, start))
        tell = telling(recorders, images, pool, epochs=self.epochs, n_classes=C, seed=seed)
        for epoch in range(self.epochs):
            self.epoch = epoch
            tell(epoch, self)
        return self

    def predict(self, images, needs, **_):
        number = images.pixels[:, 0, 0, 0].astype(np.float32)
        self.asked.append((number.astype(int).tolist(), list(needs)))
        probs = np.zeros((len(images), C), dtype=np.float32)
        # item i says class i % 3, but in odd epochs items below 6 say class 0
        said = np.where((self.epoch % 2 == 1) & (number < 6), 0, number % C).astype(int)
        probs[np.arange(len(images)), said] = 1
        self.given = {
            "probs": probs,
            "features": np.stack([number, -number], axis=1),
            "draws": np.stack([probs, probs]),
            "energy": -number,
        }
        return {need: self.given[need] for need in needs}

    def save(self, path):
        path.write_text("saved")

    def load(self, path):
        return path.read_text()


@pytest.fixture
def numbered():
    """Training picture i is filled with i, its class is i % 3."""
    pixels = np.broadcast_to(np.arange(20, dtype=np.uint8)[:, None, None, None], (20, 4, 4, 1)).copy()
    labels = np.arange(20) % C
    return Dataset("numbered", ("a", "b", "c"), Images(labels, pixels), Images(labels[:7], pixels[:7]))


def pool_of(labeled: dict[int, int], n=N):
    labels = np.full(n, -1)
    for item, label in labeled.items():
        labels[item] = label
    return Pool(labels)


def test_pool_items_are_the_listed_rows_and_training_sees_the_pools_labels(numbered):
    learner = Recorder()
    task = ImageClassification(numbered, learner, items=np.array([19, 3, 8, 11]))
    assert task.n_items == 4
    assert task.truth.tolist() == [1, 0, 2, 2]
    model = task.fit(pool_of({0: 2, 2: 1}, 4), ["probs"], seed=0)
    assert learner.fits[0][:2] == ([19, 3, 8, 11], [2, -1, 1, -1])
    found = task.predict(model, pool_of({0: 2, 2: 1}, 4), ["probs", "features", "truth"], seed=0)
    assert found.features.tolist() == [[19, -19], [3, -3], [8, -8], [11, -11]]
    assert np.isnan(found.probs[[0, 2]]).all()
    assert found.probs[[1, 3]].argmax(axis=1).tolist() == [0, 2]
    assert found.truth.tolist() == [1, 0, 2, 2]
    assert "draws" not in found
    assert "dispersion" not in found


def test_without_features_labelled_items_are_not_even_predicted(numbered):
    learner = Recorder()
    task = ImageClassification(numbered, learner, items=np.arange(N))
    pool = pool_of({2: 0, 7: 1})
    model = task.fit(pool, [], seed=0)
    found = task.predict(model, pool, ["probs", "draws"], seed=0)
    assert learner.asked == [([i for i in range(N) if i not in (2, 7)], ["probs", "draws"])]
    assert np.isnan(found.draws[:, [2, 7]]).all()
    assert np.isfinite(found.draws[:, pool.unlabeled]).all()


def test_energy_is_one_number_an_unlabeled_item_with_features_or_without(numbered):
    learner = Recorder()
    learner.gives = ("features", "energy")
    task = ImageClassification(numbered, learner, items=np.arange(N))
    pool = pool_of({2: 0, 7: 1})
    expected = np.where(pool.labels >= 0, np.nan, -np.arange(N))
    for needs in (["energy"], ["features", "energy"]):
        model = task.fit(pool, needs, seed=0)
        np.testing.assert_array_equal(task.predict(model, pool, needs, seed=0).energy, expected)


def test_dispersion_is_that_of_the_predictions_after_every_epoch(numbered):
    learner = Recorder(epochs=4)
    task = ImageClassification(numbered, learner, items=np.arange(N))
    pool = pool_of({0: 0, 8: 2})
    model = task.fit(pool, ["dispersion"], seed=0)
    assert [asked for asked, _ in learner.asked] == [pool.unlabeled.tolist()] * 4
    found = task.predict(model, pool, ["dispersion"], seed=0).dispersion
    changing = [1, 2, 4, 5]  # say i % 3 and 0 in turn, two times each: 1 - 2/4
    steady = [3, 6, 7, 9, 10, 11]
    assert found[changing].tolist() == [0.5] * 4
    assert found[steady].tolist() == [0.0] * 6
    assert np.isnan(found[[0, 8]]).all()
    assert task.pseudo_labels(model)[[0, 3, 7]].tolist() == [-1, 0, 1]
    assert len(learner.asked) == 4


def test_the_classes_of_every_epoch_are_a_field_too(numbered):
    learner = Recorder(epochs=4)
    task = ImageClassification(numbered, learner, items=np.arange(N))
    pool = pool_of({0: 0, 8: 2})
    model = task.fit(pool, ["epoch_classes"], seed=0)
    found = task.predict(model, pool, ["epoch_classes"], seed=0)
    assert found.epoch_classes.shape == (N, 4)
    assert found.epoch_classes.dtype == np.int8
    assert found.epoch_classes[[0, 8]].tolist() == [[-1] * 4] * 2
    assert (found.epoch_classes[[3, 6, 9]] == 0).all()
    assert sorted(found.epoch_classes[4].tolist()) == [0, 0, 1, 1]
    assert "dispersion" not in found
    assert task.pseudo_labels(model)[[0, 3, 7]].tolist() == [-1, 0, 1]


def test_nobody_pays_for_dispersion_who_did_not_ask(numbered):
    learner = Recorder()
    task = ImageClassification(numbered, learner, items=np.arange(N))
    model = task.fit(pool_of({0: 0}), ["probs"], seed=0)
    assert learner.asked == []
    with pytest.raises(InputError, match="call fit with needs that hold 'dispersion'"):
        task.pseudo_labels(model)
    with pytest.raises(InputError, match="call fit with needs that hold 'dispersion'"):
        task.predict(model, pool_of({0: 0}), ["dispersion"], seed=0)


def test_dispersion_of_another_pool_is_refused(numbered):
    task = ImageClassification(numbered, Recorder(), items=np.arange(N))
    model = task.fit(pool_of({0: 0}), ["dispersion"], seed=0)
    with pytest.raises(InputError, match="on the same pool"):
        task.predict(model, pool_of({0: 0, 1: 1}), ["dispersion"], seed=0)


def test_dispersion_of_a_learner_without_epochs_is_refused_before_training(numbered):
    learner = Recorder(epochs=0)
    task = ImageClassification(numbered, learner, items=np.arange(N))
    with pytest.raises(InputError, match="Recorder trains in 0 epochs"):
        task.fit(pool_of({0: 0}), ["dispersion"], seed=0)
    assert learner.fits == []


@pytest.mark.parametrize("epochs", [0, 4])
def test_progress_rises_to_one(numbered, epochs):
    shares = []
    task = ImageClassification(numbered, Recorder(epochs), items=np.arange(N))
    task.fit(pool_of({0: 0}), [], seed=0, progress=shares.append)
    assert shares == ([0.25, 0.5, 0.75, 1.0] if epochs else [1.0])


def test_evaluation_counts_items_and_classes(numbered):
    numbered.test.labels[:] = [0, 1, 2, 0, 1, 1, 1]
    task = ImageClassification(numbered, Recorder(epochs=0))  # says 0 1 2 0 1 2 0
    model = task.fit(pool_of({0: 0}, 20), [], seed=0)
    assert task.evaluate(model) == {
        "accuracy": 5 / 7,
        "mean_class_accuracy": pytest.approx((1 + 2 / 4 + 1) / 3),
    }


def test_a_pool_that_is_all_labelled(numbered):
    task = ImageClassification(numbered, Recorder(), items=np.arange(3))
    pool = pool_of({0: 0, 1: 1, 2: 2}, 3)
    model = task.fit(pool, ["dispersion"], seed=0)
    found = task.predict(model, pool, ["features", "truth", "dispersion"], seed=0)
    assert found.features.tolist() == [[0, 0], [1, -1], [2, -2]]
    assert np.isnan(found.dispersion).all()
    assert "probs" not in task.predict(model, pool, ["probs"], seed=0)


def test_the_learners_own_arrays_are_left_as_they_were(numbered):
    learner = Recorder()
    task = ImageClassification(numbered, learner, items=np.arange(N))
    pool = pool_of({2: 0})
    model = task.fit(pool, [], seed=0)
    found = task.predict(model, pool, ["probs", "features", "draws"], seed=0)
    assert np.isnan(found.probs[2]).all()
    assert np.isnan(found.draws[:, 2]).all()
    assert all(np.isfinite(array).all() for array in learner.given.values())


def test_pool_and_test_pictures_are_held_once(numbered):
    learner = Recorder()
    task = ImageClassification(numbered, learner, items=np.arange(N))
    for labeled in ({0: 0}, {0: 0, 1: 1}):
        model = task.fit(pool_of(labeled), ["dispersion"], seed=0)
        task.predict(model, pool_of(labeled), ["probs", "dispersion"], seed=0)
        task.evaluate(model)
    assert learner.feeds == [N, 7]


def test_a_training_starts_from_the_model_it_is_given_or_that_was_saved(numbered, tmp_path):
    learner = Recorder()
    task = ImageClassification(numbered, learner, items=np.arange(N))
    first = task.fit(pool_of({0: 0}), [], seed=0)
    first.save(tmp_path / "model")
    task.fit(pool_of({0: 0}), [], seed=1, start=first)
    task.fit(pool_of({0: 0}), [], seed=1, start=task.load(tmp_path / "model"))
    assert [start for *_, start in learner.fits] == [None, learner, "saved"]


def test_what_a_task_gives_follows_from_the_learner(numbered):
    learner = Recorder()
    task = ImageClassification(numbered, learner)
    assert task.gives == ("probs", "features", "draws", "dispersion", "epoch_classes", "labeled_likeness", "truth")
    learner.epochs = 1
    assert task.gives == ("probs", "features", "draws", "labeled_likeness", "truth")
    learner.gives = ("features",)
    assert task.gives == ("features", "labeled_likeness", "truth")


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda t: t.fit(pool_of({0: 0}, 5), [], seed=0), "the pool has 5 items, the task 12"),
        (
            lambda t: t.predict(t.fit(pool_of({0: 0}), [], seed=0), pool_of({0: 0}), ["margins"], seed=0),
            "margins: image classification does not compute it",
        ),
    ],
)
def test_what_a_task_cannot_do(numbered, act, message):
    with pytest.raises(InputError, match=message):
        act(ImageClassification(numbered, Recorder(), items=np.arange(N)))


@pytest.mark.parametrize(
    ("items", "message"), [([0, 20], "20 training pictures"), ([1, 1], "1 of 2 are listed twice"), ([-1], "rows")]
)
def test_items_that_are_none(numbered, items, message):
    with pytest.raises(InputError, match=message):
        ImageClassification(numbered, Recorder(), items=np.array(items))


def test_a_real_classifier_end_to_end():
    digits = load("digits")
    training = Training(epochs=3, batch=16, lr=0.05, crop_px=1, flip=False)
    task = ImageClassification(
        digits, Classifier(10, backbone="small-convnet", training=training, device="cpu"), items=np.arange(0, 600, 2)
    )
    labels = np.full(300, -1)
    labels[:80] = task.truth[:80]
    pool = Pool(labels)
    needs = ("probs", "features", "draws", "dispersion", "epoch_classes", "truth")
    model = task.fit(pool, needs, seed=1)
    found = task.predict(model, pool, needs, seed=1)
    assert set(np.round(found.dispersion[80:] * 3).astype(int)) <= {0, 1, 2}
    assert np.allclose(found.dispersion[80:] * 3, np.round(found.dispersion[80:] * 3))
    assert (found.probs[80:].argmax(axis=1) == task.truth[80:]).mean() > 0.4
    with pytest.raises(InputError, match="no labelled picture"):
        task.fit(Pool.without_labels(300), [], seed=0)
    assert 0.4 < task.evaluate(model)["accuracy"] <= 1


def test_how_much_a_picture_looks_labelled_comes_from_pictures_and_pool_and_not_from_the_learner(numbered):
    settings = VaalSettings(iterations=2, batch=4, width=4, hidden=8, latent=2)
    learner, pool = Recorder(), pool_of({2: 0, 7: 1})
    task = ImageClassification(numbered, learner, items=np.arange(N), vaal=settings, device="cpu")
    model = task.fit(pool, ["labeled_likeness"], seed=0)
    found = task.predict(model, pool, ["labeled_likeness"], seed=4).labeled_likeness
    assert learner.asked == []
    seed = number(4, "labeled_likeness")
    whole = labeled_likeness(numbered.train.pixels[:N], pool, settings=settings, seed=seed, device="cpu")
    assert np.isnan(found[[2, 7]]).all()
    assert np.array_equal(found[pool.unlabeled], whole[pool.unlabeled])
    assert "labeled_likeness" not in task.predict(model, pool, ["probs"], seed=4)


def test_unknown_settings_of_vaal_are_refused_when_the_task_is_made(numbered):
    with pytest.raises(InputError, match="preset of vaal"):
        ImageClassification(numbered, Recorder(), vaal="dsk")
