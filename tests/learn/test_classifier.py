from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from askew.data.dataset import Images  # noqa: E402
from askew.data.load import load  # noqa: E402
from askew.errors import InputError  # noqa: E402
from askew.learn import backbones  # noqa: E402
from askew.learn.classifier import Classifier  # noqa: E402
from askew.learn.training import PRESETS, Training  # noqa: E402

SHORT = Training(epochs=2, batch=16, lr=0.05, crop_px=1)


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def classifier(**changes):
    return Classifier(
        10, **{"backbone": "small-convnet", "training": SHORT, "device": "cpu", "mc_passes": 5, **changes}
    )


def fitted(images, *, seed=0, labels=None, **changes):
    model = classifier(**changes)
    model.fit(images, images.labels if labels is None else labels, seed=seed)
    return model


def test_two_hundred_digits_teach_it_to_read(digits):
    rows = np.random.default_rng(0).permutation(len(digits.train))[:200]
    model = fitted(digits.train.take(rows), training=PRESETS["digits"])
    predicted = model.predict(digits.test, ["probs"], seed=0)["probs"].argmax(axis=1)
    assert (predicted == digits.test.labels).mean() > 0.9


def test_it_learns_the_labels_it_is_told_not_the_true_ones(digits):
    some = digits.train.take(np.arange(150))
    wrong = (some.labels + 1) % 10
    model = fitted(some, labels=wrong, training=PRESETS["digits"])
    assert (model.predict(some, ["probs"], seed=0)["probs"].argmax(axis=1) == wrong).mean() > 0.8


def test_the_same_seed_gives_the_same_model_and_another_seed_another(digits):
    some = digits.train.take(np.arange(60))
    first, again, other = (fitted(some, seed=s).predict(digits.test, ["probs", "draws"], seed=3) for s in (0, 0, 1))
    for need in ("probs", "draws"):
        assert np.array_equal(first[need], again[need])
        assert not np.array_equal(first[need], other[need])


def test_global_generators_and_what_runs_between_epochs_do_not_matter(digits):
    some = digits.train.take(np.arange(60))
    torch.manual_seed(5)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    quiet = classifier()
    quiet.fit(some, some.labels, seed=0)
    noisy = classifier()
    first = quiet.predict(digits.test, ["probs", "draws"], seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002

    def disturb(_):
        torch.rand(100)
        noisy.predict(some, ["probs", "draws"], seed=9)

    noisy.fit(some, some.labels, seed=0, on_epoch=disturb)
    second = noisy.predict(digits.test, ["probs", "draws"], seed=0)
    assert np.array_equal(first["probs"], second["probs"])
    assert np.array_equal(first["draws"], second["draws"])


def test_epochs_are_told_in_order(digits):
    epochs = []
    some = digits.train.take(np.arange(20))
    model = classifier()
    model.fit(some, some.labels, seed=0, on_epoch=epochs.append)
    assert epochs == list(range(model.epochs)) == [0, 1]


@pytest.mark.parametrize("labels", [[3], [3, 3], [0, 7], [5] * 17, list(range(10)) + [1] * 7])
def test_few_items_and_few_classes(digits, labels):
    some = digits.train.take(np.arange(len(labels)))
    probs = fitted(some, labels=np.array(labels)).predict(digits.test, ["probs"], seed=0)["probs"]
    assert np.isfinite(probs).all()
    assert np.allclose(probs.sum(axis=1), 1, atol=1e-5)


def test_only_what_is_asked_for_is_returned(digits):
    model = fitted(digits.train.take(np.arange(40)))
    some = digits.test.take(np.arange(7))
    found = model.predict(some, ["features", "probs", "draws"], seed=0)
    assert {n: (a.shape, a.dtype) for n, a in found.items()} == {
        "features": ((7, 1024), np.float32),
        "probs": ((7, 10), np.float32),
        "draws": ((5, 7, 10), np.float32),
    }
    for need in found:
        alone = model.predict(some, [need], seed=0)
        assert list(alone) == [need]
        assert np.array_equal(alone[need], found[need])
    with pytest.raises(InputError, match="unknown need of a classifier 'prob'"):
        model.predict(some, ["prob"], seed=0)


def test_probabilities_follow_from_features_through_the_head(digits):
    model = fitted(digits.train.take(np.arange(40)), training=Training(epochs=1, batch=16, amp="off"))
    found = model.predict(digits.test, ["features", "probs"], seed=0)
    head = model._trained[0].head
    logits = found["features"] @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    assert np.allclose(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), found["probs"], atol=1e-5)


