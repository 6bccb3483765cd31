from __future__ import annotations

import dataclasses

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
from askew.pool import Pool  # noqa: E402

SHORT = Training(epochs=2, batch=16, lr=0.05, crop_px=1)


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def classifier(**changes):
    return Classifier(
        10, **{"backbone": "small-convnet", "training": SHORT, "device": "cpu", "mc_passes": 5, **changes}
    )


def fitted(images, *, seed=0, labels=None, **changes):
    return classifier(**changes).fit(images, images.labels if labels is None else labels, seed=seed)


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
    quiet = classifier().fit(some, some.labels, seed=0)
    first = quiet.predict(digits.test, ["probs", "draws"], seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002

    class Disturber:
        reads = ("probs", "draws")

        def begin(self, *_):
            torch.rand(100)

        def epoch(self, found):
            torch.rand(100)
            assert found["draws"].shape == (5, len(digits.test), 10)

    both = Images(np.concatenate([some.labels, digits.test.labels]), np.concatenate([some.pixels, digits.test.pixels]))
    labels = np.concatenate([some.labels, np.full(len(digits.test), -1)])
    noisy = classifier().fit(both, labels, seed=0, recorders=[Disturber()])
    second = noisy.predict(digits.test, ["probs", "draws"], seed=0)
    assert np.array_equal(first["probs"], second["probs"])
    assert np.array_equal(first["draws"], second["draws"])


class Counter:
    def __init__(self, *reads):
        self.reads, self.told = reads, []

    def begin(self, pool, n_classes, epochs):
        self.told.append((len(pool), n_classes, epochs))

    def epoch(self, found):
        self.told.append({name: array.copy() for name, array in found.items()})


def test_recorders_are_told_of_every_epoch_what_they_read_of_the_unlabeled(digits):
    some = digits.train.take(np.arange(30))
    labels = some.labels.copy()
    labels[[2, 5, 7]] = -1
    silent, reader = Counter(), Counter("probs", "features")
    model = classifier().fit(some, labels, seed=0, recorders=[silent, reader])
    assert silent.told == [(30, 10, 2), {}, {}]
    assert reader.told[0] == (30, 10, 2)
    assert len(reader.told) == 3
    final = model.predict(some.take([2, 5, 7]), ["probs", "features"], seed=0)
    for name, array in final.items():
        assert np.array_equal(reader.told[2][name], array)
        assert not np.array_equal(reader.told[1][name], array)


def test_with_nobody_unlabeled_only_those_who_read_nothing_are_told(digits):
    some = digits.train.take(np.arange(20))
    silent, reader = Counter(), Counter("probs")
    classifier().fit(some, some.labels, seed=0, recorders=[silent, reader])
    assert silent.told == [(20, 10, 2), {}, {}]
    assert reader.told == [(20, 10, 2)]


def test_unlabeled_pictures_and_a_feed_change_nothing_of_the_model(digits):
    labels = np.full(len(digits.train), -1)
    rows = np.arange(5, 65)
    labels[rows] = digits.train.labels[rows]
    alone = fitted(digits.train.take(rows)).predict(digits.test, ["probs"], seed=0)["probs"]
    learner = classifier()
    pool, test = learner.feed(digits.train), learner.feed(digits.test)
    model = learner.fit(pool, Pool(labels), seed=0)
    assert np.array_equal(model.predict(test, ["probs"], seed=0)["probs"], alone)
    part = model.predict(test.take([4, 2, 4]), ["probs"], seed=0)["probs"]
    assert np.allclose(part, alone[[4, 2, 4]], atol=1e-6)  # another batch size rounds otherwise


def test_a_saved_model_is_read_back_bit_by_bit_and_written_so_again(digits, tmp_path):
    model = fitted(digits.train.take(np.arange(40)))
    model.save(tmp_path / "a.safetensors")
    loaded = classifier().load(tmp_path / "a.safetensors")
    needs = ["probs", "features", "draws"]
    first, second = (one.predict(digits.test, needs, seed=3) for one in (model, loaded))
    assert all(np.array_equal(first[need], second[need]) for need in needs)
    loaded.save(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "b.safetensors"]


def test_a_warm_start_goes_on_from_the_weights_and_from_a_saved_model_alike(digits, tmp_path):
    first, more = digits.train.take(np.arange(40)), digits.train.take(np.arange(80))
    start = fitted(first, training=PRESETS["digits"])
    start.save(tmp_path / "start.safetensors")
    one_epoch = classifier(training=Training(epochs=1, batch=16, lr=1e-9, weight_decay=0.0, crop_px=0, flip=False))
    warm = one_epoch.fit(more, more.labels, seed=5, start=start)
    again = one_epoch.fit(more, more.labels, seed=5, start=one_epoch.load(tmp_path / "start.safetensors"))
    cold = one_epoch.fit(more, more.labels, seed=5)
    head, warm_head, cold_head = (m.network.head.weight.detach().numpy() for m in (start, warm, cold))
    assert np.abs(warm_head - head).max() < 1e-6
    assert np.abs(cold_head - head).max() > 0.01
    assert torch.equal(warm.normalise.scale, start.normalise.scale)
    for path, model in (("w", warm), ("a", again)):
        model.save(tmp_path / path)
    assert (tmp_path / "w").read_bytes() == (tmp_path / "a").read_bytes()


def test_a_start_is_left_as_it_was(digits, tmp_path):
    start = fitted(digits.train.take(np.arange(40)))
    start.save(tmp_path / "before")
    classifier().fit(digits.train, digits.train.labels, seed=1, start=start)
    start.save(tmp_path / "after")
    assert (tmp_path / "before").read_bytes() == (tmp_path / "after").read_bytes()


def test_models_that_do_not_fit_are_refused(digits, tmp_path):
    some = digits.train.take(np.arange(20))
    model = fitted(some)
    path = tmp_path / "m.safetensors"
    model.save(path)
    other = classifier(backbone="resnet18-cifar")
    with pytest.raises(InputError, match=r"small-convnet.*resnet18-cifar"):
        other.load(path)
    with pytest.raises(InputError, match=r"small-convnet.*resnet18-cifar"):
        other.fit(some, some.labels, seed=0, start=model)
    with pytest.raises(InputError, match="expected a model of a Classifier, got object"):
        other.fit(some, some.labels, seed=0, start=object())
    with pytest.raises(InputError, match="no such file"):
        other.load(tmp_path / "none")
    with pytest.raises(InputError, match="there is no folder"):
        model.save(tmp_path / "no" / "m.safetensors")
    whole = path.read_bytes()
    for damage in (
        b"",
        whole[:100],
        whole[:-1],
        b"{}" * 50,
        whole.replace(b"askew", b"askev", 1),
        whole.replace(b'"F32"', b'"F\\n"', 1),
    ):
        path.write_bytes(damage)
        with pytest.raises(InputError, match="not a model that askew saved") as caught:
            classifier().load(path)
        assert "\n" not in str(caught.value)


def test_it_says_what_it_gives():
    assert classifier().gives == ("probs", "features", "draws", "energy")
    assert classifier(dropout=0.0).gives == ("probs", "features", "energy")
    assert classifier(dropout=0.0, backbone=nn.Linear(2, 10)).gives == ("probs", "features", "draws", "energy")


def test_energy_is_what_the_softmax_takes_from_the_logits(digits):
    model = fitted(digits.train.take(np.arange(60)))
    found = model.predict(digits.test, ["probs", "features", "energy"], seed=0)
    last = model.network.last
    weight, bias = (one.detach().numpy().astype(np.float64) for one in (last.weight, last.bias))
    logits = found["features"] @ weight.T + bias
    assert found["energy"].shape == (len(digits.test),)
    assert found["energy"].dtype == np.float32
    np.testing.assert_allclose(found["energy"], -np.log(np.exp(logits).sum(axis=1)), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.log(found["probs"]), logits + found["energy"][:, None], rtol=1e-3, atol=1e-3)


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
    head = model.network.head
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
    many = dataclasses.replace(model, mc_passes=400)
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
    learner = classifier(backbone=body, dropout=0.0)
    first, again = (learner.fit(some, some.labels, seed=0).predict(some, ["probs"], seed=0)["probs"] for _ in range(2))
    assert np.array_equal(again, first)
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
    network, normalise = model.network, model.normalise
    network.eval()
    with torch.no_grad():
        x = normalise(torch.from_numpy(digits.test.pixels.copy()), channels_last=False)
        plain = network(x).softmax(1).numpy()
    assert np.abs(model.predict(digits.test, ["probs"], seed=0)["probs"] - plain).max() < 1e-5


def test_normalisation_is_that_of_the_labelled_pictures(digits):
    some = digits.train.take(np.arange(30))
    normalise = fitted(some).normalise
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
        (np.array([], dtype=np.int64), "the pool is empty"),
        (np.array([-1, -1, -1]), "no labelled picture"),
        (np.array([1, 2]), "2 for 3 pictures"),
        (np.array([1, 2, 10]), "10 at picture 2 is outside the 10 classes"),
        (np.array([1, -2, 0]), "-2 at item 1"),
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


def test_nothing_to_predict_and_pictures_of_other_channels(digits):
    model = fitted(digits.train.take(np.arange(20)))
    with pytest.raises(InputError, match="no picture to predict"):
        model.predict(digits.test.take([]), ["probs"], seed=0)
    colour = Images(np.array([0]), np.zeros((1, 8, 8, 3), dtype=np.uint8))
    with pytest.raises(InputError, match="3 channels, the model was trained on 1"):
        model.predict(colour, ["probs"], seed=0)


def test_resnet_for_cifar_trains_on_small_colour_pictures():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 100, (24, 16, 16, 3), dtype=np.uint8)
    labels = np.arange(24) % 2
    pixels[labels == 1, :, :, 0] += 120
    learner = Classifier(2, training=Training(epochs=3, batch=8, lr=0.01, crop_px=1), device="cpu")
    model = learner.fit(Images(labels, pixels), labels, seed=0)
    found = model.predict(Images(labels, pixels), ["probs", "features"], seed=0)
    assert found["features"].shape == (24, 512)
    assert (found["probs"].argmax(axis=1) == labels).mean() > 0.9
    assert backbones.dropouts(model.network)