def test_draws_are_what_dropping_features_gives(digits):
    """Each draw is the head on features of which a share is dropped and the rest scaled: here solved back exactly."""
    model = fitted(digits.train.take(np.arange(60)), dropout=0.5, training=Training(epochs=2, batch=16, amp="off"))
    found = model.predict(digits.test, ["draws", "probs"], seed=0)
    again, other = (model.predict(digits.test, ["draws"], seed=s)["draws"] for s in (0, 1))
    assert np.array_equal(found["draws"], again)
    assert not np.array_equal(found["draws"], other)
    spread = found["draws"].std(axis=0).max(axis=1)
    assert (spread > 0).all()
    many = classifier(mc_passes=400, dropout=0.5)
    many._trained = model._trained
    logits = np.log(many.predict(digits.test.take([0]), ["draws"], seed=0)["draws"][:, 0].astype(np.float64))
    clean = np.log(found["probs"][0].astype(np.float64))
    centred = logits - logits.mean(axis=1, keepdims=True)
    error = centred.std(axis=0) / np.sqrt(len(logits))
    assert (np.abs(centred.mean(axis=0) - (clean - clean.mean())) < 5 * error + 1e-3).all()


def test_a_body_with_dropout_of_its_own_is_run_anew_for_every_draw(digits):
    class Dropping(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 16))
            self.head = nn.Linear(16, 10)

        def forward(self, x):
            return self.head(self.body(x).relu())

    model = fitted(digits.train.take(np.arange(60)), backbone=Dropping)
    found = model.predict(digits.test, ["draws", "features"], seed=0)
    assert found["features"].shape == (len(digits.test), 16)
    assert (found["draws"].std(axis=0).max(axis=1) > 0).mean() > 0.95
    assert np.array_equal(found["features"], model.predict(digits.test, ["features"], seed=5)["features"])


def test_no_dropout_means_no_draws(digits):
    model = fitted(digits.train.take(np.arange(20)), dropout=0.0)
    with pytest.raises(InputError, match="set dropout above 0"):
        model.predict(digits.test, ["draws"], seed=0)


def test_a_module_starts_every_training_from_the_weights_it_came_with(digits):
    body = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    before = body[1].weight.detach().clone()
    some = digits.train.take(np.arange(30))
    model = classifier(backbone=body, dropout=0.0)
    model.fit(some, some.labels, seed=0)
    first = model.predict(some, ["probs"], seed=0)["probs"]
    model.fit(some, some.labels, seed=0)
    assert np.array_equal(model.predict(some, ["probs"], seed=0)["probs"], first)
    assert torch.equal(body[1].weight, before)


def test_files_on_disk_train_the_same_model_as_pixels_in_memory(digits, tmp_path):
    from PIL import Image

    colour = np.repeat(digits.train.pixels[:50], 3, axis=3)
    paths = tuple(tmp_path / f"{i}.png" for i in range(50))
    for path, pixels in zip(paths, colour, strict=True):
        Image.fromarray(pixels).save(path)
    labels = digits.train.labels[:50]
    in_memory, on_disk = Images(labels, colour), Images(labels, paths=paths, side_px=8)
    first, second = (fitted(images).predict(images, ["probs"], seed=0)["probs"] for images in (in_memory, on_disk))
    assert np.array_equal(first, second)


def test_a_file_that_vanishes_is_named(tmp_path):
    images = Images(np.array([0, 1]), paths=(tmp_path / "gone.png", tmp_path / "too.png"), side_px=8)
    with pytest.raises(InputError, match=r"gone\.png"):
        fitted(images)