@pytest.mark.parametrize("backbone", ["small-convnet", "resnet18-cifar"])
def test_pictures_of_another_size_than_the_trainings_are_refused(backbone, tmp_path):
    rng = np.random.default_rng(0)
    maker = classifier(backbone=backbone, training=Training(epochs=1, batch=4))
    model = maker.fit(rng.integers(0, 256, (4, 16, 16, 3), dtype=np.uint8), [0, 1, 2, 3])
    model.save(tmp_path / "m.safetensors")
    for one in (model, maker.load(tmp_path / "m.safetensors")):
        for side in (14, 17, 24, 32):
            pictures = np.zeros((2, side, side, 3), dtype=np.uint8)
            with pytest.raises(InputError, match=rf"{side} × {side} pixels, .* on 16 × 16.*side_px=16"):
                one.predict(pictures)
            with pytest.raises(InputError, match="trained on 16 × 16"):
                one.predict(maker.feed(pictures))
        with pytest.raises(InputError, match="16 × 24 pixels"):
            one.predict(np.zeros((2, 16, 24, 3), dtype=np.uint8))
        assert one.predict(np.zeros((2, 16, 16, 3), dtype=np.uint8))["probs"].shape == (2, 10)


@pytest.mark.parametrize("n_classes", [["a", "b"], "2", 2.0, True, None])
def test_a_number_of_classes_that_is_none_is_refused_in_one_line(n_classes):
    from askew.learn.probe import LinearProbe

    for maker in (Classifier, LinearProbe):
        with pytest.raises(InputError, match="n_classes: expected a whole number from 2, got"):
            maker(n_classes)