def test_memory_mapped_pixels_are_read_without_a_warning(digits, tmp_path):
    np.save(tmp_path / "p.npy", digits.train.pixels[:40])
    images = Images(digits.train.labels[:40], np.load(tmp_path / "p.npy", mmap_mode="r"))
    expected = fitted(digits.train.take(np.arange(40))).predict(images, ["probs"], seed=0)["probs"]
    assert np.array_equal(fitted(images).predict(images, ["probs"], seed=0)["probs"], expected)


def test_pictures_of_one_value_are_normalised_without_dividing_by_zero():
    images = Images(np.array([0, 1] * 8), np.full((16, 8, 8, 1), 200, dtype=np.uint8))
    assert np.isfinite(fitted(images).predict(images, ["probs"], seed=0)["probs"]).all()


@pytest.mark.parametrize("amp", ["off", "bfloat16"])
@pytest.mark.parametrize("channels_last", [True, False])
def test_every_number_format_learns_and_gives_float32(digits, amp, channels_last):
    training = Training(epochs=6, batch=16, lr=0.05, crop_px=1, flip=False, amp=amp, channels_last=channels_last)
    some = digits.train.take(np.arange(120))
    probs = fitted(some, training=training).predict(some, ["probs"], seed=0)["probs"]
    assert probs.dtype == np.float32
    assert (probs.argmax(axis=1) == some.labels).mean() > 0.8


def test_the_networks_of_predict_agree_with_a_plain_forward(digits):
    model = fitted(digits.train.take(np.arange(60)), training=Training(epochs=2, batch=16, amp="off"))
    network, normalise = model._trained
    network.eval()
    with torch.no_grad():
        x = normalise(torch.from_numpy(digits.test.pixels.copy()), channels_last=False)
        plain = network(x).softmax(1).numpy()
    assert np.abs(model.predict(digits.test, ["probs"], seed=0)["probs"] - plain).max() < 1e-5


def test_normalisation_is_that_of_the_labelled_pictures(digits):
    some = digits.train.take(np.arange(30))
    normalise = fitted(some)._trained[1]
    seen = normalise(torch.from_numpy(some.pixels), channels_last=True)
    assert seen.shape == (30, 1, 8, 8)
    assert abs(float(seen.mean())) < 1e-4
    assert abs(float(seen.std(correction=0)) - 1) < 1e-4


def test_a_loss_that_explodes_is_said(digits):
    with pytest.raises(InputError, match="the loss is not finite after epoch"):
        fitted(digits.train.take(np.arange(64)), training=Training(epochs=5, batch=8, lr=1e30, amp="off"))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([], dtype=np.int64), "no labelled picture"),
        (np.array([1, 2]), "2 for 3 pictures"),
        (np.array([1, 2, 10]), "10 at picture 2 is outside the 10 classes"),
        (np.array([1, -1, 0]), "-1 at picture 1"),
        (np.array([0.5, 1, 2]), "expected integers"),
    ],
)
def test_labels_that_do_not_fit(digits, labels, message):
    images = digits.train.take(np.arange(3 if len(labels) else 0))
    with pytest.raises(InputError, match=message):
        classifier().fit(images, labels, seed=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": "resnet_18"}, "unknown backbone"),
        ({"device": "cuda:99"}, "not on this machine"),
        ({"device": "gpu"}, "device: 'gpu'"),
        ({"dropout": 1.0}, "dropout"),
        ({"mc_passes": 0}, "mc_passes"),
    ],
)
def test_settings_out_of_range(changes, message):
    with pytest.raises(InputError, match=message):
        classifier(**changes)


def test_predicting_before_training(digits):
    with pytest.raises(InputError, match="call fit first"):
        classifier().predict(digits.test, ["probs"], seed=0)


def test_resnet_for_cifar_trains_on_small_colour_pictures():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 100, (24, 16, 16, 3), dtype=np.uint8)
    labels = np.arange(24) % 2
    pixels[labels == 1, :, :, 0] += 120
    model = Classifier(2, training=Training(epochs=3, batch=8, lr=0.01, crop_px=1), device="cpu")
    model.fit(Images(labels, pixels), labels, seed=0)
    found = model.predict(Images(labels, pixels), ["probs", "features"], seed=0)
    assert found["features"].shape == (24, 512)
    assert (found["probs"].argmax(axis=1) == labels).mean() > 0.9
    assert backbones.dropouts(model._trained[0])