def test_a_training_may_be_the_name_of_a_preset():
    assert classifier(training="quick").training == PRESETS["quick"]
    with pytest.raises(InputError, match=r"unknown training preset 'quik'.*quick"):
        classifier(training="quik")
    with pytest.raises(InputError, match="training: expected a Training or the name of a preset"):
        classifier(training={"epochs": 3})


@pytest.mark.parametrize("change", [{"mc_passes": "5"}, {"mc_passes": 2.5}, {"dropout": "0.2"}])
def test_a_setting_of_another_type_is_refused(change):
    with pytest.raises(InputError, match=next(iter(change))):
        classifier(**change)


def test_labels_that_are_names_need_the_order_of_the_classes(digits):
    from askew.learn.probe import LinearProbe

    some = digits.train.take(np.arange(20))
    words = [None if i % 5 == 0 else f"digit {c}" for i, c in enumerate(some.labels.tolist())]
    with pytest.raises(InputError, match=r"labels: are names, .*askew.Images.of\(pictures, labels, classes="):
        classifier().fit(some.pixels, words)
    with pytest.raises(InputError, match="labels: are names"):
        LinearProbe(10).fit(some.pixels.reshape(20, -1) / 16, words)
    named = dataclasses.replace(some, labels=np.full(20, -1), classes=tuple(f"digit {c}" for c in range(10)))
    wanted = classifier().fit(some.pixels, [-1 if i % 5 == 0 else c for i, c in enumerate(some.labels.tolist())])
    for model in (classifier().fit(named, words), classifier().fit(Images.of(named, words))):
        assert np.array_equal(model.predict(some)["probs"], wanted.predict(some)["probs"])
